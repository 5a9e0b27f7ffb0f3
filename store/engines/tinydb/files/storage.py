"""The format of the store's file: a TinyDB file. The only module that imports TinyDB.

The file is JSON with one document in each line, so that people can read, grep and diff it, and
`tinydb.TinyDB(path)` opens it. Tables: `articles` and `changes` (numbered by revision; some that
the public sees are older than the newest of all), `unchanged`, `topics`, `sources`, `diagnostics`,
and at the end `meta` with the format, revision and key of the store and a checksum of all bytes
before it.
https://tinydb.readthedocs.io/en/latest/extend.html
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, BinaryIO, NamedTuple

import msgspec
from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Document, Table

from store.concurrency.cooperative import paced
from store.errors import StoreCorruptError
from store.filesystem.atomic_file import check_regular
from store.model import Value, Visibility
from store.querying.cursors import KEY_BYTES

FORMAT = 3
"""Since format 3, files have a checksum, and their log names them by it."""

_LAST_WITHOUT_CHECKSUM = 2

RawTable = Mapping[str, msgspec.Raw]
"""The JSON of a table's documents by number. Numbers are text, as in the file."""

Tables = Mapping[str, RawTable]
"""Tables by name."""

_decode_whole = msgspec.json.Decoder(dict[str, dict[str, msgspec.Raw]]).decode
_decode_key = msgspec.json.Decoder(str).decode
_decode_document = msgspec.json.Decoder(msgspec.Raw).decode
_encode = msgspec.json.encode
_VALUE = "value"
"""The only key of documents that are not JSON yet. TinyDB wants dicts, and to convert values to
dicts, and these to JSON, would cost several times as much."""

_META = "meta"
_DIGEST_BYTES = 16
_CHUNK_BYTES = 1 << 20
_END = b',"checksum":"%b"}\n}\n}\n'
_END_BYTES = len(_END) - 2 + 2 * _DIGEST_BYTES
_is_end = re.compile(re.escape(_END).replace(b"%b", b"([0-9a-f]{32})")).fullmatch

CursorKey = Annotated[bytes, msgspec.Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]


class FileMeta(Value, frozen=True, kw_only=True):
    """The metadata of a store's file, the document of its table `meta`.

    Attributes:
        format: The version of the file's format.
        revision: The store's revision.
        version: The name of the state.
        versions: Its names for the visibilities for which they are others. Not in old formats.
        complete_from: For each visibility, the revision from which on its changes are complete.
            Not in old formats.
        log_state: The name of the log's state after which replay begins. None: the file needs no
            log, such as a backup.
        cursor_key: The key that cursors are signed and encrypted with. Secret, as drafts are.
        checksum: Of all bytes of the file before it.
    """

    format: int
    revision: int = 0
    version: str | None = None
    versions: Mapping[Visibility, str] = {}
    complete_from: Mapping[Visibility, int] = {}
    log_state: str | None = msgspec.field(name="log", default=None)
    cursor_key: CursorKey | None = None
    checksum: str | None = None


class _MemoryStorage(Storage):
    """A TinyDB storage in memory.

    TinyDB would write the file after each operation; here many operations are written at once, by
    `SerializedFile`. Documents that no operation changes stay JSON.
    """

    def __init__(self, tables: Tables, pause_s: float) -> None:
        # TinyDB replaces a table's dict by a new one, so the given tables stay as they are.
        self.tables: dict[str, Any] = dict(tables)
        self._pause_s = pause_s

    def read(self) -> dict[str, Any]:
        """The tables, in a dict in which TinyDB replaces some before it calls `write`."""
        return {
            name: _PacedTable(documents, self._pause_s) for name, documents in self.tables.items()
        }

    def write(self, data: dict[str, Any]) -> None:
        """Store the tables that TinyDB has changed."""
        self.tables = {
            name: each.documents if isinstance(each, _PacedTable) else each
            for name, each in data.items()
        }


class _PacedTable(NamedTuple):
    """A table that TinyDB iterates over with pauses. It uses no other method of it."""

    documents: dict[str, Any]
    pause_s: float

    def items(self) -> Iterable[tuple[str, Any]]:
        """The documents by number."""
        return paced(self.documents.items(), self.pause_s)


class TableEditor:
    """Edits tables through TinyDB, copy-on-write: the tables that it was given do not change.

    `pause_s`: see `paced`.
    """

    def __init__(self, tables: Tables, pause_s: float = 0) -> None:
        self._pause_s = pause_s
        self._storage = _MemoryStorage(tables, pause_s)
        self._db = TinyDB(storage=lambda: self._storage)

    def remove(self, table: str, numbers: Sequence[int]) -> None:
        """Remove the documents with these numbers, all of which exist."""
        if numbers:
            self._table(table).remove(doc_ids=numbers)

    def insert(self, table: str, values: Mapping[int, Value]) -> None:
        """Add documents under new numbers."""
        if values:
            self._table(table).insert_multiple(
                Document({_VALUE: value}, doc_id=number)
                for number, value in paced(values.items(), self._pause_s)
            )

    def replace(self, table: str, values: Mapping[int, Value]) -> None:
        """Replace all documents of a table."""
        self._table(table).truncate()
        self.insert(table, values)

    def tables(self) -> Tables:
        """The edited tables. Takes a few microseconds for each document that was added."""
        return {
            name: {
                number: msgspec.Raw(_encode(document[_VALUE]))
                if isinstance(document, dict)
                else document
                for number, document in paced(documents.items(), self._pause_s)
            }
            for name, documents in self._storage.tables.items()
        }

    def _table(self, name: str) -> Table:
        return self._db.table(name)


