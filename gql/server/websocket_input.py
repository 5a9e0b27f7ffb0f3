"""What WebSockets send, read in small pieces: a flood of frames holds nobody up.

uvicorn parses all that has arrived in one go. The smallest frame is 6 bytes, so that 256 kB of
pings keep the event loop for 0.1 s, and a hundred sockets do so at once. Here the sockets take
turns: in each iteration of the loop one of them has one piece read, and it is the one that has had
the least since it was last idle. So who says little never waits for who says much.
"""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

PIECE_BYTES = 1_024
"""How much is read at once: up to 170 frames, which takes a millisecond or two."""

MAX_FRAGMENTS = 1_000
"""Of how many frames a message may be; empty ones do not count for its size."""


class InputTurns:
    """Which of the sockets of an event loop has a piece of its input read next."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[tuple[int, int, PacedInput]] = []
        self._numbers = count()  # of two that have had the same, the first to wait is first

    def enqueue(self, socket: PacedInput) -> None:
        """Have a piece of a socket's input read, in an iteration of the loop to come."""
        if not self._waiting:
            self._loop.call_soon(self._next)
        heappush(self._waiting, (socket.read_bytes, next(self._numbers), socket))

    def _next(self) -> None:
        _, _, socket = heappop(self._waiting)
        if self._waiting:  # before the socket waits again, which begins a new round otherwise
            self._loop.call_soon(self._next)
        socket.read_piece()


_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, InputTurns] = WeakKeyDictionary()


class PacedInput(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, but for how it reads: in turns, and no message of very many
    frames.

    The transport reads no more while there is input that was not parsed yet, a message that the
    application has not taken, or much that the client has not read: each ping is answered, and who
    reads no answers could have us hold any number of them.

    Attributes:
        read_bytes: How much was read since there was last nothing to read.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.read_bytes = 0
        self._input = bytearray()
        self._is_waiting = False
        self._turns = _TURNS.get(self.loop) or _TURNS.setdefault(self.loop, InputTurns(self.loop))

    def data_received(self, data: bytes) -> None:
        """Take what has arrived, to be read later."""
        self._input += data
        self.transport.pause_reading()
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Read no more."""
        self._input.clear()
        super().connection_lost(exc)

    def read_piece(self) -> None:
        """Parse a piece of the input."""
        self._is_waiting = False
        piece = bytes(self._input[:PIECE_BYTES])
        if self.disconnected or not piece:
            return
        del self._input[:PIECE_BYTES]
        self.read_bytes += len(piece)
        super().data_received(piece)
        self._go_on()

    async def receive(self) -> Any:
        """The next message; once the application has all of them, reading goes on."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._go_on()
        return message

    async def send(self, message: Any) -> None:
        """Send a message of ASGI. Behind a close reading goes on: the client closes, too."""
        await super().send(message)
        if message["type"] == "websocket.close":
            self._go_on()

    def resume_writing(self) -> None:
        """Go on, now that the client has read."""
        super().resume_writing()
        self._go_on()

    def _go_on(self) -> None:
        """Wait for a turn, if it is time; where nothing is left, read on from the connection."""
        if self.read_paused or not self.writable.is_set():
            return
        if self._input:
            if not self._is_waiting:
                self._is_waiting = True
                self._turns.enqueue(self)
            return
        self.read_bytes = 0
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def handle_cont(self, event: Frame) -> None:
        """Take a further frame of a message. Closes the socket where there are too many."""
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
            return
        self.frames = []
        self._input.clear()
        self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "The message has too many fragments")
        self.handle_parser_exception()
