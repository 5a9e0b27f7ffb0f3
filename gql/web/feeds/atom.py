"""Atom 1.0. https://www.rfc-editor.org/rfc/rfc4287"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import datetime
from urllib.parse import urlsplit

from gql.image_urls import MIME_TYPES

from .entries import Feed, FeedEntry

NAMESPACE = "http://www.w3.org/2005/Atom"
MEDIA_TYPE = "application/atom+xml"
FILE = "feed.xml"

_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def render(feed: Feed) -> bytes:
    """Render a feed as Atom."""
    root = ET.Element("feed", xmlns=NAMESPACE)
    url = f"{feed.base}/{FILE}{feed.query}"
    _text(root, "id", url)
    _text(root, "title", feed.title)
    _text(root, "updated", timestamp(feed.updated))
    _text(root, "generator", "newsgraph")
    ET.SubElement(root, "link", rel="self", type=MEDIA_TYPE, href=url)
    ET.SubElement(root, "link", rel="alternate", type="text/html", href=feed.home)
    root.extend(map(_entry, feed.entries))
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _entry(entry: FeedEntry) -> ET.Element:
    element = ET.Element("entry", {_LANG: entry.language} if entry.language else {})
    _text(element, "id", entry.id)
    _text(element, "title", entry.title)
    _text(element, "published", timestamp(entry.published))
    _text(element, "updated", timestamp(entry.updated))
    for author in entry.authors:
        person = ET.SubElement(element, "author")
        _text(person, "name", author.name)
        if author.url:
            _text(person, "uri", author.url)
    for topic in entry.topics:
        ET.SubElement(element, "category", term=topic.slug, label=topic.name)
    if entry.summary:
        _text(element, "summary", entry.summary)
    if entry.url:
        ET.SubElement(element, "link", rel="alternate", href=entry.url)
    else:  # an entry requires a link or a content
        _text(element, "content", entry.summary or entry.title)
    if entry.image:
        enclosure = {"rel": "enclosure", "href": entry.image, **_type(entry.image)}
        ET.SubElement(element, "link", enclosure)
    return element


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text


def _type(url: str) -> dict[str, str]:
    """The media type by the extension of a URL, as an attribute; empty if it is unknown."""
    extension = urlsplit(url).path.lower().rpartition(".")[2]
    return {"type": MIME_TYPES[extension]} if extension in MIME_TYPES else {}


def timestamp(time: datetime) -> str:
    """Format a time in UTC by RFC 3339."""
    return time.isoformat().replace("+00:00", "Z")
