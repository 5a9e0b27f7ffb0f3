"""The rate limiter: counts the requests of each client in fixed windows.

It counts in the memory of this process, so each of several workers has its own counters. The only
module that imports `limits`, which parses rates; its counters would take 11 us a request.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil

from limits import RateLimitItem, parse
from starlette.types import Scope

from gql.errors import Headers, RateLimitedError
from gql.identity.client import Client, client_of
from gql.identity.viewer import Viewer

MAX_TRACKED = 100_000
"""The maximum number of clients with a window; the least recently used is evicted."""


class RateWindow:
    """A fixed window: the counter of one client for a period.

    Attributes:
        remaining: The number of requests that are still allowed.
        ends_at: The end of the window, by the clock of the limiter.
    """

    __slots__ = ("ends_at", "remaining")

    def __init__(self, remaining: int, ends_at: float) -> None:
        self.remaining = remaining
        self.ends_at = ends_at


class RateLimiter:
    """Limits each client to a rate such as `600/minute`, by fixed windows.

    A window begins with its first request. The clock is monotonic, so that a system clock that is
    set back blocks no client.

    Attributes:
        clock: A function that returns the time in seconds.
    """

    def __init__(
        self,
        rate: str,
        max_tracked: int = MAX_TRACKED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self._rate: RateLimitItem = parse(rate)
        self._quota, self._period_s = self._rate.amount, self._rate.get_expiry()
        policy = b'"default";q=%d;w=%d' % (self._quota, self._period_s)
        self._policy = b"ratelimit-policy", policy
        self._max_tracked = max_tracked
        self._windows: OrderedDict[Client, RateWindow] = OrderedDict()

    def __len__(self) -> int:
        """The number of clients with a window."""
        return len(self._windows)

    def count(self, viewer: Viewer | None, scope: Scope) -> Headers:
        """Count a request; return the rate-limit headers of its response.

        `viewer`: None for invalid credentials. Raises: RateLimitedError.
        """
        now = self.clock()
        window = self.window_of(viewer, scope, now)
        if not window.remaining:
            raise self.exceeded_error(window, viewer, now)
        return self.consume(window, now)

    def window_of(self, viewer: Viewer | None, scope: Scope, now: float) -> RateWindow:
        """The current window of the client of a request."""
        client = client_of(viewer, scope)
        window = self._windows.get(client)
        if window is None:
            window = self._windows[client] = RateWindow(self._quota, now + self._period_s)
            if len(self._windows) > self._max_tracked:
                self._windows.popitem(last=False)
            return window
        self._windows.move_to_end(client)
        if window.ends_at <= now:
            window.remaining, window.ends_at = self._quota, now + self._period_s
        return window

    def consume(self, window: RateWindow, now: float) -> Headers:
        """Count a request in a window with requests remaining; return the rate-limit headers."""
        window.remaining -= 1
        return self._headers(window, now)

    def exceeded_error(
        self, window: RateWindow, viewer: Viewer | None, now: float
    ) -> RateLimitedError:
        """The error for a request in a window without requests remaining."""
        retry_after_s = ceil(window.ends_at - now)
        kind = "key" if viewer and viewer.id else "address"
        return RateLimitedError(
            f"Too many requests: {self._rate} are allowed for each {kind}. "
            f"Try again in {retry_after_s} s.",
            headers=(*self._headers(window, now), (b"retry-after", b"%d" % retry_after_s)),
        )

    def _headers(self, window: RateWindow, now: float) -> Headers:
        """https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/"""
        state = b'"default";r=%d;t=%d' % (window.remaining, ceil(window.ends_at - now))
        return self._policy, (b"ratelimit", state)
