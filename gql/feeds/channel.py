"""What a feed is about: everything, one topic or one provider; and its newest articles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote

import msgspec

from store import (
    EVERYTHING,
    NEWEST_FIRST,
    ArticleQuery,
    Filter,
    Key,
    Snapshot,
    Visibility,
    Window,
    article_cursor,
    of_provider,
    of_topic,
)
from store.model import Article

# Whoever asks: feeds are copied, cached and passed on.
VISIBILITY = Visibility.PUBLISHED
WINDOW = 1_000
"""How many articles are read at once where all are wanted."""


class Channel(msgspec.Struct, frozen=True):
    """A selection of articles that has feeds. They lie under `path`, which ends in no slash."""

    title: str
    path: str
    filter: Filter


async def whole(_snapshot: Snapshot, _key: str) -> Channel | None:
    """The channel of all articles."""
    return Channel("newsgraph", "", EVERYTHING)


async def topic(snapshot: Snapshot, slug: str) -> Channel | None:
    """The channel of a topic's articles, or None where the public knows no such topic."""
    (found,) = await snapshot.topics(Key.SLUG, [slug], VISIBILITY)
    if found is None:
        return None
    return Channel(found.name, f"/topics/{quote(found.slug, safe='')}", of_topic(found.slug))


async def provider(snapshot: Snapshot, domain: str) -> Channel | None:
    """The channel of a provider's articles, or None where the public knows no such provider."""
    (found,) = await snapshot.providers(Key.DOMAIN, [domain], VISIBILITY)
    if found is None:
        return None
    path = f"/providers/{quote(found.domain, safe='')}"
    return Channel(found.name, path, of_provider(found.domain))


async def newest(snapshot: Snapshot, channel: Channel, count: int) -> list[Article]:
    """The newest published articles of a channel, at most `count`."""
    query = ArticleQuery(Window(first=count), channel.filter)
    (page,) = await snapshot.pages([query], VISIBILITY)
    return list(page.items)


async def every(snapshot: Snapshot, channel: Channel) -> AsyncIterator[list[Article]]:
    """All published articles of a channel, newest first, some at a time."""
    after = None
    while True:
        query = ArticleQuery(Window(first=WINDOW, after=after), channel.filter)
        (page,) = await snapshot.pages([query], VISIBILITY)
        yield list(page.items)
        if not page.has_next:
            return
        after = article_cursor(page.items[-1], NEWEST_FIRST)
        await asyncio.sleep(0)  # an engine in memory never waits, and others want their turn
