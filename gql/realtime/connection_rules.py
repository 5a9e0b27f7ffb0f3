"""Rules of long-lived connections: limits, allowed origins, authentication."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import msgspec
from starlette.types import Scope

from gql.http import HttpSettings
from gql.identity.viewer import Viewer
from gql.schema import Context

MakeContext = Callable[[Scope], Awaitable[Context]]
"""Makes the context of a request from its scope. Raises: GraphError: the request is refused."""

CountRequest = Callable[[Viewer | None, Scope], object]
"""Counts a request of a viewer, or of none, against the rate limit. Raises: GraphError: it is
over."""

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_SCHEMES = {"ws": "http", "wss": "https"}


class RealtimeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The limits: counts for this process, sizes in bytes, times in seconds.

    `http`: the limits of a request, and its persisted documents.
    """

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
    http: HttpSettings = HttpSettings()


def origin_allowed(scope: Scope, origins: tuple[str, ...]) -> bool:
    """Whether a page may open a WebSocket: the Origin is this host, or one that a setting names.

    Browsers let any page open a WebSocket to any host, and send its Origin. Other programs send
    none.
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


def without_viewer(scope: Scope) -> Scope:
    """The scope without its viewer, so that it is authenticated again."""
    return {**scope, "state": {}}
