"""Notifications for tasks that wait for a new state of a store, and coalesced calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Notifier:
    """Wakes all waiting tasks, or raises an error in them. For one thread at a time.

    Unlike `asyncio.Event` it may be used under one event loop after another, and passes on errors.
    """

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()

    @property
    def has_waiters(self) -> bool:
        """Whether any task waits."""
        return bool(self._waiters)

    async def wait(self) -> None:
        """Wait for the next `notify`. Raises: the error that `fail` was called with."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def notify(self) -> None:
        """Wake all waiting tasks."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def fail(self, error: Exception) -> None:
        """Raise an error in all waiting tasks."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(error)


class CoalescedCall:
    """Coalesces concurrent calls of one coroutine function: all waiting tasks share one run.

    Each caller gets a run that begins after its own call. So while one run goes on, all new callers
    wait for the next. It may be used under one event loop after another.
    """

    def __init__(self, function: Callable[[], Awaitable[None]]) -> None:
        self._function = function
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def wait(self) -> None:
        """Wait for the end of a run that begins from now on. Raises: what the function raises."""
        if self._next is None or self._next.done():
            self._next = asyncio.create_task(self._run_after(self._running))
            self._next.add_done_callback(_retrieve_exception)
        await asyncio.shield(self._next)

    async def _run_after(self, previous: asyncio.Task[None] | None) -> None:
        if previous is not None and not previous.done():
            await asyncio.wait((previous,))
        self._running, self._next = self._next, None
        await self._function()


def _retrieve_exception(task: asyncio.Task[None]) -> None:
    """Keep asyncio from warning of an error when no caller waits any more."""
    if not task.cancelled():
        task.exception()
