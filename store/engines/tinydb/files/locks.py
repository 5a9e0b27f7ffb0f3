"""The locks of a store's processes: one writes at a time, one makes a checkpoint at a time.

The lock file may be removed at any time: the log is locked as well, by who appends to it or
replaces it. The lock file also holds the commit mark (`committed`). Where locks do not work, there
is no mark, and an owner file names the only process that may write.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import weakref
from pathlib import Path

from store.filesystem.atomic_file import remove_stale_temporary
from store.filesystem.file_lock import (
    lock_file,
    locked,
    lockless_file_system,
    read_holder,
    try_lock,
    write_holder,
)

from .commit_mark import Committed, Receipt, mark_of, receipt_of
from .owner_file import OwnerFile
from .write_ahead_log import Log, log_file

_log = logging.getLogger(__name__)


class WriteLock:
    """The right to write to a store's files. One that is forgotten ends.

    Attributes:
        handle: The open lock file.
    """

    def __init__(self, handle: int, held: contextlib.ExitStack) -> None:
        self.handle = handle
        self.close = weakref.finalize(self, held.close)


class StoreLocks:
    """The locks of a store and its commit mark, or its owner file where locks do not work.

    Attributes:
        committed: The commit mark, as this process sees it.
    """

    def __init__(self, path: Path) -> None:
        self.committed = Committed(lock_file(path))
        self._path = path
        self._log_path = log_file(path)
        self._checkpoint_path = path.with_name(f"{path.name}.checkpoint")
        self._owner: OwnerFile | None = None
        self._owners_turn, self._owners_checkpoint = threading.Lock(), threading.Lock()

    def open(self) -> None:
        """Find out whether locks work, and if so remove what crashes have left aside."""
        file_system = lockless_file_system(self._path.parent)
        if file_system is None:
            remove_stale_temporary(self._path, self._checkpoint_path)
            remove_stale_temporary(self._log_path, self._path)
            with contextlib.suppress(OSError), locked(self._path, timeout_s=0):
                pass  # it makes the lock file
        else:
            self._owner = OwnerFile(self._path, file_system)
            _log.warning(
                "Locks do not work on the file system (%s) of the store %s: only the first process "
                "that writes to it may, and others see late what it writes. Run one process, or "
                "keep the store on a local disk.",
                file_system,
                self._path,
            )

    @property
    def are_working(self) -> bool:
        """Whether processes take turns by locks, and not by an owner file."""
        return self._owner is None

    def try_lock(self, *, block: bool = False) -> WriteLock | None:
        """Be the only writer; None: another is. Raises: OSError. StoreUnavailableError.

        `block`: for who has it, but not for who has it by a lock file that was removed.
        """
        with contextlib.ExitStack() as held:
            if self._owner is not None:
                self._owner.claim()
                if not self._owners_turn.acquire(blocking=block):
                    return None
                held.callback(self._owners_turn.release)
                return WriteLock(-1, held.pop_all())
            handle = try_lock(lock_file(self._path), block=block)
            if handle is None:
                return None
            held.callback(os.close, handle)
            log = try_lock(self._log_path, create=False)
            if log is not None:
                held.callback(os.close, log)
            elif self._log_path.exists():
                return None
            write_holder(handle)
            return WriteLock(handle, held.pop_all())

    def try_lock_checkpoint(self, held: contextlib.ExitStack) -> bool:
        """Be the only one who makes a checkpoint until the stack is closed.

        Raises: OSError. StoreUnavailableError.
        """
        if self._owner is not None:
            self._owner.claim()
            if not self._owners_checkpoint.acquire(blocking=False):
                return False
            held.callback(self._owners_checkpoint.release)
            return True
        try:
            held.enter_context(locked(self._checkpoint_path, timeout_s=0))
        except BlockingIOError:
            return False
        return True

    def checkpoint_holder(self) -> int | None:
        """The process that was the last to make a checkpoint, where that is known."""
        return read_holder(self._checkpoint_path)

    def mark(self) -> int:
        """The commit mark, from the lock file that is there now; 0 where there is none."""
        return 0 if self._owner is not None else self.committed.read()

    def commit(self, lock: WriteLock, log: Log | None, end: int) -> int:
        """Raise the commit mark to an end of the log, and return how this process sees it."""
        if self._owner is not None:
            return 0
        mark = mark_of(log.inode, end) if log else 0
        receipt = receipt_of(log, end, self._path) if log else None
        return self.committed.write(lock.handle, mark, receipt)

    def receipt(self) -> Receipt | None:
        """How far the log was committed. To be read before the log, which may grow meanwhile."""
        return None if self._owner is not None else self.committed.receipt()

    def close(self) -> None:
        """Be the owner no more, where an owner file names this process."""
        if self._owner is not None:
            self._owner.give_up()
