"""Looking out for the next request for a moment before the process falls asleep.

To fall asleep and to be woken takes some 20 us of CPU time, and what the processor had at hand is
gone by then: the same request takes twice as long. Where one request follows on the other, looking
out for about as long as that costs is never much worse than sleeping, and mostly better. Others
call this halt polling, and do it in the same way: only where it has just been worth it.
"""

from __future__ import annotations

import time
from asyncio import AbstractEventLoop, Task
from collections.abc import Callable, Collection
from typing import Any


class IdlePoll:
    """Keeps a loop awake for `window_s` after an answer, if the request had come within that time
    of the answer before it. 0: never.

    Not while there are `tasks`, other requests that are being worked on: threads that do so would
    wait for the interpreter, which a loop that is awake asks for again and again.
    """

    __slots__ = ("_answered", "_clock", "_follows", "is_on", "window_s")

    def __init__(self, window_s: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self.window_s = window_s
        self.is_on = False
        self._clock = clock
        self._answered = -1.0
        self._follows = False

    def asked(self) -> None:
        """Note that a request has come."""
        self._follows = self._clock() - self._answered < self.window_s

    def answered(self, loop: AbstractEventLoop, tasks: Collection[Task[Any]]) -> None:
        """Note that it is answered."""
        self._answered = self._clock()
        if self._follows and not self.is_on and not tasks:
            self.is_on = True
            loop.call_soon(self._look, loop, tasks)

    def _look(self, loop: AbstractEventLoop, tasks: Collection[Task[Any]]) -> None:
        # A loop that has something to call looks for input and does not wait for it.
        if self._clock() - self._answered < self.window_s and not tasks:
            loop.call_soon(self._look, loop, tasks)
        else:
            self.is_on = False
