"""Fair queueing of WebSocket input: a flood of frames from one client delays no other.

uvicorn parses all received bytes at once. The smallest frame has 6 bytes, so 256 kB of pings block
the event loop for 0.1 s, and a hundred sockets may send that at once. Here, in each iteration of
the event loop, one chunk of one socket is parsed: of the socket that has had the fewest bytes
parsed since it was last idle. So a client that sends little does not wait for one that sends much.
"""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from websockets.frames import CloseCode, Frame

from gql.adapters.uvicorn import WebSocketsSansIOProtocol

CHUNK_BYTES = 1_024
"""The size of a chunk: up to 170 frames, which take a millisecond or two."""

MAX_FRAGMENTS = 1_000
"""The most frames of a message; empty frames do not count for its size."""


class InputQueue:
    """The fair queue of the sockets of an event loop with unparsed input."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._heap: list[tuple[int, int, FairInputProtocol]] = []
        self._numbers = count()  # sockets with the same number of bytes: first in, first out

    def enqueue(self, socket: FairInputProtocol) -> None:
        """Enqueue a socket, whose next chunk is parsed in a later iteration of the loop."""
        if not self._heap:
            self._loop.call_soon(self._next)
        heappush(self._heap, (socket.parsed_bytes, next(self._numbers), socket))

    def _next(self) -> None:
        _, _, socket = heappop(self._heap)
        if self._heap:  # before the socket is enqueued again, which would schedule a second call
            self._loop.call_soon(self._next)
        socket.parse_chunk()


_QUEUES: WeakKeyDictionary[asyncio.AbstractEventLoop, InputQueue] = WeakKeyDictionary()


class FairInputProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol with fair queueing, back-pressure and a limit of frames.

    Back-pressure: the transport is paused while there is unparsed input, a message that the
    application has not received, or a full write buffer. Otherwise a client that sends pings and
    reads no pongs could fill the memory.

    Attributes:
        parsed_bytes: How many bytes were parsed since the socket was last idle.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.parsed_bytes = 0
        self._input = bytearray()
        self._is_queued = False
        self._input_queue = _QUEUES.get(self.loop) or _QUEUES.setdefault(
            self.loop, InputQueue(self.loop)
        )

    def data_received(self, data: bytes) -> None:
        """Buffer received bytes, to be parsed later."""
        self._input += data
        self.transport.pause_reading()
        self._resume_input()

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the unparsed input."""
        self._input.clear()
        super().connection_lost(exc)

    def parse_chunk(self) -> None:
        """Parse the next chunk of the input."""
        self._is_queued = False
        chunk = bytes(self._input[:CHUNK_BYTES])
        if self.disconnected or not chunk:
            return
        del self._input[:CHUNK_BYTES]
        self.parsed_bytes += len(chunk)
        super().data_received(chunk)
        self._resume_input()

    async def receive(self) -> Any:
        """The next ASGI message; once the application has received all, reading resumes."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._resume_input()
        return message

    async def send(self, message: Any) -> None:
        """Send an ASGI message. After a close, reading resumes for the client's close frame."""
        await super().send(message)
        if message["type"] == "websocket.close":
            self._resume_input()

    def resume_writing(self) -> None:
        """Resume reading, since the write buffer has drained."""
        super().resume_writing()
        self._resume_input()

    def _resume_input(self) -> None:
        """Enqueue the socket, or resume the transport if all is parsed; not under back-pressure."""
        if self.read_paused or not self.writable.is_set():
            return
        if self._input:
            if not self._is_queued:
                self._is_queued = True
                self._input_queue.enqueue(self)
            return
        self.parsed_bytes = 0
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def handle_cont(self, event: Frame) -> None:
        """Handle a continuation frame. Closes the socket if a message has too many frames."""
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
            return
        self.frames = []
        self._input.clear()
        self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "The message has too many fragments")
        self.handle_parser_exception()
