"""Lists of articles: at the root, of a provider, of a topic, of referencing articles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

import strawberry
from strawberry import UNSET

from store import (
    MATCH_ALL,
    NEWEST_FIRST,
    ArticleQuery,
    CursorCodec,
    Filter,
    OrderStep,
    Window,
    all_of,
    model,
    provider_filter,
    referencing_filter,
    topic_filter,
)

from .batch_loads import load_pages
from .connection import After, Before, First, Last, window
from .context import PageSizes
from .filters import ArticleFilter, ArticleOrder, store_filter, store_order
from .links import Link, single

FilterArgument = Annotated[
    ArticleFilter | None, strawberry.argument(description="A filter; without it, all articles.")
]
OrderArgument = Annotated[
    list[ArticleOrder] | None,
    strawberry.argument(description="The order; without it, newest first."),
]


class ListArguments(NamedTuple):
    """The checked arguments of a list of articles, as values of the store.

    Attributes:
        part: The window of the page.
        filter: The filter.
        order: The order, by steps.
    """

    part: Window
    filter: Filter
    order: tuple[OrderStep, ...]

    def query(self, scope: Filter | None, *, with_total: bool) -> ArticleQuery:
        """The query for these arguments among the articles of `scope`."""
        return ArticleQuery(
            window=self.part,
            filter=all_of(scope, self.filter),
            order=self.order,
            with_total=with_total,
        )


def list_arguments(
    sizes: PageSizes,
    filter: FilterArgument = UNSET,
    order_by: OrderArgument = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> ListArguments:
    """The arguments of a field that lists articles. Raises: QueryError."""
    part = window(sizes, first, after, last, before)
    return ListArguments(part, store_filter(filter), store_order(order_by))


def window_arguments(
    sizes: PageSizes,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> ListArguments:
    """The arguments of a list that has neither filter nor order. Raises: QueryError."""
    return ListArguments(window(sizes, first, after, last, before), MATCH_ALL, NEWEST_FIRST)


def articles_of(
    scope_of: Callable[[Any], Filter | None], prepare: Callable[..., ListArguments] = list_arguments
) -> Link:
    """The link to a list of the articles in the scope that `scope_of` gives for its source."""

    def keys(
        sources: Sequence[Any], prepared: ListArguments, total: bool
    ) -> list[tuple[ArticleQuery, ...]]:
        return [(prepared.query(scope_of(source), with_total=total),) for source in sources]

    return Link(load_pages, keys, single, prepare, cursors=_cursors)


def _cursors(cursors: CursorCodec, prepared: ListArguments) -> Callable[[Any], str]:
    return cursors.encoder_for(prepared.order)


def everything(_root: Any) -> None:
    """No scope: all articles."""


def by_provider(root: model.Provider) -> Filter:
    """The articles of a provider."""
    return provider_filter(root.domain)


def by_topic(root: model.Topic) -> Filter:
    """The articles that name a topic."""
    return topic_filter(root.slug)


ARTICLES = articles_of(everything)
PROVIDER_ARTICLES = articles_of(by_provider)
TOPIC_ARTICLES = articles_of(by_topic)
REFERENCED_BY = articles_of(referencing_filter, window_arguments)
