"""Preview links: signed, short-lived rights to read one draft.

A browser and an EventSource cannot send a key, so the right is a token in the URL
(`/graphql?preview=TOKEN`). It names one article by id and a time of expiry, and is authenticated
with a key derived from the store's (keyed BLAKE2b). Whoever has it can read this draft until then.

https://www.rfc-editor.org/rfc/rfc7693
"""

from __future__ import annotations

import binascii
import struct
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from hmac import compare_digest
from typing import NamedTuple
from urllib.parse import parse_qsl

from starlette.types import Scope

from gql.errors import UnauthenticatedError

PARAMETER = "preview"
MAX_LIFETIME = timedelta(days=7)

_HEAD = struct.Struct(">BQ")  # the version, and the expiry in seconds since 1970
_VERSION = 1
_TAG_BYTES = 16
_PREFIX = "ngp_"  # as of keys `ng_`: scanners of secrets find it
_MAX_LENGTH = 512
_MAX_PARAMETERS = 50
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_STANDARD = bytes.maketrans(b"-_", b"+/")
PREVIEW_MARK = PARAMETER.encode() + b"="
"""In the query string of every request with a token."""


class PreviewLink(NamedTuple):
    """The right to read one draft.

    Attributes:
        id: The article's id.
        expires: The end of the right.
    """

    id: str
    expires: datetime


def is_preview_request(scope: Scope) -> bool:
    """Whether a request may have a preview token in its URL."""
    return PREVIEW_MARK in scope.get("query_string", b"")  # WebSockets may have none


class SignedLink(NamedTuple):
    """A link with its token.

    Attributes:
        token: The token.
        expires: The end of the right.
    """

    token: str
    expires: datetime


def sign_preview(
    store_key: bytes, id: str, lifetime: timedelta, now: datetime | None = None
) -> SignedLink:
    """A link to the article with this id, for a lifetime from now: at most MAX_LIFETIME.

    Raises: ValueError: the lifetime is not positive, or too long.
    """
    if not timedelta(0) < lifetime <= MAX_LIFETIME:
        raise ValueError(f"A preview link lasts from a second up to {MAX_LIFETIME.days} days.")
    expires = ((now or datetime.now(UTC)) + lifetime).replace(microsecond=0)
    payload = _HEAD.pack(_VERSION, int(expires.timestamp())) + id.encode()
    return SignedLink(_text(payload + _tag(store_key, payload)), expires)


def read_preview(store_key: bytes, scope: Scope, now: datetime | None = None) -> PreviewLink | None:
    """The preview link in a request's URL; None if it has none.

    Raises: UnauthenticatedError: the token is not valid, or not any more. The same for all reasons.
    """
    if not is_preview_request(scope):
        return None
    try:
        parameters = parse_qsl(
            scope["query_string"].decode("ascii"), True, max_num_fields=_MAX_PARAMETERS
        )
        tokens = [value for name, value in parameters if name == PARAMETER]
        if not tokens:
            return None
        [token] = tokens
        link = _verified(store_key, token)
    except (ValueError, UnicodeError):
        link = None
    if link is None or link.expires <= (now or datetime.now(UTC)):
        raise UnauthenticatedError(
            "The preview link is not valid, or has expired. Ask its sender for a new one."
        )
    return link


def _verified(store_key: bytes, token: str) -> PreviewLink | None:
    """The link of a token with a valid tag. Raises: ValueError, UnicodeError: it is malformed."""
    if len(token) > _MAX_LENGTH or not token.startswith(_PREFIX):
        return None
    text = token.removeprefix(_PREFIX).encode("ascii").translate(_STANDARD)
    sealed = binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    payload, tag = sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:]
    if not compare_digest(tag, _tag(store_key, payload)) or len(payload) <= _HEAD.size:
        return None
    if _text(sealed) != token:  # padding: a token has one text
        return None
    version, expires = _HEAD.unpack_from(payload)
    if version != _VERSION:
        return None
    return PreviewLink(payload[_HEAD.size :].decode(), datetime.fromtimestamp(expires, UTC))


def _text(sealed: bytes) -> str:
    text = binascii.b2a_base64(sealed, newline=False).translate(_URL_SAFE)
    return _PREFIX + text.rstrip(b"=").decode()


def _tag(store_key: bytes, payload: bytes) -> bytes:
    return blake2b(payload, key=store_key, digest_size=_TAG_BYTES, person=b"preview link").digest()
