"""Clients that are broken: half requests, resets, garbage, and readers that hardly read."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from tests.soak.client import Actor, World
from tests.soak.servers import Server

_HEAD = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_BODY = b'{"query":"{articles(first:100){nodes{id title excerpt content}}}"}'
_WHOLE = _HEAD + b"Content-Length: %d\r\n\r\n" % len(_BODY) + _BODY
_UPGRADE = (
    b"GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
_SLOW = 5


class Broken(Actor):
    """Does one wrong thing after the other, and looks at no answer."""

    pause_s = 0.3

    def __init__(self, world: World, seed: int, server: Server) -> None:
        super().__init__(world, seed, server)
        self._slow: list[socket.socket] = []

    def step(self) -> None:
        """One wrong thing; whatever the server does about it is right, as long as it goes on."""
        way: Callable[[socket.socket], None] = self.rng.choice(
            [self.half, self.reset, self.slow, self.garbage, self.oversize, self.frames]
        )
        with suppress(OSError):
            opened = socket.create_connection(("127.0.0.1", self.server.port), 5)
            try:
                way(opened)
            finally:
                if opened not in self._slow:
                    opened.close()
        self.ledger.count(f"broken: {way.__name__}")

    def close(self) -> None:
        """See `Actor`."""
        super().close()
        while self._slow:
            self._slow.pop().close()

    def half(self, opened: socket.socket) -> None:
        """A part of a request."""
        opened.sendall(_WHOLE[: self.rng.randrange(len(_WHOLE))])

    def reset(self, opened: socket.socket) -> None:
        """A reset while the answer is on its way."""
        opened.sendall(_WHOLE)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def slow(self, opened: socket.socket) -> None:
        """Many answers of which only a little is read."""
        opened.setblocking(False)
        with suppress(BlockingIOError):
            for _ in range(50):
                opened.send(_WHOLE)
        self._slow.append(opened)
        for each in self._slow:
            with suppress(OSError):
                each.recv(1_024)
        if len(self._slow) > _SLOW:
            self._slow.pop(0).close()

    def garbage(self, opened: socket.socket) -> None:
        """Bytes by lot."""
        opened.sendall(self.rng.randbytes(self.rng.randrange(1, 5_000)))

    def oversize(self, opened: socket.socket) -> None:
        """A head or a body that is too large."""
        if self.rng.random() < 0.5:
            opened.sendall(_HEAD + b"X: " + b"a" * 200_000 + b"\r\n\r\n")
        else:
            opened.sendall(_HEAD + b"Content-Length: 3000000\r\n\r\n" + b" " * 3_000_000)

    def frames(self, opened: socket.socket) -> None:
        """A WebSocket that sends garbage."""
        opened.sendall(_UPGRADE)
        opened.recv(1_000)
        opened.sendall(self.rng.randbytes(200))
