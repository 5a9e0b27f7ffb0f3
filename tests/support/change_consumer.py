"""A consumer of change events, which keeps a copy of the articles as the documentation says."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from itertools import pairwise
from typing import Any

from gql.identity.viewer import Viewer
from gql.schema import Context
from gql.schema.change_events import ChangeEvent, ChangeReader, EventKind, stream_changes
from store import (
    HISTORY_START,
    MATCH_ALL,
    ArticleQuery,
    Batch,
    Bookmark,
    Filter,
    HistoryPage,
    LookupKey,
    Repository,
    Snapshot,
    Visibility,
    Window,
)
from store.model import Article

WHOLE_LIST = Window(first=1_000)


class CaughtUpError(Exception):
    """All changes were read, and no further ones will be written."""


HISTORY_PAGE_SIZE = 2
"""The most changes in a page of the history; small, so that a history has several pages."""


class PagedHistorySnapshot:
    """A snapshot whose history has small pages."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def __getattr__(self, name: str) -> Any:
        return getattr(self._snapshot, name)

    async def changes(self, after: Bookmark, visibility: Visibility, limit: int) -> HistoryPage:
        """See `Snapshot`."""
        return await self._snapshot.changes(after, visibility, min(limit, HISTORY_PAGE_SIZE))


class ScriptedRepository:
    """A repository that applies the next of its prepared batches when a reader waits for one."""

    def __init__(self, repository: Repository, batches: Sequence[Batch]) -> None:
        self._repository = repository
        self._batches = list(batches)

    async def snapshot(self) -> Any:
        """See `Repository`."""
        return PagedHistorySnapshot(await self._repository.snapshot())

    async def wait(self, version: str) -> Any:
        """See `Repository`. Raises: CaughtUpError: no batch is left."""
        while (snapshot := await self.snapshot()).version == version:
            if not self._batches:
                raise CaughtUpError
            await self._repository.apply(self._batches.pop(0))
        return snapshot


class ChangeConsumer:
    """Reads all articles, and then applies change events to its copy of them.

    Attributes:
        articles: The copy of the articles, by id.
        cursor: The cursor of the newest event; None before the first change.
        events: The received events.
    """

    def __init__(self, repository: Repository, viewer: Viewer, filter: Filter = MATCH_ALL) -> None:
        self._repository = repository
        self._viewer = viewer
        self._filter = filter
        self.articles: dict[str, Article] = {}
        self.cursor: str | None = None
        self.events: list[ChangeEvent] = []
        self._revisions: list[int] = []

    def use_repository(self, repository: Repository) -> None:
        """Continue with another repository, such as a restored backup."""
        self._repository = repository

    def use_viewer(self, viewer: Viewer, filter: Filter = MATCH_ALL) -> None:
        """Continue with other rights or another filter."""
        self._viewer = viewer
        self._filter = filter

    async def query(self) -> dict[str, Article]:
        """The articles that a query lists now, by id."""
        query = ArticleQuery(window=WHOLE_LIST, filter=self._filter)
        snapshot = await self._repository.snapshot()
        [page] = await snapshot.pages([query], self._viewer.visibility)
        return {article.id: article for article in page.items}

    async def start(self) -> None:
        """Read all articles, and take the cursor of the newest change."""
        snapshot = await self._repository.snapshot()
        bookmark = await snapshot.newest_change(self._viewer.visibility)
        self.cursor = ChangeReader(self._viewer, self._filter).cursor(bookmark, snapshot)
        self.articles = await self.query()

    async def consume(self, limit: int | None = None, batches: Sequence[Batch] = ()) -> None:
        """Receive events after the last cursor, up to a limit or until there are no more.

        `batches` are written meanwhile.
        """
        source = ScriptedRepository(self._repository, batches)
        snapshot = await source.snapshot()
        context = Context(snapshot, self._viewer)
        reader = ChangeReader(self._viewer, self._filter)
        start = HISTORY_START if self.cursor is None else reader.position(self.cursor, snapshot)
        events = stream_changes(context, source, reader, start, snapshot)
        left = limit
        try:
            async with aclosing(events):
                while left is None or left > 0:
                    event, now = await anext(events)
                    await self.handle(event, now.snapshot)
                    left = None if left is None else left - 1
        except CaughtUpError:
            pass

    async def handle(self, event: ChangeEvent, snapshot: Snapshot) -> None:
        """Apply an event to the copy of the articles."""
        self.events.append(event)
        bookmark, _ = snapshot.cursors.decode_change(event.cursor)
        self._revisions.append(bookmark.revision)
        self.cursor = event.cursor
        if event.kind is EventKind.GAP:
            self.articles = await self.query()
        elif event.kind is EventKind.DELETE:
            self.articles.pop(event.article_id or "", None)
        else:
            ids = [event.article_id or ""]
            [article] = await snapshot.get_many(LookupKey.ID, ids, self._viewer.visibility)
            if article is not None:
                self.articles[article.id] = article

    def repeated_revisions(self) -> list[int]:
        """Revisions of events that came twice or out of order; a GAP may go back."""
        events = list(zip(self._revisions, self.events, strict=True))
        return [
            later
            for (earlier, _), (later, event) in pairwise(events)
            if event.kind is not EventKind.GAP and later <= earlier
        ]
