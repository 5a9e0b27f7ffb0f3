"""The log beside the store's file: what was written since that file was.

A line for each group of batches, made durable by one flush. Each is JSON with a checksum, so that
one that a crash has torn is told from a good one:

    {"crc32":2790551,"record":{"before":"…","version":"…","revision":7,"puts":[…],"changes":[…]}}

The first line names the store's file that the log goes on from, by its checksum. The log is only
ever appended to. When the store's file takes in what it holds, a line of the log names the file
that is to come, before that is put in place and then a new log: so the file belongs to both, and to
no older copy of the log.
"""

from __future__ import annotations

import contextlib
import logging
import os
import weakref
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from store.errors import OutcomeUnknownError
from store.filesystem.atomic_file import FileSignature, check_regular
from store.model import Article, Change, Diagnostic, TopicDefinition, Value, Visibility
from store.repository import SourceFile

FORMAT = 1
_HEADER_BYTES = 4_096  # more than it ever has
_PIECE_BYTES = 1 << 20

_log = logging.getLogger(__name__)


def log_file(path: Path) -> Path:
    """The log of a store's file."""
    return path.with_name(f"{path.name}.log")


class Place(NamedTuple):
    """A place in a log, by the inode of its file."""

    inode: int
    offset: int


class Header(Value, frozen=True, kw_only=True):
    """The log's first line: it goes on from the state `after`, which is in this very file.

    Attributes:
        checkpoint: The file; None: there is none yet.
        file: The file's checksum; None where the file has none.
        repeats: What follows stood before in another log, from this place to its end.
    """

    format: int
    after: str
    checkpoint: FileSignature | None = None
    file: str | None = None
    repeats: Place | None = None


class TakenIn(Value, frozen=True, kw_only=True):
    """A line of the log: from here on it may go on from another file, which holds this state.

    Attributes:
        taken_in: The checksum of that file.
        version: The name of the state that it holds.
        is_ahead: That state does not stand in this log.
    """

    taken_in: str
    version: str
    is_ahead: bool = False


class Record(Value, frozen=True, kw_only=True):
    """What a group of batches did: what is there afterwards, not what was asked for.

    `before` and `version` name the states before and after it. None for `topics`, `diagnostics`:
    they stay as they are. `unchanged` are changes that were asked for under a key and were none.
    Readers of the visibilities in `hidden_from` see nothing of it.
    """

    before: str
    version: str
    revision: int
    puts: tuple[Article, ...] = ()
    deletes: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    unchanged: tuple[Change, ...] = ()
    topics: tuple[TopicDefinition, ...] | None = None
    diagnostics: tuple[Diagnostic, ...] | None = None
    sources: tuple[SourceFile, ...] = ()
    forgotten_sources: tuple[str, ...] = ()
    hidden_from: tuple[Visibility, ...] = ()


class _Line(Value, frozen=True, kw_only=True):
    crc32: int
    record: msgspec.Raw


class DamagedLineError(ValueError):
    """A line that is not what was written; `number` counts from 1, in a log read from its start."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(why)
        self.number = number


class _Encoded(Record, frozen=True, kw_only=True):
    """A record whose articles are text as yet."""

    puts: tuple[msgspec.Raw, ...] = ()  # type: ignore[assignment]


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_header = msgspec.json.Decoder(Header).decode
_decode_taken_in = msgspec.json.Decoder(TakenIn).decode
_decode_encoded = msgspec.json.Decoder(_Encoded).decode
_decode_article = msgspec.json.Decoder(Article).decode


_TAKEN_IN = b'{"takenIn":'


def text_of(value: Header | Record | TakenIn) -> bytes:
    """A record as it stands in its line."""
    return msgspec.json.encode(value)


def read_back(text: bytes | msgspec.Raw) -> Record:
    """The record as everyone else will read it. An article at a time, since there may be many."""
    found = _decode_encoded(text)
    parts = {name: getattr(found, name) for name in Record.__struct_fields__}
    parts["puts"] = tuple([_decode_article(article) for article in found.puts])
    return Record(**parts)


def line_of(text: bytes) -> bytes:
    """The line for the text of a record, with its end."""
    return b'{"crc32":%d,"record":%b}\n' % (zlib.crc32(text), text)


def header_in(line: bytes) -> Header:
    """The header in a log's first line. Raises: ValueError: it is not as it was written."""
    return _decode_header(_text_in(line))


def _is_whole(line: bytes) -> bool:
    try:
        _text_in(line)
    except ValueError:
        return False
    return True


def _text_in(line: bytes) -> msgspec.Raw:
    """The text of the record in a line. Raises: ValueError: it is not as it was written."""
    found = _decode_line(line)
    if zlib.crc32(found.record) != found.crc32:
        raise ValueError("its checksum is wrong")
    return found.record


class Tail(msgspec.Struct, frozen=True):
    """A part of a log, to its end: the entries, where the next one belongs, and what is torn."""

    entries: Sequence[Record | TakenIn]
    end: int
    torn_bytes: int


def entry_in(line: bytes) -> Record | TakenIn:
    """The entry in a line. Raises: ValueError: it is not as it was written."""
    text = _text_in(line)
    return _decode_taken_in(text) if memoryview(text)[:11] == _TAKEN_IN else read_back(text)


