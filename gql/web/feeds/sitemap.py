"""Sitemaps: the URLs of the articles, for crawlers. https://www.sitemaps.org/protocol.html

The pages of the articles are on their publishers' hosts. A sitemap may list pages of another host
if that host's robots.txt names the sitemap; crawlers skip the others. So a publisher writes
`Sitemap: https://…/providers/example.org/sitemap.xml` into its robots.txt, and crawlers find all of
its articles. `/sitemap.xml` has the articles of all publishers, and this server's home page.

A sitemap with more URLs than the protocol allows is split into parts, oldest first, so that new
articles change the last part only. An index lists the parts; each part is named by the cursor
before it. One part is in memory at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

import msgspec

from store import Snapshot, is_web_url
from store.locales import is_language_tag
from store.model import Article

from . import channel
from .atom import timestamp
from .channel import Channel
from .entries import modified_at

NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
XHTML = "http://www.w3.org/1999/xhtml"
MEDIA_TYPE = "application/xml"
FILE = "sitemap.xml"

MAX_URLS = 50_000
MAX_SIZE_BYTES = 52_428_800
MIN_URL_LENGTH = 12
MAX_URL_LENGTH = 2_047
_OVERHEAD_BYTES = 200  # of the document, and, rounded up, of each URL


class Alternate(NamedTuple):
    """The page of an article in one of its languages."""

    language: str
    url: str


class SitemapUrl(msgspec.Struct, frozen=True):
    """The URL of a page or of a sitemap.

    Attributes:
        loc: The URL.
        lastmod: The last modification; None if unknown.
        alternates: The same page in all its languages, also in its own; empty if it has one.
    """

    loc: str
    lastmod: datetime | None = None
    alternates: tuple[Alternate, ...] = ()

    @property
    def size_bytes(self) -> int:
        """The size in a sitemap, rounded up."""
        alternates = sum(len(escape(url).encode()) + _OVERHEAD_BYTES for _, url in self.alternates)
        return len(escape(self.loc).encode()) + _OVERHEAD_BYTES + alternates


class SitemapPart:
    """The URLs of one sitemap, within the limits of the protocol.

    Attributes:
        next_cursor: The cursor before the next part; None for the last part.
    """

    def __init__(self) -> None:
        self.next_cursor: str | None = None
        self._urls: dict[str, SitemapUrl] = {}
        self._size_bytes = _OVERHEAD_BYTES

    def add(self, url: SitemapUrl) -> bool:
        """Add a URL, or replace it. Returns False if the part is full."""
        if url.loc not in self._urls:
            is_too_large = self._size_bytes + url.size_bytes > MAX_SIZE_BYTES
            if is_too_large or len(self._urls) >= MAX_URLS:
                return False
            self._size_bytes += url.size_bytes
        self._urls[url.loc] = url
        return True

    @property
    def urls(self) -> tuple[SitemapUrl, ...]:
        """The URLs, in the order in which they were added."""
        return tuple(self._urls.values())


async def read_part(
    snapshot: Snapshot, selection: Channel, after: str | None, home_page: str | None = None
) -> SitemapPart:
    """Read one part: `home_page`, if given, and the URLs of the articles after a cursor.

    Raises: CursorError.
    """
    part = SitemapPart()
    last: Article | None = None
    if home_page:
        part.add(SitemapUrl(home_page))
    while True:
        page = await channel.oldest(snapshot, selection, after)
        alternates = await _alternates(snapshot, page.items)
        for article in page.items:
            url = _sitemap_url(article, alternates[article.translation_group])
            if url and not part.add(url):
                part.next_cursor = channel.cursor_of(snapshot, last) if last else after
                return part
            last = article
        if not page.has_next:
            return part
        after = channel.cursor_of(snapshot, page.items[-1])
        await asyncio.sleep(0)  # an engine in memory never waits, so yield to other tasks here


async def read_index(
    snapshot: Snapshot, selection: Channel, first: SitemapPart, url_prefix: str
) -> tuple[SitemapUrl, ...]:
    """The URLs of all parts, for the index. Reads all articles but those of the `first` part.

    The URL of a part is `url_prefix` and the cursor before it.
    """
    sitemaps = [SitemapUrl(url_prefix, last_modified(first.urls))]
    cursor = first.next_cursor
    while cursor is not None:
        part = await read_part(snapshot, selection, cursor)
        sitemaps.append(SitemapUrl(url_prefix + cursor, last_modified(part.urls)))
        cursor = part.next_cursor
    return tuple(sitemaps)


def last_modified(urls: Iterable[SitemapUrl]) -> datetime | None:
    """The newest modification of some URLs; None if unknown."""
    return max((url.lastmod for url in urls if url.lastmod), default=None)


async def _alternates(
    snapshot: Snapshot, articles: Sequence[Article]
) -> Mapping[str, tuple[Alternate, ...]]:
    """The pages of each translation group in its languages; none for a single language.

    https://developers.google.com/search/docs/specialty/international/localized-versions#sitemap
    """
    groups = list(dict.fromkeys([article.translation_group for article in articles]))
    translations = await snapshot.translations(groups, channel.VISIBILITY)
    alternates = {}
    for group, members in zip(groups, translations, strict=True):
        urls: dict[str, str] = {}
        for member in members if len(members) > 1 else ():
            language, url = member.locale, _page_url(member)
            if language and url and is_language_tag(language):
                urls.setdefault(language.replace("_", "-"), url)
        alternates[group] = tuple(map(Alternate, urls, urls.values())) if len(urls) > 1 else ()
    return alternates


def _sitemap_url(article: Article, alternates: tuple[Alternate, ...]) -> SitemapUrl | None:
    url = _page_url(article)
    return SitemapUrl(url, modified_at(article), alternates) if url else None


def _page_url(article: Article) -> str | None:
    """The URL of an article's page, if the protocol takes it."""
    url = article.url
    if url and MIN_URL_LENGTH <= len(url) <= MAX_URL_LENGTH and is_web_url(url):
        return url
    return None


def render(urls: Iterable[SitemapUrl]) -> bytes:
    """Render a sitemap as XML. Takes some 3 µs for each URL, so call it in a thread."""
    return _render_xml("urlset", "url", urls)


def render_index(urls: Iterable[SitemapUrl]) -> bytes:
    """Render a sitemap index as XML."""
    return _render_xml("sitemapindex", "sitemap", urls)


def _render_xml(root: str, item: str, urls: Iterable[SitemapUrl]) -> bytes:
    items = "".join(
        f"<{item}><loc>{escape(u.loc)}</loc>{_lastmod(u)}{_links(u)}</{item}>\n" for u in urls
    )
    declaration = '<?xml version="1.0" encoding="utf-8"?>'
    links = f' xmlns:xhtml="{XHTML}"' if "<xhtml:link" in items else ""
    return f'{declaration}\n<{root} xmlns="{NAMESPACE}"{links}>\n{items}</{root}>\n'.encode()


def _links(url: SitemapUrl) -> str:
    return "".join(
        f'<xhtml:link rel="alternate" hreflang={quoteattr(language)} href={quoteattr(alternate)}/>'
        for language, alternate in url.alternates
    )


def _lastmod(url: SitemapUrl) -> str:
    return f"<lastmod>{timestamp(url.lastmod)}</lastmod>" if url.lastmod else ""
