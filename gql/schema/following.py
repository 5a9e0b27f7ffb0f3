"""What a follower of the store is told: its history as events, gaps included, one cursor for all.

A client that holds what a query showed and then does what the events say ends with what a query
shows. It may be told too much, never too little:

- PUT: take the article as it is now; where it is null it has gone since, and that event follows.
- DELETE: drop the article if it is held.
- GAP: what happened before this event is not known any more; read everything anew, then go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec

from store import Filter, History, Key, Snapshot, Visibility, change_cursor
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
    """One event. `revision`: where to go on from after it.

    `is_new`: this reader cannot have held the article right before.
    """

    revision: int
    kind: EventKind
    at: datetime
    id: str | None = None
    slug: str | None = None
    is_new: bool = False

    @property
    def cursor(self) -> str:
        """Where to go on from, as clients name it."""
        return change_cursor(self.revision)


class Wanted(NamedTuple):
    """The articles that somebody follows, and the names of topics by which a client knew them.

    `aliases`: those of the topic tree, see `Snapshot`.
    """

    filter: Filter
    aliases: Mapping[str, str]

    def predicate(self) -> Predicate:
        """Whether an article is one of them. Raises: FilterError."""
        return predicate(self.filter, self.aliases)


class Told(NamedTuple):
    """An event, and the context in which its selection is to be executed."""

    event: ChangeEvent
    context: Context

    @property
    def cursor(self) -> str:
        """Where to go on from after it."""
        return self.event.cursor


def events(history: History, visibility: Visibility) -> list[ChangeEvent]:
    """A part of the history as events, oldest first; a gap in front of it is the first of them."""
    told = [_event(change, visibility) for change in history.changes]
    return [_gap(history), *told] if history.gap else told


def _event(change: Change, visibility: Visibility) -> ChangeEvent:
    return ChangeEvent(
        revision=change.revision,
        kind=EventKind[change.kind.name],
        at=change.at,
        id=change.id,
        slug=change.slug,
        # Of a reader of drafts the history does not tell.
        is_new=visibility is Visibility.PUBLISHED and not change.was_published,
    )


def _gap(history: History) -> ChangeEvent:
    """A gap ends where the kept changes begin; where none follows, at what the store is now."""
    if not history.changes:
        return _gap_until_now(history)
    first = history.changes[0]
    return ChangeEvent(revision=first.revision - 1, kind=EventKind.GAP, at=first.at)


def _gap_until_now(history: History) -> ChangeEvent:
    return ChangeEvent(revision=history.revision, kind=EventKind.GAP, at=datetime.now(UTC))


async def history_after(
    source: ChangeSource, after: int, visibility: Visibility, limit: int
) -> History:
    """What followed a revision. One that is not reached yet may be another process's newest."""
    history = await source.changes(after, visibility, limit)
    if history.revision >= after:
        return history
    with suppress(TimeoutError):
        async with asyncio.timeout(CATCH_UP_S):
            while (snapshot := await source.snapshot()).revision < after:
                await source.wait(snapshot.version)
    return await source.changes(after, visibility, limit)


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
    context: Context, source: ChangeSource, after: int, wanted: Wanted | None
) -> AsyncGenerator[Told, None]:
    """Every event after a revision, for as long as somebody listens.

    Where the topic tree has come to give topics other names, other articles may be wanted, though
    none has changed: that is a gap. So is a state that a backup brought back.
    """
    visibility = context.viewer.visibility
    while True:
        history = await history_after(source, after, visibility, PAGE)
        # Taken after the history, so that no change in it is news to the snapshot.
        snapshot = await source.snapshot()
        told = events(history, visibility)
        if wanted is not None and wanted.aliases != snapshot.aliases:
            wanted = Wanted(wanted.filter, snapshot.aliases)
            told = [_gap_until_now(history)]
        elif wanted is not None:
            told = await narrowed(told, snapshot, visibility, wanted.predicate())
        now = context.renewed(snapshot)
        for event in told:
            yield Told(event, now)
        after = history.revision
        if after == snapshot.revision:
            await source.wait(snapshot.version)