class Log:
    """A log, open to be read, even when another file has taken its place.

    Attributes:
        inode: Its file's.
        header: What its first line says.
        start: Where its second line begins.
        crc32: The checksum of its first line, which tells it from any other log.
    """

    def __init__(self, path: Path, handle: int) -> None:
        self._path = path
        self._handle = handle
        self._appended: int | None = None
        weakref.finalize(self, os.close, handle)
        self.inode = os.fstat(handle).st_ino
        try:
            check_regular(handle)
            first, line_break, _ = self._bytes(0, _HEADER_BYTES).partition(b"\n")
            if not line_break:
                raise ValueError("it ends within that line" if first else "the log is empty")
            self.header = header_in(first)
        except (ValueError, IsADirectoryError) as error:
            raise DamagedLineError(1, getattr(error, "strerror", None) or str(error)) from error
        self.start = len(first) + 1
        self.crc32 = zlib.crc32(first)

    @classmethod
    def open(cls, path: Path) -> Log | None:
        """The log of this name, None where there is none.

        Raises: OSError. DamagedLineError: it does not begin as a log.
        """
        try:
            return cls(
                path, os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            )
        except FileNotFoundError:
            return None

    @property
    def size_bytes(self) -> int:
        """How large it is now."""
        return os.fstat(self._handle).st_size

    def read(self, offset: int, end: int | None = None) -> Tail:
        """The entries from here on, to the end; what is not yet a whole line is left out.

        Raises: OSError. DamagedLineError.
        """
        data = self._bytes(offset, (self.size_bytes if end is None else end) - offset)
        *lines, rest = data.split(b"\n")
        entries = []
        for number, line in enumerate(lines, start=2):
            try:
                entries.append(entry_in(line))
            except ValueError as error:
                # Blocks that did not reach the disk before the machine lost power read as zeros.
                if number <= len(lines) or rest or b"\0" not in line:
                    raise DamagedLineError(number, str(error)) from error
                rest = line + b"\n"
        if rest[-1:] != b"\0" and _is_whole(rest[:-1]):
            raise DamagedLineError(len(lines) + 2, "it does not end with a line break")
        return Tail(entries, offset + len(data) - len(rest), len(rest))

    def number_of(self, offset: int) -> int:
        """The number of the line that begins here."""
        return self._bytes(0, offset).count(b"\n") + 1

    def place_of(self, other: Log, offset: int) -> int | None:
        """Where this log goes on from a place in another one, whose end it repeats; or None."""
        repeats = self.header.repeats
        if repeats is None or repeats.inode != other.inode or repeats.offset > offset:
            return None
        return self.start + offset - repeats.offset

    def raw(self, offset: int, end: int) -> Iterator[bytes]:
        """The lines from here on up to an end, as they are, in pieces."""
        while piece := os.pread(self._handle, min(_PIECE_BYTES, end - offset), offset):
            yield piece
            offset += len(piece)

    def append(self, end: int, line: bytes) -> None:
        """Add a line behind those that end here, and have it on the disk. The end has to be cut.

        To be called when the store is locked. Raises: OSError: the log is as it was.
            OutcomeUnknownError: the line may be there.
        """
        handle = self._opened_to_append()
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

    def end_of_lines(self, offset: int) -> int:
        """Where the last whole line behind a place ends."""
        end = offset
        for piece in self.raw(offset, self.size_bytes):
            end = offset + piece.rfind(b"\n") + 1 if b"\n" in piece else end
            offset += len(piece)
        return end

    def take_back(self, end: int) -> None:
        """Remove what was added behind this place. To be called when locked."""
        with contextlib.suppress(OSError):  # the next writer does not mind it
            os.ftruncate(self._opened_to_append(), end)

    def cut(self, end: int) -> None:
        """Remove what a crash has left behind the last whole line. To be called when locked."""
        self._cut(self._opened_to_append(), end)

    def _opened_to_append(self) -> int:
        """What is written there is on the disk when the call returns: one system call, for which a
        thread lets go of the interpreter once.
        """
        if self._appended is None:
            flags = os.O_WRONLY | os.O_APPEND | os.O_DSYNC | os.O_CLOEXEC
            self._appended = os.open(self._path, flags)
            weakref.finalize(self, os.close, self._appended)
        return self._appended

    def _cut(self, handle: int, end: int) -> None:
        torn_bytes = os.fstat(handle).st_size - end
        if torn_bytes <= 0:
            return
        _log.warning(
            "The log %s ended in the middle of a line, as a crash leaves it: the last %d bytes, "
            "which no writer was told to be safe, were cut off.",
            self._path,
            torn_bytes,
        )
        os.ftruncate(handle, end)

    def _bytes(self, offset: int, size: int) -> bytes:
        chunks = []
        while size > 0 and (chunk := os.pread(self._handle, size, offset)):
            chunks.append(chunk)
            offset += len(chunk)
            size -= len(chunk)
        return b"".join(chunks)


def _write_all(handle: int, data: bytes) -> None:
    left: Any = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]
