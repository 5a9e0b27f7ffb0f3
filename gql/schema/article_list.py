"""Lists of articles: at the root, of a provider, of a topic, of those that reference a story."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NamedTuple

import strawberry
from strawberry import UNSET

from store import (
    ArticleQuery,
    Filter,
    Order,
    Window,
    all_of,
    article_cursor,
    model,
    of_provider,
    of_topic,
    referencing,
)

from .connection import (
    After,
    Before,
    ConnectionValue,
    First,
    Last,
    selects,
    window,
)
from .context import Info, PageSizes
from .filters import ArticleFilter, ArticleOrder, store_filter, store_order

FilterArgument = Annotated[
    ArticleFilter | None, strawberry.argument(description="Which articles; all where left out.")
]
OrderArgument = Annotated[
    list[ArticleOrder] | None,
    strawberry.argument(description="Their order; newest first where left out."),
]
ArticleList = ConnectionValue[model.Article]


class ListArguments(NamedTuple):
    """What a client asks of a list of articles, checked and in the store's terms."""

    part: Window
    filter: Filter
    order: tuple[Order, ...]

    def query(self, scope: Filter | None, *, with_total: bool) -> ArticleQuery:
        """The store's query for these among the articles of `scope`."""
        return ArticleQuery(
            window=self.part,
            filter=all_of(scope, self.filter),
            order=self.order,
            with_total=with_total,
        )


def list_arguments(
    sizes: PageSizes,
    filter: ArticleFilter | None = UNSET,
    order_by: list[ArticleOrder] | None = UNSET,
    first: int | None = UNSET,
    after: str | None = UNSET,
    last: int | None = UNSET,
    before: str | None = UNSET,
) -> ListArguments:
    """The arguments of a field that lists articles. Raises: QueryError."""
    part = window(sizes, first, after, last, before)
    return ListArguments(part, store_filter(filter), store_order(order_by))


async def list_articles(info: Info, scope: Filter | None, **arguments: Any) -> ArticleList:
    """One list, batched with those that other fields of this level ask for."""
    asked = list_arguments(info.context.page_sizes, **arguments)
    query = asked.query(scope, with_total=selects(info, "totalCount"))
    page = await info.context.loaders.page.load(query)
    return ConnectionValue(page, lambda article: article_cursor(article, query.order))


def articles_of(scope_of: Callable[[Any], Filter | None]) -> Callable[..., Awaitable[ArticleList]]:
    """A resolver that lists the articles in the scope that `scope_of` gives for its source."""

    async def resolve(
        root: strawberry.Parent[Any],
        info: Info,
        filter: FilterArgument = UNSET,
        order_by: OrderArgument = UNSET,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
    ) -> ArticleList:
        return await list_articles(
            info,
            scope_of(root),
            filter=filter,
            order_by=order_by,
            first=first,
            after=after,
            last=last,
            before=before,
        )

    return resolve


def everything(_root: Any) -> None:
    """No scope: all articles."""


def by_provider(root: model.Provider) -> Filter:
    """Those of a provider."""
    return of_provider(root.domain)


def by_topic(root: model.Topic) -> Filter:
    """Those that name a topic."""
    return of_topic(root.slug)


resolve_articles = articles_of(everything)
resolve_provider_articles = articles_of(by_provider)
resolve_topic_articles = articles_of(by_topic)


async def resolve_referenced_by(
    root: strawberry.Parent[model.Article],
    info: Info,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> ArticleList:
    """`Article.referencedBy`."""
    return await list_articles(
        info, referencing(root), first=first, after=after, last=last, before=before
    )
