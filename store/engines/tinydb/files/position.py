"""What is known of a store's files: a state, and where in them it was found."""

from __future__ import annotations

import asyncio

import msgspec

from store.concurrency.cooperative import free_gradually
from store.filesystem.atomic_file import FileSignature

from .state import State
from .write_ahead_log import Log


class Known(msgspec.Struct, frozen=True):
    """A state, and where in the files it was found.

    Attributes:
        state: What the store holds.
        checkpoint: The store's file that it was found in; None: there is none.
        log: The log that goes on from that file; None: there is none.
        end: Where the log goes on.
        mark: What was committed when it was read, or by it (`committed`).
    """

    state: State = msgspec.field(default_factory=State)
    checkpoint: FileSignature | None = None
    log: Log | None = None
    end: int = 0
    mark: int = 0

    def shares(self, other: Known) -> bool:
        """Whether most of what one takes in memory the other needs, too."""
        return self.state.snapshot.shares(other.state.snapshot)

    def is_all(self, file: FileSignature | None, log: FileSignature | None) -> bool:
        """Whether files that look like this hold nothing else. None, a lost one, says nothing."""
        if log and (not self.log or (log.inode, log.size_bytes) != (self.log.inode, self.end)):
            return False
        return file in (None, self.checkpoint)


def let_go(olds: list[Known], new: Known) -> None:
    """Forget what is known no more, in a thread: to close a log that was replaced takes it off the
    disk, which blocks, and to free indexes by which no others go on takes long.
    """

    def forget() -> None:
        contents = [] if olds[0].shares(new) else olds[0].state.snapshot.contents()
        olds.clear()
        free_gradually(contents)

    asyncio.get_running_loop().run_in_executor(None, forget)
