"""The embedded store at one moment, and how it goes on from group to group of batches."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from .change_log import Record
from .changes import outcome
from .errors import ConflictError
from .model import Article, Change, Diagnostic, TopicDefinition
from .names import new_version
from .repository import Batch, SourceFile
from .snapshot import IndexedSnapshot

Result = int | ConflictError
"""What became of a batch: the revision after it, or why it was not done."""


class State(msgspec.Struct, frozen=True):
    """All that a store holds: what is served, the sources by path, and the newest changes."""

    snapshot: IndexedSnapshot = msgspec.field(default_factory=IndexedSnapshot.build)
    sources: Mapping[str, SourceFile] = {}
    changes: tuple[Change, ...] = ()

    def after(self, records: Sequence[Record], history_limit: int) -> State:
        """The state after these records. Its indexes are derived once for all of them."""
        if not records:
            return self
        changed: dict[str, Article | None] = {}
        topics, diagnostics = self.snapshot.definitions, self.snapshot.diagnostics
        for record in records:
            changed.update((article.id, article) for article in record.puts)
            changed.update(dict.fromkeys(record.deletes))
            topics = topics if record.topics is None else record.topics
            diagnostics = diagnostics if record.diagnostics is None else record.diagnostics
        last = records[-1]
        return State(
            self.snapshot.derive(changed, topics, diagnostics, last.revision, last.version),
            _sources(self.sources, records),
            (*self.changes, *(c for record in records for c in record.changes))[-history_limit:],
        )


def _sources(
    sources: Mapping[str, SourceFile], records: Iterable[Record]
) -> Mapping[str, SourceFile]:
    after: dict[str, SourceFile] | None = None
    for record in records:
        if record.sources or record.forgotten_sources:
            after = dict(sources) if after is None else after
            after.update((source.path, source) for source in record.sources)
            for path in record.forgotten_sources:
                after.pop(path, None)
    return sources if after is None else after


class _Group:
    """Batches on top of a state, one after the other."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._articles: dict[str, Article | None] = {}
        self._view = ChainMap(self._articles, dict[str, Article | None]())
        self._view.maps[1] = state.snapshot.articles  # type: ignore[assignment]  # only read
        self._revision = state.snapshot.revision
        self._changes: list[Change] = []
        self._topics: tuple[TopicDefinition, ...] = state.snapshot.definitions
        self._diagnostics: tuple[Diagnostic, ...] = state.snapshot.diagnostics
        self._sources: dict[str, SourceFile | None] = {}

    def take(self, batch: Batch, at: datetime) -> Result:
        """Do a batch, unless the batches before it have made it a conflict."""
        try:
            done = outcome(batch, self._view, self._revision, at)
        except ConflictError as conflict:
            return conflict
        self._articles.update(done.articles)
        self._changes += done.changes
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
        sources = {path: s for path, s in self._sources.items() if known.get(path) != s}
        topics = None if self._topics == before.definitions else self._topics
        diagnostics = None if self._diagnostics == before.diagnostics else self._diagnostics
        if not self._changes and not sources and topics is None and diagnostics is None:
            return None
        return Record(
            before=before.version,
            version=new_version(),
            revision=self._revision,
            puts=tuple(filter(None, self._articles.values())),
            deletes=tuple(id for id, article in self._articles.items() if article is None),
            changes=tuple(self._changes),
            topics=topics,
            diagnostics=diagnostics,
            sources=tuple(filter(None, sources.values())),
            forgotten_sources=tuple(path for path, source in sources.items() if source is None),
        )


def grouped(
    batches: Iterable[Batch], state: State, at: datetime
) -> tuple[Record | None, list[Result]]:
    """What batches do to a state, as one record (None: nothing), and what became of each.

    One that conflicts with what is there after those before it is not done; the others are.
    """
    group = _Group(state)
    results = [group.take(batch, at) for batch in batches]
    return group.record(), results
