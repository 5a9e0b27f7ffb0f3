"""Closes of WebSockets: clients that ignore them, or leave without reading."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from socket import SHUT_WR, SO_RCVBUF, SO_SNDBUF, SOL_SOCKET

import pytest
from websockets.frames import Opcode

from gql.composition.app import create_app
from gql.server import websocket_protocol
from gql.settings import Settings
from store import Batch, MemoryRepository
from tests.support.factories import article
from tests.support.live_server import LiveServer, run_server, wait_until

PROTOCOL = "graphql-transport-ws"
TIMEOUT_S = 10


@contextmanager
def raw_socket(server: LiveServer) -> Iterator[socket.socket]:
    """A WebSocket as bytes, after its handshake."""
    head = (
        f"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) as client:
        client.sendall(head.encode())
        received = b""
        while not received.endswith(b"\r\n\r\n"):
            received += client.recv(1)
        yield client


def masked(opcode: int, text: bytes) -> bytes:
    """A frame of a client, masked with zeros."""
    length = [0x80 | len(text)] if len(text) < 126 else [0x80 | 126, *len(text).to_bytes(2)]
    return bytes([0x80 | opcode, *length, 0, 0, 0, 0]) + text


def test_client_that_ignores_the_close_is_dropped(monkeypatch) -> None:
    """It has nothing to read, so it gets less time than a slow one."""
    monkeypatch.setattr(websocket_protocol, "CLOSE_TIMEOUT_S", 0.1)
    app = create_app(Settings(), MemoryRepository())
    with run_server(app, ws_ping_timeout=60) as server, raw_socket(server) as client:
        client.sendall(masked(Opcode.TEXT, b"{"))
        assert client.recv(1) == bytes([0x80 | Opcode.CLOSE])
        while client.recv(1_024):
            pass  # it reads, and does not close


@pytest.mark.parametrize("leave", ["close frame", "bad frame", "half-close"])
def test_client_that_leaves_without_reading_is_dropped(leave: str) -> None:
    """A transport that is closed would wait without end for the client to read its buffer."""
    repository = MemoryRepository()
    app = create_app(Settings(), repository)
    with (
        run_server(app, ws_ping_interval=None, ws_ping_timeout=0.5) as server,
        raw_socket(server) as client,
    ):
        [connection] = server.server_state.connections
        for each in (client, connection.transport.get_extra_info("socket")):
            each.setsockopt(SOL_SOCKET, SO_RCVBUF, 4_096)
            each.setsockopt(SOL_SOCKET, SO_SNDBUF, 4_096)
        subscription = {"query": "subscription { changes { article { content } } }"}
        for message in (
            {"type": "connection_init"},
            {"type": "subscribe", "id": "s", "payload": subscription},
            {"type": "subscribe", "id": "q", "payload": {"query": "{ __typename }"}},
        ):
            client.sendall(masked(Opcode.TEXT, json.dumps(message).encode()))
        while b'"complete"' not in client.recv(4_096):
            pass  # the subscription has begun
        numbers = count()
        while not connection.transport.get_write_buffer_size():  # far from the high-water mark
            large = article(f"n{next(numbers)}", content="x" * 3_000)
            server.run_in_loop(repository.apply(Batch(puts=(large,))))
        if leave == "half-close":
            client.shutdown(SHUT_WR)
        else:
            opcode = Opcode.CLOSE if leave == "close frame" else 7  # there is no such frame
            client.sendall(masked(opcode, b""))
        server.run_in_loop(wait_until(lambda: not server.server_state.connections))
        server.run_in_loop(wait_until(lambda: not app.realtime.connections))
