"""A client that calls an ASGI application directly, message by message."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message


@dataclass
class ASGIResponse:
    """The response of an application.

    Attributes:
        status: The status code; 0 if the application sent nothing.
        headers: The header fields.
        body: The whole body.
        state: The `state` of the request's scope.
        chunks_read: The number of request chunks that the application read.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    state: dict[str, Any] = field(default_factory=dict)
    chunks_read: int = 0

    @property
    def content(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def call_app(
    app: ASGIApp,
    method: str = "POST",
    *,
    query_string: bytes = b"",
    headers: Iterable[tuple[str, str]] = (("content-type", "application/json"),),
    chunks: Iterable[bytes] = (),
    disconnects: bool = False,
) -> ASGIResponse:
    """Send a request whose body comes in these chunks, and return the response.

    `disconnects`: the client disconnects after the last chunk, before the end of the body.
    """
    reply = ASGIResponse()
    pending = list(chunks)

    async def receive() -> Message:
        if pending:
            reply.chunks_read += 1
            body = pending.pop(0)
            more = bool(pending) or disconnects
            return {"type": "http.request", "body": body, "more_body": more}
        return {"type": "http.disconnect"} if disconnects else {"type": "http.request"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            reply.status = message["status"]
            reply.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            reply.body += message["body"]

    scope = {
        "type": "http",
        "method": method,
        "path": "/graphql",
        "query_string": query_string,
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "state": reply.state,
    }
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    return reply
