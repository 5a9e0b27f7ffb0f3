"""Waiting for the write lock on an event loop: one wait, in a thread, for all writers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from store.concurrency.worker_thread import WorkerThread

from .files.locks import WriteLock
from .files.store_files import StoreFiles

_POLL_S = 0.1
"""How often a waiting writer checks whether the store was closed."""


class SharedLockWait:
    """A wait for a store's write lock, shared by all writers of the process.

    It goes on after a writer's timeout, for the next one. A lock that comes when none waits is
    released.
    """

    def __init__(self, files: StoreFiles) -> None:
        self._files = files
        self._thread = WorkerThread()
        self._pending: asyncio.Future[WriteLock] | None = None
        self._is_awaited = False

    async def lock(self, is_closed: Callable[[], bool]) -> WriteLock | None:
        """Wait for the write lock; None: timeout, or the store was closed.

        Raises: StoreUnavailableError.
        """
        loop = asyncio.get_running_loop()
        if self._pending is None or self._pending.get_loop() is not loop:
            self._pending = self._thread.submit(self._files.lock)
            self._pending.add_done_callback(self._release_unless_awaited)
        pending = self._pending
        deadline = loop.time() + self._files.lock_timeout_s
        self._is_awaited = True
        try:
            while not pending.done() and not is_closed() and loop.time() < deadline:
                await asyncio.wait((pending,), timeout=_POLL_S)
        finally:
            self._is_awaited = False
        if not pending.done():  # the next writer shares it
            return None
        self._pending = None
        return pending.result()

    def close(self) -> None:
        """End the thread when its wait is over."""
        self._thread.close()

    def _release_unless_awaited(self, pending: asyncio.Future[WriteLock]) -> None:
        if not self._is_awaited:
            self._pending = None
            if not pending.cancelled() and pending.exception() is None:
                pending.result().close()
