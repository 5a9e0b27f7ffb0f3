"""The commit mark: how far the log is committed, a number in the lock file that is memory-mapped.

A writer raises it when its record is on the disk, before it acknowledges the write or shows it to
readers. So a reader detects new records by one read of its memory, and reads the log no further
than the mark. No process shows a record that its writer may still roll back, and a client that goes
from one process to another never sees an older state.

After the mark and the lock holder's id the file holds a receipt: which log was committed, up to
where, and beside which version of the store's file. A log shorter than that has lost records. The
receipt is valid until the store's file is changed, as it is by a backup that is copied over it.
"""

from __future__ import annotations

import logging
import mmap
import os
import struct
import sys
import weakref
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from store.filesystem.file_lock import HOLDER_BYTES, HOLDER_OFFSET, is_file_at

from .log_records import DamagedLineError
from .write_ahead_log import WriteAheadLog

_WORD_BYTES = 8
_UNMAPPED = (0,)
_MOVED = (1 << 64) - 1
"""The mark in a lock file that was removed: processes that map it look for the new file."""

_OFFSET_BITS = 40
_OFFSET_MASK = (1 << _OFFSET_BITS) - 1
_INODE_MASK = (1 << 64 - _OFFSET_BITS) - 1

_RECEIPT_OFFSET = HOLDER_OFFSET + HOLDER_BYTES
_RECEIPT = struct.Struct("<IQQQI")

_log = logging.getLogger(__name__)


def encode_mark(inode: int, end: int) -> int:
    """The mark for a log that is committed up to `end`.

    An inode is not used again while a process has the log open.
    """
    return (inode & _INODE_MASK) << _OFFSET_BITS | end


def is_mark_of(mark: int, inode: int) -> bool:
    """Whether a mark is about the log with this inode."""
    return mark >> _OFFSET_BITS == inode & _INODE_MASK


def committed_end(mark: int, log: WriteAheadLog) -> int | None:
    """The offset up to which a log is committed; None: the mark is about another log."""
    return mark & _OFFSET_MASK if is_mark_of(mark, log.inode) else None


class CommitReceipt(NamedTuple):
    """The receipt of a commit: up to where its last writer committed which log.

    Attributes:
        log_crc32: The checksum of the log's first line.
        end: The end of the last committed line.
        file_inode: The inode of the store's file.
        ctime_ns: The time of the last status change of that file. Whatever writes, renames or
            replaces a file changes it, and no program can set it.
    """

    log_crc32: int
    end: int
    file_inode: int
    ctime_ns: int

    def is_valid_for(self, log: WriteAheadLog, path: Path) -> bool:
        """Whether it is the receipt of this log and of the current version of the store's file."""
        return self.log_crc32 == log.crc32 and self._is_of_file(path)

    def check_complete(self, log: WriteAheadLog, end: int, limit: int | None, path: Path) -> None:
        """Check that a log has not lost committed records.

        `end`: the end of what was read, up to `limit`. `path`: of the store's file.
        Raises: DamagedLineError: it has.
        """
        if not self.is_valid_for(log, path):
            return
        expected_end = self.end if limit is None else min(limit, self.end)
        if end < expected_end:
            missing = f"committed records are missing from here on, {expected_end - end:,} bytes"
            raise DamagedLineError(log.line_number(end), missing)

    def _is_of_file(self, path: Path) -> bool:
        try:
            status = os.stat(path)  # noqa: PTH116 - on the hot path of writes
        except OSError:
            return False
        return (status.st_ino, status.st_ctime_ns) == (self.file_inode, self.ctime_ns)


def create_receipt(log: WriteAheadLog, end: int, path: Path) -> CommitReceipt | None:
    """The receipt for a log that is committed up to `end`; None: there is no store's file."""
    try:
        status = os.stat(path)  # noqa: PTH116 - on the hot path of writes
    except OSError:
        return None
    return CommitReceipt(log.crc32, end, status.st_ino, status.st_ctime_ns)


class _MappedFile:
    """A lock file that is memory-mapped, and open for as long."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.close = weakref.finalize(self, os.close, handle)
        self.inode = os.fstat(handle).st_ino
        mapped = mmap.mmap(handle, _WORD_BYTES, access=mmap.ACCESS_READ)
        self.words: Sequence[int] = memoryview(mapped).cast("Q")


class CommitMark:
    """The commit mark as this process sees it.

    The lock file is never truncated: that would crash the processes that map it.

    Attributes:
        words: The mark is the first item. Reading it takes 50 ns and no system call.
    """

    def __init__(self, path: Path) -> None:
        """`path`: of the lock file."""
        self._path = path
        self._mapped: _MappedFile | None = None
        self.words: Sequence[int] = _UNMAPPED

    @property
    def is_mapped(self) -> bool:
        """Whether there is a mark: the lock file exists, and the system can map it."""
        return self._mapped is not None

    def read(self) -> int:
        """The mark in the present lock file; 0: there is none."""
        if self._mapped is None or self.words[0] == _MOVED:
            self.map()
        return 0 if self.words[0] == _MOVED else self.words[0]

    def read_receipt(self) -> CommitReceipt | None:
        """The receipt in the present lock file; None: there is none, or it is damaged."""
        with suppress(OSError):
            handle = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                data = os.pread(handle, _RECEIPT.size, _RECEIPT_OFFSET)
            finally:
                os.close(handle)
            if len(data) == _RECEIPT.size:
                *values, crc32 = _RECEIPT.unpack(data)
                return CommitReceipt(*values) if crc32 == zlib.crc32(data[:-4]) else None
        return None

    def is_at_path(self) -> bool:
        """Whether the mapped file is the present lock file. True if there is none any more."""
        if self._mapped is None:
            return True
        try:
            return os.stat(self._path).st_ino == self._mapped.inode  # noqa: PTH116 - the call itself
        except OSError:
            return True

    def map(self) -> None:
        """Map the present lock file. If that fails, the former mapping stays."""
        for flags in (os.O_RDWR, os.O_RDONLY):  # writing is needed only to write _MOVED
            with suppress(OSError, ValueError):  # ValueError: the file is too short
                mapped = _MappedFile(
                    os.open(self._path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
                )
                self._mapped, self.words = mapped, mapped.words
                return

    def write(self, handle: int, mark: int, receipt: CommitReceipt | None) -> int:
        """Write mark and receipt for all processes, and return the mark as this process sees it.

        `handle`: the lock file, which the caller has locked. The receipt is written first: a
        process that reads it before the log must not miss records.
        A lock file that was removed while it was mapped gets the mark `_MOVED`, at last.
        """
        mapped = self._mapped
        try:
            if receipt is not None:
                data = _RECEIPT.pack(*receipt, 0)[:-4]
                data += zlib.crc32(data).to_bytes(4, "little")
                os.pwrite(handle, data, _RECEIPT_OFFSET)
            _write_mark(handle, mark)
            if not is_file_at(handle, self._path):
                _write_mark(handle, _MOVED)
            elif mapped is not None and os.fstat(handle).st_ino != mapped.inode:
                _write_mark(mapped.handle, _MOVED)
        except OSError as error:
            _log.warning("Other processes may see a write late: %s: %s", self._path, error)
        if mapped is None or self.words[0] != mark:
            self.map()
        return 0 if self.words[0] == _MOVED else self.words[0]


def _write_mark(handle: int, mark: int) -> None:
    # By a system call: a store to mapped memory would crash the process when the disk is full.
    os.pwrite(handle, mark.to_bytes(_WORD_BYTES, sys.byteorder), 0)
