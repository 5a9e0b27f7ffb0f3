"""Waiting for news of a store, and looking for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Bell:
    """Wakes all who listen when it rings, or hands them an error. For one thread at a time.

    It may be used under one event loop after another.
    """

    def __init__(self) -> None:
        self._listeners: set[asyncio.Future[None]] = set()

    @property
    def has_listeners(self) -> bool:
        """Whether anybody waits."""
        return bool(self._listeners)

    async def heard(self) -> None:
        """Wait for the next ring. Raises: the error that `fail` is given."""
        ring = asyncio.get_running_loop().create_future()
        self._listeners.add(ring)
        try:
            await ring
        finally:
            self._listeners.discard(ring)

    def ring(self) -> None:
        """Wake those who listen now."""
        for listener in self._listeners:
            if not listener.done():
                listener.set_result(None)

    def fail(self, error: Exception) -> None:
        """Wake those who listen now with an error."""
        for listener in self._listeners:
            if not listener.done():
                listener.set_exception(error)


class Rounds:
    """Does something for all who ask for it at a time, as often as it takes.

    Each gets a round that begins after it has asked: while one is under way, all who come wait for
    the next. It may be used under one event loop after another.
    """

    def __init__(self, do: Callable[[], Awaitable[None]]) -> None:
        self._do = do
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def wait(self) -> None:
        """Wait for the end of a round that begins from now on. Raises: what it raises."""
        if self._next is None or self._next.done():
            self._next = asyncio.create_task(self._round(self._running))
            self._next.add_done_callback(_retrieved)
        await asyncio.shield(self._next)

    async def _round(self, before: asyncio.Task[None] | None) -> None:
        if before is not None and not before.done():
            await asyncio.wait((before,))
        self._running, self._next = self._next, None
        await self._do()


def _retrieved(task: asyncio.Task[None]) -> None:
    """Have nobody warned of an error for which nobody waits any more."""
    if not task.cancelled():
        task.exception()
