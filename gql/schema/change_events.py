"""Change events: the history of the store as a stream, with gaps, resumable by cursors.

A client that applies the events to the result of a query ends with the result of a later query. It
may get superfluous events, but misses none:

- PUT: take the article as it is now. Where it is null, a DELETE follows.
- DELETE: drop the article, if the client has it.
- GAP: the changes before this event are not known any more. Read everything anew, then continue.

A cursor belongs to a reader: its permissions, its filter, and the names of the topics. For another
reader it leads to a GAP. Topic names count because articles show them and filters match them.
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
    HISTORY_START,
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
from store.model import Article, Change
from store.preview import ChangeSource
from store.querying.predicates import Predicate, predicate, uses_translations

from .context import Context
from .translation_events import OWN_EVENT, AffectedTranslations, member_positions

PAGE = 25
"""The number of changes that a subscriber reads at once, and has in memory."""

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of a gap without a known change."""

CATCH_UP_S = 0.5
"""The longest wait, in seconds, for a revision that another process has shown."""


class EventKind(StrEnum):
    """The kind of an event: what a client has to do."""

    PUT = "PUT"
    DELETE = "DELETE"
    GAP = "GAP"


class ChangeEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the change history.

    Attributes:
        cursor: The cursor to resume after it.
        kind: What a client has to do.
        at: The time of the change.
        article_id: The article's id; None for a GAP.
        slug: The article's slug; None for a GAP.
        is_new: Whether this reader could not see the article before.
    """

    cursor: str
    kind: EventKind
    at: datetime
    article_id: str | None = None
    slug: str | None = None
    is_new: bool = False

    @property
    def deleted_id(self) -> str | None:
        """The article's id if the article has to be dropped."""
        return self.article_id if self.kind is EventKind.DELETE else None


class ChangeSourceEvent(NamedTuple):
    """An event with the context in which its selection is executed."""

    event: ChangeEvent
    context: Context

    @property
    def cursor(self) -> str:
        """The cursor to resume after it."""
        return self.event.cursor


class HistoryRights(NamedTuple):
    """The rights of a viewer on which its history depends; see `Viewer`."""

    visibility: Visibility
    may_read_secured: bool
    preview: str | None


class ChangeReader:
    """A reader of the history: a viewer and a filter."""

    def __init__(self, viewer: Viewer | HistoryRights, filter: Filter = MATCH_ALL) -> None:
        self._viewer = viewer
        self._filter = filter
        self._uses_translations = uses_translations(filter)
        self._names: Mapping[str, str] | None = None
        self._digest = BLANK_TOKEN

    def digest(self, snapshot: Snapshot) -> bytes:
        """A digest of everything that decides which articles the reader sees, and what of them."""
        if self._names is not snapshot.topic_names:  # seldom: the topic tree rarely changes
            self._names = snapshot.topic_names
            viewer, names = self._viewer, sorted(self._names.items())
            parts = (viewer.visibility, viewer.may_read_secured, self._filter, names)
            # Cursors of other readers stay as they were before there were previews.
            text = repr(parts if viewer.preview is None else (*parts, viewer.preview))
            code = blake2b(text.encode("utf-8", "replace"), digest_size=TOKEN_BYTES)
            self._digest = code.digest()
        return self._digest

    def position(self, cursor: str, snapshot: Snapshot) -> Bookmark:
        """The position of a cursor; `UNKNOWN_BOOKMARK` for a cursor of another reader.

        Raises: CursorError.
        """
        position, digest = snapshot.cursors.decode_change(cursor)
        return position if digest == self.digest(snapshot) else UNKNOWN_BOOKMARK

    def cursor(self, position: Bookmark, snapshot: Snapshot) -> str:
        """The cursor of a position, for this reader."""
        return snapshot.cursors.change(position, self.digest(snapshot))

    async def events(
        self, after: Bookmark | None, snapshot: Snapshot, limit: int
    ) -> tuple[list[ChangeEvent], HistoryPage]:
        """The events after a position up to a snapshot, oldest first, and their history.

        A gap is the first event. A change of a translation may have several, so that there may be
        more than `limit`; then the history ends earlier, after all events of a change.
        """
        begin = after and after._replace(member=b"")
        history = await snapshot.changes(begin, self._viewer.visibility, limit)
        events = [self._event(change, snapshot) for change in history.changes]
        if self._uses_translations:
            start = history.gap or after or HISTORY_START
            events, history = await self._with_translations(events, history, start, snapshot, limit)
        elif self._filter != MATCH_ALL:
            events = await self._filtered(events, snapshot)
        if history.gap is not None:
            # The same for every request on one state: ETags promise that.
            at = history.gap_at or LONG_AGO
            cursor = self.cursor(history.gap, snapshot)
            events.insert(0, ChangeEvent(cursor=cursor, kind=EventKind.GAP, at=at))
        return events, history

    def _event(self, change: Change, snapshot: Snapshot) -> ChangeEvent:
        return ChangeEvent(
            cursor=self.cursor(bookmark_of(change), snapshot),
            kind=EventKind[change.kind.name],
            at=change.at,
            article_id=change.id,
            slug=change.slug,
            # The history does not say this for readers of drafts.
            is_new=self._viewer.visibility is not Visibility.ALL
            and self._viewer.preview != change.id
            and not change.was_published,
        )

    async def _filtered(
        self, events: Sequence[ChangeEvent], snapshot: Snapshot
    ) -> list[ChangeEvent]:
        """The events for a filter, applied to the articles as they are in the snapshot.

        Whether an article matched before is not known. So a PUT of one that does not match becomes
        a DELETE, unless the reader could not see it before.
        """
        filter = snapshot.resolve_topics(self._filter, self._viewer.visibility)
        matches = predicate(filter, snapshot.aliases)
        by_id = await self._articles_of(events, snapshot)
        filtered = (_filtered_event(event, by_id, matches) for event in events)
        return [event for event in filtered if event is not None]

    async def _articles_of(
        self, events: Sequence[ChangeEvent], snapshot: Snapshot
    ) -> Mapping[str, Article | None]:
        """The articles of PUT events by id."""
        puts = (event for event in events if event.kind is EventKind.PUT)
        ids = list({event.article_id for event in puts if event.article_id})
        articles = await snapshot.get_many(LookupKey.ID, ids, self._viewer.visibility)
        return dict(zip(ids, articles, strict=True))

    async def _with_translations(
        self,
        events: Sequence[ChangeEvent],
        history: HistoryPage,
        start: Bookmark,
        snapshot: Snapshot,
        limit: int,
    ) -> tuple[list[ChangeEvent], HistoryPage]:
        """The events for a filter with a chain of locales: also those of other translations.

        `start`: the position of the reader, which may be inside the first change.
        """
        by_id = await self._articles_of(events, snapshot)
        affected = await AffectedTranslations.load(
            history.changes, list(by_id.values()), snapshot, self._viewer.visibility
        )
        filter = snapshot.resolve_topics(self._filter, self._viewer.visibility)
        matches = predicate(filter, snapshot.aliases, affected.of)
        all_events: list[ChangeEvent] = []
        before, inside = start._replace(member=b""), start.member
        for event, change in zip(events, history.changes, strict=True):
            end, article = bookmark_of(change), by_id.get(change.id)
            own = None if inside else _filtered_event(event, by_id, matches)
            if affected.is_lost(change, article):
                own = ChangeEvent(cursor=event.cursor, kind=EventKind.GAP, at=event.at)
            members = affected.others(change, inside)
            same = [own] if own else []
            same += [_member_event(event, member.article, matches) for member in members]
            tokens = [*([OWN_EVENT] if own else []), *(member.token for member in members)]
            for each, position in zip(same, member_positions(before, end, tokens), strict=True):
                cursor = self.cursor(position, snapshot)
                all_events.append(msgspec.structs.replace(each, cursor=cursor))
            before, inside = end, b""
            if len(all_events) >= limit and change is not history.changes[-1]:
                return all_events, msgspec.structs.replace(history, end=end, has_next=True)
        return all_events, history


