"""The default engine: documents in a TinyDB file, served from an indexed snapshot in memory.

A batch rewrites the file once and whole, so that a crash leaves the old or the new one. Several
processes may use one file: writers take turns, and everyone notices when it was replaced. What is
served is always what was read back from the tables, whoever wrote them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from .atomic_file import Signature, locked, remove_leftovers, signature, unavailable
from .changes import HISTORY_LIMIT, Outcome, history, outcome
from .errors import StoreUnavailableError
from .model import Article, Change, Diagnostic, TopicDefinition, Visibility
from .names import new_version
from .repository import Batch, History, SourceFile
from .snapshot import IndexedSnapshot
from .tinydb_storage import (
    FORMAT,
    Documents,
    Editor,
    Meta,
    Tables,
    broken,
    read_meta,
    read_tables,
    write_tables,
)

Values = Mapping[str, Any]
"""The documents of one table as values, by number."""

_DECODERS: Mapping[str, msgspec.json.Decoder[Any]] = {
    "articles": msgspec.json.Decoder(Article),
    "topics": msgspec.json.Decoder(TopicDefinition),
    "sources": msgspec.json.Decoder(SourceFile),
    "diagnostics": msgspec.json.Decoder(Diagnostic),
    "changes": msgspec.json.Decoder(Change),
}


LOOK_EVERY_S = 0.01
"""How long a process may go on with what it has before it looks whether another has written."""


class _State(msgspec.Struct, frozen=True):
    """The file as it was last read or written: its tables, what they say, and what is served."""

    tables: Tables
    values: Mapping[str, Values]
    snapshot: IndexedSnapshot
    signature: Signature | None

    @property
    def sources(self) -> Mapping[str, SourceFile]:
        """The sources by path."""
        return {source.path: source for source in self.values["sources"].values()}


_NOTHING = _State({}, {name: {} for name in _DECODERS}, IndexedSnapshot.build(), None)


class TinyDBRepository:
    """A `Repository` in one TinyDB file. Made by `open`."""

    def __init__(self, path: Path, state: _State, history_limit: int) -> None:
        self._path = path
        self._state = state
        self._history_limit = history_limit
        self._turn = asyncio.Lock()
        self._look_again_at = 0.0
        self._closed = False

    @classmethod
    def open(cls, path: str | Path, *, history_limit: int = HISTORY_LIMIT) -> TinyDBRepository:
        """The store in this file; where there is none, the first batch makes it.

        Blocks while it reads, some 50 us a document. The newest `history_limit` changes are kept.
        Raises: StoreCorruptError: it is no store. StoreUnavailableError: it cannot be read.
        """
        path = Path(path).resolve()
        with unavailable("open", path):
            path.parent.stat()
        remove_leftovers(path)
        return cls(path, _read(path, _NOTHING), history_limit)

    async def snapshot(self) -> IndexedSnapshot:
        """See `Repository`. Looks whether the file was replaced, and reads it again if so."""
        self._check_open()
        now = time.monotonic()
        if now < self._look_again_at:
            return self._state.snapshot
        self._look_again_at = now + LOOK_EVERY_S
        if not _is_current(self._path, self._state):
            async with self._turn:
                if not _is_current(self._path, self._state):
                    self._state = await asyncio.to_thread(_read, self._path, self._state)
        return self._state.snapshot

    async def apply(self, batch: Batch) -> int:
        """See `Repository`. Readers go on meanwhile and see the batch when it is on the disk."""
        self._check_open()
        async with self._turn:
            self._state = await asyncio.to_thread(self._write, batch)
        return self._state.snapshot.revision

    async def changes(self, after: int, visibility: Visibility, limit: int = 1_000) -> History:
        """See `Repository`."""
        revision = (await self.snapshot()).revision
        changes = tuple(self._state.values["changes"].values())
        return history(changes, revision, after, visibility, limit)

    async def sources(self) -> Mapping[str, SourceFile]:
        """See `Repository`."""
        await self.snapshot()
        return MappingProxyType(self._state.sources)

    async def close(self) -> None:
        """See `Repository`. A batch on its way is finished first."""
        async with self._turn:
            self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailableError(f"The store {self._path} was closed. Open it again.")

    def _write(self, batch: Batch) -> _State:
        """Do a batch on top of what is in the file now, and return the state after it."""
        with unavailable("write", self._path), locked(self._path):
            state = self._state
            if not _is_current(self._path, state):
                state = _read(self._path, state)
            snapshot = state.snapshot
            done = outcome(batch, snapshot.articles, snapshot.revision, datetime.now(UTC))
            tables = _edited(state, batch, done, self._history_limit)
            if tables is state.tables:
                return state
            return _absorbed(self._path, state, tables, write_tables(self._path, tables))


def _is_current(path: Path, state: _State) -> bool:
    """Whether the file is as this state has it. One that vanished has nothing newer to say."""
    with unavailable("read", path):
        return signature(path) in (None, state.signature)


def _read(path: Path, old: _State) -> _State:
    """The state of the file now; of what is as in `old`, nothing is made again."""
    with unavailable("read", path):
        # Taken first: if the file is replaced in between, the next look will tell.
        found = signature(path)
        return _absorbed(path, old, read_tables(path), found)


def _absorbed(path: Path, old: _State, tables: Tables, found: Signature | None) -> _State:
    """The state for these tables, derived from an older one."""
    try:
        values = {
            name: _values(name, tables.get(name, {}), old.tables.get(name, {}), old.values[name])
            for name in _DECODERS
        }
        changed = _changed_articles(old.values["articles"], values["articles"])
    except ValueError as error:  # what decoders raise, too
        raise broken(path, error) from error
    meta = read_meta(tables)
    snapshot = old.snapshot.derive(
        changed,
        tuple(values["topics"].values()),
        tuple(values["diagnostics"].values()),
        meta.revision,
        meta.version,
    )
    return _State(tables, values, snapshot, found)


def _values(name: str, documents: Documents, before: Documents, known: Values) -> Values:
    """The documents of a table as values; those that are as `before` are not decoded again."""
    decode = _DECODERS[name].decode
    return {
        number: known[number] if before.get(number) == document else decode(document)
        for number, document in documents.items()
    }


def _changed_articles(before: Values, after: Values) -> Mapping[str, Article | None]:
    """What happened to articles between two states of their table: by id, None for gone.

    Raises: ValueError: an article is not numbered by its revision.
    """
    gone = {a.id: None for number, a in before.items() if after.get(number) is not a}
    come: dict[str, Article] = {}
    for number, article in after.items():
        if before.get(number) is not article:
            if str(article.revision) != number:
                raise ValueError(f"article {number} says it has revision {article.revision}")
            come[article.id] = article
    return {**gone, **come}


def _edited(state: _State, batch: Batch, done: Outcome, history_limit: int) -> Tables:
    """The tables after a batch; the same object where it changes nothing."""
    editor = Editor(state.tables)
    _edit_articles(editor, state, done)
    _edit_changes(editor, state, done, history_limit)
    _edit_sources(editor, state, batch)
    if batch.topics is not None and batch.topics != state.snapshot.definitions:
        editor.replace("topics", batch.topics)
    if batch.diagnostics is not None and batch.diagnostics != state.snapshot.diagnostics:
        editor.replace("diagnostics", batch.diagnostics)
    if not editor.touched:
        return state.tables
    editor.replace("meta", [Meta(format=FORMAT, revision=done.revision, version=new_version())])
    return editor.tables()


def _edit_articles(editor: Editor, state: _State, done: Outcome) -> None:
    before = state.snapshot.articles
    editor.remove("articles", [before[id].revision for id in done.articles if id in before])
    editor.insert("articles", {a.revision: a for a in done.articles.values() if a})


def _edit_changes(editor: Editor, state: _State, done: Outcome, limit: int) -> None:
    kept = list(state.values["changes"])
    surplus = max(0, len(kept) + len(done.changes) - limit)
    editor.remove("changes", [int(number) for number in kept[:surplus]])
    editor.insert("changes", {change.revision: change for change in done.changes[-limit:]})


def _edit_sources(editor: Editor, state: _State, batch: Batch) -> None:
    if not batch.sources and not batch.forgotten_sources:
        return
    known = state.values["sources"]
    forgotten = set(batch.forgotten_sources)
    present = state.sources
    put = {source.path: source for source in batch.sources if source.path not in forgotten}
    new = [source for path, source in put.items() if present.get(path) != source]
    gone = forgotten | {source.path for source in new}
    editor.remove("sources", [int(n) for n, source in known.items() if source.path in gone])
    first = max(map(int, known), default=0) + 1
    editor.insert("sources", dict(enumerate(new, start=first)))
