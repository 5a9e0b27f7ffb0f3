"""Media types: content negotiation by Accept, and the Content-Type of bodies.

https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
https://graphql.github.io/graphql-over-http/draft/#sec-Media-Types
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

from starlette.types import Scope

_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
_UTF8 = ("utf-8", "utf8")

EVENT_STREAM = "text/event-stream"
"""The media type of server-sent events."""

MAX_RANGES = 100
"""How many entries of an Accept header are read: browsers send about ten."""


class MediaType(StrEnum):
    """The media types of a GraphQL response; they differ in their status codes."""

    RESPONSE = "application/graphql-response+json"
    JSON = "application/json"


def parse_media_type(text: str) -> tuple[str, dict[str, str]]:
    """Parse a media type and its parameters, in lower case: `a/b; q=1` -> a/b, {q: 1}."""
    name, *parameters = text.lower().split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    return name.strip(), {key.strip(): value.strip().strip('"') for key, _, value in pairs}


def is_utf8(parameters: dict[str, str]) -> bool:
    """Whether the charset of a media type is UTF-8 or absent."""
    return parameters.get("charset", "utf-8") in _UTF8


def accept_header(scope: Scope) -> str:
    """The Accept header of a request; several lines are one list."""
    return ",".join(
        value.decode("latin-1") for name, value in scope["headers"] if name == b"accept"
    )


def accepted_ranges(accept: str) -> Iterator[tuple[str, float]]:
    """The media ranges of an Accept header with their qualities, without malformed ones.

    At most MAX_RANGES, so that a long header costs little.
    """
    for text in accept.split(",", MAX_RANGES)[:MAX_RANGES]:
        media_range, parameters = parse_media_type(text)
        quality = parameters.get("q", "1")
        if _QUALITY.fullmatch(quality) and is_utf8(parameters):
            yield media_range, float(quality)


def quality_of(media_type: str, accept: str) -> tuple[float, int]:
    """The quality and specificity of the most specific media range that matches a media type.

    The specificity is 2 for the type itself, 1 for `type/*`, 0 for `*/*`. (0, 0) if none matches.
    """
    ranges = ("*/*", f"{media_type.partition('/')[0]}/*", media_type)
    specificity, quality = max(
        ((ranges.index(name), q) for name, q in accepted_ranges(accept) if name in ranges),
        default=(0, 0.0),
    )
    return quality, specificity


def negotiate(accept: str) -> MediaType | None:
    """Negotiate the media type of the response; None if the client accepts neither.

    Without an Accept header it is application/json, which every client understands. Of two types
    with the same quality, the one with truthful status codes wins if the client named it.
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
    """Whether an Accept header is that of a browser, which prefers HTML to JSON."""
    quality, specificity = quality_of("text/html", accept)
    ours = max(quality_of(media_type, accept)[0] for media_type in MediaType)
    return specificity == 2 and 0 < quality >= ours
