"""WebSockets without a network: an ASGI application spoken to in graphql-transport-ws."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Message

SUBPROTOCOL = "graphql-transport-ws"


class Conversation:
    """One socket whose other end is the application."""

    def __init__(self) -> None:
        self.to_app: asyncio.Queue[Message] = asyncio.Queue()
        self.from_app: asyncio.Queue[Message] = asyncio.Queue()

    async def say(self, type: str, **rest: Any) -> None:
        """Send a message."""
        text = json.dumps({"type": type, **rest})
        await self.to_app.put({"type": "websocket.receive", "text": text})

    async def hear(self) -> str:
        """The text of the next message; the application must not have closed."""
        message = await self.from_app.get()
        assert message["type"] == "websocket.send", message
        text: str = message["text"]
        return text

    async def answer(self, body: Mapping[str, Any]) -> bytes:
        """What one operation is answered, as HTTP would write it."""
        await self.say("subscribe", id="q", payload=body)
        text = await self.hear()
        head = '{"id":"q","type":"next","payload":'
        if text.startswith(head):
            assert json.loads(await self.hear()) == {"id": "q", "type": "complete"}
            return text[len(head) : -1].encode()
        refused = '{"id":"q","type":"error","payload":'
        assert text.startswith(refused), text
        return f'{{"errors":{text[len(refused) : -1]}}}'.encode()


@asynccontextmanager
async def conversation(app: ASGIApp, headers: Mapping[str, str]) -> AsyncIterator[Conversation]:
    """An acknowledged socket, to the end of the block."""
    talk = Conversation()
    given = {"host": "news.example", **headers}
    scope = {
        "type": "websocket",
        "scheme": "ws",
        "path": "/graphql",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "client": ("192.0.2.1", 1),
        "subprotocols": [SUBPROTOCOL],
    }
    await talk.to_app.put({"type": "websocket.connect"})
    serving = asyncio.ensure_future(app(scope, talk.to_app.get, talk.from_app.put))
    try:
        assert (await talk.from_app.get())["type"] == "websocket.accept"
        await talk.say("connection_init")
        assert json.loads(await talk.hear()) == {"type": "connection_ack"}
        yield talk
    finally:
        await talk.to_app.put({"type": "websocket.disconnect", "code": 1000})
        await serving
