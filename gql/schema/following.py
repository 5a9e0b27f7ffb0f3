"""What a follower of the store is told: its history as events, gaps included, one cursor for all.

A client that holds what a query showed and then does what the events say ends with what a query
shows. It may be told too much, never too little:

- PUT: take the article as it is now; where it is null it has gone since, and that event follows.
- DELETE: drop the article if it is held.
- GAP: what happened before this event is not known any more; read everything anew, then go on.

A cursor says by what names topics were known: where they have others, articles show others, and a
filter may match others, though none has changed. That is a GAP, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec

from store import (
    Bookmark,
    Filter,
    History,
    Key,
    Snapshot,
    Visibility,
    change_cursor,
    topics_mark,
)
from store.filters import Predicate, predicate
from store.model import Change

from .context import ChangeSource, Context

PAGE = 100
"""How many changes a follower reads at once: what it holds in memory, however far it is behind."""

CATCH_UP_S = 0.5
"""How long to wait for a revision that only another process may have seen so far."""


class EventKind(StrEnum):
    """What a client has to do."""

    PUT = "PUT"
    DELETE = "DELETE"
    GAP = "GAP"


class ChangeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event. `revision` and `cursor`: where to go on from after it, as clients name it.

    `is_new`: this reader cannot have held the article right before.
    """

    revision: int
    cursor: str
    kind: EventKind
    at: datetime
    id: str | None = None
    slug: str | None = None
    is_new: bool = False


class Told(NamedTuple):
    """An event, and the context in which its selection is to be executed."""

    event: ChangeEvent
    context: Context

    @property
    def cursor(self) -> str:
        """Where to go on from after it."""
        return self.event.cursor


def events(history: History, visibility: Visibility, topics: str) -> list[ChangeEvent]:
    """A part of the history as events, oldest first; a gap in front of it is the first of them.

    `topics`: the mark of the names by which the reader knows them.
    """
    told = [_event(change, visibility, topics) for change in history.changes]
    return [_gap(history, topics), *told] if history.gap else told


def _event(change: Change, visibility: Visibility, topics: str) -> ChangeEvent:
    return ChangeEvent(
        revision=change.revision,
        cursor=change_cursor(change.revision, change.at, topics),
        kind=EventKind[change.kind.name],
        at=change.at,
        id=change.id,
        slug=change.slug,
        # Of a reader of drafts the history does not tell.
        is_new=visibility is Visibility.PUBLISHED and not change.was_published,
    )


def _gap(history: History, topics: str) -> ChangeEvent:
    """A gap ends where the kept changes begin; where none follows, at what the store is now."""
    if not history.changes:
        return gap_until_now(history, topics)
    first = history.changes[0]
    revision = first.revision - 1
    cursor = change_cursor(revision, topics=topics)
    return ChangeEvent(revision=revision, cursor=cursor, kind=EventKind.GAP, at=first.at)


def gap_until_now(history: History, topics: str) -> ChangeEvent:
    """A gap that ends where a part of the history does."""
    cursor = change_cursor(history.revision, history.at, topics)
    now = datetime.now(UTC)
    return ChangeEvent(revision=history.revision, cursor=cursor, kind=EventKind.GAP, at=now)


async def history_after(
    source: ChangeSource, after: Bookmark, visibility: Visibility, limit: int
) -> History:
    """What followed a bookmark. A revision not reached yet may be another process's newest."""
    history = await source.changes(after.revision, visibility, limit, after.at)
    if history.revision >= after.revision:
        return history
    with suppress(TimeoutError):
        async with asyncio.timeout(CATCH_UP_S):
            while (snapshot := await source.snapshot()).revision < after.revision:
                await source.wait(snapshot.version)
    return await source.changes(after.revision, visibility, limit, after.at)


async def cursor_at(source: ChangeSource, revision: int, snapshot: Snapshot) -> str:
    """The cursor of a revision for who reads a snapshot."""
    history = await source.changes(revision, Visibility.ALL, 0)
    return change_cursor(revision, history.at, topics_mark(snapshot.topic_names))


async def narrowed(
    told: list[ChangeEvent], snapshot: Snapshot, visibility: Visibility, passes: Predicate
) -> list[ChangeEvent]:
    """The events for who wants only the articles that pass, judged as they are in the snapshot.

    What an article was before is not known, so every put of one that does not pass may be of one
    that did: it becomes a DELETE, unless the reader cannot have held it.
    """
    ids = list({event.id for event in told if event.kind is EventKind.PUT and event.id})
    found = dict(zip(ids, await snapshot.get_many(Key.ID, ids, visibility), strict=True))

    def seen(event: ChangeEvent) -> ChangeEvent | None:
        article = found.get(event.id or "")
        if event.kind is not EventKind.PUT or (article is not None and passes(article)):
            return event
        return None if event.is_new else msgspec.structs.replace(event, kind=EventKind.DELETE)

    return [event for event in map(seen, told) if event is not None]


async def follow(
    context: Context, source: ChangeSource, after: Bookmark, wanted: Filter | None
) -> AsyncGenerator[Told, None]:
    """Every event after a bookmark, for as long as somebody listens.

    Topics that have come to have other names are a gap, and so is a state that a backup brought
    back.
    """
    visibility = context.viewer.visibility
    while True:
        history = await history_after(source, after, visibility, PAGE)
        # Taken after the history, so that no change in it is news to the snapshot.
        snapshot = await source.snapshot()
        topics = topics_mark(snapshot.topic_names)
        told = events(history, visibility, topics)
        if after.topics not in (topics, ""):
            told = [gap_until_now(history, topics)]
        elif wanted is not None:
            passes = predicate(wanted, snapshot.aliases)
            told = await narrowed(told, snapshot, visibility, passes)
        now = context.renewed(snapshot)
        for event in told:
            yield Told(event, now)
        after = Bookmark(history.revision, history.at, topics)
        if after.revision == snapshot.revision:
            await source.wait(snapshot.version)
