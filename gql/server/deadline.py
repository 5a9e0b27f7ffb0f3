"""A deadline: one time by which something has to happen, put off often and looked after cheaply.

To set and cancel a timer for each request takes a tenth of the time of a small one; so the timer
stays as it is when the deadline is put off, and looks again when it fires.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable


class Deadline:
    """Calls the method `expire` once the deadline has passed, if its object is still there.

    Attributes:
        at: The deadline by the loop's clock; None where there is none.
    """

    __slots__ = ("_expire", "_fires_at", "_loop", "_timer", "at")

    def __init__(self, loop: asyncio.AbstractEventLoop, expire: Callable[[float], None]) -> None:
        self.at: float | None = None
        self._loop = loop
        self._expire = weakref.WeakMethod(expire)
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = 0.0

    def set(self, at: float) -> None:
        """Replace the deadline."""
        self.at = at
        if self._timer is None or at < self._fires_at:
            self._arm(at)

    def cancel(self) -> None:
        """Forget the deadline and the timer."""
        self.at = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires_at = at
        self._timer = self._loop.call_later(max(0.0, at - self._loop.time()), self._look)

    def _look(self) -> None:
        self._timer = None
        if self.at is None:
            return
        now = self._loop.time()
        if self.at > now:
            self._arm(self.at)
        else:
            expire = self._expire()
            if expire is not None:
                expire(now)
