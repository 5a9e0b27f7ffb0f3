"""Security headers middleware, for all responses but a `Reply`, which has the fields."""

from __future__ import annotations

from starlette.types import Message, Receive, Scope, Send

from gql.http.reply import SECURITY_HEADERS

from .application import Application

_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})


class SecurityHeadersMiddleware:
    """Middleware that adds the security header fields that a response lacks.

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
                headers += [field for field in SECURITY_HEADERS if field[0] not in names]
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


def _can_deny(scope: Scope) -> bool:
    """Whether the server lets the application send the response to a refused handshake."""
    return "websocket.http.response" in scope.get("extensions", {})
