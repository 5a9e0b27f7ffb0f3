"""Credentials in the first message of a WebSocket (`connection_init`), as clients send them.

Browsers cannot send headers with a WebSocket, and the protocol names no member for credentials. So
each client library and each tutorial has its own. Those that are not read are refused: the client
would otherwise be served as an anonymous one, and wonder what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from starlette.types import Scope

from gql.errors import UnauthenticatedError

from .messages import invalid

MAX_MEMBERS = 1_000
"""The most members in a payload, at all depths: each is looked at."""

_HEADER = "authorization"
_TOKENS = frozenset({"authtoken", "token"})
_REFUSED = frozenset(
    "accesstoken apikey apitoken auth authentication authorisation authorizationtoken bearer "
    "bearertoken credential credentials idtoken jwt jwttoken key password secret sessiontoken "
    "usertoken xaccesstoken xapikey xauthtoken xauthorization xtoken".split()
)
"""Names under which credentials are probably meant: in small letters, without other characters."""
_CREDENTIALS = re.compile(r"\s*(?:(?:bearer|basic)\s+\S|ng_\w|eyJ[\w-]+\.)", re.IGNORECASE)
_BEARER = re.compile(r"\s*bearer\b", re.IGNORECASE)
_NO_LETTERS = re.compile(r"[^a-z]+")


class _Member(NamedTuple):
    """A member of the payload, at any depth.

    Attributes:
        name: Its name; an item of a list has that of the list.
        value: Its value.
        is_read: Whether credentials are read in its object: the payload itself, or its `headers`.
    """

    name: str
    value: Any
    is_read: bool

    @property
    def letters(self) -> str:
        """The name in small letters, without other characters."""
        return _NO_LETTERS.sub("", self.name.lower())


def with_authorization(scope: Scope, payload: Mapping[str, Any] | None) -> Scope:
    """The scope with the credentials of the connection's first message as Authorization header.

    Without credentials in the message, the header of the handshake counts.

    Raises: UnauthenticatedError: the credentials are not read in this form, or there are several.
    SocketClosed: the payload has too many members.
    """
    values = {_authorization(member) for member in _members(payload or {})} - {None}
    if not values:
        return scope
    if len(values) > 1:
        raise UnauthenticatedError("connection_init has several credentials; send one.")
    text = str(values.pop()).encode("latin-1", "replace")
    others = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    return {**scope, "headers": [*others, (b"authorization", text)]}


def _members(payload: Mapping[str, Any]) -> Iterator[_Member]:
    """The members of a payload that have a value, at any depth. Empty ones count as absent.

    Raises: SocketClosed: there are too many.
    """
    left = [_Member(name, value, is_read=True) for name, value in payload.items()]
    count = 0
    while left:
        count += 1
        if count + len(left) > MAX_MEMBERS:
            raise invalid(f"The payload of connection_init has more than {MAX_MEMBERS} members")
        name, value, is_read = member = left.pop()
        if isinstance(value, list):
            left += [_Member(name, item, is_read=False) for item in value]
        elif isinstance(value, dict) and member.letters not in _REFUSED:
            is_headers = is_read and value is payload.get(name) and member.letters == "headers"
            left += [_Member(inner, item, is_headers) for inner, item in value.items()]
        elif value.strip() if isinstance(value, str) else value:
            yield member


def _authorization(member: _Member) -> str | None:
    """The Authorization header that a member stands for; None if it is no credentials.

    Raises: UnauthenticatedError: it is credentials that are not read.
    """
    name, value = member.letters, member.value
    is_text = isinstance(value, str)
    if is_text and member.is_read and name == _HEADER:
        return str(value).strip()
    if is_text and member.is_read and name in _TOKENS:
        return value.strip() if _BEARER.match(value) else f"Bearer {value.strip()}"
    if (
        name == _HEADER
        or name in _TOKENS
        or name in _REFUSED
        or (is_text and _CREDENTIALS.match(value))
    ):
        raise UnauthenticatedError(
            'connection_init takes {"Authorization": "Bearer KEY"}, not credentials as '
            f"{member.name[:20]!r}."
        )
    return None