def _filtered_event(
    event: ChangeEvent, articles: Mapping[str, Article | None], matches: Predicate
) -> ChangeEvent | None:
    """The event for a filter; None if it tells the reader nothing."""
    article = articles.get(event.article_id or "")
    if event.kind is not EventKind.PUT or (article is not None and matches(article)):
        return event
    return None if event.is_new else msgspec.structs.replace(event, kind=EventKind.DELETE)


def _member_event(event: ChangeEvent, article: Article, matches: Predicate) -> ChangeEvent:
    """The event of another article of a changed article's group."""
    kind = EventKind.PUT if matches(article) else EventKind.DELETE
    return msgspec.structs.replace(
        event, kind=kind, article_id=article.id, slug=article.slug, is_new=False
    )


async def wait_for_revision(
    source: ChangeSource, snapshot: Snapshot, position: Bookmark, visibility: Visibility
) -> Snapshot:
    """A snapshot at or after a position, which another process may have shown; after a time-out,
    any.

    The wait depends only on changes that the reader may see.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(CATCH_UP_S):
            while (await snapshot.newest_change(visibility)).revision < position.revision:
                snapshot = await source.wait(snapshot.version)
    return snapshot


async def stream_changes(
    context: Context,
    source: ChangeSource,
    reader: ChangeReader,
    after: Bookmark,
    snapshot: Snapshot,
) -> AsyncGenerator[ChangeSourceEvent, None]:
    """The endless stream of events after a position, from this snapshot on.

    Renamed topics are a GAP, and so is a restored backup. One write wakes all subscribers, and one
    that is far behind gets thousands of events, so each runs in time slices. A subscriber is one
    job until it has caught up: a single event does not wait for those that read the whole history.
    """
    digest = reader.digest(snapshot)
    job = Job(context.job.scheduler)
    while True:
        await job.pause()
        if reader.digest(snapshot) != digest:
            after, digest = UNKNOWN_BOOKMARK, reader.digest(snapshot)
        events, history = await reader.events(after, snapshot, PAGE)
        now = context.with_snapshot(snapshot)
        now.job = job
        for event in events:
            yield ChangeSourceEvent(event, now)
        after = history.end
        if history.has_next:
            snapshot = await source.snapshot()
        else:
            snapshot = await source.wait(snapshot.version)
            job = Job(job.scheduler)
