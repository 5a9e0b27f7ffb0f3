"""How far a store's log is committed: a number in the lock file that all processes map.

A writer raises it when its record is on the disk, before it acknowledges or shows it. So a reader
knows with one look at its memory whether there is anything new, and reads no further than this: no
process shows what another may still take back, and nobody who has read at one process reads older
text at another.

Behind the number and the writer's id the file keeps a receipt: which log was committed up to where,
beside which state of the store's file. A log that is shorter has lost lines. The receipt counts for
as long as nobody has touched the store's file: who puts back a backup by hand does.
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

from .write_ahead_log import DamagedLineError, Log

_WORD_BYTES = 8
_NONE = (0,)
_MOVED = (1 << 64) - 1
_END_BITS = 40
_END = (1 << _END_BITS) - 1
_INODE = (1 << 64 - _END_BITS) - 1

_RECEIPT_AT = HOLDER_OFFSET + HOLDER_BYTES
_RECEIPT = struct.Struct("<IQQQI")

_log = logging.getLogger(__name__)


def mark_of(inode: int, end: int) -> int:
    """The number that says: the log with this inode, up to here.

    Whoever has a log open keeps its inode from other files.
    """
    return (inode & _INODE) << _END_BITS | end


def is_about(mark: int, inode: int) -> bool:
    """Whether a number says how far the log with this inode is committed."""
    return mark >> _END_BITS == inode & _INODE


def end_in(mark: int, log: Log) -> int | None:
    """How far a log is committed; None where the number is about another."""
    return mark & _END if is_about(mark, log.inode) else None


class Receipt(NamedTuple):
    """How far a log was committed, as a writer has noted it.

    Attributes:
        log: The checksum of the log's first line.
        end: Where the last committed line of it ends.
        file: The inode of the store's file.
        ctime_ns: When the status of that changed last. Whatever writes to a file, renames or
            replaces it changes this, and no program can set it.
    """

    log: int
    end: int
    file: int
    ctime_ns: int

    def is_about(self, log: Log, path: Path) -> bool:
        """Whether it is about this log, beside the store's file as it is."""
        return self.log == log.crc32 and self._is_beside(path)

    def check_whole(self, log: Log, end: int, limit: int | None, path: Path) -> None:
        """Check that a log that was read up to `limit`, beside this file, ends where it should.

        Raises: DamagedLineError: it has lost lines.
        """
        if not self.is_about(log, path):
            return
        least = self.end if limit is None else min(limit, self.end)
        if end < least:
            missing = f"what was committed is missing from here on, {least - end:,} bytes"
            raise DamagedLineError(log.number_of(end), missing)

    def _is_beside(self, path: Path) -> bool:
        """Whether the store's file is as it was."""
        try:
            found = os.stat(path)  # noqa: PTH116 - on the way of each write
        except OSError:
            return False
        return (found.st_ino, found.st_ctime_ns) == (self.file, self.ctime_ns)


def receipt_of(log: Log, end: int, path: Path) -> Receipt | None:
    """The receipt for a log that is committed up to here, beside the store's file as it is."""
    try:
        found = os.stat(path)  # noqa: PTH116 - the same
    except OSError:
        return None
    return Receipt(log.crc32, end, found.st_ino, found.st_ctime_ns)


class _Mapped:
    """A lock file that is mapped, and open for as long as it is."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.close = weakref.finalize(self, os.close, handle)
        self.inode = os.fstat(handle).st_ino
        mapped = mmap.mmap(handle, _WORD_BYTES, access=mmap.ACCESS_READ)
        self.words: Sequence[int] = memoryview(mapped).cast("Q")


class Committed:
    """The number, as this process sees it.

    The file is only ever written to, never cut: who maps a file that is cut dies of it.

    Attributes:
        words: The number is the first one. Reading it takes 50 ns and no system call.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mapped: _Mapped | None = None
        self.words: Sequence[int] = _NONE

    @property
    def is_mapped(self) -> bool:
        """Whether there is a number: the file is there, and the system maps it."""
        return self._mapped is not None

    def read(self) -> int:
        """The number, from the file that is there now; 0 where there is none."""
        if self._mapped is None or self.words[0] == _MOVED:
            self.map()
        return 0 if self.words[0] == _MOVED else self.words[0]

    def receipt(self) -> Receipt | None:
        """What the lock file at the path says of the log; None where it says nothing."""
        with suppress(OSError):
            handle = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                data = os.pread(handle, _RECEIPT.size, _RECEIPT_AT)
            finally:
                os.close(handle)
            if len(data) == _RECEIPT.size:
                *values, crc32 = _RECEIPT.unpack(data)
                return Receipt(*values) if crc32 == zlib.crc32(data[:-4]) else None
        return None

    def is_at_path(self) -> bool:
        """Whether the file that is mapped is still there. One that is gone says nothing."""
        if self._mapped is None:
            return True
        try:
            return os.stat(self._path).st_ino == self._mapped.inode  # noqa: PTH116 - the call itself
        except OSError:
            return True

    def map(self) -> None:
        """Map the file that is at the path; where that cannot be, all stays as it is."""
        for flags in (os.O_RDWR, os.O_RDONLY):  # to write is needed in one case only
            with suppress(OSError, ValueError):  # a file that is too short
                mapped = _Mapped(
                    os.open(self._path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
                )
                self._mapped, self.words = mapped, mapped.words
                return

    def write(self, handle: int, mark: int, receipt: Receipt | None) -> int:
        """Have all processes know it, and return how this one sees it.

        `handle`: the lock file, whose lock the caller has. The receipt is written first, so that
        whoever reads it before the log finds nothing missing.
        Where somebody has removed a file under those who map it, they are told to look for another:
        in the one that is written last.
        """
        mapped = self._mapped
        try:
            if receipt is not None:
                data = _RECEIPT.pack(*receipt, 0)[:-4]
                data += zlib.crc32(data).to_bytes(4, "little")
                os.pwrite(handle, data, _RECEIPT_AT)
            _put(handle, mark)
            if not is_file_at(handle, self._path):
                _put(handle, _MOVED)
            elif mapped is not None and os.fstat(handle).st_ino != mapped.inode:
                _put(mapped.handle, _MOVED)
        except OSError as error:
            _log.warning("Other processes may see a write late: %s: %s", self._path, error)
        if mapped is None or self.words[0] != mark:
            self.map()
        return 0 if self.words[0] == _MOVED else self.words[0]


def _put(handle: int, mark: int) -> None:
    # By a call: a store to mapped memory for which the disk has no room would end the process.
    os.pwrite(handle, mark.to_bytes(_WORD_BYTES, sys.byteorder), 0)
