"""Atom 1.0. https://www.rfc-editor.org/rfc/rfc4287"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import datetime
from urllib.parse import urlsplit

from .entries import Entry, Feed

NAMESPACE = "http://www.w3.org/2005/Atom"
MEDIA_TYPE = "application/atom+xml"
FILE = "feed.xml"

_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
# Said here, because a machine's own table of types may differ, and with it the feed.
_IMAGES = {
    "avif": "image/avif",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "png": "image/png",
    "svg": "image/svg+xml",
    "webp": "image/webp",
}


def render(feed: Feed) -> bytes:
    """The feed as an Atom document."""
    root = ET.Element("feed", xmlns=NAMESPACE)
    address = f"{feed.base}/{FILE}"
    _text(root, "id", address)
    _text(root, "title", feed.title)
    _text(root, "updated", timestamp(feed.updated))
    _text(root, "generator", "newsgraph")
    ET.SubElement(root, "link", rel="self", type=MEDIA_TYPE, href=address)
    ET.SubElement(root, "link", rel="alternate", type="text/html", href=feed.home)
    root.extend(map(_entry, feed.entries))
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _entry(entry: Entry) -> ET.Element:
    element = ET.Element("entry", {_LANG: entry.language} if entry.language else {})
    _text(element, "id", entry.id)
    _text(element, "title", entry.title)
    _text(element, "published", timestamp(entry.published))
    _text(element, "updated", timestamp(entry.updated))
    _text(ET.SubElement(element, "author"), "name", entry.author)
    for topic in entry.topics:
        ET.SubElement(element, "category", term=topic.slug, label=topic.name)
    if entry.summary:
        _text(element, "summary", entry.summary)
    if entry.url:
        ET.SubElement(element, "link", rel="alternate", href=entry.url)
    else:  # an entry must have a page of its own or a content
        _text(element, "content", entry.summary or entry.title)
    if entry.image:
        enclosure = {"rel": "enclosure", "href": entry.image, **_type(entry.image)}
        ET.SubElement(element, "link", enclosure)
    return element


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text


def _type(url: str) -> dict[str, str]:
    """The media type that a URL's ending hints at, as an attribute, if it hints at one."""
    ending = urlsplit(url).path.lower().rpartition(".")[2]
    return {"type": _IMAGES[ending]} if ending in _IMAGES else {}


def timestamp(time: datetime) -> str:
    """A time in UTC as RFC 3339 and W3C write it."""
    return time.isoformat().replace("+00:00", "Z")
