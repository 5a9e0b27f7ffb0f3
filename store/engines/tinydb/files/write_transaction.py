"""A writer's turn with a store's files: the lock it has, and what it knows of them."""

from __future__ import annotations

import contextlib
import weakref

from .locks import WriteLock
from .position import Known


class Turn:
    """A writer's turn with a store's files. One that is forgotten ends.

    Attributes:
        known: What is known of the files; the newest once `is_current`.
        lock: The right to write.
        is_current: `known` is the newest state.
        is_near: To know the newest takes some records.
        whole: What is written goes into the store's file; nobody else makes a checkpoint meanwhile.
    """

    def __init__(
        self,
        known: Known,
        lock: WriteLock,
        checkpoint: contextlib.ExitStack,
        *,
        whole: bool,
        is_current: bool,
    ) -> None:
        self.known = known
        self.lock = lock
        self.whole = whole
        self.is_current = is_current
        self.is_near = False
        self._end_checkpoint = weakref.finalize(self, checkpoint.close)

    def close(self) -> None:
        """End it."""
        self._end_checkpoint()
        self.lock.close()
