"""A state of the store with its position in the store's files."""

from __future__ import annotations

import asyncio

import msgspec

from store.concurrency.cooperative import free_gradually
from store.filesystem.atomic_file import FileSignature

from .state import StoreState
from .write_ahead_log import WriteAheadLog


class StorePosition(msgspec.Struct, frozen=True):
    """A state of the store, and the position in the files up to which it was read.

    Attributes:
        state: The state.
        checkpoint: The store's file that it was read from; None: there is none.
        log: The log that was replayed on that file; None: there is none.
        end: The offset in the log up to which it was replayed.
        mark: The commit mark at that time.
    """

    state: StoreState = msgspec.field(default_factory=StoreState)
    checkpoint: FileSignature | None = None
    log: WriteAheadLog | None = None
    end: int = 0
    mark: int = 0

    def shares(self, other: StorePosition) -> bool:
        """Whether both states share most of their memory."""
        return self.state.snapshot.shares(other.state.snapshot)

    def covers(self, file: FileSignature | None, log: FileSignature | None) -> bool:
        """Whether files with these signatures hold nothing beyond this position.

        None: the file is missing, which counts as covered.
        """
        if log and (not self.log or (log.inode, log.size_bytes) != (self.log.inode, self.end)):
            return False
        return file in (None, self.checkpoint)


def release(positions: list[StorePosition], newer: StorePosition) -> None:
    """Free the only position in a list, in a thread, now that a newer one has replaced it.

    Closing a replaced log blocks, since it removes the file from the disk. Freeing indexes that the
    newer state does not share takes long.
    """

    def free() -> None:
        contents = [] if positions[0].shares(newer) else positions[0].state.snapshot.contents()
        positions.clear()
        free_gradually(contents)

    asyncio.get_running_loop().run_in_executor(None, free)
