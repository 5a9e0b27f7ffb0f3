"""A deadline that can be postponed cheaply.

To set and cancel a timer for each request takes a tenth of the time of a small request. So the
timer is not changed when the deadline is postponed; it checks the deadline when it fires.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable


class Deadline:
    """A deadline with a callback, which is a method and referenced weakly.

    Attributes:
        at: The deadline by the loop's clock; None for no deadline.
    """

    __slots__ = ("_callback", "_fires_at", "_loop", "_timer", "at")

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[float], None]) -> None:
        self.at: float | None = None
        self._loop = loop
        self._callback = weakref.WeakMethod(callback)
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = 0.0

    def set(self, at: float) -> None:
        """Set or postpone the deadline."""
        self.at = at
        if self._timer is None or at < self._fires_at:
            self._arm(at)

    def cancel(self) -> None:
        """Cancel the deadline and the timer."""
        self.at = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires_at = at
        self._timer = self._loop.call_later(max(0.0, at - self._loop.time()), self._check)

    def _check(self) -> None:
        self._timer = None
        if self.at is None:
            return
        now = self._loop.time()
        if self.at > now:
            self._arm(self.at)
        else:
            callback = self._callback()
            if callback is not None:
                callback(now)
