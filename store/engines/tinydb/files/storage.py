"""The store's documents in a TinyDB file. The only module that knows TinyDB.

The file is JSON with a document a line, so that people can read, grep and compare it, and
`tinydb.TinyDB(path)` opens it. Tables: `articles` and `changes` (numbered by revision; some that
the public sees are older than the newest of all), `unchanged`, `topics`, `sources`, `diagnostics`,
and at the end `meta` with the format, revision and key of the store and a checksum of all bytes
before it.
https://tinydb.readthedocs.io/en/latest/extend.html
"""

from __future__ import annotations

import os
import re
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
"""Since format 3, files have a checksum and belong to a log that names them."""

_UNCHECKED = 2
"""The last format without checksums."""

Documents = Mapping[str, msgspec.Raw]
"""A table: the JSON of documents by their numbers, as text."""

Tables = Mapping[str, Documents]

_decode_tables = msgspec.json.Decoder(dict[str, dict[str, msgspec.Raw]]).decode
_decode_key = msgspec.json.Decoder(str).decode
_decode_document = msgspec.json.Decoder(msgspec.Raw).decode
_encode = msgspec.json.encode
_VALUE = "value"
"""The only key of documents that TinyDB was given and that are not JSON yet: to make them dicts and
JSON of these would cost several times as much."""

_META = "meta"
_DIGEST_BYTES = 16
_PIECE_BYTES = 1 << 20
_END = b',"checksum":"%b"}\n}\n}\n'
_END_BYTES = len(_END) - 2 + 2 * _DIGEST_BYTES
_is_end = re.compile(re.escape(_END).replace(b"%b", b"([0-9a-f]{32})")).fullmatch

CursorKey = Annotated[bytes, msgspec.Meta(min_length=KEY_BYTES, max_length=KEY_BYTES)]


class Meta(Value, frozen=True, kw_only=True):
    """What the file says of itself. `version` names this state of it.

    `versions` are its names for readers who do not see everything, where they are others, and
    `complete_from` tells from which revision on the changes are complete that readers of a
    visibility see. Files of former versions have neither.
    `log` names the state where it stands in the log: what comes behind that is not in the file.
    None: the file is a whole store without a log, such as a backup.
    `cursor_key` is what the store's cursors are made with: a secret, as the drafts in the file are.
    `checksum` is of all bytes of the file that come before it.
    """

    format: int
    revision: int = 0
    version: str | None = None
    versions: Mapping[Visibility, str] = {}
    complete_from: Mapping[Visibility, int] = {}
    log: str | None = None
    cursor_key: CursorKey | None = None
    checksum: str | None = None


class _HeldStorage(Storage):
    """Lets TinyDB change tables that are held in memory.

    TinyDB would write the file after each step; here a batch of steps is written once, by
    `write_tables`. Documents that no step touches stay the JSON that they are.
    """

    def __init__(self, tables: Tables, pause_s: float) -> None:
        # TinyDB puts new dicts in place of a table's old one, so those inside stay as they were.
        self.tables: dict[str, Any] = dict(tables)
        self._pause_s = pause_s

    def read(self) -> dict[str, Any]:
        """The tables. TinyDB puts others in this dict and hands it to `write`."""
        return {name: _Paced(documents, self._pause_s) for name, documents in self.tables.items()}

    def write(self, data: dict[str, Any]) -> None:
        """Take the tables as TinyDB changed them."""
        self.tables = {
            name: each.documents if isinstance(each, _Paced) else each
            for name, each in data.items()
        }


class _Paced(NamedTuple):
    """A table through which TinyDB goes with pauses; it asks it for nothing else."""

    documents: dict[str, Any]
    pause_s: float

    def items(self) -> Iterable[tuple[str, Any]]:
        """Its documents by number."""
        return paced(self.documents.items(), self.pause_s)


class Editor:
    """Changes tables through TinyDB, with pauses; those that it was given stay as they were."""

    def __init__(self, tables: Tables, pause_s: float = 0) -> None:
        self._pause_s = pause_s
        self._storage = _HeldStorage(tables, pause_s)
        self._db = TinyDB(storage=lambda: self._storage)

    def remove(self, table: str, numbers: Sequence[int]) -> None:
        """Remove the documents with these numbers, which are there."""
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
        """Have these documents in the table, and no others."""
        self._table(table).truncate()
        self.insert(table, values)

    def tables(self) -> Tables:
        """The tables as they are now. Costs some us for each document that was added."""
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
    """The tables of a store's file; none where it is not there.

    Raises: StoreCorruptError: it is no store, damaged, or one of a later version. OSError.
    """
    try:
        with opened_file(path) as file:
            checksum, tables = _checksum(file), decoded_tables(file)
        meta = read_meta(tables)
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError) as error:  # what decoders raise is a ValueError
        raise broken(path, error) from error
    if meta.format > FORMAT:
        raise StoreCorruptError(
            f"The store {path} has format {meta.format}, and this version of newsgraph reads up "
            f"to {FORMAT}. Upgrade newsgraph, or name another store."
        )
    # A file of a former version has no checksum; where one is, it counts.
    has_one = checksum or meta.checksum or meta.format > _UNCHECKED
    if has_one and (checksum is None or meta.checksum != checksum):
        raise broken(path, ValueError("its content does not fit its checksum"))
    return tables


