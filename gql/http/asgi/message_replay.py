"""Replay of ASGI messages: an application gets the messages that another one has read."""

from __future__ import annotations

from starlette.types import Message, Receive


async def read_ahead(receive: Receive, messages: list[Message], limit: int) -> bytes | None:
    """Read a body, and append its messages to `messages`; None if it is too long or incomplete."""
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
    """The messages of a body that was read: one message with the whole body."""
    return [{"type": "http.request", "body": body, "more_body": False}]


def replay_receive(messages: list[Message], receive: Receive) -> Receive:
    """A `receive` that returns these messages first."""
    if not messages:
        return receive
    pending = messages[::-1]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