def read_tables(path: Path) -> Tables:
    """Read and check a store's file; no tables if there is none.

    Raises: StoreCorruptError: it is no store, damaged, or of a later format. OSError.
    """
    try:
        with open_file(path) as file:
            checksum, tables = _checksum(file), decode_tables(file)
        meta = decode_meta(tables)
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError) as error:  # decoders raise subclasses of ValueError
        raise corrupt_error(path, error) from error
    if meta.format > FORMAT:
        raise StoreCorruptError(
            f"The store {path} has format {meta.format}, and this version of newsgraph reads up "
            f"to {FORMAT}. Upgrade newsgraph, or name another store."
        )
    # A file of an old format need not have a checksum, but if there is one, it must be right.
    is_checked = checksum or meta.checksum or meta.format > _LAST_WITHOUT_CHECKSUM
    if is_checked and (checksum is None or meta.checksum != checksum):
        raise corrupt_error(path, ValueError("its content does not fit its checksum"))
    return tables


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading. Raises: OSError. ValueError: it is a device or a pipe."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would block
    try:
        check_regular(handle)
    except BaseException:
        os.close(handle)
        raise
    return open(handle, "rb")  # noqa: PTH123 - it is a handle, no path


def _checksum(file: BinaryIO) -> str | None:
    """Compute the checksum of a file, and rewind it; None: the file does not end with a checksum.

    Reads large chunks: hashing them releases the GIL.
    """
    remaining = os.fstat(file.fileno()).st_size - _END_BYTES
    digest = _new_digest()
    while remaining > 0 and (chunk := file.read(min(remaining, _CHUNK_BYTES))):
        digest.update(chunk)
        remaining -= len(chunk)
    has_checksum = _is_end(file.read())
    file.seek(0)
    return digest.hexdigest() if has_checksum else None


def _new_digest() -> blake2b:
    return blake2b(digest_size=_DIGEST_BYTES, person=b"newsgraph store")


def decode_tables(file: BinaryIO) -> Tables:
    """Decode the tables of an open file, in any layout. Raises: ValueError."""
    try:
        return _decode_lines(file)
    except ValueError:  # damaged, or written by another program
        file.seek(0)
        return _decode_whole(file.read())


def _decode_lines(lines: Iterator[bytes]) -> Tables:
    """Decode a file that has one document in each line, as `SerializedFile` writes it.

    Decoding it whole would hold the GIL for 0.3 s at 100,000 documents. Raises: ValueError: it has
    another layout.
    """
    tables: dict[str, dict[str, msgspec.Raw]] = {}
    if next(lines, b"") != b"{\n":
        raise ValueError("it has no line for each document")
    while (head := next(lines, b"")).endswith(b": {\n"):
        documents = tables[_decode_key(head[:-4])] = {}
        for line in lines:
            if line.startswith(b"}"):
                break
            colon = line.index(b": ")
            document = line[colon + 2 : -2 if line.endswith(b",\n") else -1]
            documents[_decode_key(line[:colon])] = _decode_document(document)
    if head != b"}\n" or next(lines, b""):
        raise ValueError("it does not end as a store's file")
    return tables


def decode_meta(tables: Tables) -> FileMeta:
    """The metadata among a file's tables. Raises: ValueError: missing or damaged."""
    if "1" not in tables.get(_META, {}):
        raise ValueError("it is empty" if not tables else "its table meta is missing")
    return msgspec.json.decode(tables[_META]["1"], type=FileMeta)


def damage_remedy(path: Path) -> str:
    """The remedy in errors about a damaged store."""
    option = f"--store {shlex.quote(str(path))}"
    return (
        f"Nothing was changed. Restore a backup (newsgraph restore FILE {option}), or continue "
        f"with what can be read: newsgraph load DIR --accept-loss {option} (or serve), which keeps "
        "copies of the damaged files."
    )


def corrupt_error(path: Path, cause: Exception) -> StoreCorruptError:
    """The error for a file that cannot be read as a store."""
    return StoreCorruptError(
        f"The store {path} cannot be read: {cause or type(cause).__name__}. It is damaged, was "
        f"changed by hand, or is none. {damage_remedy(path)}"
    )


class SerializedFile:
    """The bytes of a store's file, an iterable of chunks.

    Attributes:
        checksum: The file's checksum, set at the end of the iteration.
    """

    def __init__(self, tables: Tables) -> None:
        self.checksum = ""
        self._tables = tables

    def __iter__(self) -> Iterator[bytes]:
        digest = _new_digest()
        for chunk in self._chunks():
            digest.update(chunk)
            yield chunk
        self.checksum = digest.hexdigest()
        yield _END % self.checksum.encode()

    def _chunks(self) -> Iterator[bytes]:
        """All but the end of the metadata, which come last and end with the checksum."""
        table_separator = b"{\n"
        for name in sorted(self._tables, key=_META.__eq__):
            yield table_separator + _encode(name) + b": {"
            table_separator = b"\n},\n"
            separator = b"\n"
            for number, document in self._tables[name].items():
                yield separator + _encode(number) + b": "
                yield document if name != _META else bytes(document)[:-1]
                separator = b",\n"
