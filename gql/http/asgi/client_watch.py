"""Cancellation: a long execution ends when its client goes away."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive

WATCH = "client_watch"
"""Under which name a scope's state has the watch of its request."""


class ClientWatch:
    """A `DisconnectWatch` that cancels the task of one request when its client disconnects.

    It looks only once the execution turns out long: most end before anybody could go away.

    Attributes:
        is_gone: whether the client has disconnected, and the task was cancelled.
    """

    def __init__(self, receive: Receive) -> None:
        self.is_gone = False
        self._receive = receive
        self._is_read = False
        self._request = asyncio.current_task()
        self._watch: asyncio.Task[None] | None = None

    async def receive(self) -> Message:
        """The next message of the request."""
        message = await self._receive()
        self._is_read = message["type"] == "http.request" and not message.get("more_body")
        return message

    def begin(self) -> None:
        """Watch from now on, if the request has been read; what comes next is a disconnect."""
        if self._is_read and self._watch is None:
            self._watch = asyncio.create_task(self._until_gone())

    def end(self) -> None:
        """Watch no more."""
        self._request = None  # whose task holds the scope, and that the watch
        if self._watch is not None:
            self._watch.cancel()

    async def _until_gone(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect" and self._request is not None:
            self.is_gone = True
            self._request.cancel()
