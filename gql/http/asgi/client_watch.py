"""Cancellation: a long execution is cancelled when its client disconnects."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive

WATCH = "client_watch"
"""The key of a request's `ClientWatch` in the scope's state."""


class ClientWatch:
    """Cancels the task of one request when its client disconnects.

    It begins only when an execution turns out to be long; most end earlier.

    Attributes:
        is_disconnected: Whether the client has disconnected, and the task was cancelled.
    """

    def __init__(self, receive: Receive) -> None:
        self.is_disconnected = False
        self._receive = receive
        self._is_complete = False
        self._request = asyncio.current_task()
        self._watch: asyncio.Task[None] | None = None

    async def receive(self) -> Message:
        """The next ASGI message of the request."""
        message = await self._receive()
        self._is_complete = message["type"] == "http.request" and not message.get("more_body")
        return message

    def begin(self) -> None:
        """Start to watch, if the request is complete: the next message is then a disconnect."""
        if self._is_complete and self._watch is None:
            self._watch = asyncio.create_task(self._cancel_on_disconnect())

    def end(self) -> None:
        """Stop to watch."""
        self._request = None  # breaks a reference cycle: task, scope, watch
        if self._watch is not None:
            self._watch.cancel()

    async def _cancel_on_disconnect(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect" and self._request is not None:
            self.is_disconnected = True
            self._request.cancel()
