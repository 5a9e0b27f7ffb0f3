"""A state of the embedded store, and how batches and log records lead to the next one."""

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
from store.state_versions import Versions, versions_after

from .log_records import LogRecord, record_from_json, to_json

_read_article = msgspec.json.Decoder(Article).decode

Result = int | ConflictError
"""The result of a batch: the revision after it, or the conflict for which it was refused."""

_SUFFIX = "+"  # between the snapshot's version and a token for changes that readers do not see


class StoreState(msgspec.Struct, frozen=True):
    """The whole content of a store, immutable.

    Attributes:
        snapshot: The data for readers, with the history.
        sources: The source files by path.
        unchanged: The newest puts with an idempotency key that were no-ops.
        suffix: Distinguishes states in which readers see the same snapshot.
    """

    snapshot: IndexedSnapshot = msgspec.field(default_factory=IndexedSnapshot.build)
    sources: PersistentMap[str, SourceFile] = msgspec.field(
        default_factory=lambda: PersistentMap({})
    )
    unchanged: BoundedHistory[Change] = BoundedHistory()
    suffix: str = ""

    @property
    def name(self) -> str:
        """The unique name of this state in files and logs."""
        return self.snapshot.version + self.suffix

    def replay(self, records: Sequence[LogRecord], history_limit: int) -> Cooperative[StoreState]:
        """The state after these log records."""
        if not records:
            return self
        version, suffix = split_name(records[-1].version)
        snapshot = self.snapshot
        if version != snapshot.version:
            snapshot = yield from _apply_to_snapshot(snapshot, records, history_limit)
        return StoreState(
            snapshot,
            _apply_to_sources(self.sources, records),
            self.unchanged.extended((c for r in records for c in r.unchanged), history_limit),
            suffix,
        )


def split_name(name: str) -> tuple[str, str]:
    """A state's name as the version of its snapshot and its suffix."""
    version, plus, token = name.partition(_SUFFIX)
    return version, plus + token


def _apply_to_versions(versions: Versions, records: Iterable[LogRecord]) -> Versions:
    """The names of the snapshot after these records, some of which change only the suffix."""
    for record in records:
        name, _ = split_name(record.version)
        if name != versions[Visibility.ALL]:
            versions = versions_after(versions, name, record.hidden_from)
    return versions


def _apply_to_snapshot(
    snapshot: IndexedSnapshot, records: Sequence[LogRecord], history_limit: int
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
    versions = _apply_to_versions(snapshot.versions, records)
    return (yield from snapshot.derive(changed, topics, diagnostics, history, versions))


def _apply_to_sources(
    sources: PersistentMap[str, SourceFile], records: Iterable[LogRecord]
) -> PersistentMap[str, SourceFile]:
    changed: dict[str, SourceFile | None] = {}
    for record in records:
        changed.update((source.path, source) for source in record.sources)
        changed.update(dict.fromkeys(record.forgotten_sources))
    return sources.derive(changed)


class _BatchGroup:
    """A group of batches that is applied to a state, to become one log record."""

    def __init__(self, state: StoreState) -> None:
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

    def apply(self, batch: Batch, at: datetime) -> Result:
        """Apply a batch, unless it conflicts with the state after the batches before it."""
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
        self._sources.update(dict.fromkeys(batch.removed_sources))
        return done.revision

    def record(self) -> LogRecord | None:
        """The log record of the applied batches; None: they changed nothing."""
        before, old_sources = self._state.snapshot, self._state.sources
        sources = {path: s for path, s in self._sources.items() if old_sources.find(path) != s}
        topics = None if self._topics == before.definitions else self._topics
        diagnostics = None if self._diagnostics == before.diagnostics else self._diagnostics
        is_visible = self._changes or topics is not None or diagnostics is not None
        if not is_visible and not sources and not self._unchanged:
            return None
        return LogRecord(
            before=self._state.name,
            version=new_version() if is_visible else before.version + _SUFFIX + new_version(),
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


class PreparedWrite(NamedTuple):
    """The effect of a group of batches, to be written to the log.

    Attributes:
        record: The JSON of the log record; None: the group is a no-op.
        state: The state after it.
        results: The result of each batch.
    """

    record: bytes | None
    state: StoreState
    results: Sequence[Result]


def prepare_write(
    batches: Iterable[Batch], state: StoreState, at: datetime, history_limit: int
) -> Cooperative[PreparedWrite]:
    """Apply batches to a state, one after the other; one that conflicts is skipped."""
    group = _BatchGroup(state)
    results = []
    for batch in batches:
        results.append(group.apply(batch, at))
        yield
    record = group.record()
    if record is None:
        return PreparedWrite(None, state, results)
    text, record = yield from _encode_record(record)
    state = yield from state.replay((record,), history_limit)
    return PreparedWrite(text, state, results)


def _encode_record(record: LogRecord) -> Cooperative[tuple[bytes, LogRecord]]:
    """The JSON of a log record, and the record as decoded from it.

    The decoded record is served, so that all processes serve equal values.
    """
    texts, articles = [], []
    for article in record.puts:
        texts.append(msgspec.Raw(msgspec.json.encode(article)))
        articles.append(_read_article(texts[-1]))
        yield
    rest = record_from_json(to_json(msgspec.structs.replace(record, puts=())))
    text = to_json(msgspec.structs.replace(record, puts=texts))
    yield
    return text, msgspec.structs.replace(rest, puts=tuple(articles))
