"""JSON Feed 1.1. https://www.jsonfeed.org/version/1.1/"""

from __future__ import annotations

from datetime import datetime

import msgspec

from .entries import Feed, FeedEntry

VERSION = "https://jsonfeed.org/version/1.1"
MEDIA_TYPE = "application/feed+json"
FILE = "feed.json"


class _Author(msgspec.Struct, omit_defaults=True):
    name: str
    url: str | None = None
    avatar: str | None = None


class _Item(msgspec.Struct, omit_defaults=True, kw_only=True):
    id: str
    url: str | None = None
    title: str
    content_text: str
    summary: str | None = None
    image: str | None = None
    date_published: datetime
    date_modified: datetime
    authors: tuple[_Author, ...]
    tags: tuple[str, ...] = ()
    language: str | None = None


class _JSONFeed(msgspec.Struct, omit_defaults=True, kw_only=True):
    version: str
    title: str
    home_page_url: str
    feed_url: str
    items: list[_Item]


def render(feed: Feed) -> bytes:
    """Render a feed as JSON."""
    return msgspec.json.encode(
        _JSONFeed(
            version=VERSION,
            title=feed.title,
            home_page_url=feed.home,
            feed_url=f"{feed.base}/{FILE}{feed.query}",
            items=[_item(entry) for entry in feed.entries],
        )
    )


def _item(entry: FeedEntry) -> _Item:
    return _Item(
        id=entry.id,
        url=entry.url,
        title=entry.title,
        content_text=entry.summary or entry.title,  # an item requires a content
        summary=entry.summary,
        image=entry.image,
        date_published=entry.published,
        date_modified=entry.updated,
        authors=tuple(_Author(each.name, each.url, each.image) for each in entry.authors),
        tags=tuple(topic.name for topic in entry.topics),
        language=entry.language,
    )
