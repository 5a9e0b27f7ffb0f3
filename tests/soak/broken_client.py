"""A client that violates protocols: truncated requests, resets, garbage, slow reads."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from tests.soak.load_client import LoadClient, SoakContext
from tests.soak.servers import RestartableServer

_HEAD = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_BODY = b'{"query":"{articles(first:100){nodes{id title excerpt content}}}"}'
_WHOLE = _HEAD + b"Content-Length: %d\r\n\r\n" % len(_BODY) + _BODY
_UPGRADE = (
    b"GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
_SLOW = 5


class BrokenClient(LoadClient):
    """Sends invalid requests, and ignores the responses."""

    pause_s = 0.3

    def __init__(self, context: SoakContext, seed: int, server: RestartableServer) -> None:
        super().__init__(context, seed, server)
        self._slow: list[socket.socket] = []

    def step(self) -> None:
        """One violation; any reaction of the server is right as long as it keeps serving."""
        method: Callable[[socket.socket], None] = self.rng.choice(
            [self.half, self.reset, self.slow, self.garbage, self.oversize, self.frames]
        )
        with suppress(OSError):
            connection = socket.create_connection(("127.0.0.1", self.server.port), 5)
            try:
                method(connection)
            finally:
                if connection not in self._slow:
                    connection.close()
        self.recorder.count(f"broken: {method.__name__}")

    def close(self) -> None:
        """See `Actor`."""
        super().close()
        while self._slow:
            self._slow.pop().close()

    def half(self, connection: socket.socket) -> None:
        """A truncated request."""
        connection.sendall(_WHOLE[: self.rng.randrange(len(_WHOLE))])

    def reset(self, connection: socket.socket) -> None:
        """A connection reset during the response."""
        connection.sendall(_WHOLE)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def slow(self, connection: socket.socket) -> None:
        """Many requests whose responses are read slowly."""
        connection.setblocking(False)
        with suppress(BlockingIOError):
            for _ in range(50):
                connection.send(_WHOLE)
        self._slow.append(connection)
        for each in self._slow:
            with suppress(OSError):
                each.recv(1_024)
        if len(self._slow) > _SLOW:
            self._slow.pop(0).close()

    def garbage(self, connection: socket.socket) -> None:
        """Random bytes."""
        connection.sendall(self.rng.randbytes(self.rng.randrange(1, 5_000)))

    def oversize(self, connection: socket.socket) -> None:
        """A head or a body that is too large."""
        if self.rng.random() < 0.5:
            connection.sendall(_HEAD + b"X: " + b"a" * 200_000 + b"\r\n\r\n")
        else:
            connection.sendall(_HEAD + b"Content-Length: 3000000\r\n\r\n" + b" " * 3_000_000)

    def frames(self, connection: socket.socket) -> None:
        """A WebSocket with invalid frames."""
        connection.sendall(_UPGRADE)
        connection.recv(1_000)
        connection.sendall(self.rng.randbytes(200))
