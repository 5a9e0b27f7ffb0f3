"""Salvage of a damaged store: what can be read replaces it, once its owner accepts the loss.

No loss goes unnoticed: the damaged files are copied first, and the history begins anew, so that
clients that follow it get a gap.
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
from store.engines.tinydb.files.log_records import (
    CheckpointRecord,
    LogHeader,
    LogRecord,
    decode_entry,
    decode_header,
)
from store.engines.tinydb.files.reader import StoreReader
from store.engines.tinydb.files.state import StoreState
from store.engines.tinydb.files.storage import (
    FileMeta,
    Tables,
    damage_remedy,
    decode_meta,
    decode_tables,
    open_file,
)
from store.engines.tinydb.files.write_ahead_log import log_file
from store.errors import StoreCorruptError
from store.filesystem.file_lock import LOCK_TIMEOUT_S
from store.model import Article
from store.querying.cursors import CursorCodec

from .overwrite import overwrite_store

_match_table = re.compile(rb'"([a-z]+)": \{').fullmatch
_match_document = re.compile(rb'"(\d+)": (.*?),?').fullmatch
_PUNCTUATION = (b"", b"{", b"}", b"},")

_log = logging.getLogger(__name__)


class SalvageReport(NamedTuple):
    """The result of a salvage.

    Attributes:
        articles: The number of articles in the store now.
        lost_documents: The number of unreadable documents in the file.
        lost_lines: The number of lines of the log that are unreadable or belong to another file.
        copies: The paths of the copies of the damaged files.
    """

    articles: int
    lost_documents: int
    lost_lines: int
    copies: Sequence[Path]


def salvage_store(path: Path, lock_timeout_s: float = LOCK_TIMEOUT_S) -> SalvageReport | None:
    """Salvage a damaged store; None: it is not damaged. Raises: StoreUnavailableError."""
    path = path.resolve()
    locks = StoreLocks(path)
    reader = StoreReader(path, locks, HISTORY_LIMIT)
    try:
        reader.read_state()
    except StoreCorruptError as error:
        problem = str(error).removesuffix(damage_remedy(path)).rstrip()
        _log.warning("Salvaging what can be read, as requested. %s", problem)
    else:
        return None
    meta, tables, lost = _read_file(path)
    state, lost_values, lost_lines = _replay_log(log_file(path), meta, tables)
    copies = overwrite_store(path, locks, state, lock_timeout_s, reader.base.meta.checksum)
    return SalvageReport(len(state.snapshot.articles), lost + lost_values, lost_lines, copies)


def _read_file(path: Path) -> tuple[FileMeta | None, Tables, int]:
    """Read a file: its metadata, its tables, and the number of unreadable documents."""
    try:
        with open_file(path) as file:
            try:
                tables, lost = decode_tables(file), 0
            except ValueError:
                file.seek(0)
                tables, lost = _split_documents(file.read())
    except (OSError, ValueError):
        return None, {}, 0
    try:
        return decode_meta(tables), tables, lost
    except ValueError:
        return None, tables, lost


def _split_documents(text: bytes) -> tuple[Tables, int]:
    """Read a file that is not valid JSON line by line: tables and number of unreadable lines."""
    tables: dict[str, dict[str, msgspec.Raw]] = {}
    documents: dict[str, msgspec.Raw] = {}
    lost = 0
    for line in text.split(b"\n"):
        if match := _match_table(line):
            documents = tables.setdefault(match[1].decode(), {})
        elif match := _match_document(line):
            try:
                documents[match[1].decode()] = msgspec.json.decode(match[2], type=msgspec.Raw)
            except ValueError:
                lost += 1
        elif line not in _PUNCTUATION:
            lost += 1
    return tables, lost


def _replay_log(
    log_path: Path, meta: FileMeta | None, tables: Tables
) -> tuple[StoreState, int, int]:
    """Replay a log on a file's tables: the state, and the numbers of lost documents and lines."""
    values, lost_values = _decode_values(tables)
    header, entries, lost_lines = _read_log(log_path)
    records = [entry for entry in entries if isinstance(entry, LogRecord)]
    if meta is not None and header is not None:
        checkpoints = (entry for entry in entries if isinstance(entry, CheckpointRecord))
        files = {header.file_checksum, *(entry.file_checksum for entry in checkpoints)}
        if meta.checksum not in files:
            lost_lines += len(records)
            records = []
    revisions = [0, *(value.revision for value in (*values["articles"], *values["changes"]))]
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
    return StoreState(snapshot), lost_values, lost_lines


def _decode_values(tables: Tables) -> tuple[Mapping[str, list[Any]], int]:
    """Decode the documents of each table: values, and the number of undecodable documents."""
    values: dict[str, list[Any]] = {}
    lost = 0
    for name, decoder in DECODERS.items():
        values[name] = []
        for document in tables.get(name, {}).values():
            try:
                values[name].append(decoder.decode(document))
            except ValueError:
                lost += 1
    return values, lost


def _with_own_revisions(articles: Mapping[str, Article]) -> Sequence[Article]:
    """The last article of each revision: two articles must not have the same."""
    return tuple({article.revision: article for article in articles.values()}.values())


def _read_log(path: Path) -> tuple[LogHeader | None, Sequence[LogRecord | CheckpointRecord], int]:
    """Read a log: its header, its records, and the number of damaged lines."""
    try:
        with open_file(path) as file:
            first, *lines = file.read().split(b"\n")
    except (OSError, ValueError):
        return None, (), 0
    header: LogHeader | None = None
    lost = 0
    try:
        header = decode_header(first)
    except ValueError:
        lost += 1
    entries = []
    for line in lines:
        if not line:
            continue
        try:
            entries.append(decode_entry(line))
        except ValueError:
            lost += 1
    return header, entries, lost
