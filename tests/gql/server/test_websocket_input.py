"""Floods of WebSocket frames do not delay other clients."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from time import thread_time

import pytest
from websockets.exceptions import ConnectionClosed

from gql.cli.serve import uvicorn_config
from gql.composition.app import create_app
from gql.settings import Settings
from store import MemoryRepository
from tests.gql.realtime.test_websocket import Client, opened
from tests.support.live_server import LiveServer, run_server

MASK = b"\0\0\0\0"
FLOOD_BYTES = 1 << 18


def frame(opcode: int, payload: bytes = b"", *, is_last: bool = True) -> bytes:
    """A frame as a client sends it, masked by nothing."""
    assert len(payload) < 126
    return bytes((opcode | (0x80 if is_last else 0), 0x80 | len(payload))) + MASK + payload


TEXT, CONTINUED, PING, PONG = 1, 0, 9, 10
FLOODS = {
    "pings": frame(PING),
    "pongs": frame(PONG),
    "ping messages": frame(TEXT, b'{"type":"ping"}'),
    "pong messages": frame(TEXT, b'{"type":"pong"}'),
    "completes": frame(TEXT, b'{"type":"complete","id":"1"}'),
}


@pytest.fixture
def server() -> Iterator[LiveServer]:
    """A server of an empty store."""
    with run_server(create_app(Settings(), MemoryRepository())) as server:
        yield server


def flood(client: Client, frames: bytes) -> None:
    """Send bytes past the client's library, then read until all of them have been answered."""
    sending = threading.Thread(target=client.connection.socket.sendall, args=(frames,))
    sending.start()
    mark = json.dumps({"type": "ping", "payload": {"mark": 1}}).encode()
    sending.join()
    client.connection.socket.sendall(frame(TEXT, mark))
    while client.receive().get("payload") != {"mark": 1}:
        pass


async def longest_hold(ended: asyncio.Event) -> tuple[float, float]:
    """For how long the event loop was held at once, and worked in all, in seconds of CPU."""
    began = last = thread_time()
    longest = 0.0
    while not ended.is_set():
        await asyncio.sleep(0)
        now = thread_time()
        longest, last = max(longest, now - last), now
    return longest, last - began


@pytest.mark.parametrize("kind", FLOODS)
def test_flood_of_frames_never_holds_the_event_loop(server: LiveServer, kind: str) -> None:
    """A packet of thousands of frames is read piece by piece."""
    frames = FLOODS[kind] * (FLOOD_BYTES // len(FLOODS[kind]))
    with opened(server) as client:
        client.begin()
        ended = asyncio.Event()
        watch = asyncio.run_coroutine_threadsafe(longest_hold(ended), server.loop)
        flood(client, frames)
        server.loop.call_soon_threadsafe(ended.set)
        longest, worked = watch.result(10)
    assert longest < worked / 10


def test_socket_that_says_little_does_not_wait_for_those_that_flood(server: LiveServer) -> None:
    """Turns go to those that have had the least."""
    frames = FLOODS["pings"] * (FLOOD_BYTES // 6 // 4)
    with ExitStack() as held:
        quiet = held.enter_context(opened(server))
        clients = [held.enter_context(opened(server)) for _ in range(8)]
        for client in (quiet, *clients):
            client.begin()
        threads = [threading.Thread(target=flood, args=(each, frames)) for each in clients]
        for thread in threads:
            thread.start()
        answered = 0
        while any(thread.is_alive() for thread in threads):
            quiet.send("ping")
            assert quiet.receive() == {"type": "pong"}
            answered += 1
    assert answered > 20


def test_message_of_very_many_fragments_closes_its_socket(server: LiveServer) -> None:
    """Empty ones add nothing to its size, so they are counted."""
    with opened(server) as client:
        client.begin()
        parts = frame(TEXT, is_last=False) + frame(CONTINUED, is_last=False) * 1_001
        client.connection.socket.sendall(parts)
        with pytest.raises(ConnectionClosed) as closed:
            client.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
    with opened(server) as client:
        client.begin()
        text = b'{"type":"ping"}'
        first, *rest = (bytes((each,)) for each in text)
        client.connection.socket.sendall(frame(TEXT, first, is_last=False))
        for part in rest:
            client.connection.socket.sendall(frame(CONTINUED, part, is_last=False))
        client.connection.socket.sendall(frame(CONTINUED))
        assert client.receive() == {"type": "pong"}


def test_messages_are_not_compressed() -> None:
    """A packet could unpack to a thousand times its size before anybody has counted it."""
    app, settings = create_app(Settings(), MemoryRepository()), Settings()
    option = uvicorn_config(app, settings).ws_per_message_deflate
    with run_server(app, ws_per_message_deflate=option) as server, opened(server) as client:
        assert not client.connection.protocol.extensions


def test_client_that_reads_no_pongs_is_read_no_further(server: LiveServer) -> None:
    """What it is owed would fill the memory."""
    pings = frame(PING, b"x" * 125) * 1_000
    with opened(server) as client, socket.socket() as raw:
        # Past the client's library, which reads all the time.
        raw.connect(("127.0.0.1", server.port))
        raw.sendall(
            b"GET /graphql HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
        )
        assert b" 101 " in raw.recv(1_000)
        raw.settimeout(1)
        with pytest.raises(TimeoutError):
            list(map(raw.sendall, [pings] * (32_000_000 // len(pings))))
        client.begin()
        assert client.answer("1", "{ __typename }")
        raw.settimeout(10)
        for _ in range(100):  # once it reads, it is read on
            assert raw.recv(1 << 16)
