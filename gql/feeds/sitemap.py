"""Sitemaps: where the articles are, for crawlers. https://www.sitemaps.org/protocol.html

The pages of the articles lie on their publishers' hosts. The protocol lets a sitemap name pages of
another host once that host's robots.txt names the sitemap; crawlers pass over the others. So a
publisher who writes `Sitemap: https://…/providers/example.org/sitemap.xml` into its robots.txt has
all its articles found, and whoever owns all the hosts does it once with `/sitemap.xml`. The one
page of this server itself, its front page, heads that one; feeds and queries are no pages.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

import msgspec

from store import is_web_url
from store.model import Article

from .atom import timestamp
from .entries import changed

NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
MEDIA_TYPE = "application/xml"
FILE = "sitemap.xml"

MAX_PLACES = 50_000
MAX_SIZE_BYTES = 52_428_800
MIN_URL_LENGTH = 12
MAX_URL_LENGTH = 2_047
_LONGEST_PLACE_BYTES = MAX_URL_LENGTH * len("&amp;") + 200
_NO_ATTRIBUTES: AttributesImpl[str] = AttributesImpl({})


class Place(msgspec.Struct, frozen=True):
    """The address of a page, and when it last changed, where that is known."""

    url: str
    changed: datetime | None = None


Places = tuple[Place, ...]


async def places(parts: AsyncIterator[list[Article]], home: str | None) -> Places:
    """The home page, if given, and the articles' pages, each once, as many as a sitemap holds."""
    found = {home: Place(home)} if home else {}
    async for articles in parts:
        for article in articles:
            url = article.url
            if url and MIN_URL_LENGTH <= len(url) <= MAX_URL_LENGTH:
                found.setdefault(url, Place(url, changed(article)))
        if len(found) >= MAX_PLACES:
            break
    return tuple(found.values())[:MAX_PLACES]


def last_change(places: Iterable[Place]) -> datetime | None:
    """When the newest of these changed, where that is known."""
    return max((place.changed for place in places if place.changed), default=None)


def render(places: Places) -> bytes:
    """The sitemap as an XML document. Some 15 µs a place, so not for the event loop."""
    out = io.BytesIO()
    xml = XMLGenerator(out, "utf-8")
    xml.startDocument()
    xml.startElement("urlset", AttributesImpl({"xmlns": NAMESPACE}))
    for place in places:
        if out.tell() > MAX_SIZE_BYTES - _LONGEST_PLACE_BYTES:
            break
        if not is_web_url(place.url):
            continue
        xml.startElement("url", _NO_ATTRIBUTES)
        _element(xml, "loc", place.url)
        if place.changed:
            _element(xml, "lastmod", timestamp(place.changed))
        xml.endElement("url")
    xml.endElement("urlset")
    xml.endDocument()
    return out.getvalue()


def _element(xml: XMLGenerator, name: str, text: str) -> None:
    xml.startElement(name, _NO_ATTRIBUTES)
    xml.characters(text)
    xml.endElement(name)
