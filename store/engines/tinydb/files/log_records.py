"""The records of the write-ahead log, and their encoding as lines of JSON.

Each line has a checksum, by which a line torn by a crash is detected:

    {"crc32":2790551,"record":{"before":"…","version":"…","revision":7,"puts":[…],"changes":[…]}}
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import msgspec

from store.filesystem.atomic_file import FileSignature
from store.model import Article, Change, Diagnostic, TopicDefinition, Value, Visibility
from store.repository import SourceFile

FORMAT = 1


class LogPosition(NamedTuple):
    """A position in a log: the inode of its file, and an offset in bytes."""

    inode: int
    offset: int


class LogHeader(Value, frozen=True, kw_only=True):
    """The first line of a log.

    Attributes:
        format: The version of the log's format.
        after: The name of the state that the first record follows. The checkpoint holds it.
        checkpoint: The signature of the store's file; None: there is none yet.
        file_checksum: The checksum of the store's file; None: it has none.
        copied_from: Records after this position of the former log were copied to this one.
    """

    format: int
    after: str
    checkpoint: FileSignature | None = None
    file_checksum: str | None = msgspec.field(name="file", default=None)
    copied_from: LogPosition | None = msgspec.field(name="repeats", default=None)


class CheckpointRecord(Value, frozen=True, kw_only=True):
    """A log record that names a new checkpoint, on which the log may be replayed from here on.

    Attributes:
        file_checksum: The checksum of the new store's file.
        version: The name of the state in that file.
        is_ahead: That state is not in this log.
    """

    file_checksum: str = msgspec.field(name="takenIn")
    version: str
    is_ahead: bool = False


class LogRecord(Value, frozen=True, kw_only=True):
    """The result of a group of batches: the new values, not the requests.

    Attributes:
        before: The name of the state before it.
        version: The name of the state after it.
        revision: The store's revision after it.
        puts: The new articles.
        deletes: The ids of deleted articles.
        changes: The changes for the history.
        unchanged: Puts with an idempotency key that were no-ops.
        topics: All topic definitions; None: they stay as they are.
        diagnostics: All diagnostics; None: they stay as they are.
        sources: New and changed source files.
        forgotten_sources: The paths of removed source files.
        hidden_from: The visibilities whose readers see nothing of it.
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
    """A line that is not as it was written.

    Attributes:
        number: The line's number from 1, in a log that is read from its start.
    """

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(reason)
        self.number = number


class _RawRecord(LogRecord, frozen=True, kw_only=True):
    """A log record whose articles are still JSON."""

    puts: tuple[msgspec.Raw, ...] = ()  # type: ignore[assignment]


_decode_json_line = msgspec.json.Decoder(_Line).decode
_decode_json_header = msgspec.json.Decoder(LogHeader).decode
_decode_json_checkpoint = msgspec.json.Decoder(CheckpointRecord).decode
_decode_json_record = msgspec.json.Decoder(_RawRecord).decode
_decode_json_article = msgspec.json.Decoder(Article).decode

_CHECKPOINT_START = b'{"takenIn":'


def to_json(value: LogHeader | LogRecord | CheckpointRecord) -> bytes:
    """The JSON of a header or record, without the line around it."""
    return msgspec.json.encode(value)


def record_from_json(text: bytes | msgspec.Raw) -> LogRecord:
    """Decode the JSON of a log record. An article at a time, since there may be many."""
    raw = _decode_json_record(text)
    fields = {name: getattr(raw, name) for name in LogRecord.__struct_fields__}
    fields["puts"] = tuple([_decode_json_article(article) for article in raw.puts])
    return LogRecord(**fields)


def encode_line(text: bytes) -> bytes:
    """The line for the JSON of a header or record: with checksum and line break."""
    return b'{"crc32":%d,"record":%b}\n' % (zlib.crc32(text), text)


def decode_header(line: bytes) -> LogHeader:
    """Decode a log's first line. Raises: ValueError: it is damaged."""
    return _decode_json_header(_checked_text(line))


def decode_entry(line: bytes) -> LogRecord | CheckpointRecord:
    """Decode any other line. Raises: ValueError: it is damaged."""
    text = _checked_text(line)
    if memoryview(text)[: len(_CHECKPOINT_START)] == _CHECKPOINT_START:
        return _decode_json_checkpoint(text)
    return record_from_json(text)


def _checked_text(line: bytes) -> msgspec.Raw:
    """The JSON in a line. Raises: ValueError: the line is damaged."""
    decoded = _decode_json_line(line)
    if zlib.crc32(decoded.record) != decoded.crc32:
        raise ValueError("its checksum is wrong")
    return decoded.record


def is_undamaged(line: bytes) -> bool:
    """Whether a line is as it was written."""
    try:
        _checked_text(line)
    except ValueError:
        return False
    return True
