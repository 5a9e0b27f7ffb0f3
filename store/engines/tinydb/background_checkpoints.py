"""Checkpoints in the background: started when due, and retried after a failure."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial

from store.concurrency.worker_thread import WorkerThread
from store.errors import StoreError

from .files.checkpoint_writer import CheckpointWriter
from .files.position import StorePosition, release

BUSY_RETRY_S = 1.0
"""How long to wait while another process writes a checkpoint."""

RETRY_S = 10.0
"""How long to wait after a checkpoint has failed."""

WARN_INTERVAL_S = 60.0
"""How often to warn of a log that is much too large."""

_log = logging.getLogger(__name__)


class BackgroundCheckpoints:
    """Runs checkpoints in a thread, one at a time, beside readers and writers.

    Attributes:
        task: The last checkpoint that was started; None: none was.
    """

    def __init__(
        self, writer: CheckpointWriter, current_position: Callable[[], StorePosition]
    ) -> None:
        self.task: asyncio.Task[None] | None = None
        self._writer = writer
        self._current_position = current_position
        self._thread = WorkerThread()
        self._retry_at = 0.0
        self._warn_again_at = 0.0
        self._is_stopped = False

    def start_if_due(self) -> None:
        """Start a checkpoint if the log exceeds its bound, or warn while none succeeds."""
        is_idle = self.task is None or self.task.done()
        now = time.monotonic()
        position = self._current_position()
        if not is_idle or self._is_stopped or not self._writer.is_due(position):
            return
        if now >= self._retry_at:
            self.task = asyncio.create_task(self.run(position))
        elif now >= self._warn_again_at and (warning := self._writer.overdue_warning(position)):
            self._warn_again_at = now + WARN_INTERVAL_S
            _log.warning(warning)

    async def run(self, position: StorePosition) -> None:
        """Write a checkpoint of a position now, in the thread."""
        try:
            if not await self._thread.submit(partial(self._writer.write_online, position)):
                self._retry_at = time.monotonic() + BUSY_RETRY_S
        except StoreError as error:
            self._retry_at = time.monotonic() + RETRY_S
            if not self._is_stopped:
                _log.warning("%s Until then its log grows.", error)
        released = [position]
        del position
        release(released, self._current_position())

    def stop(self) -> None:
        """Start no more checkpoints, and cancel the running one."""
        self._is_stopped = True
        self._writer.cancel_at = 0.0

    def close(self) -> None:
        """End the thread after its call."""
        self._thread.close()
