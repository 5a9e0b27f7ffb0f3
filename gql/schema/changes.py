"""The history of the articles: `Query.changes` pages it, `Subscription.changes` goes on from it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry import UNSET

from store import Bookmark, Key, Snapshot, decode_change_cursor, topics_mark
from store.filters import predicate

from .article_list import FilterArgument
from .batch_loads import load_articles
from .connection import EdgeValue, First, PageInfo, check_size, given
from .context import Info
from .filters import store_filter
from .following import ChangeEvent, EventKind, Told, events, follow, gap_until_now, history_after
from .graph import Article
from .links import Link, linked, one

AfterChange = Annotated[
    str | None,
    strawberry.argument(
        description="Only what happened after this cursor, from any change or mutation."
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
) -> list[tuple[tuple[Key, str], ...]]:
    """The id of the article that came or changed."""
    return [
        ((Key.ID, source.id),) if source.kind is EventKind.PUT and source.id is not None else ()
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
    page_info: PageInfo = strawberry.field(description="Where this part lies in the history.")


class ChangeList:
    """What `ChangeConnection` resolves from."""

    __slots__ = ("_has_next", "_has_previous", "nodes")

    def __init__(self, nodes: Sequence[ChangeEvent], *, has_previous: bool, has_next: bool) -> None:
        self.nodes = nodes
        self._has_previous = has_previous
        self._has_next = has_next

    @property
    def edges(self) -> list[EdgeValue[ChangeEvent]]:
        """Each change with its cursor."""
        return [EdgeValue(node, node.cursor) for node in self.nodes]

    @property
    def page_info(self) -> PageInfo:
        """Where this part lies."""
        return PageInfo(
            has_next_page=self._has_next,
            has_previous_page=self._has_previous,
            start_cursor=self.nodes[0].cursor if self.nodes else None,
            end_cursor=self.nodes[-1].cursor if self.nodes else None,
        )


async def resolve_changes(
    info: Info, after: AfterChange = UNSET, first: First = UNSET
) -> ChangeList:
    """`Query.changes`. What was written after the request's snapshot was taken is left out."""
    context = info.context
    size = context.page_sizes.default if given(first) is None else first
    assert size is not None  # noqa: S101  # for the type checker
    check_size("first", size, context.page_sizes.maximum)
    begin = bookmark(given(after), context.snapshot, 0)
    visibility = context.viewer.visibility
    history = await history_after(context.source, begin, visibility, size)
    topics = topics_mark(context.snapshot.topic_names)
    told = events(history, visibility, topics)
    if begin.topics not in (topics, ""):
        told = [gap_until_now(history, topics)]
    in_snapshot = [
        event
        for event in told
        if event.kind is EventKind.GAP or event.revision <= context.snapshot.revision
    ]
    shown = in_snapshot[:size]
    before = await context.source.changes(0, visibility, 1)
    return ChangeList(
        shown,
        has_previous=any(change.revision <= begin.revision for change in before.changes),
        has_next=len(shown) < len(in_snapshot)
        or (history.has_next and len(in_snapshot) == len(told)),
    )


def bookmark(cursor: str | None, snapshot: Snapshot, revision: int) -> Bookmark:
    """Where a cursor goes on from; without one, a revision for who reads a snapshot.

    Raises: CursorError.
    """
    if cursor is None:
        return Bookmark(revision, topics=topics_mark(snapshot.topic_names))
    return decode_change_cursor(cursor)


async def follow_changes(
    info: Info, after: AfterChange = UNSET, filter: FilterArgument = UNSET
) -> AsyncGenerator[Told, None]:
    """`Subscription.changes`. When this returns, the place to begin from is known."""
    context = info.context
    snapshot = await context.source.snapshot()
    wanted = None if given(filter) is None else store_filter(filter)
    if wanted is not None:
        predicate(wanted, snapshot.aliases)  # what cannot be used is refused now, not at an event
    begin = bookmark(context.resume_after or given(after), snapshot, snapshot.revision)
    return follow(context, context.source, begin, wanted)


_FOLLOWED: Any = strawberry.subscription(
    resolver=follow_changes,
    description="Every change after a cursor, or from now on, as it happens. With a filter, only "
    "articles that match; others that changed come as a DELETE, as they may have matched before.",
)


@strawberry.type(description="Everything that can be followed.")
class Subscription:
    changes: AsyncGenerator[Change, None] = _FOLLOWED
