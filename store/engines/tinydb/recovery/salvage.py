"""Salvage: what can be read of a damaged store, put in its place once its owner accepts the loss.

Nobody gets less without being told: the damaged files are kept aside, and the history begins anew,
so that whoever follows it is told of a gap.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from store.engines.change_history import ChangeHistory
from store.engines.changes import HISTORY_LIMIT
from store.engines.indexed.snapshot import IndexedSnapshot
from store.engines.tinydb.files.checkpoint import DECODERS
from store.engines.tinydb.files.locks import StoreLocks
from store.engines.tinydb.files.reader import StoreReader
from store.engines.tinydb.files.state import State
from store.engines.tinydb.files.storage import (
    REMEDY,
    Meta,
    Tables,
    decoded_tables,
    opened_file,
    read_meta,
)
from store.engines.tinydb.files.write_ahead_log import (
    Header,
    Record,
    TakenIn,
    entry_in,
    header_in,
    log_file,
)
from store.errors import StoreCorruptError
from store.filesystem.file_lock import LOCK_TIMEOUT_S
from store.model import Article
from store.querying.cursors import CursorCodec

from .overwrite import overwrite_store

_is_table = re.compile(rb'"([a-z]+)": \{').fullmatch
_is_document = re.compile(rb'"(\d+)": (.*?),?').fullmatch
_FRAME = (b"", b"{", b"}", b"},")

_log = logging.getLogger(__name__)


class Salvaged(NamedTuple):
    """What was read of a damaged store.

    Attributes:
        articles: How many articles it holds now.
        documents: How many documents of the file could not be read.
        lines: How many lines of the log could not be read, or belong to another file.
        kept: Where the damaged files are now.
    """

    articles: int
    documents: int
    lines: int
    kept: Sequence[Path]


def accept_loss(path: Path, lock_timeout_s: float = LOCK_TIMEOUT_S) -> Salvaged | None:
    """Put what can be read of a damaged store in its place; None where it is not damaged.

    Raises: StoreUnavailableError.
    """
    path = path.resolve()
    locks = StoreLocks(path)
    reader = StoreReader(path, locks, HISTORY_LIMIT)
    try:
        reader.state()
    except StoreCorruptError as error:
        problem = str(error).removesuffix(REMEDY).rstrip()
        _log.warning("Going on with what can be read, as was asked for. %s", problem)
    else:
        return None
    meta, tables, lost = _read_file(path)
    state, bad, lines = _with_log(log_file(path), meta, tables)
    kept = overwrite_store(path, locks, state, lock_timeout_s, reader.base.meta.checksum)
    return Salvaged(len(state.snapshot.articles), lost + bad, lines, kept)


def _read_file(path: Path) -> tuple[Meta | None, Tables, int]:
    """What a file says of itself, its documents, and how many are none."""
    try:
        with opened_file(path) as file:
            try:
                tables, lost = decoded_tables(file), 0
            except ValueError:
                file.seek(0)
                tables, lost = _documents(file.read())
    except (OSError, ValueError):
        return None, {}, 0
    try:
        return read_meta(tables), tables, lost
    except ValueError:
        return None, tables, lost


def _documents(text: bytes) -> tuple[Tables, int]:
    """The documents of a file that is no JSON any more, line by line, and how many are none."""
    tables: dict[str, dict[str, msgspec.Raw]] = {}
    documents: dict[str, msgspec.Raw] = {}
    lost = 0
    for line in text.split(b"\n"):
        if found := _is_table(line):
            documents = tables.setdefault(found[1].decode(), {})
        elif found := _is_document(line):
            try:
                documents[found[1].decode()] = msgspec.json.decode(found[2], type=msgspec.Raw)
            except ValueError:
                lost += 1
        elif line not in _FRAME:
            lost += 1
    return tables, lost


def _with_log(log_path: Path, meta: Meta | None, tables: Tables) -> tuple[State, int, int]:
    """The state of a file and its log, how many documents are none, and how many lines."""
    values, bad = _values(tables)
    header, entries, lines = _lines(log_path)
    records = [each for each in entries if isinstance(each, Record)]
    if meta is not None and header is not None:
        files = {header.file, *(each.taken_in for each in entries if isinstance(each, TakenIn))}
        if meta.checksum not in files:
            lines += len(records)
            records = []
    revisions = [0, *(each.revision for each in (*values["articles"], *values["changes"]))]
    revision = max(revisions) if meta is None else max(meta.revision, *revisions)
    articles = {article.id: article for article in values["articles"]}
    topics, diagnostics = tuple(values["topics"]), tuple(values["diagnostics"])
    for record in records:
        if record.revision < revision:
            continue
        articles.update((article.id, article) for article in record.puts)
        for id in record.deletes:
            articles.pop(id, None)
        topics = topics if record.topics is None else record.topics
        diagnostics = diagnostics if record.diagnostics is None else record.diagnostics
        revision = record.revision
    cursors = CursorCodec(meta.cursor_key if meta else None)
    history = ChangeHistory.of((), {}, revision)
    snapshot = IndexedSnapshot.build(
        _with_own_revisions(articles), topics, diagnostics, history, cursors
    )
    return State(snapshot), bad, lines


def _values(tables: Tables) -> tuple[Mapping[str, list[Any]], int]:
    """The documents of each table as values, and how many are none."""
    values: dict[str, list[Any]] = {}
    bad = 0
    for name, decoder in DECODERS.items():
        values[name] = []
        for document in tables.get(name, {}).values():
            try:
                values[name].append(decoder.decode(document))
            except ValueError:
                bad += 1
    return values, bad


def _with_own_revisions(articles: Mapping[str, Article]) -> Sequence[Article]:
    """The newest article of each revision: no two may have the same."""
    return tuple({article.revision: article for article in articles.values()}.values())


def _lines(path: Path) -> tuple[Header | None, Sequence[Record | TakenIn], int]:
    """A log's header, what its lines say, and how many say nothing."""
    try:
        with opened_file(path) as file:
            first, *lines = file.read().split(b"\n")
    except (OSError, ValueError):
        return None, (), 0
    header: Header | None = None
    bad = 0
    try:
        header = header_in(first)
    except ValueError:
        bad += 1
    entries = []
    for line in lines:
        if not line:
            continue
        try:
            entries.append(entry_in(line))
        except ValueError:
            bad += 1
    return header, entries, bad
