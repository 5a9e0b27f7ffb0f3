"""Waiting for the write lock on an event loop: one wait, in a thread, for all writers here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from store.concurrency.worker_thread import WorkerThread

from .files.locks import WriteLock
from .files.store_files import StoreFiles

_LOOK_S = 0.1
"""How often a writer that waits looks whether the store was closed."""


class LockWait:
    """The wait for a store's write lock. One that nobody wants any more is let go when it comes."""

    def __init__(self, files: StoreFiles) -> None:
        self._files = files
        self._thread = WorkerThread()
        self._awaited: asyncio.Future[WriteLock] | None = None
        self._is_waiting = False

    async def lock(self, is_closed: Callable[[], bool]) -> WriteLock | None:
        """Wait for the right to write; None: it did not come in time, or the store was closed.

        Raises: StoreUnavailableError.
        """
        loop = asyncio.get_running_loop()
        if self._awaited is None or self._awaited.get_loop() is not loop:
            self._awaited = self._thread.submit(self._files.lock)
            self._awaited.add_done_callback(self._lock_came)
        awaited = self._awaited
        deadline = loop.time() + self._files.lock_timeout_s
        self._is_waiting = True
        try:
            while not awaited.done() and not is_closed() and loop.time() < deadline:
                await asyncio.wait((awaited,), timeout=_LOOK_S)
        finally:
            self._is_waiting = False
        if not awaited.done():  # who writes next waits for the same
            return None
        self._awaited = None
        return awaited.result()

    def close(self) -> None:
        """Let the thread end when its wait is over."""
        self._thread.close()

    def _lock_came(self, awaited: asyncio.Future[WriteLock]) -> None:
        """Let go of a lock for which nobody waits any more."""
        if not self._is_waiting:
            self._awaited = None
            if not awaited.cancelled() and awaited.exception() is None:
                awaited.result().close()
