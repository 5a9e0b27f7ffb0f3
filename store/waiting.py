"""Waiting for news of a store."""

from __future__ import annotations

import asyncio


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
