"""Lists of articles: at the root, of a provider, of a topic, of those that reference a story."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry import UNSET

from store import (
    ArticleQuery,
    Filter,
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
from .context import Info
from .filters import ArticleFilter, ArticleOrder, store_filter, store_order

FilterArgument = Annotated[
    ArticleFilter | None, strawberry.argument(description="Which articles; all where left out.")
]
OrderArgument = Annotated[
    list[ArticleOrder] | None,
    strawberry.argument(description="Their order; newest first where left out."),
]
ArticleList = ConnectionValue[model.Article]


async def list_articles(info: Info, query: ArticleQuery) -> ArticleList:
    """One list, batched with those that other fields of this level ask for."""
    page = await info.context.loaders.page.load(query)
    return ConnectionValue(page, lambda article: article_cursor(article, query.order))


def article_query(
    info: Info,
    part: Window,
    scope: Filter | None,
    filter: ArticleFilter | None = UNSET,
    order_by: list[ArticleOrder] | None = UNSET,
) -> ArticleQuery:
    """The store's query for a field's arguments; counts only where totalCount is selected."""
    return ArticleQuery(
        window=part,
        filter=all_of(scope, store_filter(filter)),
        order=store_order(order_by),
        with_total=selects(info, "totalCount"),
    )


async def resolve_articles(
    info: Info,
    filter: FilterArgument = UNSET,
    order_by: OrderArgument = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> ArticleList:
    """`Query.articles`."""
    part = window(info.context.page_sizes, first, after, last, before)
    return await list_articles(info, article_query(info, part, None, filter, order_by))


async def resolve_provider_articles(
    root: strawberry.Parent[model.Provider],
    info: Info,
    filter: FilterArgument = UNSET,
    order_by: OrderArgument = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> ArticleList:
    """`Provider.articles`."""
    part = window(info.context.page_sizes, first, after, last, before)
    scope = of_provider(root.domain)
    return await list_articles(info, article_query(info, part, scope, filter, order_by))


async def resolve_topic_articles(
    root: strawberry.Parent[model.Topic],
    info: Info,
    filter: FilterArgument = UNSET,
    order_by: OrderArgument = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> ArticleList:
    """`Topic.articles`."""
    part = window(info.context.page_sizes, first, after, last, before)
    scope = of_topic(root.slug)
    return await list_articles(info, article_query(info, part, scope, filter, order_by))


async def resolve_referenced_by(
    root: strawberry.Parent[model.Article],
    info: Info,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> ArticleList:
    """`Article.referencedBy`."""
    part = window(info.context.page_sizes, first, after, last, before)
    return await list_articles(info, article_query(info, part, referencing(root)))
