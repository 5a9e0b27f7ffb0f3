"""What a long-lived connection is held to: bounds, where it may come from, whose it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.types import Scope

from gql.identity.viewer import Viewer
from gql.schema import Context

MakeContext = Callable[[Scope], Awaitable[Context]]
"""Makes the context of a request from its scope. Raises: GraphError: it may not ask at all."""

Count = Callable[[Viewer | None, Scope], object]
"""Counts a request of a viewer; None: of somebody unknown. Raises: GraphError: too many."""

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_SCHEMES = {"ws": "http", "wss": "https"}


class RealtimeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds: counts in this process, sizes in bytes, times in seconds."""

    max_subscriptions: int = 1_000
    subscription_bytes: int = 1 << 17
    max_per_socket: int = 100
    max_websockets: int = 1_000
    max_per_client: int = 100
    max_message_bytes: int = 1 << 20
    init_timeout_s: float = 10
    keep_alive_s: float = 12
    send_timeout_s: float = 30
    origins: tuple[str, ...] = ()


def origin_allowed(scope: Scope, origins: tuple[str, ...]) -> bool:
    """Whether the page that opens a WebSocket may: ours, or of an origin that a setting names.

    Browsers let any page open one to any host and send only their word for where it came from;
    other programs send no Origin.
    """
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin-1").lower()
    if not origin or "*" in origins or origin in map(str.lower, origins):
        return True
    host = headers.get(b"host", b"").decode("latin-1").lower()
    return _address(origin) == _address(f"{_SCHEMES.get(scope['scheme'], 'http')}://{host}")


def _address(url: str) -> tuple[str, str | None, int | None] | None:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None


def with_authorization(scope: Scope, payload: Mapping[str, Any] | None) -> Scope:
    """The scope as if what a client says of itself in its first message had been in its headers."""
    for name, value in (payload or {}).items():
        if name.lower() == "authorization" and isinstance(value, str):
            kept = [(key, held) for key, held in scope["headers"] if key != b"authorization"]
            text = value.encode("latin-1", "replace")
            return {**scope, "headers": [*kept, (b"authorization", text)]}
    return scope


def unidentified(scope: Scope) -> Scope:
    """The scope as it came, so that whose it is has to be found out anew."""
    return {**scope, "state": {}}
