"""The replay of ASGI messages: a body that was read ahead is handed on to another application."""

from __future__ import annotations

from starlette.types import Message, Receive


async def read_ahead(receive: Receive, messages: list[Message], limit: int) -> bytes | None:
    """A request's body; None where it is too long or ends early. All messages are noted."""
    size_bytes = 0
    while size_bytes <= limit:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request":
            return None
        size_bytes += len(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(each.get("body", b"") for each in messages)
    return None


def body_messages(body: bytes) -> list[Message]:
    """The messages of a body that was read: one that holds the whole body."""
    return [{"type": "http.request", "body": body, "more_body": False}]


def replaying(messages: list[Message], receive: Receive) -> Receive:
    """A receive that first gives the messages that were read already."""
    if not messages:
        return receive
    pending = messages[::-1]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
