"""Clients that follow the store as the documentation tells them to."""

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

EVERY_ONE = Window(first=1_000)


class CaughtUpError(Exception):
    """There is nothing more to tell for now."""


PART = 2
"""How many changes these followers get at once, so that a history has several parts."""


class InParts:
    """A snapshot that gives its history in small parts."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def __getattr__(self, name: str) -> Any:
        return getattr(self._snapshot, name)

    async def changes(self, after: Bookmark, visibility: Visibility, limit: int) -> HistoryPage:
        """See `Snapshot`."""
        return await self._snapshot.changes(after, visibility, min(limit, PART))


class Present:
    """A repository with a known future: whoever waits for news makes the next of it happen."""

    def __init__(self, repository: Repository, to_come: Sequence[Batch]) -> None:
        self._repository = repository
        self._to_come = list(to_come)

    async def snapshot(self) -> Any:
        """See `Repository`."""
        return InParts(await self._repository.snapshot())

    async def wait(self, version: str) -> Any:
        """See `Repository`. Raises: CaughtUpError: there is no more news to come."""
        while (snapshot := await self.snapshot()).version == version:
            if not self._to_come:
                raise CaughtUpError
            await self._repository.apply(self._to_come.pop(0))
        return snapshot


class Follower:
    """Holds what a query showed, then does what the events say; may lose its connection."""

    def __init__(self, repository: Repository, viewer: Viewer, wanted: Filter = MATCH_ALL) -> None:
        self._repository = repository
        self._viewer = viewer
        self._wanted = wanted
        self.articles: dict[str, Article] = {}
        self.cursor: str | None = None  # before the first change
        self.told: list[ChangeEvent] = []
        self._revisions: list[int] = []

    def turn_to(self, repository: Repository) -> None:
        """Go on with another store, as where a backup was restored."""
        self._repository = repository

    def become(self, viewer: Viewer, wanted: Filter = MATCH_ALL) -> None:
        """Have other rights from now on, or want other articles."""
        self._viewer = viewer
        self._wanted = wanted

    async def queried(self) -> dict[str, Article]:
        """What a query shows now, by id."""
        query = ArticleQuery(window=EVERY_ONE, filter=self._wanted)
        snapshot = await self._repository.snapshot()
        [page] = await snapshot.pages([query], self._viewer.visibility)
        return {article.id: article for article in page.items}

    async def begin(self) -> None:
        """Read everything, and know from where to go on."""
        snapshot = await self._repository.snapshot()
        place = await snapshot.newest_change(self._viewer.visibility)
        self.cursor = ChangeReader(self._viewer, self._wanted).cursor(place, snapshot)
        self.articles = await self.queried()

    async def listen(self, most: int | None = None, to_come: Sequence[Batch] = ()) -> None:
        """Connect with the last cursor; stop after so many events, or when there is no more.

        `to_come` is written while it listens.
        """
        source = Present(self._repository, to_come)
        snapshot = await source.snapshot()
        context = Context(snapshot, self._viewer)
        reader = ChangeReader(self._viewer, self._wanted)
        begin = HISTORY_START if self.cursor is None else reader.position(self.cursor, snapshot)
        events = stream_changes(context, source, reader, begin, snapshot)
        left = most
        try:
            async with aclosing(events):
                while left is None or left > 0:
                    event, now = await anext(events)
                    await self.heed(event, now.snapshot)
                    left = None if left is None else left - 1
        except CaughtUpError:
            pass

    async def heed(self, event: ChangeEvent, now: Snapshot) -> None:
        """Do what an event says."""
        self.told.append(event)
        place, _ = now.cursors.decode_change(event.cursor)
        self._revisions.append(place.revision)
        self.cursor = event.cursor
        if event.kind is EventKind.GAP:
            self.articles = await self.queried()
        elif event.kind is EventKind.DELETE:
            self.articles.pop(event.id or "", None)
        else:
            [article] = await now.get_many(LookupKey.ID, [event.id or ""], self._viewer.visibility)
            if article is not None:
                self.articles[article.id] = article

    def told_twice(self) -> list[int]:
        """Places in the history that came again, or before an earlier one; gaps begin anew."""
        told = list(zip(self._revisions, self.told, strict=True))
        return [
            later
            for (earlier, _), (later, event) in pairwise(told)
            if event.kind is not EventKind.GAP and later <= earlier
        ]