def opened_file(path: Path) -> BinaryIO:
    """A file to be read. Raises: OSError. ValueError: it is no file, but a device or a pipe."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # no pipe holds it up
    try:
        check_regular(handle)
    except BaseException:
        os.close(handle)
        raise
    return open(handle, "rb")  # noqa: PTH123 - what is open already


def _checksum(file: BinaryIO) -> str | None:
    """The checksum that a file should have; None where it does not end with one.

    In large pieces, for which other threads have the interpreter. The file is at its start then.
    """
    left = os.fstat(file.fileno()).st_size - _END_BYTES
    digest = _new_digest()
    while left > 0 and (piece := file.read(min(left, _PIECE_BYTES))):
        digest.update(piece)
        left -= len(piece)
    has_one = _is_end(file.read())
    file.seek(0)
    return digest.hexdigest() if has_one else None


def _new_digest() -> blake2b:
    return blake2b(digest_size=_DIGEST_BYTES, person=b"newsgraph store")


def decoded_tables(file: BinaryIO) -> Tables:
    """The tables of an open file, whatever its layout. Raises: ValueError."""
    try:
        return _read_lines(file)
    except ValueError:  # it is broken, or another program wrote it
        file.seek(0)
        return _decode_tables(file.read())


def _read_lines(lines: Iterator[bytes]) -> Tables:
    """The tables of a file whose lines are those of `_lines`: to decode it whole would keep the
    interpreter for 0.3 s at 100,000 documents. Raises: ValueError: they are others.
    """
    tables: dict[str, dict[str, msgspec.Raw]] = {}
    if next(lines, b"") != b"{\n":
        raise ValueError("it has no line for each document")
    while (head := next(lines, b"")).endswith(b": {\n"):
        documents = tables[_decode_key(head[:-4])] = {}
        for line in lines:
            if line.startswith(b"}"):
                break
            at = line.index(b": ")
            document = line[at + 2 : -2 if line.endswith(b",\n") else -1]
            documents[_decode_key(line[:at])] = _decode_document(document)
    if head != b"}\n" or next(lines, b""):
        raise ValueError("it does not end as a store's file")
    return tables


def read_meta(tables: Tables) -> Meta:
    """What the file says of itself. Raises: ValueError."""
    if "1" not in tables.get(_META, {}):
        raise ValueError("it is empty" if not tables else "its table meta is missing")
    return msgspec.json.decode(tables[_META]["1"], type=Meta)


REMEDY = (
    "Nothing was changed. Put a backup in its place (newsgraph restore FILE), or go on with what "
    "can be read: newsgraph load DIR --accept-loss (or serve), which keeps the damaged files aside."
)
"""What to do about a store that is damaged."""


def broken(path: Path, why: Exception) -> StoreCorruptError:
    """The error for a file that cannot be read as a store."""
    return StoreCorruptError(
        f"The store {path} cannot be read: {why or type(why).__name__}. It is damaged, was changed "
        f"by hand, or is none. {REMEDY}"
    )


class StoreText:
    """The text of a store's file, in pieces, and its checksum once all were taken."""

    def __init__(self, tables: Tables) -> None:
        self.checksum = ""
        self._tables = tables

    def __iter__(self) -> Iterator[bytes]:
        digest = _new_digest()
        for piece in self._pieces():
            digest.update(piece)
            yield piece
        self.checksum = digest.hexdigest()
        yield _END % self.checksum.encode()

    def _pieces(self) -> Iterator[bytes]:
        """All but the end of the document of `meta`, which comes last."""
        before_table = b"{\n"
        for name in sorted(self._tables, key=_META.__eq__):
            yield before_table + _encode(name) + b": {"
            before_table = b"\n},\n"
            before = b"\n"
            for number, document in self._tables[name].items():
                yield before + _encode(number) + b": "
                yield document if name != _META else bytes(document)[:-1]
                before = b",\n"
