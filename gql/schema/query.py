"""The root of all reading."""

from __future__ import annotations

import asyncio
from typing import Annotated

import strawberry
from strawberry import UNSET

from store import (
    Kind,
    canonical_url,
    domain_key,
    kind_of,
    model,
    provider_cursor,
    topic_cursor,
)

from .article_list import resolve_articles
from .connection import (
    After,
    Before,
    Connection,
    ConnectionValue,
    First,
    Last,
    check_size,
    window,
)
from .context import Info
from .diagnostics import Diagnostic, resolve_diagnostics
from .graph import Article, Provider, Topic
from .node import Node, resolved
from .scalars import Url

NodeValue = model.Article | model.Provider | model.Topic


@strawberry.input(one_of=True, description="One way to name an article.")
class ArticleBy:
    id: strawberry.ID | None = strawberry.field(default=UNSET, description="Its id.")
    slug: str | None = strawberry.field(default=UNSET, description="Its slug.")
    url: Url | None = strawberry.field(
        default=UNSET,
        description="Any of its addresses, however it is written: case of the host, tracking "
        "parameters and fragments do not matter. Of several such articles, the newest.",
    )


@strawberry.input(one_of=True, description="One way to name a provider.")
class ProviderBy:
    id: strawberry.ID | None = strawberry.field(default=UNSET, description="Its id.")
    domain: str | None = strawberry.field(default=UNSET, description="Its domain.")


@strawberry.input(one_of=True, description="One way to name a topic.")
class TopicBy:
    id: strawberry.ID | None = strawberry.field(default=UNSET, description="Its id.")
    slug: str | None = strawberry.field(default=UNSET, description="Its slug.")
    name: str | None = strawberry.field(
        default=UNSET, description="Its name, whatever the case and spacing."
    )


async def find_node(info: Info, id: str) -> NodeValue | None:
    """Whatever an id names, or None."""
    loaders = info.context.loaders
    match kind_of(id):
        case Kind.ARTICLE:
            return await loaders.article_by_id.load(id)
        case Kind.PROVIDER:
            return await loaders.provider_by_id.load(id)
        case Kind.TOPIC:
            return await loaders.topic_by_id.load(id)
    return None


async def resolve_node(
    info: Info,
    id: Annotated[strawberry.ID, strawberry.argument(description="The id of any node.")],
) -> NodeValue | None:
    """`Query.node`."""
    return await find_node(info, id)


async def resolve_nodes(
    info: Info,
    ids: Annotated[list[strawberry.ID], strawberry.argument(description="Ids of any nodes.")],
) -> list[NodeValue | None]:
    """`Query.nodes`: n ids -> n nodes or null, in the same order."""
    check_size("ids", len(ids), info.context.page_sizes.maximum)
    return await asyncio.gather(*(find_node(info, id) for id in ids))


async def resolve_article(
    info: Info, by: Annotated[ArticleBy, strawberry.argument(description="Which one.")]
) -> model.Article | None:
    """`Query.article`."""
    loaders = info.context.loaders
    if by.id:
        return await loaders.article_by_id.load(by.id)
    if by.slug:
        return await loaders.article_by_slug.load(by.slug)
    return await loaders.article_by_url.load(canonical_url(by.url or ""))


async def resolve_provider(
    info: Info, by: Annotated[ProviderBy, strawberry.argument(description="Which one.")]
) -> model.Provider | None:
    """`Query.provider`."""
    loaders = info.context.loaders
    if by.id:
        return await loaders.provider_by_id.load(by.id)
    return await loaders.provider_by_domain.load(domain_key(by.domain or ""))


async def resolve_topic(
    info: Info, by: Annotated[TopicBy, strawberry.argument(description="Which one.")]
) -> model.Topic | None:
    """`Query.topic`."""
    loaders = info.context.loaders
    if by.id:
        return await loaders.topic_by_id.load(by.id)
    if by.slug:
        return await loaders.topic_by_slug.load(by.slug)
    return await loaders.topic_by_name.load(by.name or "")


async def resolve_providers(
    info: Info,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> ConnectionValue[model.Provider]:
    """`Query.providers`."""
    part = window(info.context.page_sizes, first, after, last, before)
    page = await info.context.snapshot.provider_page(part, info.context.viewer.visibility)
    return ConnectionValue(page, provider_cursor)


async def resolve_topics(
    info: Info,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> ConnectionValue[model.Topic]:
    """`Query.topics`."""
    part = window(info.context.page_sizes, first, after, last, before)
    page = await info.context.snapshot.topic_page(part, info.context.viewer.visibility)
    return ConnectionValue(page, topic_cursor)


@strawberry.type(description="Everything that can be read.")
class Query:
    node: Node | None = resolved(resolve_node, "Whatever has this id; null where nothing has.")
    nodes: list[Node | None] = resolved(resolve_nodes, "As `node`, for many ids, in their order.")
    article: Article | None = resolved(resolve_article, "One article; null where there is none.")
    articles: Connection[Article] = resolved(
        resolve_articles, "Articles, filtered and ordered, part by part."
    )
    provider: Provider | None = resolved(
        resolve_provider, "One provider; null where there is none."
    )
    providers: Connection[Provider] = resolved(resolve_providers, "All providers, by domain.")
    topic: Topic | None = resolved(resolve_topic, "One topic; null where there is none.")
    topics: Connection[Topic] = resolved(resolve_topics, "All topics, by slug.")
    diagnostics: Connection[Diagnostic] = resolved(
        resolve_diagnostics,
        "What is wrong with the loaded files, by path and line. Needs the scope READ_DRAFTS.",
    )
