"""Channels: all articles, or those of one topic or provider; each has its own feeds."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from store import (
    MATCH_ALL,
    ArticleQuery,
    Condition,
    Field,
    Filter,
    LookupKey,
    Operator,
    OrderField,
    OrderStep,
    Page,
    Snapshot,
    Visibility,
    Window,
    all_of,
    provider_filter,
    topic_filter,
)
from store.model import Article, Topic

# Feeds are copied, cached and passed on, so they do not depend on the viewer.
VISIBILITY = Visibility.PUBLISHED
BATCH = 1_000
"""How many articles are read at once when all are read."""
MAX_LOCALES = 20
"""How many locales of a chain count."""
OLDEST_FIRST = (OrderStep(OrderField.PUBLISHED_DATE_TIME, descending=False),)


class Channel(msgspec.Struct, frozen=True):
    """A selection of articles that has feeds.

    Attributes:
        title: The title of the feeds.
        path: The path below which the feeds are, without a slash at its end.
        filter: The filter that selects the articles.
        query: The query part of the feeds' URLs, with its question mark; empty without one.
    """

    title: str
    path: str
    filter: Filter
    query: str = ""


def in_locales(channel: Channel, chain: str) -> Channel:
    """The channel with each story in the first of these locales; `chain`: `de-CH,de,en`."""
    locales = [locale for part in chain.split(",") if (locale := part.strip())][:MAX_LOCALES]
    if not locales:
        return channel
    first_of = Condition(Field.LOCALE, Operator.FIRST_OF, tuple(locales))
    return msgspec.structs.replace(
        channel,
        filter=all_of(channel.filter, first_of),
        query=f"?locale={quote(','.join(locales), safe=',')}",
    )


async def all_articles(_snapshot: Snapshot, _key: str) -> Channel | None:
    """The channel of all articles."""
    return Channel("newsgraph", "", MATCH_ALL)


async def find_topic(snapshot: Snapshot, slug: str) -> Channel | None:
    """The channel of a topic; None if no such topic is public."""
    (topic,) = await snapshot.topics(LookupKey.SLUG, [slug], VISIBILITY)
    if topic is None:
        return None
    return Channel(topic.name, f"/topics/{quote(topic.slug, safe='')}", topic_filter(topic.slug))


async def find_provider(snapshot: Snapshot, domain: str) -> Channel | None:
    """The channel of a provider; None if no such provider is public."""
    (provider,) = await snapshot.providers(LookupKey.DOMAIN, [domain], VISIBILITY)
    if provider is None:
        return None
    path = f"/providers/{quote(provider.domain, safe='')}"
    return Channel(provider.name, path, provider_filter(provider.domain))


async def newest(snapshot: Snapshot, channel: Channel, count: int) -> list[Article]:
    """The newest published articles of a channel, at most `count`."""
    query = ArticleQuery(Window(first=count), channel.filter)
    (page,) = await snapshot.pages([query], VISIBILITY)
    return list(page.items)


async def topics_of(snapshot: Snapshot, articles: Sequence[Article]) -> list[list[Topic]]:
    """The topics of each article, without duplicates: n -> n, same order."""
    names = list(dict.fromkeys(name for article in articles for name in article.topics))
    topics = await snapshot.topics(LookupKey.NAME, names, VISIBILITY)
    by_name = dict(zip(names, topics, strict=True))
    return [
        list({topic.id: topic for name in article.topics if (topic := by_name[name])}.values())
        for article in articles
    ]


async def oldest(snapshot: Snapshot, channel: Channel, after: str | None) -> Page[Article]:
    """One page of a channel's published articles, oldest first, after a cursor.

    Raises: CursorError.
    """
    query = ArticleQuery(Window(first=BATCH, after=after), channel.filter, OLDEST_FIRST)
    (page,) = await snapshot.pages([query], VISIBILITY)
    return page


def cursor_of(snapshot: Snapshot, article: Article) -> str:
    """The cursor of an article in the order of `oldest`."""
    return snapshot.cursors.article(article, OLDEST_FIRST)
