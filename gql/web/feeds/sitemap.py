"""Sitemaps: where the articles are, for crawlers. https://www.sitemaps.org/protocol.html

The pages of the articles lie on their publishers' hosts. The protocol lets a sitemap name pages of
another host once that host's robots.txt names the sitemap; crawlers pass over the others. So a
publisher who writes `Sitemap: https://…/providers/example.org/sitemap.xml` into its robots.txt has
all its articles found, and whoever owns all the hosts does it once with `/sitemap.xml`. The one
page of this server itself, its front page, heads that one; feeds and queries are no pages.

More places than the protocol allows in one file are divided into parts, oldest first, so that what
is new changes the last one alone; an index names them, each by the place that it begins after. One
part is in memory at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from xml.sax.saxutils import escape

import msgspec

from store import Snapshot, is_web_url
from store.model import Article

from . import channel
from .atom import timestamp
from .channel import Channel
from .entries import changed

NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
MEDIA_TYPE = "application/xml"
FILE = "sitemap.xml"

MAX_PLACES = 50_000
MAX_SIZE_BYTES = 52_428_800
MIN_URL_LENGTH = 12
MAX_URL_LENGTH = 2_047
_FRAME_BYTES = 200  # around all places, and, generously, around each


class Place(msgspec.Struct, frozen=True):
    """The address of a page or a sitemap, and when it last changed, where that is known."""

    url: str
    changed: datetime | None = None


class Part:
    """The places of one sitemap; `next` is where the next one begins, None if this is the last."""

    def __init__(self) -> None:
        self.next: str | None = None
        self._places: dict[str, Place] = {}
        self._size_bytes = _FRAME_BYTES

    def add(self, place: Place) -> bool:
        """Take a place, each once, as the newest article has it; False: there is no room for it."""
        if place.url not in self._places:
            size_bytes = len(escape(place.url).encode()) + _FRAME_BYTES
            is_too_large = self._size_bytes + size_bytes > MAX_SIZE_BYTES
            if is_too_large or len(self._places) >= MAX_PLACES:
                return False
            self._size_bytes += size_bytes
        self._places[place.url] = place
        return True

    @property
    def places(self) -> tuple[Place, ...]:
        """The places as they came."""
        return tuple(self._places.values())


async def read_part(
    snapshot: Snapshot, found: Channel, after: str | None, home: str | None = None
) -> Part:
    """The home page, if given, and the pages of the articles after this place that fit in.

    Raises: CursorError.
    """
    part = Part()
    last: Article | None = None
    if home:
        part.add(Place(home))
    while True:
        page = await channel.oldest(snapshot, found, after)
        for article in page.items:
            place = _place(article)
            if place and not part.add(place):
                part.next = channel.place_of(snapshot, last) if last else after
                return part
            last = article
        if not page.has_next:
            return part
        after = channel.place_of(snapshot, page.items[-1])
        await asyncio.sleep(0)  # an engine in memory never waits, and others want their turn


async def read_index(
    snapshot: Snapshot, found: Channel, first: Part, address: str
) -> tuple[Place, ...]:
    """The sitemaps of all parts, of which the first is read already. Reads all articles.

    A part's address is `address` with the place that it begins after.
    """
    sitemaps = [Place(address, last_change(first.places))]
    start = first.next
    while start is not None:
        part = await read_part(snapshot, found, start)
        sitemaps.append(Place(address + start, last_change(part.places)))
        start = part.next
    return tuple(sitemaps)


def last_change(places: Iterable[Place]) -> datetime | None:
    """When the newest of these changed, where that is known."""
    return max((place.changed for place in places if place.changed), default=None)


def _place(article: Article) -> Place | None:
    url = article.url
    if url and MIN_URL_LENGTH <= len(url) <= MAX_URL_LENGTH and is_web_url(url):
        return Place(url, changed(article))
    return None


def render(places: Iterable[Place]) -> bytes:
    """The sitemap as an XML document. Some 3 µs a place, so not for the event loop."""
    return _document("urlset", "url", places)


def render_index(places: Iterable[Place]) -> bytes:
    """The index of the sitemaps that are there, as an XML document."""
    return _document("sitemapindex", "sitemap", places)


def _document(root: str, item: str, places: Iterable[Place]) -> bytes:
    items = "".join(f"<{item}><loc>{escape(p.url)}</loc>{_lastmod(p)}</{item}>\n" for p in places)
    head = '<?xml version="1.0" encoding="utf-8"?>'
    return f'{head}\n<{root} xmlns="{NAMESPACE}">\n{items}</{root}>\n'.encode()


def _lastmod(place: Place) -> str:
    return f"<lastmod>{timestamp(place.changed)}</lastmod>" if place.changed else ""
