"""The reference engine: all documents in memory, every read a scan.

Tests compare the indexed engine with it, and use it where the disk does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from store.collections.persistent_map import PersistentMap
from store.concurrency.notifier import Notifier
from store.errors import StoreUnavailableError
from store.model import (
    Article,
    Change,
    Diagnostic,
    TopicDefinition,
)
from store.names import new_version
from store.querying.cursors import (
    CursorCodec,
)
from store.repository import Batch, SourceFile
from store.state_versions import versions_after

from .changes import HISTORY_LIMIT, apply_batch, hidden_from
from .memory_snapshot import MemorySnapshot


class MemoryRepository:
    """A `Repository` in memory: all is lost when the process ends.

    `cursor_key`: the key of its cursors; by default a random one, so that cursors end with it, too.
    """

    def __init__(
        self, history_limit: int = HISTORY_LIMIT, *, cursor_key: bytes | None = None
    ) -> None:
        self._history_limit = history_limit
        self._articles: Mapping[str, Article] = {}
        self._definitions: tuple[TopicDefinition, ...] = ()
        self._diagnostics: tuple[Diagnostic, ...] = ()
        self._sources: PersistentMap[str, SourceFile] = PersistentMap({})
        self._unchanged: tuple[Change, ...] = ()
        self._snapshot = MemorySnapshot(cursors=CursorCodec(cursor_key))
        self._notifier = Notifier()
        self._closed = False

    async def snapshot(self) -> MemorySnapshot:
        """See `Repository`."""
        return self._snapshot

    def current(self) -> MemorySnapshot:
        """See `Repository`."""
        return self._snapshot

    async def apply(self, batch: Batch) -> int:
        """See `Repository`."""
        result = apply_batch(batch, self._articles, self._snapshot.revision, datetime.now(UTC))
        before = self._definitions, self._diagnostics
        after = {**self._articles, **result.articles}
        self._articles = {id: article for id, article in after.items() if article}
        self._unchanged = (*self._unchanged, *result.unchanged)[-self._history_limit :]
        if batch.topics is not None:
            self._definitions = batch.topics
        if batch.diagnostics is not None:
            self._diagnostics = batch.diagnostics
        self._sources = self._sources.derive(
            {source.path: source for source in batch.sources} | dict.fromkeys(batch.removed_sources)
        )
        if result.changes or before != (self._definitions, self._diagnostics):
            history = self._snapshot.history.extended(result.changes, self._history_limit)
            hidden = hidden_from(result.changes, has_topics=before[0] != self._definitions)
            self._snapshot = MemorySnapshot(
                self._articles.values(),
                self._definitions,
                self._diagnostics,
                history,
                self._snapshot.cursors,
                versions_after(self._snapshot.versions, new_version(), hidden),
            )
            self._notifier.notify()
        return result.revision

    async def wait(self, version: str) -> MemorySnapshot:
        """See `Repository`."""
        while self._snapshot.version == version:
            if self._closed:
                raise StoreUnavailableError("The store was closed.")
            await self._notifier.wait()
        return self._snapshot

    async def changes_of(self, key: str) -> Sequence[Change]:
        """See `Repository`."""
        changes = self._snapshot.history.changes
        return [change for change in (*changes, *self._unchanged) if change.key == key]

    async def sources(self) -> PersistentMap[str, SourceFile]:
        """See `Repository`."""
        return self._sources

    async def close(self) -> None:
        """See `Repository`; reads go on to work."""
        self._closed = True
        self._notifier.notify()
