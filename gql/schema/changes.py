"""The history of articles: `Query.changes` gives pages, `Subscription.changes` a stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry import UNSET

from gql.identity.viewer import Viewer
from store import (
    HISTORY_START,
    UNKNOWN_BOOKMARK,
    Bookmark,
    Filter,
    HistoryPage,
    LookupKey,
    Snapshot,
    Visibility,
)
from store.engines.changes import bookmark_of
from store.querying.predicates import predicate

from .article_list import FilterArgument
from .batch_loads import load_articles
from .change_events import (
    ChangeEvent,
    ChangeReader,
    ChangeSourceEvent,
    EventKind,
    HistoryRights,
    stream_changes,
    wait_for_revision,
)
from .connection import EdgeValue, First, PageInfo, check_page_size, value_or_none
from .context import Context, Info, PageSizes
from .filters import store_filter
from .graph import Article
from .links import Link, linked, prepared_key, single

AfterChange = Annotated[
    str | None,
    strawberry.argument(
        description="Only changes after this cursor. Take it from `changesCursor` or `changes` "
        "with the same filter and the same permissions, or, without a filter, from a mutation. Any "
        "other cursor gives a GAP."
    ),
]


@strawberry.enum(description="What a client with a copy of the articles has to do.")
class ChangeKind(Enum):
    PUT = strawberry.enum_value(
        EventKind.PUT, description="The article is new or has changed: take it as it is now."
    )
    DELETE = strawberry.enum_value(
        EventKind.DELETE,
        description="Drop the article if you have it: it was deleted, you may not see it any more, "
        "it does not match the filter, or a translation precedes it in a chain of locales.",
    )
    GAP = strawberry.enum_value(
        EventKind.GAP,
        description="The changes before this one are not known any more: read everything anew, "
        "then continue from here.",
    )


def article_keys(
    sources: Sequence[ChangeEvent], _prepared: Any, _total: bool
) -> list[tuple[tuple[LookupKey, str], ...]]:
    """The id of the article of a PUT."""
    return [
        ((LookupKey.ID, source.article_id),)
        if source.kind is EventKind.PUT and source.article_id is not None
        else ()
        for source in sources
    ]


CHANGED_ARTICLE = Link(load_articles, article_keys, single)


# It has no `id`: caches (Apollo, urql, Relay) would take all changes of an article for one object,
# and Relay would take that for the article itself.
@strawberry.type(
    description="One change of the history, as far as you may see it. An article may have several, "
    "so a change has no `id`."
)
class Change:
    cursor: str = strawberry.field(
        description="Opaque. Pass it as `after` to the query or the subscription to continue."
    )
    kind: ChangeKind = strawberry.field(description="What to do.")
    article_id: strawberry.ID | None = strawberry.field(
        description="The article's id; null for a GAP."
    )
    deleted_id: strawberry.ID | None = strawberry.field(
        description="The article's id for a DELETE, else null. For Relay's `@deleteEdge`, and "
        "without a filter for `@deleteRecord`: an article that no longer matches a filter exists."
    )
    slug: str | None = strawberry.field(description="The article's slug; null for a GAP.")
    at: datetime = strawberry.field(
        description="The time of the change; for a GAP, the time of its end."
    )
    article: Article | None = linked(
        CHANGED_ARTICLE,
        "The article as it is now; null for a DELETE, for a GAP, and if it was deleted since.",
    )


@strawberry.type(description="A change and its cursor.")
class ChangeEdge:
    node: Change = strawberry.field(description="The change.")
    cursor: str = strawberry.field(description="The change's own cursor.")


@strawberry.type(description="A page of the history, oldest first.")
class ChangeConnection:
    nodes: list[Change] = strawberry.field(description="The changes without their cursors.")
    edges: list[ChangeEdge] = strawberry.field(description="The changes with their cursors.")
    page_info: PageInfo = strawberry.field(
        description="The position of this page in the history. Its `endCursor` is never null: "
        "after an empty page, continue from it, too."
    )
    latest_cursor: str = strawberry.field(
        description="The position of the state that this request shows.",
        deprecation_reason="Use `Query.changesCursor`. Caches that merge the pages of `changes` "
        "would merge the empty page that is read for this field, too.",
    )


class ChangeConnectionValue:
    """The value that `ChangeConnection` resolves from.

    Attributes:
        nodes: The changes, as events.
        page_info: The position of the page.
        latest_cursor: The position of the snapshot.
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
        """The changes with their cursors."""
        return [EdgeValue(node, node.cursor) for node in self.nodes]


