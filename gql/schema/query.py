"""The root of all reading."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated

import strawberry
from strawberry import UNSET

from store import (
    Key,
    Kind,
    QueryError,
    canonical_url,
    domain_key,
    kind_of,
    model,
    provider_cursor,
    topic_cursor,
)

from .article_list import resolve_articles
from .changes import ChangeConnection, resolve_changes
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
from .context import Info, PageSizes
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


Names = dict[str, tuple[Key, Callable[[str], str]]]
"""By which members of a `by` argument something is found, and how the store spells their values."""

ARTICLE_NAMES: Names = {
    "id": (Key.ID, str),
    "slug": (Key.SLUG, str),
    "url": (Key.URL, canonical_url),
}
PROVIDER_NAMES: Names = {"id": (Key.ID, str), "domain": (Key.DOMAIN, domain_key)}
TOPIC_NAMES: Names = {"id": (Key.ID, str), "slug": (Key.SLUG, str), "name": (Key.NAME, str)}


def lookup_key(names: Names, by: ArticleBy | ProviderBy | TopicBy) -> tuple[Key, str]:
    """The key that a `by` argument gives; @oneOf has seen to it that it gives just one."""
    for member, (key, spelled) in names.items():
        if (value := getattr(by, member)) is not UNSET:
            return key, spelled(value)
    raise QueryError("The argument by names nothing.")


async def find_node(info: Info, id: str) -> NodeValue | None:
    """Whatever an id names, or None."""
    loaders = info.context.loaders
    match kind_of(id):
        case Kind.ARTICLE:
            return await loaders.articles[Key.ID].load(id)
        case Kind.PROVIDER:
            return await loaders.providers[Key.ID].load(id)
        case Kind.TOPIC:
            return await loaders.topics[Key.ID].load(id)
    return None


async def resolve_node(
    info: Info,
    id: Annotated[strawberry.ID, strawberry.argument(description="The id of any node.")],
) -> NodeValue | None:
    """`Query.node`."""
    return await find_node(info, id)


def node_ids(sizes: PageSizes, ids: list[strawberry.ID]) -> list[strawberry.ID]:
    """The ids of `Query.nodes`, if they are not too many. Raises: WindowError."""
    check_size("ids", len(ids), sizes.maximum)
    return ids


async def resolve_nodes(
    info: Info,
    ids: Annotated[list[strawberry.ID], strawberry.argument(description="Ids of any nodes.")],
) -> list[NodeValue | None]:
    """`Query.nodes`: n ids -> n nodes or null, in the same order."""
    wanted = node_ids(info.context.page_sizes, ids)
    return await asyncio.gather(*(find_node(info, id) for id in wanted))


async def resolve_article(
    info: Info, by: Annotated[ArticleBy, strawberry.argument(description="Which one.")]
) -> model.Article | None:
    """`Query.article`."""
    key, value = lookup_key(ARTICLE_NAMES, by)
    return await info.context.loaders.articles[key].load(value)


async def resolve_provider(
    info: Info, by: Annotated[ProviderBy, strawberry.argument(description="Which one.")]
) -> model.Provider | None:
    """`Query.provider`."""
    key, value = lookup_key(PROVIDER_NAMES, by)
    return await info.context.loaders.providers[key].load(value)


async def resolve_topic(
    info: Info, by: Annotated[TopicBy, strawberry.argument(description="Which one.")]
) -> model.Topic | None:
    """`Query.topic`."""
    key, value = lookup_key(TOPIC_NAMES, by)
    return await info.context.loaders.topics[key].load(value)


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
    changes: ChangeConnection = resolved(
        resolve_changes, "The history of the articles, oldest first, part by part."
    )
    diagnostics: Connection[Diagnostic] = resolved(
        resolve_diagnostics,
        "What is wrong with the loaded files, by path and line. Needs the scope READ_DRAFTS.",
    )
