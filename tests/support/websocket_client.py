"""A client of graphql-transport-ws that calls an ASGI application, without a network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Message

SUBPROTOCOL = "graphql-transport-ws"


class WebSocketClient:
    """A WebSocket to an application.

    Attributes:
        to_app: The ASGI messages to the application.
        from_app: The ASGI messages from the application.
    """

    def __init__(self) -> None:
        self.to_app: asyncio.Queue[Message] = asyncio.Queue()
        self.from_app: asyncio.Queue[Message] = asyncio.Queue()

    async def send(self, type: str, **rest: Any) -> None:
        """Send a message."""
        text = json.dumps({"type": type, **rest})
        await self.to_app.put({"type": "websocket.receive", "text": text})

    async def receive(self) -> str:
        """The text of the next message; fail if the application closed the socket."""
        message = await self.from_app.get()
        assert message["type"] == "websocket.send", message
        text: str = message["text"]
        return text

    async def execute(self, body: Mapping[str, Any]) -> bytes:
        """The response of an operation, in the format of HTTP responses."""
        await self.send("subscribe", id="q", payload=body)
        text = await self.receive()
        head = '{"id":"q","type":"next","payload":'
        if text.startswith(head):
            assert json.loads(await self.receive()) == {"id": "q", "type": "complete"}
            return text[len(head) : -1].encode()
        refused = '{"id":"q","type":"error","payload":'
        assert text.startswith(refused), text
        return f'{{"errors":{text[len(refused) : -1]}}}'.encode()


@asynccontextmanager
async def connect_websocket(
    app: ASGIApp, headers: Mapping[str, str], query_string: bytes = b""
) -> AsyncIterator[WebSocketClient]:
    """A socket with an acknowledged connection, until the block ends."""
    client = WebSocketClient()
    given = {"host": "news.example", **headers}
    scope = {
        "type": "websocket",
        "scheme": "ws",
        "path": "/graphql",
        "query_string": query_string,
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "client": ("192.0.2.1", 1),
        "subprotocols": [SUBPROTOCOL],
    }
    await client.to_app.put({"type": "websocket.connect"})
    serving = asyncio.ensure_future(app(scope, client.to_app.get, client.from_app.put))
    try:
        assert (await client.from_app.get())["type"] == "websocket.accept"
        await client.send("connection_init")
        assert json.loads(await client.receive()) == {"type": "connection_ack"}
        yield client
    finally:
        await client.to_app.put({"type": "websocket.disconnect", "code": 1000})
        await serving
