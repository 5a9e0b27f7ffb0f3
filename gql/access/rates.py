"""A rate limiter: how many requests each client may make, by its key or else its address.

Counted in this process's memory: several worker processes allow so many each. The only module on
limits, which reads how a rate is written; its own counters take 11 us a request.
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
"""How many keys and addresses have a counter at once; the least recently used is evicted."""


class Window:
    """A fixed window of time, and how many requests of one key or address are left in it.

    Attributes:
        left: How many requests are left.
        ends_at: When the window ends, by the limiter's clock.
    """

    __slots__ = ("ends_at", "left")

    def __init__(self, left: int, ends_at: float) -> None:
        self.left = left
        self.ends_at = ends_at


class RateLimiter:
    """Counts requests within a rate such as `600/minute`, in fixed windows.

    A window begins with the first request in it. The clock is monotonic: a system clock that is set
    back locks nobody out.

    Attributes:
        clock: Tells the time in seconds.
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
        self._windows: OrderedDict[Client, Window] = OrderedDict()

    def __len__(self) -> int:
        """How many keys and addresses have a counter."""
        return len(self._windows)

    def count(self, viewer: Viewer | None, scope: Scope) -> Headers:
        """Count one request; return the headers that say how many are left.

        `viewer`: None where the credentials were not good. Raises: RateLimitedError.
        """
        now = self.clock()
        window = self.window(viewer, scope, now)
        if not window.left:
            raise self.refusal(window, viewer, now)
        return self.take(window, now)

    def window(self, viewer: Viewer | None, scope: Scope, now: float) -> Window:
        """The window, at a time, of whoever sent a request."""
        client = client_of(viewer, scope)
        window = self._windows.get(client)
        if window is None:
            window = self._windows[client] = Window(self._quota, now + self._period_s)
            if len(self._windows) > self._max_tracked:
                self._windows.popitem(last=False)
            return window
        self._windows.move_to_end(client)
        if window.ends_at <= now:
            window.left, window.ends_at = self._quota, now + self._period_s
        return window

    def take(self, window: Window, now: float) -> Headers:
        """Count one request in a window that has some left; return the headers that say so."""
        window.left -= 1
        return self._headers(window, now)

    def refusal(self, window: Window, viewer: Viewer | None, now: float) -> RateLimitedError:
        """The error for a viewer's request in a window that has none left."""
        wait_s = ceil(window.ends_at - now)
        kind = "key" if viewer and viewer.id else "address"
        return RateLimitedError(
            f"Too many requests: {self._rate} are allowed for each {kind}. "
            f"Try again in {wait_s} s.",
            headers=(*self._headers(window, now), (b"retry-after", b"%d" % wait_s)),
        )

    def _headers(self, window: Window, now: float) -> Headers:
        """https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/"""
        left = b'"default";r=%d;t=%d' % (window.left, ceil(window.ends_at - now))
        return self._policy, (b"ratelimit", left)
