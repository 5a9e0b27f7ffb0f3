"""A write transaction: the write lock of the store's files, and the position that it writes at."""

from __future__ import annotations

import contextlib
import weakref

from .locks import WriteLock
from .position import StorePosition


class WriteTransaction:
    """A write transaction on a store's files. It ends when it is closed or garbage-collected.

    Attributes:
        position: The position to write at. It is the newest one when `is_current`.
        lock: The write lock.
        is_current: `position` is the newest.
        has_small_lag: `position` is few records behind the newest.
        writes_checkpoint: The write goes into a new checkpoint, whose lock is held, too.
    """

    def __init__(
        self,
        position: StorePosition,
        lock: WriteLock,
        checkpoint_lock: contextlib.ExitStack,
        *,
        writes_checkpoint: bool,
        is_current: bool,
    ) -> None:
        self.position = position
        self.lock = lock
        self.writes_checkpoint = writes_checkpoint
        self.is_current = is_current
        self.has_small_lag = False
        self._release_checkpoint_lock = weakref.finalize(self, checkpoint_lock.close)

    def close(self) -> None:
        """Release the locks."""
        self._release_checkpoint_lock()
        self.lock.close()
