"""Batch loads of the store, one for each kind of link."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from store import (
    ArticleQuery,
    EntityKind,
    LocalizedSlug,
    LookupKey,
    Snapshot,
    Visibility,
    Window,
    entity_kind,
)
from store.querying.translations import locale_of

ArticleKey = str | LocalizedSlug


def load_articles(
    snapshot: Snapshot, keys: Sequence[tuple[LookupKey, ArticleKey]], visibility: Visibility
) -> Awaitable[Sequence[Any]]:
    """Articles by any of their keys; one call for each kind of key."""
    return _look_up(snapshot.get_many, keys, visibility)


async def load_translations(
    snapshot: Snapshot, keys: Sequence[tuple[str, str | None]], visibility: Visibility
) -> Sequence[Any]:
    """Lists of the articles of a group in other locales than one, by group and locale."""
    groups = list(dict.fromkeys([group for group, _ in keys]))
    members = await snapshot.translations(groups, visibility)
    by_group = dict(zip(groups, members, strict=True))
    return [
        [article for article in by_group[group] if locale_of(article) != locale]
        for group, locale in keys
    ]


def load_articles_by_url(
    snapshot: Snapshot, urls: Sequence[str], visibility: Visibility
) -> Awaitable[Sequence[Any]]:
    """Articles at canonical URLs."""
    return snapshot.get_many(LookupKey.URL, urls, visibility)


def load_providers(
    snapshot: Snapshot, keys: Sequence[tuple[LookupKey, str]], visibility: Visibility
) -> Awaitable[Sequence[Any]]:
    """Providers by any of their keys."""
    return _look_up(snapshot.providers, keys, visibility)


def load_providers_by_domain(
    snapshot: Snapshot, domains: Sequence[str], visibility: Visibility
) -> Awaitable[Sequence[Any]]:
    """Providers by the domain that a document gives."""
    return snapshot.providers(LookupKey.DOMAIN, domains, visibility)


def load_topics(
    snapshot: Snapshot, keys: Sequence[tuple[LookupKey, str]], visibility: Visibility
) -> Awaitable[Sequence[Any]]:
    """Topics by any of their keys."""
    return _look_up(snapshot.topics, keys, visibility)


def load_topics_by_name(
    snapshot: Snapshot, names: Sequence[str], visibility: Visibility
) -> Awaitable[Sequence[Any]]:
    """Topics by the name that a document gives."""
    return snapshot.topics(LookupKey.NAME, names, visibility)


def load_topics_by_slug(
    snapshot: Snapshot, slugs: Sequence[str], visibility: Visibility
) -> Awaitable[Sequence[Any]]:
    """Topics by the slug that another topic gives."""
    return snapshot.topics(LookupKey.SLUG, slugs, visibility)


def _look_up(
    method: Any, keys: Sequence[tuple[LookupKey, ArticleKey]], visibility: Visibility
) -> Awaitable[Sequence[Any]]:
    first, key = keys[0]
    if len(keys) == 1:  # the most frequent case, without a coroutine of its own
        only: Awaitable[Sequence[Any]] = method(first, (key,), visibility)
        return only
    return _look_up_many(method, keys, visibility)


async def _look_up_many(
    method: Any, keys: Sequence[tuple[LookupKey, ArticleKey]], visibility: Visibility
) -> Sequence[Any]:
    values: dict[tuple[LookupKey, ArticleKey], Any] = {}
    for kind in dict.fromkeys(by for by, _ in keys):
        same = [key for by, key in keys if by is kind]
        for key, value in zip(same, await method(kind, same, visibility), strict=True):
            values[kind, key] = value
    return [values[key] for key in keys]


async def load_nodes(
    snapshot: Snapshot, ids: Sequence[str], visibility: Visibility
) -> Sequence[Any]:
    """Nodes of any type by their ids; one call for each type."""
    methods: dict[EntityKind, Any] = {
        EntityKind.ARTICLE: snapshot.get_many,
        EntityKind.PROVIDER: snapshot.providers,
        EntityKind.TOPIC: snapshot.topics,
    }
    by_kind: dict[EntityKind | None, list[str]] = {}
    for id in ids:
        by_kind.setdefault(entity_kind(id), []).append(id)
    nodes: dict[str, Any] = {}
    for kind, method in methods.items():
        if same := by_kind.get(kind):
            nodes.update(zip(same, await method(LookupKey.ID, same, visibility), strict=True))
    return [nodes.get(id) for id in ids]


def load_pages(
    snapshot: Snapshot, queries: Sequence[ArticleQuery], visibility: Visibility
) -> Awaitable[Sequence[Any]]:
    """Pages of lists of articles."""
    return snapshot.pages(queries, visibility)


async def load_provider_pages(
    snapshot: Snapshot, windows: Sequence[Window], visibility: Visibility
) -> Sequence[Any]:
    """Pages of the list of providers, which only the root has."""
    return [await snapshot.provider_page(part, visibility) for part in windows]


async def load_topic_pages(
    snapshot: Snapshot, windows: Sequence[Window], visibility: Visibility
) -> Sequence[Any]:
    """Pages of the list of topics, which only the root has."""
    return [await snapshot.topic_page(part, visibility) for part in windows]
