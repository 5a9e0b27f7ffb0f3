"""Following a store: replay of what other processes have committed, up to the commit mark.

A change without a commit, such as a restored backup, is detected by the signatures of the files.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from store.filesystem.atomic_file import file_signature
from store.filesystem.file_lock import poll_until

from .commit_mark import committed_end, is_mark_of
from .locks import StoreLocks
from .log_records import DamagedLineError
from .os_errors import translate_os_errors
from .position import StorePosition
from .reader import StoreReader
from .replay import LogMismatchError
from .write_ahead_log import WriteAheadLog, log_file

SMALL_LAG_BYTES = 1 << 14
"""How much of the log is replayed in less time than it takes to hand it to a thread."""

READ_TIMEOUT_S = 1.0
"""How long a reader waits for a process that replaces file and log."""


class StoreFollower:
    """Follows a store's files. It has no state of its own."""

    def __init__(self, path: Path, locks: StoreLocks, reader: StoreReader) -> None:
        self._path = path
        self._log_path = log_file(path)
        self._locks = locks
        self._reader = reader

    def is_unchanged(self, position: StorePosition) -> bool:
        """Whether the files are as they were at a position. Three system calls.

        A missing file counts as unchanged.
        """
        with translate_os_errors("read", self._path):
            is_covered = position.covers(*self._reader.signatures())
        return is_covered and self._locks.commit_mark.is_at_path()

    def read_mark(self, position: StorePosition) -> int | None:
        """The commit mark up to which to follow; None: `wait_for_mark` has to be called."""
        mark = self._locks.read_mark()
        if not self._locks.commit_mark.is_mapped:
            return mark
        if mark != position.mark:
            if position.log and is_mark_of(mark, position.log.inode):
                return mark
            with translate_os_errors("read", self._path):
                log = file_signature(self._log_path)
            if log is not None and is_mark_of(mark, log.inode):
                return mark
        return None

    def wait_for_mark(self, position: StorePosition) -> int:
        """The commit mark after the replacement of file and log that is under way.

        Blocks, `READ_TIMEOUT_S` at most. Raises: StoreUnavailableError.
        """
        with translate_os_errors("read", self._path):
            is_newer = self._locks.read_mark() != position.mark
            try:
                return self._commit_whole_log(READ_TIMEOUT_S if is_newer else 0)
            except BlockingIOError:
                if is_newer:
                    raise
                return position.mark  # a writer holds the lock, and will raise the mark

    def has_small_lag(self, position: StorePosition, mark: int) -> bool:
        """Whether a position is only a few records behind a commit mark."""
        end = committed_end(mark, position.log) if position.log else None
        return end is not None and mark != position.mark and end - position.end <= SMALL_LAG_BYTES

    def follow(self, position: StorePosition, mark: int) -> StorePosition:
        """The position at a commit mark. Raises: StoreCorruptError. StoreUnavailableError."""
        with translate_os_errors("read", self._path):
            if mark != position.mark and position.log and is_mark_of(mark, position.log.inode):
                with contextlib.suppress(LogMismatchError, DamagedLineError):
                    end = committed_end(mark, position.log)
                    newer = self._reader.replay(position, position.log, position.end, end)
                    return msgspec.structs.replace(newer, mark=mark)
            return with_mark(self._read(position, mark), mark)

    def read_newest(self, position: StorePosition) -> StorePosition:
        """The position at the end of the log, committed or not. For a holder of the write lock.

        Raises: StoreCorruptError. StoreUnavailableError. OSError.
        """
        return self._read(position, None)

    def _read(self, position: StorePosition, mark: int | None) -> StorePosition:
        file, log = self._reader.signatures()
        if not position.covers(file, log) or (position.log and log is None):
            try:
                return self._read_on(position, mark)
            except (LogMismatchError, DamagedLineError):
                return self._reader.read(position, mark)
        return position

    def _read_on(self, position: StorePosition, mark: int | None) -> StorePosition:
        """Replay the rest of the log, and then the log that has replaced it."""
        old = position.log
        if old is None:
            raise LogMismatchError
        receipt = self._locks.read_receipt()
        present = file_signature(self._log_path)
        if present and present.inode == old.inode and present.size_bytes < position.end:
            raise LogMismatchError  # a backup was copied over it
        # Read after the signature: a log that was replaced by then gets no more records.
        end = _read_limit(mark, old)
        position = self._reader.replay(position, old, position.end, end)
        if receipt is not None:
            receipt.check_complete(old, position.end, end, self._path)
        if present is None or present.inode == old.inode:
            if file_signature(self._path) not in (None, position.checkpoint):
                raise LogMismatchError
            return position
        log = WriteAheadLog.open(self._log_path)
        if log is None or log.header.checkpoint != file_signature(self._path):
            raise LogMismatchError
        position = msgspec.structs.replace(position, checkpoint=log.header.checkpoint)
        offset = log.translate_offset(old, position.end)
        start = log.start if offset is None else offset
        return self._reader.replay(position, log, start, _read_limit(mark, log))

    def _commit_whole_log(self, timeout_s: float) -> int:
        """Raise the commit mark to the end of the log, under the write lock.

        Raises: BlockingIOError: timeout.
        """
        try:
            lock = poll_until(self._locks.try_lock, timeout_s, self._path)
        except PermissionError:  # a process that may only read relies on the files
            return self._locks.read_mark()
        with contextlib.closing(lock):
            try:
                receipt = self._locks.read_receipt()
                log = WriteAheadLog.open(self._log_path)
                end = log.read(log.start).end if log else 0
                if log and receipt is not None:
                    receipt.check_complete(log, end, None, self._path)
            except DamagedLineError:
                return 0  # reading the log will raise the error
            return self._locks.commit(lock, log, end)


def with_mark(position: StorePosition, mark: int) -> StorePosition:
    """The position with a commit mark, if that is about its log.

    A mark about a log that is not open here may come to mean another one: inodes are used again.
    """
    is_of_log = position.log is not None and is_mark_of(mark, position.log.inode)
    return msgspec.structs.replace(position, mark=mark if is_of_log else 0)


def _read_limit(mark: int | None, log: WriteAheadLog) -> int | None:
    """The offset up to which a log may be read; None: all of it, as the mark is about another."""
    return None if mark is None else committed_end(mark, log)
