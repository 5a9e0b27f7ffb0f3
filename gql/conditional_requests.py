"""Conditional requests: telling a client that what it keeps is still what it would get.

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
"""Anybody may keep it, and asks each time whether it still holds."""

_ENTITY_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def strong_etag(content: bytes) -> str:
    """An entity tag, in its quotes, that is the same for the same bytes and no others."""
    return f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'


def not_modified(
    if_none_match: str | None,
    etag: str,
    if_modified_since: str | None = None,
    last_modified: datetime | None = None,
) -> bool:
    """Whether a GET or HEAD with these headers is to be answered by 304.

    If-None-Match decides alone where it is given, and is compared weakly. A date that cannot be
    read counts as none.
    """
    if if_none_match is not None:
        return matches(if_none_match, etag)
    since = parse_http_date(if_modified_since)
    if since is None or last_modified is None:
        return False
    return last_modified.replace(microsecond=0) <= since


def matches(if_none_match: str, etag: str) -> bool:
    """Whether a list of entity tags, or `*`, has this one, strong or weak."""
    if if_none_match.strip() == "*":
        return True
    return etag.removeprefix("W/") in _ENTITY_TAG.findall(if_none_match)


def http_date(time: datetime) -> str:
    """A time as HTTP writes it; fractions of a second are dropped."""
    return format_datetime(time.astimezone(UTC), usegmt=True)


def parse_http_date(text: str | None) -> datetime | None:
    """The time in a header, in any of HTTP's three spellings; None where there is none in it."""
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
    """The body with its validators, or 304 where the client has it already.

    `headers` are those of the body, Content-Type among them. A time to come is no Last-Modified:
    the moment of the answer stands for it.
    """
    validators = {"Cache-Control": CACHE_CONTROL, "ETag": etag}
    if last_modified is not None:
        validators["Last-Modified"] = http_date(min(last_modified, datetime.now(UTC)))
    tags = request.headers.getlist("if-none-match")
    if not_modified(
        ", ".join(tags) if tags else None,
        etag,
        request.headers.get("if-modified-since"),
        last_modified,
    ):
        return Response(status_code=304, headers=validators)
    return Response(body, headers={**headers, **validators})
