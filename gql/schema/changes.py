"""The history of the articles: `Query.changes` pages it, `Subscription.changes` goes on from it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry import UNSET

from gql.identity.viewer import Viewer
from store import HISTORY_START, Bookmark, HistoryPage, LookupKey, Snapshot
from store.engines.changes import bookmark_of
from store.querying.predicates import predicate

from .article_list import FilterArgument
from .batch_loads import load_articles
from .change_events import ChangeEvent, ChangeSourceEvent, EventKind, Reader, caught_up, follow
from .connection import EdgeValue, First, PageInfo, check_size, given
from .context import Context, Info
from .filters import store_filter
from .graph import Article
from .links import Link, linked, one

AfterChange = Annotated[
    str | None,
    strawberry.argument(
        description="Only what happened after this cursor. It comes from `changes` with the same "
        "filter and the same rights, or, without a filter, from a mutation; after any other one "
        "comes a GAP."
    ),
]


@strawberry.enum(description="What a change asks of those who hold articles.")
class ChangeKind(Enum):
    PUT = strawberry.enum_value(
        EventKind.PUT, description="The article came or changed: take it as it is now."
    )
    DELETE = strawberry.enum_value(
        EventKind.DELETE,
        description="Drop the article if you hold it: it is gone, you may not see it any more, or "
        "it does not match the filter.",
    )
    GAP = strawberry.enum_value(
        EventKind.GAP,
        description="What happened before this is not known any more: read everything anew, then "
        "go on from here.",
    )


def article_keys(
    sources: Sequence[ChangeEvent], _prepared: Any, _total: bool
) -> list[tuple[tuple[LookupKey, str], ...]]:
    """The id of the article that came or changed."""
    return [
        ((LookupKey.ID, source.id),)
        if source.kind is EventKind.PUT and source.id is not None
        else ()
        for source in sources
    ]


CHANGED_ARTICLE = Link(load_articles, article_keys, one)


@strawberry.type(description="One step of the history, as you saw it.")
class Change:
    cursor: str = strawberry.field(
        description="Opaque; pass it as `after` of the query or of the subscription to go on."
    )
    kind: ChangeKind = strawberry.field(description="What it asks of you.")
    id: strawberry.ID | None = strawberry.field(description="The article's id; null for a GAP.")
    slug: str | None = strawberry.field(description="The article's slug; null for a GAP.")
    at: datetime = strawberry.field(description="When it happened; for a GAP, when it ended.")
    article: Article | None = linked(
        CHANGED_ARTICLE,
        "The article as it is now; null for a DELETE or a GAP, and where it has gone since.",
    )


@strawberry.type(description="A change, and the cursor that names its place.")
class ChangeEdge:
    node: Change = strawberry.field(description="The change.")
    cursor: str = strawberry.field(description="The change's own cursor.")


@strawberry.type(description="A part of the history, oldest first.")
class ChangeConnection:
    nodes: list[Change] = strawberry.field(description="The changes alone.")
    edges: list[ChangeEdge] = strawberry.field(description="The changes, each with its cursor.")
    page_info: PageInfo = strawberry.field(
        description="Where this part lies in the history. Its `endCursor` is never null: in an "
        "empty part, it is where to go on from all the same."
    )
    latest_cursor: str = strawberry.field(
        description="The place of the state that this whole request shows. Read what you want to "
        "hold beside it, then go on after it: nothing lies between."
    )


class ChangeList:
    """What `ChangeConnection` resolves from.

    Attributes:
        nodes: the changes, as events.
        page_info: where this part lies.
        latest_cursor: the place of the snapshot.
    """

    __slots__ = ("latest_cursor", "nodes", "page_info")

    def __init__(
        self, nodes: Sequence[ChangeEvent], page_info: PageInfo, latest_cursor: str
    ) -> None:
        self.nodes = nodes
        self.page_info = page_info
        self.latest_cursor = latest_cursor

    @property
    def edges(self) -> list[EdgeValue[ChangeEvent]]:
        """Each change with its cursor."""
        return [EdgeValue(node, node.cursor) for node in self.nodes]


async def resolve_changes(
    info: Info, after: AfterChange = UNSET, first: First = UNSET, filter: FilterArgument = UNSET
) -> ChangeList:
    """`Query.changes`, of the request's snapshot like everything else in it."""
    context = info.context
    snapshot = context.snapshot
    size = context.page_sizes.default if given(first) is None else first
    assert size is not None  # noqa: S101  # for the type checker
    check_size("first", size, context.page_sizes.maximum)
    reader = reader_of(context.viewer, filter, snapshot)
    cursor = given(after)
    begin = None if cursor is None else reader.place(cursor, snapshot)
    events, history = await reader.events(begin, snapshot, size)
    nodes = events[:size]
    has_next = history.has_next or len(events) > size
    newest = await snapshot.newest_change(context.viewer.visibility)
    reached = newest  # of an empty part
    if has_next:  # though empty: for a size of 0, or where the filter leaves out what is new
        reached = history.end if len(events) <= size else begin or HISTORY_START
    page_info = PageInfo(
        has_next_page=has_next,
        has_previous_page=begin is not None and await _has_before(begin, history, context),
        start_cursor=nodes[0].cursor if nodes else None,
        end_cursor=nodes[-1].cursor if nodes else reader.cursor(reached, snapshot),
    )
    return ChangeList(nodes, page_info, reader.cursor(newest, snapshot))


async def _has_before(begin: Bookmark, history: HistoryPage, context: Context) -> bool:
    """Whether the reader may see a change that is kept and stands before a part of the history."""
    kept = await context.snapshot.changes(None, context.viewer.visibility, 1)
    first = kept.gap or (bookmark_of(kept.changes[0]) if kept.changes else None)
    return first is not None and (history.gap is not None or first.revision <= begin.revision)


def reader_of(viewer: Viewer, filter: FilterArgument, snapshot: Snapshot) -> Reader:
    """For whom the history is read. Raises: FilterError: the filter cannot be used."""
    wanted = store_filter(given(filter))
    predicate(wanted, snapshot.aliases)  # refused now, not at an event
    return Reader(viewer, wanted)


async def follow_changes(
    info: Info, after: AfterChange = UNSET, filter: FilterArgument = UNSET
) -> AsyncGenerator[ChangeSourceEvent, None]:
    """`Subscription.changes`. When this returns, the place to begin from is known."""
    context = info.context
    snapshot = await context.source.snapshot()
    reader = reader_of(context.viewer, filter, snapshot)
    cursor = context.resume_after or given(after)
    if cursor is None:
        begin = await snapshot.newest_change(context.viewer.visibility)
    else:
        place, _ = snapshot.cursors.decode_change(cursor)
        visibility = context.viewer.visibility
        snapshot = await caught_up(context.source, snapshot, place, visibility)
        begin = reader.place(cursor, snapshot)
    return follow(context, context.source, reader, begin, snapshot)


_FOLLOWED: Any = strawberry.subscription(
    resolver=follow_changes,
    description="Every change after a cursor, or from now on, as it happens. With a filter, only "
    "articles that match; others that changed come as a DELETE, as they may have matched before.",
)


@strawberry.type(description="Everything that can be followed.")
class Subscription:
    changes: AsyncGenerator[Change, None] = _FOLLOWED
