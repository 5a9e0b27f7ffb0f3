"""Checkpoints in the background: begun when one is due, tried again later where one has failed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial

from store.concurrency.worker_thread import WorkerThread
from store.errors import StoreError

from .files.checkpoint_writer import CheckpointWriter
from .files.position import Known, let_go

BUSY_RETRY_S = 1.0
"""How long to leave the log to another process that is taking it in."""

RETRY_S = 10.0
"""How long to go on with a log beyond its bounds after the file could not take it in."""

WARN_EVERY_S = 60.0
"""How often to tell that the log is much too large."""

_log = logging.getLogger(__name__)


class BackgroundCheckpoints:
    """Has checkpoints written in a thread, one at a time, while readers and writers go on.

    Attributes:
        task: The checkpoint that was begun last; None: none was.
    """

    def __init__(self, writer: CheckpointWriter, newest: Callable[[], Known]) -> None:
        """`newest`: gives what is known of the store's files now."""
        self.task: asyncio.Task[None] | None = None
        self._writer = writer
        self._newest = newest
        self._thread = WorkerThread()
        self._again_at = 0.0
        self._warn_again_at = 0.0
        self._is_stopped = False

    def start_if_due(self) -> None:
        """Begin a checkpoint if the log has outgrown its bounds, or warn where none comes about."""
        idle = self.task is None or self.task.done()
        now = time.monotonic()
        known = self._newest()
        if not idle or self._is_stopped or not self._writer.is_due(known):
            return
        if now >= self._again_at:
            self.task = asyncio.create_task(self.checkpoint(known))
        elif now >= self._warn_again_at and (warning := self._writer.overdue_warning(known)):
            self._warn_again_at = now + WARN_EVERY_S
            _log.warning(warning)

    async def checkpoint(self, known: Known) -> None:
        """Have the store's file take in what the log holds."""
        try:
            if not await self._thread.submit(partial(self._writer.take_in, known)):
                self._again_at = time.monotonic() + BUSY_RETRY_S  # another is at it
        except StoreError as error:
            self._again_at = time.monotonic() + RETRY_S
            if not self._is_stopped:
                _log.warning("%s Until then its log grows.", error)
        olds = [known]
        del known
        let_go(olds, self._newest())

    def stop(self) -> None:
        """Begin no more, and give up the one under way: it can wait until the next time."""
        self._is_stopped = True
        self._writer.give_up_at = 0.0

    def close(self) -> None:
        """Let the thread end when what it is at is done."""
        self._thread.close()