async def resolve_changes(
    info: Info, after: AfterChange = UNSET, first: First = UNSET, filter: FilterArgument = UNSET
) -> ChangeConnectionValue:
    """`Query.changes`, from the request's snapshot."""
    context = info.context
    snapshot = context.snapshot
    size = context.page_sizes.default if value_or_none(first) is None else first
    assert size is not None  # noqa: S101  # for the type checker
    check_page_size("first", size, context.page_sizes.maximum)
    reader = change_reader(context.viewer, filter, snapshot)
    cursor = value_or_none(after)
    begin = None if cursor is None else reader.position(cursor, snapshot)
    events, history = await reader.events(begin, snapshot, size)
    nodes = events[:size]
    has_next = history.has_next or len(events) > size
    newest = await snapshot.newest_change(context.viewer.visibility)
    reached = newest  # the end of an empty page
    if has_next:  # an empty page with more: of size 0, or filtered
        reached = history.end if len(events) <= size else begin or HISTORY_START
    page_info = PageInfo(
        has_next_page=has_next,
        has_previous_page=begin is not None and await _has_before(begin, history, context),
        start_cursor=nodes[0].cursor if nodes else None,
        end_cursor=nodes[-1].cursor if nodes else reader.cursor(reached, snapshot),
    )
    return ChangeConnectionValue(nodes, page_info, reader.cursor(newest, snapshot))


async def load_cursors(
    snapshot: Snapshot, keys: Sequence[tuple[Filter, bool, str | None]], visibility: Visibility
) -> Sequence[str]:
    """The cursors of the snapshot's newest change, each for a filter and rights (see `Link`).

    Raises: FilterError: a filter is invalid.
    """
    newest = await snapshot.newest_change(visibility)
    cursors = []
    for condition, may_read_secured, preview in keys:
        predicate(condition, snapshot.aliases)
        reader = ChangeReader(HistoryRights(visibility, may_read_secured, preview), condition)
        cursors.append(reader.cursor(newest, snapshot))
    return cursors


def cursor_filter(_sizes: PageSizes, filter: FilterArgument = UNSET) -> Filter:
    """The arguments of `Query.changesCursor`. Raises: FilterError."""
    return store_filter(value_or_none(filter))


CHANGES_CURSOR = Link(load_cursors, prepared_key, single, cursor_filter, by_rights=True)


async def _has_before(begin: Bookmark, history: HistoryPage, context: Context) -> bool:
    """Whether the history has a change before a page that the reader may see."""
    oldest = await context.snapshot.changes(None, context.viewer.visibility, 1)
    first = oldest.gap or (bookmark_of(oldest.changes[0]) if oldest.changes else None)
    if first is None:
        return False
    return history.gap is not None or first.revision <= begin.revision or bool(begin.member)


def change_reader(viewer: Viewer, filter: FilterArgument, snapshot: Snapshot) -> ChangeReader:
    """The reader for a viewer and a filter. Raises: FilterError: the filter is invalid."""
    condition = store_filter(value_or_none(filter))
    predicate(condition, snapshot.aliases)  # refuse it now, not at the first event
    return ChangeReader(viewer, condition)


async def subscribe_to_changes(
    info: Info, after: AfterChange = UNSET, filter: FilterArgument = UNSET
) -> AsyncGenerator[ChangeSourceEvent, None]:
    """`Subscription.changes`. When this returns, its position in the history is fixed."""
    context = info.context
    snapshot = await context.source.snapshot()
    reader = change_reader(context.viewer, filter, snapshot)
    cursor = context.resume_after or value_or_none(after)
    if cursor is None:
        begin = await snapshot.newest_change(context.viewer.visibility)
    else:
        position, _ = snapshot.cursors.decode_change(cursor)
        visibility = context.viewer.visibility
        snapshot = await wait_for_revision(context.source, snapshot, position, visibility)
        begin = reader.position(cursor, snapshot)
    if begin != UNKNOWN_BOOKMARK:
        context.start_cursor = reader.cursor(begin, snapshot)
    return stream_changes(context, context.source, reader, begin, snapshot)


_SUBSCRIPTION: Any = strawberry.subscription(
    resolver=subscribe_to_changes,
    description="Every change after a cursor, or from now on, as it happens. Read `changesCursor` "
    "before, so that you can resume if the connection is lost before the first change. With a "
    "filter, articles that match come as PUT; others that changed come as DELETE, as they may have "
    "matched before. Under `locale: {firstOf}` the translations of a changed article come, too.",
)


@strawberry.type(description="All subscriptions.")
class Subscription:
    changes: AsyncGenerator[Change, None] = _SUBSCRIPTION
