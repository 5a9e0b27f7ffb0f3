"""Security header fields as middleware: a `Reply` has them, all other responses get them here."""

from __future__ import annotations

from starlette.types import Message, Receive, Scope, Send

from gql.http.reply import SECURITY_HEADERS

from .application import Application

_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})


class SecurityHeadersMiddleware:
    """Middleware that adds the fields which a response does not have yet.

    Attributes:
        app: The application inside.
        respond_sync: The sync form, which is that of `app`: its replies have the fields.
    """

    def __init__(self, app: Application) -> None:
        self.app = app
        self.respond_sync = app.respond_sync

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI form: answer a request, also a WebSocket's handshake that is refused."""
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
    """Whether the server sends a response for a handshake, rather than one of its own."""
    return "websocket.http.response" in scope.get("extensions", {})
