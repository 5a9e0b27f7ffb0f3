"""Private responses: an ASGI application whose responses no cache may store."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PRIVATE = (b"cache-control", b"private, no-store")


class PrivateResponses:
    """An application around another one, whose responses it makes private.

    For URLs that are a right in themselves: a shared cache would hand the response to others.
    https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.7
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a request."""

        async def send_private(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [field for field in message["headers"] if field[0] != b"cache-control"]
                message = {**message, "headers": [*headers, _PRIVATE]}
            await send(message)

        await self._app(scope, receive, send_private)
