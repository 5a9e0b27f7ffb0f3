"""What a follower of the store is told: its history as events, gaps included, one cursor for all.

A client that holds what a query showed and then does what the events say ends with what a query
shows. It may be told too much, never too little:

- PUT: take the article as it is now; where it is null it has gone since, and that event follows.
- DELETE: drop the article if it is held.
- GAP: what happened before this event is not known any more; read everything anew, then go on.

A cursor says for which reader it was made: with which rights and which filter, and by what names
topics were known. To another reader, what came before it is a gap: where topics have other names,
articles show others, and a filter may match others, though none has changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from gql.identity.viewer import Viewer
from gql.scheduler import Job
from store import (
    BLANK_TOKEN,
    MATCH_ALL,
    TOKEN_BYTES,
    UNKNOWN_BOOKMARK,
    Bookmark,
    Filter,
    HistoryPage,
    LookupKey,
    Snapshot,
    Visibility,
)
from store.engines.changes import bookmark_of
from store.model import Change
from store.querying.predicates import predicate

from .context import ChangeSource, Context

PAGE = 25
"""How many changes a follower reads at once: what it holds in memory, however far it is behind."""

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""When a gap ended in which no change is known."""

CATCH_UP_S = 0.5
"""How long to wait for a revision that only another process may have seen so far."""


class EventKind(StrEnum):
    """What a client has to do."""

    PUT = "PUT"
    DELETE = "DELETE"
    GAP = "GAP"


class ChangeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event. `cursor`: where to go on from after it.

    `is_new`: this reader cannot have held the article right before.
    """

    cursor: str
    kind: EventKind
    at: datetime
    id: str | None = None
    slug: str | None = None
    is_new: bool = False


class ChangeSourceEvent(NamedTuple):
    """An event, and the context in which its selection is to be executed."""

    event: ChangeEvent
    context: Context

    @property
    def cursor(self) -> str:
        """Where to go on from after it."""
        return self.event.cursor


class Reader:
    """For whom the history is read: who sees it, and which articles are wanted."""

    def __init__(self, viewer: Viewer, wanted: Filter = MATCH_ALL) -> None:
        self._viewer = viewer
        self._wanted = wanted
        self._names: Mapping[str, str] | None = None
        self._mark = BLANK_TOKEN

    def mark(self, snapshot: Snapshot) -> bytes:
        """A digest of what decides which articles such a reader holds, and what of them."""
        if self._names is not snapshot.topic_names:  # mostly it is: the tree seldom changes
            self._names = snapshot.topic_names
            viewer, names = self._viewer, sorted(self._names.items())
            text = repr((viewer.visibility, viewer.may_read_secured, self._wanted, names))
            digest = blake2b(text.encode("utf-8", "replace"), digest_size=TOKEN_BYTES)
            self._mark = digest.digest()
        return self._mark

    def place(self, cursor: str, snapshot: Snapshot) -> Bookmark:
        """The place that a cursor names; `UNKNOWN_BOOKMARK`, if it was made for another reader.

        Raises: CursorError.
        """
        place, mark = snapshot.cursors.decode_change(cursor)
        return place if mark == self.mark(snapshot) else UNKNOWN_BOOKMARK

    def cursor(self, place: Bookmark, snapshot: Snapshot) -> str:
        """The cursor of a place, for this reader."""
        return snapshot.cursors.change(place, self.mark(snapshot))

    async def events(
        self, after: Bookmark | None, snapshot: Snapshot, limit: int
    ) -> tuple[list[ChangeEvent], HistoryPage]:
        """What followed a place up to a snapshot, oldest first; a gap is the first event.

        With it comes the history that it was made of.
        """
        history = await snapshot.changes(after, self._viewer.visibility, limit)
        events = [self._event(change, snapshot) for change in history.changes]
        if self._wanted != MATCH_ALL:
            events = await self._narrowed(events, snapshot)
        if history.gap is not None:
            # Of one state the answer is always the same: validators promise that.
            at = history.gap_at or LONG_AGO
            cursor = self.cursor(history.gap, snapshot)
            events.insert(0, ChangeEvent(cursor=cursor, kind=EventKind.GAP, at=at))
        return events, history

    def _event(self, change: Change, snapshot: Snapshot) -> ChangeEvent:
        return ChangeEvent(
            cursor=self.cursor(bookmark_of(change), snapshot),
            kind=EventKind[change.kind.name],
            at=change.at,
            id=change.id,
            slug=change.slug,
            # Of a reader of drafts the history does not tell.
            is_new=self._viewer.visibility is not Visibility.ALL and not change.was_published,
        )

    async def _narrowed(
        self, events: Sequence[ChangeEvent], snapshot: Snapshot
    ) -> list[ChangeEvent]:
        """The events for who wants only some articles, judged as they are in the snapshot.

        What an article was before is not known, so every put of one that is not wanted may be of
        one that was: it becomes a DELETE, unless the reader cannot have held it.
        """
        passes = predicate(self._wanted, snapshot.aliases)
        ids = list({event.id for event in events if event.kind is EventKind.PUT and event.id})
        articles = await snapshot.get_many(LookupKey.ID, ids, self._viewer.visibility)
        found = dict(zip(ids, articles, strict=True))

        def seen(event: ChangeEvent) -> ChangeEvent | None:
            article = found.get(event.id or "")
            if event.kind is not EventKind.PUT or (article is not None and passes(article)):
                return event
            return None if event.is_new else msgspec.structs.replace(event, kind=EventKind.DELETE)

        return [event for event in map(seen, events) if event is not None]


async def caught_up(
    source: ChangeSource, snapshot: Snapshot, place: Bookmark, visibility: Visibility
) -> Snapshot:
    """A snapshot that has reached a place, which may be another process's newest; or a late one.

    How long it takes tells nothing of changes that the reader may not see.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(CATCH_UP_S):
            while (await snapshot.newest_change(visibility)).revision < place.revision:
                snapshot = await source.wait(snapshot.version)
    return snapshot


async def follow(
    context: Context, source: ChangeSource, reader: Reader, after: Bookmark, snapshot: Snapshot
) -> AsyncGenerator[ChangeSourceEvent, None]:
    """Every event after a place, from this snapshot on, for as long as somebody listens.

    Topics that have come to have other names are a gap, and so is a state that a backup brought
    back. All who follow are woken by one write, and who comes from far back is told thousands of
    events, so each takes turns with all else, here and where its answers are made. It is one job
    until it has caught up: who is told of a single event does not wait for those who read the whole
    history.
    """
    mark = reader.mark(snapshot)
    job = Job(context.job.scheduler)
    while True:
        await job.pause()
        if reader.mark(snapshot) != mark:
            after, mark = UNKNOWN_BOOKMARK, reader.mark(snapshot)
        events, history = await reader.events(after, snapshot, PAGE)
        now = context.renewed(snapshot)
        now.job = job
        for event in events:
            yield ChangeSourceEvent(event, now)
        after = history.end
        if history.has_next:
            snapshot = await source.snapshot()
        else:
            snapshot = await source.wait(snapshot.version)
            job = Job(job.scheduler)
