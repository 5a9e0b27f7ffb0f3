"""What is known of a store's files, and the right to write on top of it."""

from __future__ import annotations

import contextlib
import weakref

import msgspec

from .atomic_file import Signature
from .change_log import Log
from .state import State


class Known(msgspec.Struct, frozen=True):
    """A state, and where in the files it was found.

    Attributes:
        end: Where the log goes on.
        mark: What was committed when it was read, or by it (`committed`).
    """

    state: State = msgspec.field(default_factory=State)
    checkpoint: Signature | None = None
    log: Log | None = None
    end: int = 0
    mark: int = 0

    def shares(self, other: Known) -> bool:
        """Whether most of what one takes in memory the other needs, too."""
        return self.state.snapshot.shares(other.state.snapshot)

    def is_all(self, file: Signature | None, log: Signature | None) -> bool:
        """Whether files that look like this hold nothing else. None, a lost one, says nothing."""
        if log and (not self.log or (log.inode, log.size_bytes) != (self.log.inode, self.end)):
            return False
        return file in (None, self.checkpoint)


class WriteLock:
    """The right to write to a store's files. One that is forgotten ends.

    Attributes:
        handle: The open lock file.
    """

    def __init__(self, handle: int, held: contextlib.ExitStack) -> None:
        self.handle = handle
        self.close = weakref.finalize(self, held.close)


class Turn:
    """A writer's turn with a store's files. One that is forgotten ends.

    Attributes:
        known: What is known of the files; the newest once `is_current`.
        lock: The right to write.
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
