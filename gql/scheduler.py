"""A cooperative scheduler: long executions share the event loop in time slices.

Everything that executes operations runs on the thread of the event loop, where one long execution
would block all other requests. So each execution checks now and then whether its time slice is
over, and then waits for its next one. There is one slice in each iteration of the event loop, so
other callbacks run in between. The next slice goes to the job that has used the least time so far
(least attained service). So short requests never wait for long ones.
"""

from __future__ import annotations

import asyncio
from collections import deque
from heapq import heappop, heappush
from itertools import count
from time import perf_counter
from typing import Protocol

SLICE_S = 0.01
"""The length of a time slice."""


class Scheduler:
    """Allocates the time slices of one event loop.

    Attributes:
        slice_s: The length of a slice.
        ends_at: When the current slice is over; None between slices.
    """

    __slots__ = ("_began_at", "_current", "_loop", "_numbers", "_queue", "ends_at", "slice_s")

    def __init__(self, slice_s: float = SLICE_S) -> None:
        self.slice_s = slice_s
        self.ends_at: float | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._current: Job | None = None
        self._began_at = 0.0
        self._queue: list[tuple[float, int, Job]] = []
        self._numbers = count()  # jobs that have used the same time are served in order of arrival

    def begin(self, job: Job) -> None:
        """Begin a slice. It ends in the next iteration of the event loop at the latest."""
        self._loop = asyncio.get_running_loop()
        self._loop.call_soon(self._next_iteration)
        self._resume(job)

    async def next_slice(self, job: Job, waiter: asyncio.Future[None]) -> None:
        """Wait for the next slice of a job. `waiter` is the newest of the job's waiters."""
        if self.ends_at is None or waiter.get_loop() is not self._loop:
            self.begin(job)  # no other job is left, or their event loop has ended
        elif job is not self._current:  # the current job is enqueued when its time was counted
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
        """End a slice, and wake the job that has the next one."""
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
        # Called after the task that was just woken, so that the time in between is the job's.
        self._loop.call_soon(self._next_iteration)
        self._current = job


class DisconnectWatch(Protocol):
    """Watches for the disconnect of a job's client, and then cancels the job's task."""

    def begin(self) -> None:
        """Begin to watch; a second call is a no-op."""
        ...

    def end(self) -> None:
        """End watching."""
        ...


class Job:
    """A job of the scheduler: one execution.

    Attributes:
        scheduler: Allocates its time slices.
        used_s: The time that it has run in them.
        waiters: Its tasks that wait for a slice, in order of arrival.
        is_queued: Whether it is in the scheduler's queue.
        watch: Begun when the job waits for the first time: then it is a long one.
    """

    __slots__ = ("is_queued", "scheduler", "used_s", "waiters", "watch")

    def __init__(self, scheduler: Scheduler | None = None) -> None:
        self.scheduler = scheduler or Scheduler()
        self.used_s = 0.0
        self.waiters: deque[asyncio.Future[None]] = deque()
        self.is_queued = False
        self.watch: DisconnectWatch | None = None

    def slice_is_over(self) -> bool:
        """Whether to wait for the next slice. Begins a slice where there is none."""
        ends_at = self.scheduler.ends_at
        if ends_at is None:
            self.scheduler.begin(self)
            return self.scheduler.slice_s <= 0
        return perf_counter() >= ends_at

    def ignore_disconnect(self) -> None:
        """Run to the end even if the client disconnects, because the job writes."""
        if self.watch is not None:
            self.watch.end()
            self.watch = None

    async def pause(self) -> None:
        """Wait for the next slice if the current one is over."""
        if self.slice_is_over():
            await self.next_slice()

    async def next_slice(self) -> None:
        """Wait for the job's next slice. Its tasks are served in order of arrival."""
        if self.watch is not None:
            self.watch.begin()
        waiter = asyncio.get_running_loop().create_future()
        self.waiters.append(waiter)
        await self.scheduler.next_slice(self, waiter)

    def wake(self) -> bool:
        """Wake the task that has waited longest; return whether there was one."""
        while self.waiters:
            waiter = self.waiters.popleft()
            if not waiter.done():  # a cancelled task's waiter is done
                waiter.set_result(None)
                return True
        return False
