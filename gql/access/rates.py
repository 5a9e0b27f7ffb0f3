"""How many requests each key, or each address without one, may make. The only module on limits.

Counted in this process's memory: several worker processes allow so many each.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, NamedTuple

from limits import RateLimitItem, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from starlette.types import Scope as AsgiScope

from ..errors import Headers, RequestError
from ..viewer import Viewer

MAX_TRACKED = 100_000
"""How many keys and addresses are counted at once; whoever was here longest ago is forgotten."""
_IPV6_PREFIX = 64  # what one household gets; each address in it would be counted on its own


class RateLimitedError(RequestError):
    """Too many requests; Retry-After says when there may be more."""

    code = "RATE_LIMITED"
    status = 429


class Window(NamedTuple):
    """How often something was counted, and until when that holds, in seconds since the epoch."""

    hits: int
    ends_at: float


class BoundedMemory(Storage):
    """Counts in a bounded table; the library's own has no bound, and a thread to tidy it."""

    STORAGE_SCHEME = ["newsgraph"]  # noqa: RUF012  # declared so by the library

    def __init__(self, max_tracked: int = MAX_TRACKED) -> None:
        super().__init__()
        self.max_tracked = max_tracked
        self._windows: OrderedDict[str, Window] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        """What may go wrong here: nothing."""
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count, in a window of `expiry` seconds from the first one on."""
        now = time.time()
        hits, ends_at = self._windows.pop(key, Window(0, 0))
        if ends_at <= now:
            hits, ends_at = 0, now + expiry
        self._windows[key] = Window(hits + amount, ends_at)
        if len(self._windows) > self.max_tracked:
            self._windows.popitem(last=False)
        return hits + amount

    def get(self, key: str) -> int:
        """The count in the present window."""
        hits, ends_at = self._windows.get(key, Window(0, 0))
        return hits if ends_at > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """When the present window ends."""
        return self._windows.get(key, Window(0, time.time())).ends_at

    def check(self) -> bool:
        """Memory is always there."""
        return True

    def reset(self) -> int:
        """Forget all."""
        forgotten = len(self._windows)
        self._windows.clear()
        return forgotten

    def clear(self, key: str) -> None:
        """Forget one."""
        self._windows.pop(key, None)


class RateLimiter:
    """Counts requests within a rate such as `600/minute`."""

    def __init__(self, rate: str, max_tracked: int = MAX_TRACKED) -> None:
        self.limit: RateLimitItem = parse(rate)
        self.windows = FixedWindowRateLimiter(BoundedMemory(max_tracked))
        quota, period_s = self.limit.amount, self.limit.get_expiry()
        self.policy = (b"ratelimit-policy", b'"default";q=%d;w=%d' % (quota, period_s))

    def count(self, viewer: Viewer | None, scope: AsgiScope) -> Headers:
        """Count one request; return the headers that say how many are left.

        `viewer`: None where the credentials were not good. Raises: RateLimitedError.
        https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
        """
        name = viewer.name if viewer else None
        who = ("key", name) if name else ("address", _address(scope))
        allowed = self.windows.hit(self.limit, *who)
        ends_at, left = self.windows.get_window_stats(self.limit, *who)
        wait_s = max(1, math.ceil(ends_at - time.time()))
        headers = (self.policy, (b"ratelimit", b'"default";r=%d;t=%d' % (left, wait_s)))
        if allowed:
            return headers
        raise RateLimitedError(
            f"Too many requests: {self.limit} are allowed for each {who[0]}. "
            f"Try again in {wait_s} s.",
            headers=(*headers, (b"retry-after", b"%d" % wait_s)),
        )


def _address(scope: AsgiScope) -> str:
    """The client's address; in IPv6, its network, for those have more addresses than we memory."""
    client: Any = scope.get("client")
    if not client:
        return ""
    try:
        address = ip_address(client[0])
    except ValueError:
        return str(client[0])
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or ip_network((address, _IPV6_PREFIX), strict=False)[0]
    return str(address)
