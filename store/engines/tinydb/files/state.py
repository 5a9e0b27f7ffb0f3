"""The embedded store at one moment, and how it goes on from group to group of batches."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from store.collections.bounded_history import BoundedHistory
from store.collections.persistent_map import PersistentMap
from store.concurrency.cooperative import Cooperative
from store.engines.changes import apply_batch, hidden_from
from store.engines.indexed.snapshot import IndexedSnapshot
from store.errors import ConflictError
from store.model import Article, Change, Diagnostic, TopicDefinition, Visibility
from store.names import new_version
from store.repository import Batch, SourceFile
from store.state_names import Versions, versions_after

from .write_ahead_log import Record, read_back, text_of

_read_article = msgspec.json.Decoder(Article).decode

Result = int | ConflictError
"""What became of a batch: the revision after it, or why it was not done."""

_STEP = "+"  # between the version of what readers see and what else has changed


class State(msgspec.Struct, frozen=True):
    """All that a store holds: what is served, the history with it, and the sources by path.

    `unchanged` are the newest that were asked for under a key and were none. `step` tells states
    apart in which readers see the same.
    """

    snapshot: IndexedSnapshot = msgspec.field(default_factory=IndexedSnapshot.build)
    sources: PersistentMap[str, SourceFile] = msgspec.field(
        default_factory=lambda: PersistentMap({})
    )
    unchanged: BoundedHistory[Change] = BoundedHistory()
    step: str = ""

    @property
    def name(self) -> str:
        """What files call it, which no other state is called."""
        return self.snapshot.version + self.step

    def after(self, records: Sequence[Record], history_limit: int) -> Cooperative[State]:
        """The state after these records."""
        if not records:
            return self
        version, step = version_and_step(records[-1].version)
        snapshot = self.snapshot
        if version != snapshot.version:
            snapshot = yield from _snapshot(snapshot, records, history_limit)
        return State(
            snapshot,
            _sources(self.sources, records),
            self.unchanged.extended((c for r in records for c in r.unchanged), history_limit),
            step,
        )


def version_and_step(name: str) -> tuple[str, str]:
    """The version of what a state serves, and its step, by its name."""
    version, plus, token = name.partition(_STEP)
    return version, plus + token


def _versions(versions: Versions, records: Iterable[Record]) -> Versions:
    """What a state is called after these records, of which some change only its step."""
    for record in records:
        name, _ = version_and_step(record.version)
        if name != versions[Visibility.ALL]:
            versions = versions_after(versions, name, record.hidden_from)
    return versions


def _snapshot(
    snapshot: IndexedSnapshot, records: Sequence[Record], history_limit: int
) -> Cooperative[IndexedSnapshot]:
    changed: dict[str, Article | None] = {}
    topics, diagnostics = snapshot.definitions, snapshot.diagnostics
    for record in records:
        changed.update((article.id, article) for article in record.puts)
        changed.update(dict.fromkeys(record.deletes))
        topics = topics if record.topics is None else record.topics
        diagnostics = diagnostics if record.diagnostics is None else record.diagnostics
    changes = [change for record in records for change in record.changes]
    history = snapshot.history.extended(changes, history_limit)
    versions = _versions(snapshot.versions, records)
    return (yield from snapshot.derive(changed, topics, diagnostics, history, versions))


def _sources(
    sources: PersistentMap[str, SourceFile], records: Iterable[Record]
) -> PersistentMap[str, SourceFile]:
    changed: dict[str, SourceFile | None] = {}
    for record in records:
        changed.update((source.path, source) for source in record.sources)
        changed.update(dict.fromkeys(record.forgotten_sources))
    return sources.derive(changed)


class _Group:
    """Batches on top of a state, one after the other."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._articles: dict[str, Article | None] = {}
        self._view = ChainMap(self._articles)
        self._view.maps.append(state.snapshot.articles)  # type: ignore[arg-type]  # only read
        self._revision = state.snapshot.revision
        self._changes: list[Change] = []
        self._unchanged: list[Change] = []
        self._topics: tuple[TopicDefinition, ...] = state.snapshot.definitions
        self._diagnostics: tuple[Diagnostic, ...] = state.snapshot.diagnostics
        self._sources: dict[str, SourceFile | None] = {}

    def take(self, batch: Batch, at: datetime) -> Result:
        """Do a batch, unless the batches before it have made it a conflict."""
        try:
            done = apply_batch(batch, self._view, self._revision, at)
        except ConflictError as conflict:
            return conflict
        self._articles.update(done.articles)
        self._changes += done.changes
        self._unchanged += done.unchanged
        self._revision = done.revision
        if batch.topics is not None:
            self._topics = batch.topics
        if batch.diagnostics is not None:
            self._diagnostics = batch.diagnostics
        self._sources.update((source.path, source) for source in batch.sources)
        self._sources.update(dict.fromkeys(batch.forgotten_sources))
        return done.revision

    def record(self) -> Record | None:
        """What the batches did together; None where they changed nothing."""
        before, known = self._state.snapshot, self._state.sources
        sources = {path: s for path, s in self._sources.items() if known.find(path) != s}
        topics = None if self._topics == before.definitions else self._topics
        diagnostics = None if self._diagnostics == before.diagnostics else self._diagnostics
        is_seen = self._changes or topics is not None or diagnostics is not None
        if not is_seen and not sources and not self._unchanged:
            return None
        return Record(
            before=self._state.name,
            version=new_version() if is_seen else before.version + _STEP + new_version(),
            revision=self._revision,
            puts=tuple(filter(None, self._articles.values())),
            deletes=tuple(id for id, article in self._articles.items() if article is None),
            changes=tuple(self._changes),
            unchanged=tuple(self._unchanged),
            topics=topics,
            diagnostics=diagnostics,
            sources=tuple(filter(None, sources.values())),
            forgotten_sources=tuple(path for path, source in sources.items() if source is None),
            hidden_from=hidden_from(self._changes, has_topics=topics is not None),
        )


class Written(NamedTuple):
    """What batches do together: the record of it as text, None where they change nothing, the state
    after it, and what became of each.
    """

    text: bytes | None
    state: State
    results: Sequence[Result]


def written(
    batches: Iterable[Batch], state: State, at: datetime, history_limit: int
) -> Cooperative[Written]:
    """What batches do to a state.

    One that conflicts with what is there after those before it is not done; the others are.
    """
    group = _Group(state)
    results = []
    for batch in batches:
        results.append(group.take(batch, at))
        yield
    record = group.record()
    if record is None:
        return Written(None, state, results)
    text, record = yield from _written_down(record)
    state = yield from state.after((record,), history_limit)
    return Written(text, state, results)


def _written_down(record: Record) -> Cooperative[tuple[bytes, Record]]:
    """A record as text, and as everyone will read it: as such it goes on being served here, too."""
    texts, articles = [], []
    for article in record.puts:
        texts.append(msgspec.Raw(msgspec.json.encode(article)))
        articles.append(_read_article(texts[-1]))
        yield
    rest = read_back(text_of(msgspec.structs.replace(record, puts=())))
    text = text_of(msgspec.structs.replace(record, puts=texts))
    yield
    return text, msgspec.structs.replace(rest, puts=tuple(articles))
