"""Conditional requests: validators (ETag, Last-Modified) and 304 responses.

https://www.rfc-editor.org/rfc/rfc9110#section-13
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import Response

CACHE_CONTROL = "public, max-age=0, must-revalidate"
"""Everyone may cache the response, and revalidates it each time."""

_ENTITY_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def strong_etag(content: bytes) -> str:
    """The strong ETag of a content, in quotes."""
    return f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'


def is_not_modified(
    if_none_match: str | None,
    etag: str,
    if_modified_since: str | None = None,
    last_modified: datetime | None = None,
) -> bool:
    """Whether the response to a GET or HEAD with these header fields is 304.

    If-None-Match takes precedence, and is compared weakly. A malformed date is ignored.
    """
    if if_none_match is not None:
        return etag_matches(if_none_match, etag)
    since = parse_http_date(if_modified_since)
    if since is None or last_modified is None:
        return False
    return last_modified.replace(microsecond=0) <= since


def etag_matches(if_none_match: str, etag: str) -> bool:
    """Whether If-None-Match (a list of ETags, or `*`) has this ETag, strong or weak."""
    if if_none_match.strip() == "*":
        return True
    return etag.removeprefix("W/") in _ENTITY_TAG.findall(if_none_match)


def http_date(time: datetime) -> str:
    """Format a time as an HTTP date, without fractions of a second."""
    return format_datetime(time.astimezone(UTC), usegmt=True)


def parse_http_date(text: str | None) -> datetime | None:
    """Parse an HTTP date in any of its three formats; None if it is missing or malformed."""
    try:
        time = parsedate_to_datetime(text or "")
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def conditional_response(
    request: Request,
    body: bytes,
    etag: str,
    headers: Mapping[str, str],
    last_modified: datetime | None = None,
) -> Response:
    """The response with a body and its validators, or a 304.

    `headers` are those of the body, such as Content-Type. Last-Modified must not be in the future,
    so it is at most the current time.
    """
    validators = {"Cache-Control": CACHE_CONTROL, "ETag": etag}
    if last_modified is not None:
        validators["Last-Modified"] = http_date(min(last_modified, datetime.now(UTC)))
    tags = request.headers.getlist("if-none-match")
    if is_not_modified(
        ", ".join(tags) if tags else None,
        etag,
        request.headers.get("if-modified-since"),
        last_modified,
    ):
        return Response(status_code=304, headers=validators)
    return Response(body, headers={**headers, **validators})
