"""What a feed is about: everything, one topic or one provider; and its newest articles."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from store import (
    MATCH_ALL,
    ArticleQuery,
    Filter,
    LookupKey,
    OrderField,
    OrderStep,
    Page,
    Snapshot,
    Visibility,
    Window,
    provider_filter,
    topic_filter,
)
from store.model import Article, Topic

# Whoever asks: feeds are copied, cached and passed on.
VISIBILITY = Visibility.PUBLISHED
WINDOW = 1_000
"""How many articles are read at once where all are wanted."""
OLDEST_FIRST = (OrderStep(OrderField.PUBLISHED_DATE_TIME, descending=False),)


class Channel(msgspec.Struct, frozen=True):
    """A selection of articles that has feeds. They lie under `path`, which ends in no slash."""

    title: str
    path: str
    filter: Filter


async def whole(_snapshot: Snapshot, _key: str) -> Channel | None:
    """The channel of all articles."""
    return Channel("newsgraph", "", MATCH_ALL)


async def topic(snapshot: Snapshot, slug: str) -> Channel | None:
    """The channel of a topic's articles, or None where the public knows no such topic."""
    (found,) = await snapshot.topics(LookupKey.SLUG, [slug], VISIBILITY)
    if found is None:
        return None
    return Channel(found.name, f"/topics/{quote(found.slug, safe='')}", topic_filter(found.slug))


async def provider(snapshot: Snapshot, domain: str) -> Channel | None:
    """The channel of a provider's articles, or None where the public knows no such provider."""
    (found,) = await snapshot.providers(LookupKey.DOMAIN, [domain], VISIBILITY)
    if found is None:
        return None
    path = f"/providers/{quote(found.domain, safe='')}"
    return Channel(found.name, path, provider_filter(found.domain))


async def newest(snapshot: Snapshot, channel: Channel, count: int) -> list[Article]:
    """The newest published articles of a channel, at most `count`."""
    query = ArticleQuery(Window(first=count), channel.filter)
    (page,) = await snapshot.pages([query], VISIBILITY)
    return list(page.items)


async def topics_of(snapshot: Snapshot, articles: Sequence[Article]) -> list[list[Topic]]:
    """The topics of each of these articles as the tree has them, each once: n -> n, same order."""
    names = list(dict.fromkeys(name for article in articles for name in article.topics))
    found = dict(zip(names, await snapshot.topics(LookupKey.NAME, names, VISIBILITY), strict=True))
    return [
        list({topic.id: topic for name in article.topics if (topic := found[name])}.values())
        for article in articles
    ]


async def oldest(snapshot: Snapshot, channel: Channel, after: str | None) -> Page[Article]:
    """Some of the published articles of a channel, oldest first, from a place in that order on.

    Raises: CursorError.
    """
    query = ArticleQuery(Window(first=WINDOW, after=after), channel.filter, OLDEST_FIRST)
    (page,) = await snapshot.pages([query], VISIBILITY)
    return page


def place_of(snapshot: Snapshot, article: Article) -> str:
    """The place of an article among all, as `oldest` takes it."""
    return snapshot.cursors.article(article, OLDEST_FIRST)
