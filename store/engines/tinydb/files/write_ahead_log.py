"""The write-ahead log: all writes since the store's file, which is its checkpoint.

A log record, one line, for each group of batches, made durable by one flush. The first line is the
header, which names the checkpoint by its checksum. The log is append-only. A new checkpoint is
first named by a checkpoint record in the old log; then the file is renamed into place, and after it
a new log. So the file belongs to both logs, and to no older copy of the log.
"""

from __future__ import annotations

import contextlib
import logging
import os
import weakref
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from store.errors import OutcomeUnknownError
from store.filesystem.atomic_file import check_regular

from .log_records import (
    CheckpointRecord,
    DamagedLineError,
    LogRecord,
    decode_entry,
    decode_header,
    is_undamaged,
)

_HEADER_BYTES = 4_096  # more than a header ever has
_CHUNK_BYTES = 1 << 20

_log = logging.getLogger(__name__)


def log_file(path: Path) -> Path:
    """The log's path, given that of the store's file."""
    return path.with_name(f"{path.name}.log")


class LogTail(msgspec.Struct, frozen=True):
    """A part of a log, up to its end.

    Attributes:
        entries: The decoded lines.
        end: The offset for the next line.
        torn_bytes: The size of a torn line after that.
    """

    entries: Sequence[LogRecord | CheckpointRecord]
    end: int
    torn_bytes: int


class WriteAheadLog:
    """An open log. It can be read even after another file has replaced it.

    Attributes:
        inode: The inode of its file.
        header: The header.
        start: The offset of the second line.
        crc32: The checksum of the first line, which identifies the log.
    """

    def __init__(self, path: Path, handle: int) -> None:
        self._path = path
        self._handle = handle
        self._append_handle: int | None = None
        weakref.finalize(self, os.close, handle)
        self.inode = os.fstat(handle).st_ino
        try:
            check_regular(handle)
            first, line_break, _ = self._read_bytes(0, _HEADER_BYTES).partition(b"\n")
            if not line_break:
                raise ValueError("it ends within that line" if first else "the log is empty")
            self.header = decode_header(first)
        except (ValueError, IsADirectoryError) as error:
            raise DamagedLineError(1, getattr(error, "strerror", None) or str(error)) from error
        self.start = len(first) + 1
        self.crc32 = zlib.crc32(first)

    @classmethod
    def open(cls, path: Path) -> WriteAheadLog | None:
        """Open the log at a path; None: there is none.

        Raises: OSError. DamagedLineError: its header is damaged.
        """
        try:
            return cls(
                path, os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            )
        except FileNotFoundError:
            return None

    @property
    def size_bytes(self) -> int:
        """The present size of its file."""
        return os.fstat(self._handle).st_size

    def read(self, offset: int, end: int | None = None) -> LogTail:
        """Read the lines from an offset to the end, without a torn line.

        Raises: OSError. DamagedLineError.
        """
        data = self._read_bytes(offset, (self.size_bytes if end is None else end) - offset)
        *lines, rest = data.split(b"\n")
        entries = []
        for number, line in enumerate(lines, start=2):
            try:
                entries.append(decode_entry(line))
            except ValueError as error:
                # Blocks that did not reach the disk before a power cut read as zeros.
                if number <= len(lines) or rest or b"\0" not in line:
                    raise DamagedLineError(number, str(error)) from error
                rest = line + b"\n"
        if rest[-1:] != b"\0" and is_undamaged(rest[:-1]):
            raise DamagedLineError(len(lines) + 2, "it does not end with a line break")
        return LogTail(entries, offset + len(data) - len(rest), len(rest))

    def line_number(self, offset: int) -> int:
        """The number of the line at an offset."""
        return self._read_bytes(0, offset).count(b"\n") + 1

    def translate_offset(self, former: WriteAheadLog, offset: int) -> int | None:
        """The offset in this log that an offset of the former log was copied to; None: it was not.

        See `LogHeader.copied_from`.
        """
        copied_from = self.header.copied_from
        if copied_from is None or copied_from.inode != former.inode or copied_from.offset > offset:
            return None
        return self.start + offset - copied_from.offset

    def chunks(self, offset: int, end: int) -> Iterator[bytes]:
        """The bytes from an offset to an end, in chunks."""
        while chunk := os.pread(self._handle, min(_CHUNK_BYTES, end - offset), offset):
            yield chunk
            offset += len(chunk)

    def append(self, end: int, line: bytes) -> None:
        """Append a line durably. For a holder of the write lock, after `cut_torn_line`.

        `end`: the end of the log. Raises: OSError: nothing has changed. OutcomeUnknownError: the
            line may be there.
        """
        handle = self._handle_for_append()
        try:
            _write_all(handle, line)
        except BaseException as failure:
            try:
                os.ftruncate(handle, end)
                os.fsync(handle)
            except OSError:
                raise OutcomeUnknownError(
                    f"The disk failed while {self._path} was written: {failure}."
                ) from failure
            raise

    def last_line_end(self, offset: int) -> int:
        """The end of the last whole line after an offset."""
        end = offset
        for chunk in self.chunks(offset, self.size_bytes):
            end = offset + chunk.rfind(b"\n") + 1 if b"\n" in chunk else end
            offset += len(chunk)
        return end

    def roll_back(self, end: int) -> None:
        """Truncate the log to undo an `append`. For a holder of the write lock."""
        with contextlib.suppress(OSError):  # the line does no harm
            os.ftruncate(self._handle_for_append(), end)

    def cut_torn_line(self, end: int) -> None:
        """Truncate the log after its last whole line. For a holder of the write lock."""
        handle = self._handle_for_append()
        torn_bytes = os.fstat(handle).st_size - end
        if torn_bytes <= 0:
            return
        _log.warning(
            "The log %s ended with a torn line, as a crash leaves it. Its last %d bytes were cut "
            "off. They were not acknowledged to any writer.",
            self._path,
            torn_bytes,
        )
        os.ftruncate(handle, end)

    def _handle_for_append(self) -> int:
        """A handle whose writes are durable when they return (O_DSYNC).

        So an append is one system call, for which the thread releases the GIL once.
        """
        if self._append_handle is None:
            flags = os.O_WRONLY | os.O_APPEND | os.O_DSYNC | os.O_CLOEXEC
            self._append_handle = os.open(self._path, flags)
            weakref.finalize(self, os.close, self._append_handle)
        return self._append_handle

    def _read_bytes(self, offset: int, size: int) -> bytes:
        chunks = []
        while size > 0 and (chunk := os.pread(self._handle, size, offset)):
            chunks.append(chunk)
            offset += len(chunk)
            size -= len(chunk)
        return b"".join(chunks)


def _write_all(handle: int, data: bytes) -> None:
    remaining: Any = memoryview(data)
    while remaining:
        remaining = remaining[os.write(handle, remaining) :]
