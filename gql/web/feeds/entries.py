"""Feed entries: articles in plain text, before they are rendered as Atom or JSON Feed."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from store import is_web_url
from store.model import Article, Topic
from store.text import collapse_whitespace

# The namespace of article ids as UUIDs: an entry's id does not depend on the server's address.
_ID_NAMESPACE = uuid.UUID("6f0d1f3c-54f5-4c4e-9a0c-2f2f1b8f3c57")
# XML 1.0 cannot represent these characters, and UTF-8 cannot represent surrogates.
# https://www.w3.org/TR/xml/#charsets
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# https://www.rfc-editor.org/rfc/rfc5646, its shape only
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The `updated` time of a feed without entries: it is required, and must not change."""


class Category(msgspec.Struct, frozen=True):
    """A topic of an entry."""

    slug: str
    name: str


class EntryAuthor(msgspec.Struct, frozen=True):
    """An author of an entry, with a page and a picture."""

    name: str
    url: str | None = None
    image: str | None = None


class FeedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An article as an entry of a feed. Texts are plain, URLs are absolute http or https.

    Attributes:
        id: The permanent id, a URN.
        title: The title.
        provider: The name of the provider.
        authors: The authors of the article, else its provider.
        published: The time of publication, in UTC.
        updated: The time of the last update, else of publication, in UTC.
        url: The page of the article.
        summary: The excerpt.
        image: The URL of the first image.
        language: The language tag.
        topics: The topics.
    """

    id: str
    title: str
    provider: str
    authors: tuple[EntryAuthor, ...]
    published: datetime
    updated: datetime
    url: str | None
    summary: str | None
    image: str | None
    language: str | None
    topics: tuple[Category, ...]


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """The newest entries of a channel.

    Attributes:
        title: The title of the channel.
        home: The URL of the home page.
        base: The URL below which the channel's feeds are, without a slash at its end.
        query: The query part of the feed's URL, with its question mark; empty without one.
        entries: The entries, newest first.
    """

    title: str
    home: str
    base: str
    entries: tuple[FeedEntry, ...]
    query: str = ""

    @property
    def updated(self) -> datetime:
        """The newest update of the entries."""
        return max((entry.updated for entry in self.entries), default=EPOCH)


def single_line(text: str) -> str:
    """A text in one line, without characters that XML forbids."""
    return collapse_whitespace(_NOT_IN_XML.sub("", text))


def build_entry(article: Article, topics: Iterable[Topic] = ()) -> FeedEntry:
    """The entry of an article, with these topics."""
    provider = single_line(article.provider.name) or single_line(article.provider.domain)
    return FeedEntry(
        id=uuid.uuid5(_ID_NAMESPACE, article.id).urn,
        title=single_line(article.title),
        provider=provider,
        authors=tuple(_authors(article)) or (EntryAuthor(provider),),
        published=article.published_date_time,
        updated=modified_at(article),
        url=_web_url(article.url),
        summary=single_line(article.excerpt or "") or None,
        image=next((image.url for image in article.images if is_web_url(image.url)), None),
        language=_language_tag(article.locale),
        topics=tuple(
            Category(topic.slug, single_line(topic.name) or topic.slug) for topic in topics
        ),
    )


def _authors(article: Article) -> Iterator[EntryAuthor]:
    for author in article.authors:
        if name := single_line(author.name):
            yield EntryAuthor(name, _web_url(author.url), _web_url(author.image))


def _web_url(url: str | None) -> str | None:
    return url if url and is_web_url(url) else None


def modified_at(article: Article) -> datetime:
    """The time of an article's last update, else of its publication."""
    return article.updated_date_time or article.published_date_time


def _language_tag(locale: str | None) -> str | None:
    tag = (locale or "").replace("_", "-")
    return tag if _LANGUAGE_TAG.fullmatch(tag) else None
