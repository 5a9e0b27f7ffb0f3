"""Plain text from the HTML markup in feeds' titles, excerpts and URLs, and back.

`unescape_*` removes the markup of a value that is read; `escape_*` is the inverse for a value that
is written, so documents survive a round trip.
"""

from __future__ import annotations

import html
import re
from html.entities import html5

# A tag starts with a letter, a slash or a bang, so that "5 < 6" and "<3" stay text.
_TAG = re.compile(r"<(?:/?|!)[A-Za-z][^<>]*>")
_COMMENT, _COMMENT_END = "<!--", "-->"
# So many digits are no character, and Python refuses to convert thousands of digits.
_OVERLONG_REFERENCE = re.compile(r"&#[0-9]{100,};?")
_REFERENCE = re.compile(r"&(?:#[xX]?[0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);?")
# HTML's rule for attribute values: without its semicolon a reference stays, such as the "&copy" of
# "?a=1&copy=2".
_URL_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def collapse_whitespace(text: str) -> str:
    """Replace each run of white space by one space, and remove it at the ends."""
    return " ".join(text.split())


def unescape_title(raw: str) -> str:
    """Convert a raw title: decode character references, collapse white space."""
    return collapse_whitespace(_unescape_references(raw) if "&" in raw else raw)


def unescape_excerpt(raw: str) -> str:
    """Convert a raw excerpt: remove tags, decode character references, collapse white space."""
    return unescape_title(_strip_tags(raw) if "<" in raw else raw)


def _unescape_references(raw: str) -> str:
    return _REFERENCE.sub(_unescape_reference, _OVERLONG_REFERENCE.sub("\ufffd", raw))


def _unescape_reference(match: re.Match[str]) -> str:
    """Decode a reference. A name counts as a whole: `A&notes` is no `A¬es`."""
    reference = match[0]
    if reference[1] == "#":
        return html.unescape(reference)
    return html5.get(reference[1:], reference)


def _strip_tags(raw: str) -> str:
    """Replace each tag and comment by a space, in linear time.

    A pattern for comments takes quadratic time: for each that is not closed it scans the rest.
    """
    parts, at = [], 0
    while (start := raw.find(_COMMENT, at)) >= 0:
        end = raw.find(_COMMENT_END, start + len(_COMMENT))
        if end < 0:  # no later comment is closed either
            break
        parts.append(_TAG.sub(" ", raw[at:start]))
        at = end + len(_COMMENT_END)
    parts.append(_TAG.sub(" ", raw[at:]))
    return " ".join(parts)


def unescape_url(raw: str) -> str:
    """Convert a raw URL: decode character references (`&#038;` is `&`), strip white space."""
    raw = raw.strip()
    return _URL_ENTITY.sub(lambda m: html.unescape(m[0]), raw) if "&" in raw else raw


def escape_title(text: str) -> str:
    """Return the raw title that `unescape_title` converts to `text`."""
    return text if unescape_title(text) == text else text.replace("&", "&amp;")


def escape_excerpt(text: str) -> str:
    """Return the raw excerpt that `unescape_excerpt` converts to `text`."""
    if unescape_excerpt(text) == text:
        return text
    return text.replace("&", "&amp;").replace("<", "&lt;")


def escape_url(text: str) -> str:
    """Return the raw URL that `unescape_url` converts to `text`."""
    return text if unescape_url(text) == text else text.replace("&", "&amp;")
