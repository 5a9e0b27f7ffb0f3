"""The messages of graphql-transport-ws, and the codes that close its sockets.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec

from gql.error_formatting import FormattedError
from gql.errors import PersistedDocumentError, RequestError
from gql.http import GraphQLRequest, HttpSettings
from gql.http.protocol.json_encoding import decode, encode
from gql.http.protocol.request_parser import parse_graphql_request

SUBPROTOCOL = "graphql-transport-ws"
IDEMPOTENCY_KEY = "idempotencyKey"
_MAX_REASON_BYTES = 123  # https://www.rfc-editor.org/rfc/rfc6455#section-5.5


class CloseCode(IntEnum):
    """WebSocket close codes. Those below 4000 are RFC 6455's and IANA's; clients retry these."""

    GOING_AWAY = 1001
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    TRY_AGAIN_LATER = 1013
    INVALID_MESSAGE = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    INITIALISATION_TIMEOUT = 4408
    SUBSCRIBER_EXISTS = 4409
    TOO_MANY_INITIALISATIONS = 4429


class SocketClosed(Exception):  # noqa: N818  # not always an error
    """The socket must be closed; without a code, it is closed already."""

    def __init__(self, code: CloseCode | None = None, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")


class TooSlow(SocketClosed):
    """The client did not read a message in time."""

    def __init__(self) -> None:
        reason = "Too slow: connect again and resume from your last cursor"
        super().__init__(CloseCode.TRY_AGAIN_LATER, reason)


def read_message(text: str | None) -> dict[str, Any]:
    """The message in a frame. Raises: SocketClosed: it is malformed."""
    try:
        message = decode(text or "")
    except ValueError:
        message = None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise invalid("Send a JSON object with a type, as text")
    return message


def read_id(message: dict[str, Any]) -> str:
    """The id of an operation. Raises: SocketClosed: it is missing."""
    id = message.get("id")
    if not isinstance(id, str) or not id:
        raise invalid(f"A {message['type']} message needs an id, a text that is not empty")
    return id


def read_payload(message: dict[str, Any]) -> dict[str, Any] | None:
    """The optional payload. Raises: SocketClosed: it is not an object."""
    payload = message.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise invalid(f"The payload of a {message['type']} message has to be an object")
    return payload


def read_request(message: dict[str, Any], settings: HttpSettings) -> GraphQLRequest:
    """The operation of a subscribe message.

    Raises: SocketClosed: it is malformed. PersistedDocumentError: its document is unknown.
    """
    try:
        return parse_graphql_request(message.get("payload"), settings)
    except PersistedDocumentError:
        raise
    except RequestError as error:
        raise invalid(str(error)) from None


def take_idempotency_key(request: GraphQLRequest) -> tuple[GraphQLRequest, str | None]:
    """The request without its idempotency key, and the key.

    On a WebSocket the key is in the request's `extensions`. A key that is not a string becomes "",
    which is refused later.
    """
    extensions = dict(request.extensions or {})
    if IDEMPOTENCY_KEY not in extensions:
        return request, None
    key = extensions.pop(IDEMPOTENCY_KEY)
    bare = msgspec.structs.replace(request, extensions=extensions or None)
    return bare, key if isinstance(key, str) else ""


def invalid(reason: str) -> SocketClosed:
    """The closure for a message that violates the protocol."""
    return SocketClosed(CloseCode.INVALID_MESSAGE, reason)


def connection_message(type: str, payload: dict[str, Any] | None = None) -> str:
    """A message about the connection: connection_ack, ping, pong."""
    message: dict[str, Any] = {"type": type}
    if payload is not None:
        message["payload"] = payload
    return encode(message).decode()


def next_message(id: str, body: bytes) -> str:
    """A result, from its JSON."""
    return f'{{"id":{_text(id)},"type":"next","payload":{body.decode()}}}'


def error_message(id: str, errors: list[FormattedError]) -> str:
    """The errors of an operation that was not executed; they end it."""
    return f'{{"id":{_text(id)},"type":"error","payload":{encode(errors).decode()}}}'


def complete_message(id: str) -> str:
    """The end of an operation."""
    return f'{{"id":{_text(id)},"type":"complete"}}'


def _text(value: str) -> str:
    return encode(value).decode()
