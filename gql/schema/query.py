"""The root of all reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import strawberry
from strawberry import UNSET

from store import (
    CursorCodec,
    LookupKey,
    QueryError,
    Window,
    canonical_url,
    domain_key,
    model,
)

from .article_list import ARTICLES
from .batch_loads import (
    load_articles,
    load_nodes,
    load_provider_pages,
    load_providers,
    load_topic_pages,
    load_topics,
)
from .changes import ChangeConnection, resolve_changes
from .connection import Connection, check_size, window
from .context import PageSizes
from .diagnostics import Diagnostic, resolve_diagnostics
from .graph import Article, Provider, Topic
from .links import Link, linked, one, prepared_key, prepared_keys
from .node import Node, resolved
from .scalars import Url


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


Names = dict[str, tuple[LookupKey, Callable[[str], str]]]
"""The members of a `by` argument: the store's key for each, and how the store spells its values."""

ARTICLE_NAMES: Names = {
    "id": (LookupKey.ID, str),
    "slug": (LookupKey.SLUG, str),
    "url": (LookupKey.URL, canonical_url),
}
PROVIDER_NAMES: Names = {"id": (LookupKey.ID, str), "domain": (LookupKey.DOMAIN, domain_key)}
TOPIC_NAMES: Names = {
    "id": (LookupKey.ID, str),
    "slug": (LookupKey.SLUG, str),
    "name": (LookupKey.NAME, str),
}


def lookup_key(names: Names, by: ArticleBy | ProviderBy | TopicBy) -> tuple[LookupKey, str]:
    """The key that a `by` argument gives; @oneOf has seen to it that it gives just one."""
    for member, (key, spelled) in names.items():
        if (value := getattr(by, member)) is not UNSET:
            return key, spelled(value)
    raise QueryError("The argument by names nothing.")


def article_key(
    _sizes: PageSizes, by: Annotated[ArticleBy, strawberry.argument(description="Which one.")]
) -> tuple[LookupKey, str]:
    """The arguments of `Query.article`."""
    return lookup_key(ARTICLE_NAMES, by)


def provider_key(
    _sizes: PageSizes, by: Annotated[ProviderBy, strawberry.argument(description="Which one.")]
) -> tuple[LookupKey, str]:
    """The arguments of `Query.provider`."""
    return lookup_key(PROVIDER_NAMES, by)


def topic_key(
    _sizes: PageSizes, by: Annotated[TopicBy, strawberry.argument(description="Which one.")]
) -> tuple[LookupKey, str]:
    """The arguments of `Query.topic`."""
    return lookup_key(TOPIC_NAMES, by)


def node_id(
    _sizes: PageSizes,
    id: Annotated[strawberry.ID, strawberry.argument(description="The id of any node.")],
) -> strawberry.ID:
    """The arguments of `Query.node`."""
    return id


def node_ids(
    sizes: PageSizes,
    ids: Annotated[list[strawberry.ID], strawberry.argument(description="Ids of any nodes.")],
) -> list[strawberry.ID]:
    """The arguments of `Query.nodes`, if they are not too many. Raises: WindowError."""
    check_size("ids", len(ids), sizes.maximum)
    return ids


def provider_cursors(cursors: CursorCodec, _prepared: Window) -> Callable[[model.Provider], str]:
    """What makes the cursor of a provider; they have one order."""
    return cursors.provider


def topic_cursors(cursors: CursorCodec, _prepared: Window) -> Callable[[model.Topic], str]:
    """What makes the cursor of a topic; they have one order."""
    return cursors.topic


NODE = Link(load_nodes, prepared_key, one, node_id)
NODES = Link(load_nodes, prepared_keys, list, node_ids, is_list=True)
ARTICLE_LOOK_UP = Link(load_articles, prepared_key, one, article_key)
PROVIDER_LOOK_UP = Link(load_providers, prepared_key, one, provider_key)
TOPIC_LOOK_UP = Link(load_topics, prepared_key, one, topic_key)
PROVIDERS = Link(load_provider_pages, prepared_key, one, window, cursors=provider_cursors)
TOPICS = Link(load_topic_pages, prepared_key, one, window, cursors=topic_cursors)


@strawberry.type(description="Everything that can be read.")
class Query:
    node: Node | None = linked(NODE, "Whatever has this id; null where nothing has.")
    nodes: list[Node | None] = linked(NODES, "As `node`, for many ids, in their order.")
    article: Article | None = linked(ARTICLE_LOOK_UP, "One article; null where there is none.")
    articles: Connection[Article] = linked(
        ARTICLES, "Articles, filtered and ordered, part by part."
    )
    provider: Provider | None = linked(PROVIDER_LOOK_UP, "One provider; null where there is none.")
    providers: Connection[Provider] = linked(PROVIDERS, "All providers, by domain.")
    topic: Topic | None = linked(TOPIC_LOOK_UP, "One topic; null where there is none.")
    topics: Connection[Topic] = linked(TOPICS, "All topics, by slug.")
    changes: ChangeConnection = resolved(
        resolve_changes,
        "The history of the articles, oldest first, part by part. With a filter, only articles "
        "that match; others that changed come as a DELETE, as they may have matched before.",
    )
    diagnostics: Connection[Diagnostic] = resolved(
        resolve_diagnostics,
        "What is wrong with the loaded files, by path and line. Needs the scope READ_DRAFTS.",
    )
