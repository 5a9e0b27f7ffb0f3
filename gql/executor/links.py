"""Step 3: how fields reach other documents, as keys that can be asked for in batches.

One entry for each asynchronous resolver of the schema. A resolver that is not named here makes the
operation go the reference way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from store import (
    ArticleQuery,
    Filter,
    Key,
    Kind,
    Snapshot,
    Visibility,
    Window,
    article_cursor,
    kind_of,
    model,
    provider_cursor,
    referencing,
    topic_cursor,
)

from ..schema import graph, query
from ..schema.article_list import (
    ListArguments,
    by_provider,
    by_topic,
    everything,
    list_arguments,
    resolve_articles,
    resolve_provider_articles,
    resolve_referenced_by,
    resolve_topic_articles,
)
from ..schema.connection import window
from ..schema.context import PageSizes

Ask = Callable[[Snapshot, Sequence[Any], Visibility], Awaitable[Sequence[Any]]]
"""One question to the store: n distinct keys -> n answers or None, in the same order."""


def articles(
    snapshot: Snapshot, keys: Sequence[tuple[Key, str]], visibility: Visibility
) -> Awaitable[Sequence[Any]]:
    """Articles by any of their keys; one call for each kind of key."""
    return _lookup(snapshot.get_many, keys, visibility)


def articles_by_url(
    snapshot: Snapshot, urls: Sequence[str], visibility: Visibility
) -> Awaitable[Sequence[Any]]:
    """Articles at canonical URLs."""
    return snapshot.get_many(Key.URL, urls, visibility)


def providers(
    snapshot: Snapshot, keys: Sequence[tuple[Key, str]], visibility: Visibility
) -> Awaitable[Sequence[Any]]:
    """Providers by any of their keys."""
    return _lookup(snapshot.providers, keys, visibility)


def providers_by_domain(
    snapshot: Snapshot, domains: Sequence[str], visibility: Visibility
) -> Awaitable[Sequence[Any]]:
    """Providers by the domain that a document gives."""
    return snapshot.providers(Key.DOMAIN, domains, visibility)


def topics(
    snapshot: Snapshot, keys: Sequence[tuple[Key, str]], visibility: Visibility
) -> Awaitable[Sequence[Any]]:
    """Topics by any of their keys."""
    return _lookup(snapshot.topics, keys, visibility)


def topics_by_name(
    snapshot: Snapshot, names: Sequence[str], visibility: Visibility
) -> Awaitable[Sequence[Any]]:
    """Topics by the name that a document gives."""
    return snapshot.topics(Key.NAME, names, visibility)


def topics_by_slug(
    snapshot: Snapshot, slugs: Sequence[str], visibility: Visibility
) -> Awaitable[Sequence[Any]]:
    """Topics by the slug that another one gives."""
    return snapshot.topics(Key.SLUG, slugs, visibility)


def _lookup(
    method: Any, keys: Sequence[tuple[Key, str]], visibility: Visibility
) -> Awaitable[Sequence[Any]]:
    first, key = keys[0]
    if len(keys) == 1:  # most often, and then nothing comes between the caller and the store
        only: Awaitable[Sequence[Any]] = method(first, (key,), visibility)
        return only
    return _lookups(method, keys, visibility)


async def _lookups(
    method: Any, keys: Sequence[tuple[Key, str]], visibility: Visibility
) -> Sequence[Any]:
    first = keys[0][0]
    if all(by is first for by, _ in keys):
        answers: Sequence[Any] = await method(first, [key for _, key in keys], visibility)
        return answers
    found: dict[tuple[Key, str], Any] = {}
    for kind in dict.fromkeys(by for by, _ in keys):
        same = [key for by, key in keys if by is kind]
        for key, answer in zip(same, await method(kind, same, visibility), strict=True):
            found[kind, key] = answer
    return [found[key] for key in keys]


async def nodes(snapshot: Snapshot, ids: Sequence[str], visibility: Visibility) -> Sequence[Any]:
    """Whatever these ids name; one call for each kind of node."""
    methods: dict[Kind, Any] = {
        Kind.ARTICLE: snapshot.get_many,
        Kind.PROVIDER: snapshot.providers,
        Kind.TOPIC: snapshot.topics,
    }
    found: dict[str, Any] = {}
    for kind, method in methods.items():
        same = [id for id in ids if kind_of(id) is kind]
        if same:
            found.update(zip(same, await method(Key.ID, same, visibility), strict=True))
    return [found.get(id) for id in ids]


def pages(
    snapshot: Snapshot, queries: Sequence[ArticleQuery], visibility: Visibility
) -> Awaitable[Sequence[Any]]:
    """Lists of articles."""
    return snapshot.pages(queries, visibility)


async def provider_pages(
    snapshot: Snapshot, windows: Sequence[Window], visibility: Visibility
) -> Sequence[Any]:
    """Lists of providers, which only the root has: one."""
    return [await snapshot.provider_page(part, visibility) for part in windows]


async def topic_pages(
    snapshot: Snapshot, windows: Sequence[Window], visibility: Visibility
) -> Sequence[Any]:
    """Lists of topics, which only the root has: one."""
    return [await snapshot.topic_page(part, visibility) for part in windows]


class Link(NamedTuple):
    """How a field's source and arguments become keys, and the answers its value.

    `prepare(sizes, **arguments)` gives what `keys(sources, prepared, with_total)` needs beside n
    sources, to say what each of them asks for. `pick` makes the answers, in the order of the keys,
    into the field's value: an entity or None, a list of entities, or a page. `names`: of a look-up
    by its argument `by`.
    `cursors(asked)` gives the function that makes an item's cursor, where the value is a page.
    """

    ask: Ask
    keys: Callable[[Sequence[Any], Any, bool], list[tuple[Any, ...]]]
    pick: Callable[[Sequence[Any]], Any]
    prepare: Callable[..., Any] | None = None
    is_list: bool = False
    names: query.Names | None = None
    cursors: Callable[[Any], Callable[[Any], str]] | None = None


def one(answers: Sequence[Any]) -> Any:
    """The only answer; None where there was no key to ask for."""
    return answers[0] if answers else None


def first(answers: Sequence[Any]) -> Any:
    """The first answer that is not None."""
    return next((answer for answer in answers if answer is not None), None)


def _provider_keys(sources: Sequence[Any], _asked: Any, _total: bool) -> list[tuple[str, ...]]:
    mentions = [source.provider for source in sources]
    return [() if mention is None else (mention.domain,) for mention in mentions]


def _topic_keys(
    sources: Sequence[model.Article], _asked: Any, _total: bool
) -> list[tuple[str, ...]]:
    return [source.topics for source in sources]


def _url_keys(sources: Sequence[model.Related], _asked: Any, _total: bool) -> list[tuple[str, ...]]:
    return [source.url_keys for source in sources]


def _parent_keys(
    sources: Sequence[model.Topic], _asked: Any, _total: bool
) -> list[tuple[str, ...]]:
    return [(source.parent,) if source.parent else () for source in sources]


def _children_keys(
    sources: Sequence[model.Topic], _asked: Any, _total: bool
) -> list[tuple[str, ...]]:
    return [source.children for source in sources]


def _asked_key(sources: Sequence[Any], asked: Any, _total: bool) -> list[tuple[Any, ...]]:
    return [(asked,)] * len(sources)


def _asked_keys(sources: Sequence[Any], asked: list[Any], _total: bool) -> list[tuple[Any, ...]]:
    return [tuple(asked)] * len(sources)


def _article_cursors(asked: ListArguments) -> Callable[[Any], str]:
    return partial(article_cursor, order=asked.order)


def _provider_cursors(_asked: Any) -> Callable[[Any], str]:
    return provider_cursor


def _topic_cursors(_asked: Any) -> Callable[[Any], str]:
    return topic_cursor


def _articles_link(scope_of: Callable[[Any], Filter | None]) -> Link:
    def keys(
        sources: Sequence[Any], asked: ListArguments, total: bool
    ) -> list[tuple[ArticleQuery, ...]]:
        return [(asked.query(scope_of(source), with_total=total),) for source in sources]

    return Link(pages, keys, one, list_arguments, cursors=_article_cursors)


def _lookup_link(ask: Ask, names: query.Names) -> Link:
    def prepare(_sizes: PageSizes, by: Any) -> tuple[Key, str]:
        return query.lookup_key(names, by)

    return Link(ask, _asked_key, one, prepare, names=names)


def _node_id(_sizes: PageSizes, id: str) -> str:
    return id


LINKS: dict[Callable[..., Any], Link] = {
    graph.resolve_provider: Link(providers_by_domain, _provider_keys, one),
    graph.resolve_article_topics: Link(topics_by_name, _topic_keys, graph.distinct, is_list=True),
    graph.resolve_related_article: Link(articles_by_url, _url_keys, first),
    graph.resolve_parent: Link(topics_by_slug, _parent_keys, one),
    graph.resolve_children: Link(topics_by_slug, _children_keys, list, is_list=True),
    resolve_articles: _articles_link(everything),
    resolve_provider_articles: _articles_link(by_provider),
    resolve_topic_articles: _articles_link(by_topic),
    resolve_referenced_by: _articles_link(referencing),
    query.resolve_providers: Link(
        provider_pages, _asked_key, one, window, cursors=_provider_cursors
    ),
    query.resolve_topics: Link(topic_pages, _asked_key, one, window, cursors=_topic_cursors),
    query.resolve_node: Link(nodes, _asked_key, one, _node_id),
    query.resolve_nodes: Link(nodes, _asked_keys, list, query.node_ids, is_list=True),
    query.resolve_article: _lookup_link(articles, query.ARTICLE_NAMES),
    query.resolve_provider: _lookup_link(providers, query.PROVIDER_NAMES),
    query.resolve_topic: _lookup_link(topics, query.TOPIC_NAMES),
}
