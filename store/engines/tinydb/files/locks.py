"""The locks of a store: one process writes at a time, and one writes a checkpoint at a time.

The lock file may be removed at any time. So the log itself is locked as well, by whoever appends to
it or replaces it. The lock file also holds the commit mark (`commit_mark`). On a file system
without locks there is no commit mark, and an owner file names the only process that may write.
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

from .commit_mark import CommitMark, CommitReceipt, create_receipt, encode_mark
from .owner_file import OwnerFile
from .write_ahead_log import WriteAheadLog, log_file

_log = logging.getLogger(__name__)


class WriteLock:
    """The write lock of a store's files. It ends when it is closed or garbage-collected.

    Attributes:
        handle: The open lock file.
    """

    def __init__(self, handle: int, held: contextlib.ExitStack) -> None:
        self.handle = handle
        self.close = weakref.finalize(self, held.close)


class StoreLocks:
    """The locks of a store and its commit mark, or its owner file where locks do not work.

    Attributes:
        commit_mark: The commit mark as this process sees it.
    """

    def __init__(self, path: Path) -> None:
        """`path`: of the store's file."""
        self.commit_mark = CommitMark(lock_file(path))
        self._path = path
        self._log_path = log_file(path)
        self._checkpoint_path = path.with_name(f"{path.name}.checkpoint")
        self._owner: OwnerFile | None = None
        # Among the threads of the owner:
        self._write_lock, self._checkpoint_lock = threading.Lock(), threading.Lock()

    def open(self) -> None:
        """Check whether locks work, and if so remove the temporary files of crashes."""
        file_system = lockless_file_system(self._path.parent)
        if file_system is None:
            remove_stale_temporary(self._path, self._checkpoint_path)
            remove_stale_temporary(self._log_path, self._path)
            with contextlib.suppress(OSError), locked(self._path, timeout_s=0):
                pass  # this creates the lock file
        else:
            self._owner = OwnerFile(self._path, file_system)
            _log.warning(
                "Locks do not work on the file system (%s) of the store %s: only the first process "
                "that writes to it may, and others see its writes late. Run one process, or keep "
                "the store on a local disk.",
                file_system,
                self._path,
            )

    @property
    def are_working(self) -> bool:
        """Whether locks work; else there is an owner file."""
        return self._owner is None

    def try_lock(self, *, block: bool = False) -> WriteLock | None:
        """Take the write lock; None: another process or thread holds it.

        `block`: wait for it without a timeout, but not for a holder whose lock file was removed.
        Raises: OSError. StoreUnavailableError: another process is the owner.
        """
        with contextlib.ExitStack() as held:
            if self._owner is not None:
                self._owner.claim()
                if not self._write_lock.acquire(blocking=block):
                    return None
                held.callback(self._write_lock.release)
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
        """Take the checkpoint lock until the stack is closed; False: another process holds it.

        Raises: OSError. StoreUnavailableError: another process is the owner.
        """
        if self._owner is not None:
            self._owner.claim()
            if not self._checkpoint_lock.acquire(blocking=False):
                return False
            held.callback(self._checkpoint_lock.release)
            return True
        try:
            held.enter_context(locked(self._checkpoint_path, timeout_s=0))
        except BlockingIOError:
            return False
        return True

    def checkpoint_holder(self) -> int | None:
        """The id of the process that last held the checkpoint lock; None: unknown."""
        return read_holder(self._checkpoint_path)

    def read_mark(self) -> int:
        """The commit mark in the present lock file; 0: there is none."""
        return 0 if self._owner is not None else self.commit_mark.read()

    def commit(self, lock: WriteLock, log: WriteAheadLog | None, end: int) -> int:
        """Raise the commit mark to an end of the log, and return it as this process sees it."""
        if self._owner is not None:
            return 0
        mark = encode_mark(log.inode, end) if log else 0
        receipt = create_receipt(log, end, self._path) if log else None
        return self.commit_mark.write(lock.handle, mark, receipt)

    def read_receipt(self) -> CommitReceipt | None:
        """The commit receipt. Read it before the log, which may grow meanwhile."""
        return None if self._owner is not None else self.commit_mark.read_receipt()

    def close(self) -> None:
        """Remove the owner file, if it names this process."""
        if self._owner is not None:
            self._owner.release()
