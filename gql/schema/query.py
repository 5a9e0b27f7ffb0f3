"""The root type of queries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import strawberry
from strawberry import UNSET

from gql.errors import BAD_USER_INPUT
from store import (
    CursorCodec,
    LocalizedSlug,
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
from .changes import CHANGES_CURSOR, ChangeConnection, resolve_changes
from .connection import Connection, check_page_size, value_or_none, window
from .context import PageSizes
from .diagnostics import Diagnostic, resolve_diagnostics
from .federation import ENTITIES, Entity, Service, resolve_service
from .graph import Article, Provider, Topic
from .links import Link, linked, prepared_key, prepared_keys, single
from .node import Node, resolved
from .nullability import NULL_ON_ERROR
from .scalars import Url


class LookUpError(QueryError):
    """A look-up that does not have exactly one key."""

    code = BAD_USER_INPUT


@strawberry.input(
    description="An article, by exactly one of `id`, `slug` and `url`. Members that are null count "
    "as left out."
)
class ArticleBy:
    id: strawberry.ID | None = strawberry.field(default=UNSET, description="Its id.")
    slug: str | None = strawberry.field(
        default=UNSET,
        description="Its slug. If articles in several languages have it, the one whose language is "
        "not part of its id, else the newest; `locale` chooses another.",
    )
    locale: str | None = strawberry.field(
        default=UNSET,
        description="Only with `slug`: the locale. `de` means `de-CH`, too, where there is none in "
        "`de`.",
    )
    url: Url | None = strawberry.field(
        default=UNSET,
        description="Any of its URLs. The case of the host, tracking parameters and the fragment "
        "are "
        "ignored. If several articles match, the newest.",
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


KeySpellings = dict[str, tuple[LookupKey, Callable[[str], str]]]
"""The members of a @oneOf argument: the key of the store, and the normalization of its values."""

PROVIDER_KEYS: KeySpellings = {"id": (LookupKey.ID, str), "domain": (LookupKey.DOMAIN, domain_key)}
TOPIC_KEYS: KeySpellings = {
    "id": (LookupKey.ID, str),
    "slug": (LookupKey.SLUG, str),
    "name": (LookupKey.NAME, str),
}


def lookup_key(spellings: KeySpellings, by: ProviderBy | TopicBy) -> tuple[LookupKey, str]:
    """The key in a `by` argument, which has exactly one (@oneOf)."""
    for member, (key, normalize) in spellings.items():
        if (value := getattr(by, member)) is not UNSET:
            return key, normalize(value)
    raise QueryError("The argument `by` is empty.")


def article_key(
    _sizes: PageSizes, by: Annotated[ArticleBy, strawberry.argument(description="Which one.")]
) -> tuple[LookupKey, str | LocalizedSlug]:
    """The arguments of `Query.article`. Raises: LookUpError: not exactly one key."""
    id, slug, locale, url = map(value_or_none, (by.id, by.slug, by.locale, by.url))
    if (id is None) + (slug is None) + (url is None) != 2:
        raise LookUpError("Give `by` exactly one of id, slug and url.")
    if locale is not None:
        if slug is None:
            raise LookUpError("Give `by.locale` only with a slug: an id or a URL needs none.")
        return LookupKey.SLUG_IN_LOCALE, LocalizedSlug(slug, locale)
    if url is not None:
        return LookupKey.URL, canonical_url(url)
    return (LookupKey.SLUG, slug) if slug is not None else (LookupKey.ID, id or "")


def provider_key(
    _sizes: PageSizes, by: Annotated[ProviderBy, strawberry.argument(description="Which one.")]
) -> tuple[LookupKey, str]:
    """The arguments of `Query.provider`."""
    return lookup_key(PROVIDER_KEYS, by)


def topic_key(
    _sizes: PageSizes, by: Annotated[TopicBy, strawberry.argument(description="Which one.")]
) -> tuple[LookupKey, str]:
    """The arguments of `Query.topic`."""
    return lookup_key(TOPIC_KEYS, by)


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
    check_page_size("ids", len(ids), sizes.maximum)
    return ids


def provider_cursors(cursors: CursorCodec, _prepared: Window) -> Callable[[model.Provider], str]:
    """The function that makes cursors of providers."""
    return cursors.provider


def topic_cursors(cursors: CursorCodec, _prepared: Window) -> Callable[[model.Topic], str]:
    """The function that makes cursors of topics."""
    return cursors.topic


NODE = Link(load_nodes, prepared_key, single, node_id)
NODES = Link(load_nodes, prepared_keys, list, node_ids, is_list=True)
ARTICLE_LOOK_UP = Link(load_articles, prepared_key, single, article_key)
PROVIDER_LOOK_UP = Link(load_providers, prepared_key, single, provider_key)
TOPIC_LOOK_UP = Link(load_topics, prepared_key, single, topic_key)
PROVIDERS = Link(load_provider_pages, prepared_key, single, window, cursors=provider_cursors)
TOPICS = Link(load_topic_pages, prepared_key, single, window, cursors=topic_cursors)


@strawberry.type(
    description="All queries. A field that fails is null, with an error, and the others keep their "
    "data."
)
class Query:
    node: Node | None = linked(NODE, "The node with this id; null if there is none.")
    nodes: list[Node | None] | None = linked(
        NODES, "The nodes with these ids, in the same order.", NULL_ON_ERROR
    )
    article: Article | None = linked(ARTICLE_LOOK_UP, "One article; null if there is none.")
    articles: Connection[Article] | None = linked(
        ARTICLES, "A page of articles, filtered and ordered.", NULL_ON_ERROR
    )
    provider: Provider | None = linked(PROVIDER_LOOK_UP, "One provider; null if there is none.")
    providers: Connection[Provider] | None = linked(
        PROVIDERS, "A page of all providers, by domain.", NULL_ON_ERROR
    )
    topic: Topic | None = linked(TOPIC_LOOK_UP, "One topic; null if there is none.")
    topics: Connection[Topic] | None = linked(
        TOPICS, "A page of all topics, by slug.", NULL_ON_ERROR
    )
    changes: ChangeConnection | None = resolved(
        resolve_changes,
        "A page of the history of articles, oldest first. With a filter, articles that match come "
        "as PUT; others that changed come as DELETE, as they may have matched before. Under "
        "`locale: {firstOf}` the translations of a changed article come, too.",
        NULL_ON_ERROR,
    )
    changes_cursor: str | None = linked(
        CHANGES_CURSOR,
        "The cursor of `changes` at the state that this request shows. Read it with the articles, "
        "or before them, and then follow `changes` after it: you miss no change.",
        NULL_ON_ERROR,
    )
    diagnostics: Connection[Diagnostic] | None = resolved(
        resolve_diagnostics,
        "A page of the problems in the loaded files, by path and line. Needs the scope "
        "READ_DRAFTS.",
        NULL_ON_ERROR,
    )
    # Removed from the schema of a server that is no subgraph: see `gql.schema.build_schema`.
    entities: list[Entity | None] = linked(
        ENTITIES, "The entities that a router needs of this subgraph.", name="_entities"
    )
    service: Service = strawberry.field(
        resolver=resolve_service, description="This subgraph, for composition.", name="_service"
    )
