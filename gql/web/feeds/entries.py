"""An article as feeds tell of it, before any format: plain text that every format can carry."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from store import is_web_url
from store.model import Article, Topic
from store.text import collapse_whitespace

# Names of this space are article ids; a UUID is an id in feeds that hangs on no host or address.
_IDS = uuid.UUID("6f0d1f3c-54f5-4c4e-9a0c-2f2f1b8f3c57")
# XML 1.0 has no way to write these, and neither does UTF-8 for surrogates.
# https://www.w3.org/TR/xml/#charsets
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# https://www.rfc-editor.org/rfc/rfc5646, its shape only
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""When a feed without entries was last updated: feeds must say, and it must not move."""


class Label(msgspec.Struct, frozen=True):
    """A topic of an entry."""

    slug: str
    name: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One article. Texts are plain; URLs are absolute http or https. Times are in UTC.

    `updated` is when it was published, where it has not been updated since.
    """

    id: str
    title: str
    author: str
    published: datetime
    updated: datetime
    url: str | None
    summary: str | None
    image: str | None
    language: str | None
    topics: tuple[Label, ...]


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """A channel's newest entries.

    `home` is the address of the page for people; `base`, without a slash at its end, that under
    which the channel's feeds lie.
    """

    title: str
    home: str
    base: str
    entries: tuple[Entry, ...]

    @property
    def updated(self) -> datetime:
        """The newest change of its entries."""
        return max((entry.updated for entry in self.entries), default=NEVER)


def plain(text: str) -> str:
    """A text without the characters that XML forbids, in one line."""
    return collapse_whitespace(_NOT_IN_XML.sub("", text))


def entry(article: Article, topics: Iterable[Topic] = ()) -> Entry:
    """What feeds say of an article; `topics` are those to name."""
    provider = article.provider
    return Entry(
        id=uuid.uuid5(_IDS, article.id).urn,
        title=plain(article.title),
        author=plain(provider.name) or plain(provider.domain),
        published=article.published_date_time,
        updated=changed(article),
        url=article.url if article.url and is_web_url(article.url) else None,
        summary=plain(article.excerpt or "") or None,
        image=next((image.url for image in article.images if is_web_url(image.url)), None),
        language=_language(article.locale),
        topics=tuple(Label(topic.slug, plain(topic.name) or topic.slug) for topic in topics),
    )


def changed(article: Article) -> datetime:
    """When an article last changed, by its own account."""
    return article.updated_date_time or article.published_date_time


def _language(locale: str | None) -> str | None:
    tag = (locale or "").replace("_", "-")
    return tag if _LANGUAGE.fullmatch(tag) else None
