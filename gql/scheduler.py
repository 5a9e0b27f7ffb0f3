"""A cooperative scheduler: long executions take turns on the event loop, in time slices.

All that executes operations runs on the event loop's thread, where one long execution would keep
every other request waiting. So each asks now and then whether the current time slice is over, and
then waits for its next one. There is one slice in each iteration of the loop, so whatever else is
ready comes in between. The next slice goes to the job that has used the least time so far (least
attained service): who asks for little never waits for who asks for much.
"""

from __future__ import annotations

import asyncio
from collections import deque
from heapq import heappop, heappush
from itertools import count
from time import perf_counter
from typing import Protocol

SLICE_S = 0.01
"""How long an execution may go on before others have their turn."""


class Scheduler:
    """Hands out the time slices of one event loop.

    Attributes:
        slice_s: how long a slice is.
        ends_at: when the current slice is over; None where nobody has begun one.
    """

    __slots__ = ("_began_at", "_current", "_loop", "_numbers", "_queue", "ends_at", "slice_s")

    def __init__(self, slice_s: float = SLICE_S) -> None:
        self.slice_s = slice_s
        self.ends_at: float | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._current: Job | None = None
        self._began_at = 0.0
        self._queue: list[tuple[float, int, Job]] = []
        self._numbers = count()  # of two jobs that have used the same, the first to wait is first

    def begin(self, job: Job) -> None:
        """Begin a slice, which ends in the next iteration of the event loop at the latest."""
        self._loop = asyncio.get_running_loop()
        self._loop.call_soon(self._next_iteration)
        self._resume(job)

    async def next_slice(self, job: Job, waiter: asyncio.Future[None]) -> None:
        """Wait for the next slice of a job; `waiter` is the last of those that wait for it."""
        if self.ends_at is None or waiter.get_loop() is not self._loop:
            self.begin(job)  # all others are done by now, or their event loop has ended
        elif job is not self._current:  # else it is enqueued once its time was counted
            self._enqueue(job)
        await waiter
        self._resume(job)

    def _resume(self, job: Job) -> None:
        self._current, self._began_at = job, perf_counter()
        self.ends_at = self._began_at + self.slice_s

    def _enqueue(self, job: Job) -> None:
        if job.waiters and not job.is_queued:
            job.is_queued = True
            heappush(self._queue, (job.used_s, next(self._numbers), job))

    def _next_iteration(self) -> None:
        """End a slice, and wake who has the next one."""
        if self._current is not None:
            self._current.used_s += perf_counter() - self._began_at
            self._enqueue(self._current)
            self._current = None
        while self._queue:
            _, _, job = heappop(self._queue)
            job.is_queued = False
            if job.wake():
                break
        else:
            self.ends_at = None
            return
        assert self._loop is not None  # noqa: S101  # a slice has begun
        # Behind the task that was just woken, so that the time in between is the job's.
        self._loop.call_soon(self._next_iteration)
        self._current = job


class Watch(Protocol):
    """Looks after whoever a job is for, and cancels its task when that is not wanted any more."""

    def begin(self) -> None:
        """Look from now on; does nothing the second time."""
        ...

    def end(self) -> None:
        """Look no more."""
        ...


class Job:
    """One execution, as far as the scheduler is concerned.

    Attributes:
        scheduler: hands out its time slices.
        used_s: how long it has run in them.
        waiters: its tasks that wait for a slice, in the order in which they came.
        is_queued: whether it waits in the scheduler's queue.
        watch: told to begin when it waits for the first time, from which it is known to be long.
    """

    __slots__ = ("is_queued", "scheduler", "used_s", "waiters", "watch")

    def __init__(self, scheduler: Scheduler | None = None) -> None:
        self.scheduler = scheduler or Scheduler()
        self.used_s = 0.0
        self.waiters: deque[asyncio.Future[None]] = deque()
        self.is_queued = False
        self.watch: Watch | None = None

    def slice_is_over(self) -> bool:
        """Whether to wait for the next slice; begins one where there is none."""
        ends_at = self.scheduler.ends_at
        if ends_at is None:
            self.scheduler.begin(self)
            return self.scheduler.slice_s <= 0
        return perf_counter() >= ends_at

    def let_finish(self) -> None:
        """Have it go on to its end, whoever it was for: it writes."""
        if self.watch is not None:
            self.watch.end()
            self.watch = None

    async def pause(self) -> None:
        """Let others have their turn, if the slice is over."""
        if self.slice_is_over():
            await self.next_slice()

    async def next_slice(self) -> None:
        """Wait for the job's next slice. Its tasks have theirs in the order in which they came."""
        if self.watch is not None:
            self.watch.begin()
        waiter = asyncio.get_running_loop().create_future()
        self.waiters.append(waiter)
        await self.scheduler.next_slice(self, waiter)

    def wake(self) -> bool:
        """Wake the task that has waited longest; false where none waits any more."""
        while self.waiters:
            waiter = self.waiters.popleft()
            if not waiter.done():  # else its task was cancelled
                waiter.set_result(None)
                return True
        return False
