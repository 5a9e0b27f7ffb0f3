"""Media types: what a client accepts, and what a body claims to be.

https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
https://graphql.github.io/graphql-over-http/draft/#sec-Media-Types
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
_UTF8 = ("utf-8", "utf8")

MAX_RANGES = 100
"""How many entries of an Accept header are read: browsers send about ten."""


class MediaType(StrEnum):
    """The two ways to write a GraphQL response; they differ in their status codes."""

    RESPONSE = "application/graphql-response+json"
    JSON = "application/json"


def parse_media_type(text: str) -> tuple[str, dict[str, str]]:
    """A media type and its parameters, in lower case: `text/html; q=0.5` -> text/html, {q: 0.5}."""
    name, *parameters = text.lower().split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    return name.strip(), {key.strip(): value.strip().strip('"') for key, _, value in pairs}


def is_utf8(parameters: dict[str, str]) -> bool:
    """Whether the parameters of a media type ask for UTF-8, or for nothing else."""
    return parameters.get("charset", "utf-8") in _UTF8


def accepted_ranges(accept: str) -> Iterator[tuple[str, float]]:
    """The media ranges of an Accept header and their qualities; what cannot be read is left out.

    Entries beyond MAX_RANGES are left out, too: a long header must not take long to read.
    """
    for text in accept.split(",", MAX_RANGES)[:MAX_RANGES]:
        media_range, parameters = parse_media_type(text)
        quality = parameters.get("q", "1")
        if _QUALITY.fullmatch(quality) and is_utf8(parameters):
            yield media_range, float(quality)


def quality_of(media_type: str, accept: str) -> tuple[float, int]:
    """How welcome a media type is: the quality of the most specific range that holds it, and how
    specific that is (2 for the type itself, 1 for `type/*`, 0 for `*/*`). (0, 0) where none does.
    """
    ranges = ("*/*", f"{media_type.partition('/')[0]}/*", media_type)
    specificity, quality = max(
        ((ranges.index(name), q) for name, q in accepted_ranges(accept) if name in ranges),
        default=(0, 0.0),
    )
    return quality, specificity


def negotiate(accept: str) -> MediaType | None:
    """The media type to answer with; None where the client accepts neither.

    A client that names none gets application/json, which every client understands; of two that are
    equally welcome, the one with truthful status codes wins if the client named it.
    """
    if not accept.strip():
        return MediaType.JSON

    def rank(media_type: MediaType) -> tuple[float, int, bool]:
        quality, specificity = quality_of(media_type, accept)
        preferred = MediaType.RESPONSE if specificity == 2 else MediaType.JSON
        return quality, specificity, media_type is preferred

    best = max(MediaType, key=rank)
    return best if rank(best)[0] > 0 else None


def prefers_html(accept: str) -> bool:
    """Whether this is a browser that wants a page to show rather than JSON."""
    quality, specificity = quality_of("text/html", accept)
    ours = max(quality_of(media_type, accept)[0] for media_type in MediaType)
    return specificity == 2 and 0 < quality >= ours
