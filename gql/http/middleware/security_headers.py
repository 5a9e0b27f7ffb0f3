"""Security headers middleware, for all responses but a `Reply`, which has the fields.

Cache-Control is one of them: no shared cache may give a response with credentials to others.
"""

from __future__ import annotations

from starlette.types import Message, Receive, Scope, Send

from gql.cache_control import NO_STORE, private_cache_control
from gql.errors import Headers
from gql.http.reply import SECURITY_HEADERS
from gql.identity.viewer import Viewer

from .application import Application

_CACHE_CONTROL = b"cache-control"
_DEFAULTS: Headers = (*SECURITY_HEADERS, *NO_STORE)
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})


class SecurityHeadersMiddleware:
    """Middleware that adds the security header fields that a response lacks.

    A response without Cache-Control gets `no-store`: caches may store an error for a while.

    Attributes:
        app: The application inside.
        respond_sync: The sync form of `app`, whose replies have the fields.
    """

    def __init__(self, app: Application) -> None:
        self.app = app
        self.respond_sync = app.respond_sync

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI form; also for the response to a refused WebSocket handshake."""
        accepted = False

        async def send_with_fields(message: Message) -> None:
            nonlocal accepted
            kind = message["type"]
            if kind in _STARTS:
                headers = list(message.get("headers", ()))
                names = {name for name, _ in headers}
                headers += [field for field in _DEFAULTS if field[0] not in names]
                if _has_credentials(scope):
                    headers = [_private(field) for field in headers]
                message = {**message, "headers": headers}
            elif kind == "websocket.accept":
                accepted = True
            elif kind == "websocket.close" and not accepted and _can_deny(scope):
                await send(_DENIAL)
                message = {"type": "websocket.http.response.body", "body": b""}
            await send(message)

        await self.app(scope, receive, send_with_fields)


_DENIAL: Message = {
    "type": "websocket.http.response.start",
    "status": 403,
    "headers": [*SECURITY_HEADERS, (b"content-length", b"0")],
}


def _has_credentials(scope: Scope) -> bool:
    """Whether the authentication gave the request a viewer that is not anonymous."""
    viewer: Viewer | None = scope.get("state", {}).get("viewer")
    return viewer is not None and bool(viewer.key)


def _private(field: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """A header field of a response with credentials: Cache-Control is never public."""
    name, value = field
    if name == _CACHE_CONTROL and value != b"no-store":
        return name, private_cache_control(value.decode("latin-1")).encode()
    return field


def _can_deny(scope: Scope) -> bool:
    """Whether the server lets the application send the response to a refused handshake."""
    return "websocket.http.response" in scope.get("extensions", {})
