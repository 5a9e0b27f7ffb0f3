"""Plain text out of what feeds put into titles, excerpts and URLs, and back again.

Reading undoes markup; `escape_*` is its inverse, so that a document written by
export reads back as the same document.
"""

from __future__ import annotations

import html
import re

# A tag starts with a letter, a slash or a bang, so that "5 < 6" and "<3" stay text.
_TAG = re.compile(r"<(?:/?|!)[A-Za-z][^<>]*>")
_COMMENT, _COMMENT_END = "<!--", "-->"
# What has so many digits is no character. Python refuses to read thousands of them as a number.
_OVERLONG_REFERENCE = re.compile(r"&#[0-9]{100,};?")
# HTML's rule for attribute values: a reference needs its semicolon, else the
# "&copy" of "?a=1&copy=2" would turn into a sign.
_URL_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def collapse_whitespace(text: str) -> str:
    """One space for every run of white space, none at the ends."""
    return " ".join(text.split())


def unescape_title(raw: str) -> str:
    """A title as people read it: entities undone, white space folded."""
    return collapse_whitespace(_unescape_references(raw) if "&" in raw else raw)


def unescape_excerpt(raw: str) -> str:
    """An excerpt as people read it: tags removed, entities undone, white space folded."""
    return unescape_title(_strip_tags(raw) if "<" in raw else raw)


def _unescape_references(raw: str) -> str:
    return html.unescape(_OVERLONG_REFERENCE.sub("\ufffd", raw))


def _strip_tags(raw: str) -> str:
    """A text with a space in the place of each tag and comment, in linear time.

    A pattern for comments would look for the end of each one that has none through all the rest.
    """
    parts, at = [], 0
    while (start := raw.find(_COMMENT, at)) >= 0:
        end = raw.find(_COMMENT_END, start + len(_COMMENT))
        if end < 0:  # nor does any other end
            break
        parts.append(_TAG.sub(" ", raw[at:start]))
        at = end + len(_COMMENT_END)
    parts.append(_TAG.sub(" ", raw[at:]))
    return " ".join(parts)


def unescape_url(raw: str) -> str:
    """A URL without HTML's escaping (`&#038;` is `&`) and without surrounding space."""
    raw = raw.strip()
    return _URL_ENTITY.sub(lambda m: html.unescape(m[0]), raw) if "&" in raw else raw


def escape_title(text: str) -> str:
    """The raw title that `unescape_title` reads as `text`."""
    return text if unescape_title(text) == text else text.replace("&", "&amp;")


def escape_excerpt(text: str) -> str:
    """The raw excerpt that `unescape_excerpt` reads as `text`."""
    if unescape_excerpt(text) == text:
        return text
    return text.replace("&", "&amp;").replace("<", "&lt;")


def escape_url(text: str) -> str:
    """The raw URL that `unescape_url` reads as `text`."""
    return text if unescape_url(text) == text else text.replace("&", "&amp;")
