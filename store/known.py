"""What is known of a store's files, and the right to write on top of it."""

from __future__ import annotations

import contextlib
import weakref

import msgspec

from .atomic_file import Signature
from .change_log import Log
from .state import State


class Known(msgspec.Struct, frozen=True):
    """A state, and where in the files it was found; `end` is where the log goes on."""

    state: State = msgspec.field(default_factory=State)
    checkpoint: Signature | None = None
    log: Log | None = None
    end: int = 0

    def shares(self, other: Known) -> bool:
        """Whether most of what one takes in memory the other needs, too."""
        return self.state.snapshot.shares(other.state.snapshot)

    def is_all(self, file: Signature | None, log: Signature | None) -> bool:
        """Whether files that look like this hold nothing else. None, a lost one, says nothing."""
        if log and (not self.log or (log.inode, log.size_bytes) != (self.log.inode, self.end)):
            return False
        return file in (None, self.checkpoint)


class Turn:
    """The right to write to a store's files, and the newest state. One that is forgotten ends.

    `whole`: what is written goes into the store's file; nobody else makes a checkpoint meanwhile.
    """

    def __init__(self, known: Known, locks: contextlib.ExitStack, *, whole: bool) -> None:
        self.known = known
        self.whole = whole
        self.close = weakref.finalize(self, locks.close)
