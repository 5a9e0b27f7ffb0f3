"""Edge cases of HTTP/1.1 in both protocols: refused requests, and no lost responses."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from gql.server import Http1Protocol
from gql.server.connection import LINGER_BYTES
from gql.server.connection_limits import ConnectionLimits
from gql.server.direct_protocol import DirectProtocol
from gql.server.refused_connections import RefusedConnections
from gql.server.timeouts import MIN_BODY_RATE
from tests.gql.server.test_direct_protocol import Watched
from tests.stress.fuzz_http1 import compare_seeds
from tests.support.live_server import AdjustableClockLoop, LiveServer, run_server
from tests.support.raw_http import (
    RawResponse,
    body_of,
    chunked,
    exchange,
    get,
    parse_responses,
    post,
)

WEBSOCKET = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)
LAST = get("Connection: close")
CHUNKED = "Transfer-Encoding: chunked"
MIB = 1 << 20
_OPTIONS: dict[str, Any] = {
    "lifespan": "off",
    "access_log": False,
    "server_header": False,
    "timeout_keep_alive": 20,
}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """An application."""
    return Watched(tmp_path_factory.mktemp("http1"), log_level="warning")


@pytest.fixture(scope="module")
def servers(watched: Watched) -> Iterator[tuple[LiveServer, LiveServer]]:
    """It, behind both protocols."""
    with ExitStack() as stack:
        asgi = stack.enter_context(run_server(watched, http=Http1Protocol, **_OPTIONS))
        direct = stack.enter_context(run_server(watched, http=DirectProtocol, **_OPTIONS))
        yield asgi, direct


def both(servers: tuple[LiveServer, LiveServer], *pieces: bytes) -> list[RawResponse]:
    """What both protocols send, which is the same in status, framing and body."""
    asgi, direct = (exchange(server.port, *pieces) for server in servers)
    assert [(each.status, each.closes, each.code) for each in direct] == [
        (each.status, each.closes, each.code) for each in asgi
    ]
    return direct


REFUSED = {
    "a TLS handshake": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(99), 400),
    "HTTP/2 with prior knowledge": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/2.0 in text": (b"GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    "HTTP/0.9": (b"GET /healthz HTTP/0.9\r\nHost: x\r\n\r\n", 505),
    "HTTP/1.2": (b"GET /healthz HTTP/1.2\r\nHost: x\r\n\r\n", 400),
    "CONNECT": (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "an unknown method": (b"FOO / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a method in small letters": (b"get / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a URL without a slash": (get(path="healthz"), 400),
    "a URL with bytes beyond ASCII": (get(path="/h\xe9"), 400),
    "a URL without a path": (b"GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "no Host": (get(host=None), 400),
    "two Hosts": (get("Host: y"), 400),
    "the same Host twice": (get("Host: x"), 400),
    "a Host with a space": (get(host="a b"), 400),
    "a Host with a path": (get(host="a/b"), 400),
    "a Host with a user": (get(host="a@b"), 400),
    "a Host with a port of letters": (get(host="a:http"), 400),
    "two Content-Lengths": (post("Content-Length: 2", "Content-Length: 3", body=b"{}"), 400),
    "the same Content-Length twice": (post(*["Content-Length: 2"] * 2, body=b"{}"), 400),
    "a list of Content-Lengths": (post("Content-Length: 2, 2", body=b"{}"), 400),
    "Content-Length, then chunks": (
        post("Content-Length: 2", CHUNKED, body=chunked(b"{}")),
        400,
    ),
    "chunks, then Content-Length": (post(CHUNKED, "Content-Length: 2", body=chunked(b"{}")), 400),
    "chunks that are not last": (
        post("Transfer-Encoding: chunked, identity", body=chunked(b"{}")),
        400,
    ),
    "a coding before chunks": (
        post("Transfer-Encoding: gzip, Chunked", body=chunked(b"{}")),
        501,
    ),
    "a coding before chunks in a field of its own": (
        post("Transfer-Encoding: gzip", CHUNKED, body=chunked(b"{}")),
        501,
    ),
    "chunks in chunks": (post(CHUNKED, CHUNKED, body=chunked(b"{}")), 400),
    "an unknown coding": (post("Transfer-Encoding: xchunked", body=chunked(b"{}")), 400),
    "no coding": (post("Transfer-Encoding: identity", body=b"{}"), 400),
    "a chunk's size of other letters": (post(CHUNKED, body=b"zz\r\n{}\r\n0\r\n\r\n"), 400),
    "a chunk's size below 0": (post(CHUNKED, body=b"-1\r\n{}\r\n0\r\n\r\n"), 400),
    "a chunk's size above 64 bits": (post(CHUNKED, body=b"f" * 17 + b"\r\n{}\r\n"), 400),
    "a chunk longer than it says": (post(CHUNKED, body=b"1\r\n{}\r\n0\r\n\r\n"), 400),
    "lines of chunks that end with LF": (post(CHUNKED, body=b"2\n{}\n0\n\n"), 400),
    "lines that end with LF": (b"GET /healthz HTTP/1.1\nHost: x\n\n", 400),
    "a folded line": (get("X: a\r\n b"), 400),
    "a folded first line": (get(host=None).replace(b"\r\n", b"\r\n X: a\r\n", 1), 400),
    "a NUL in a value": (get("X: a\0b"), 400),
    "a CR in a value": (get("X: a\rb"), 400),
    "a space before the colon": (get("X : a"), 400),
    "no colon": (get("X"), 400),
    "no name": (get(": a"), 400),
    "a Content-Length with a sign": (post("Content-Length: +2", body=b"{}"), 400),
    "a Content-Length below 0": (post("Content-Length: -2", body=b"{}"), 400),
    "a Content-Length in hex": (post("Content-Length: 0x2", body=b"{}"), 400),
    "a Content-Length above 64 bits": (post("Content-Length: " + "9" * 23, body=b"{}"), 400),
    "a Content-Length of nothing": (post("Content-Length: ", body=b"{}"), 400),
    "a Content-Length as a trailer": (
        post(CHUNKED, body=chunked(b"{}", trailers=["Content-Length: 2"])),
        400,
    ),
    "a long URL": (get(path="/" + "a" * 70_000), 414),
    "a long field": (get("X: " + "a" * 70_000), 431),
    "a long name": (get("a" * 70_000 + ": x"), 431),
    "fields that are long together": (get(*["X: " + "a" * 7_000] * 10), 431),
    "101 fields": (get(*["X: 1"] * 100), 431),
    "101 trailers": (post(CHUNKED, body=chunked(b"{}", trailers=["X: 1"] * 101)), 431),
    "long trailers": (
        post(CHUNKED, body=chunked(b"{}", trailers=["X: " + "a" * 70_000])),
        431,
    ),
    "a long field in a handshake": (
        get(*WEBSOCKET, "X: " + "a" * 9_000, path="/graphql"),
        431,
    ),
    "a handshake without a key": (get(*WEBSOCKET[:2], path="/graphql"), 400),
}


@pytest.mark.parametrize("name", REFUSED)
def test_request_that_is_none_is_refused_and_the_connection_ends(servers: Any, name: str) -> None:
    """With a status that says what was wrong, whatever way the request would have gone."""
    text, status = REFUSED[name]
    [answer] = both(servers, text)
    assert answer.status == status
    assert answer.closes
    assert answer.code is not None or b"WebSocket" in answer.body


@pytest.mark.parametrize("name", REFUSED)
def test_request_that_is_none_is_refused_behind_others_in_order(servers: Any, name: str) -> None:
    """Those before it are answered first, also slow ones that are running when it comes."""
    text, status = REFUSED[name]
    if "handshake" in name and "TLS" not in name:
        status = 400  # a handshake behind a request that is running is a plain GET
    found = both(servers, get(path="/feed.json") + post() + text + LAST)
    assert [each.status for each in found[:3]] == [200, 200, status]
    assert found[-1].closes


def test_requests_without_end_are_answered_in_order_and_wait_unparsed(
    servers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends thousands at once has no request object made of most of them."""
    waiting = [0]
    parse = Http1Protocol._parse

    def noted(connection: Http1Protocol, data: bytes) -> None:
        parse(connection, data)
        waiting.append(len(connection.pipeline))

    monkeypatch.setattr(Http1Protocol, "_parse", noted)
    paths = [f"/nothing/{n}" for n in range(3_000)]
    text = get(path="/feed.json") + b"".join(get(path=path) for path in paths) + LAST
    found = both(servers, text)
    assert [each.status for each in found] == [200, *[404] * len(paths), 200]
    assert 1 < max(waiting) < 1_000


@pytest.mark.parametrize(
    "text",
    [
        get(host="example.org:8000"),
        get(host="[::1]:8000"),
        get(host=""),
        b"GET /healthz HTTP/1.0\r\n\r\n",
        b"GET http://x/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        get(*["X: 1"] * 98),
        get("X: " + "a" * 60_000),
        b"\r\n\r\n" + get(),
    ],
)
def test_request_that_is_one_is_answered(servers: Any, text: bytes) -> None:
    """Bounds and checks leave alone what HTTP allows."""
    assert both(servers, text, LAST)[0].status == 200


TRAILERS = [
    "Authorization: Bearer ng_wrong",
    "Content-Type: text/plain",
    "Content-Encoding: gzip",
    "Host: elsewhere",
    "X-Forwarded-For: 10.0.0.7",
    "Accept: text/csv",
    "Origin: https://evil.example",
    "Cookie: a=b",
    "Expect: 100-continue",
    "Idempotency-Key: one",
    "Connection: upgrade",
    "Upgrade: h2c",
    "If-None-Match: *",
]


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
@pytest.mark.parametrize(
    ("field", "status"),
    [
        (f"Content-Length: {MIB + 1}", 413),
        ("Content-Length: 9999999999", 413),
        ("Content-Type: text/plain", 415),
        ("Content-Encoding: gzip", 415),
    ],
)
def test_client_that_waits_to_send_is_refused_by_its_head(
    servers: Any, field: str, status: int, accept: str
) -> None:
    """Without `100 Continue`, and the connection ends: whether a body follows is not defined."""
    fields = ["Expect: 100-continue", f"Accept: {accept}", field]
    if not field.startswith("Content-Length"):
        fields.append("Content-Length: 20")
    [answer] = both(servers, post(*fields, body=b""))
    assert (answer.status, answer.closes) == (status, True)


def test_client_that_waits_to_send_is_told_to_continue(servers: Any) -> None:
    """Then it sends the body, and the connection goes on."""
    head, _, body = post("Expect: 100-continue").partition(b"\r\n\r\n")
    for server in servers:
        with socket.create_connection(("127.0.0.1", server.port), 20) as client:
            client.sendall(head + b"\r\n\r\n")
            assert client.recv(1_024) == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.sendall(body + LAST)
            received = bytearray()
            while piece := client.recv(1 << 16):
                received += piece
        assert received.startswith(b"HTTP/1.1 200 ")
        assert received.count(b"HTTP/1.1 200 ") == 2


@pytest.mark.parametrize("trailer", TRAILERS)
@pytest.mark.parametrize("pieces", [(body_of(),), (body_of()[:7], body_of()[7:])])
def test_trailer_is_no_header_field(
    servers: Any, watched: Watched, trailer: str, pieces: tuple[bytes, ...]
) -> None:
    """Whatever its name: it comes when the head has been acted upon. RFC 9110 6.5."""
    clients: list[Any] = []
    watched.request_hooks[:] = [lambda each: clients.append(each.scope["client"][0])]
    try:
        without = both(servers, post(CHUNKED, body=chunked(*pieces)), LAST)
        found = both(servers, post(CHUNKED, body=chunked(*pieces, trailers=[trailer])), LAST)
    finally:
        watched.request_hooks.clear()
    assert [(each.status, each.body) for each in found] == [
        (each.status, each.body) for each in without
    ]
    assert set(clients) == {"127.0.0.1"}


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_trailer_of_a_request_without_a_body_is_ignored(servers: Any, method: str) -> None:
    """Also where the application reads no body."""
    text = post(
        CHUNKED, body=chunked(trailers=["Accept: text/csv"]), start=f"{method} /healthz HTTP/1.1"
    )
    assert both(servers, text, LAST)[0].status == (200 if method == "GET" else 405)


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.0", "foo/2"])
@pytest.mark.parametrize("cut", [0, 30, 200])
def test_upgrade_of_a_post_is_ignored(servers: Any, protocol: str, cut: int) -> None:
    """Its body counts, and the connection goes on in HTTP/1.1. `curl --http2` sends such ones."""
    fields = "Connection: Upgrade, HTTP2-Settings", f"Upgrade: {protocol}", "HTTP2-Settings: AAMA"
    text = post(*fields) * 2 + LAST
    found = both(servers, text[:cut], text[cut:])
    assert [each.status for each in found] == [200, 200, 200]
    assert found[0].body == found[1].body == both(servers, post() + LAST)[0].body


def test_head_of_any_length_ends_soon_and_costs_little(servers: Any) -> None:
    """What is sent on is not parsed, and the client gets the answer although it has not read."""
    for server in servers:
        with socket.create_connection(("127.0.0.1", server.port), 20) as client:
            client.sendall(b"GET / HTTP/1.1\r\nX: ")
            sent = _sent_until_it_ends(client, b"a" * 65_536)
            assert sent < LINGER_BYTES + (16 << 20)  # what the system had buffered


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"\r\n" * 100, id="empty lines"),
        pytest.param(b"a" * 200, id="a method"),
    ],
)
def test_stream_before_a_request_ends(servers: Any, stream: bytes) -> None:
    """What never becomes a request is not read forever."""
    for server in servers:
        with socket.create_connection(("127.0.0.1", server.port), 20) as client:
            assert _sent_until_it_ends(client, stream) < 64 << 20


def _sent_until_it_ends(client: socket.socket, stream: bytes) -> int:
    """How many bytes of the same again and again a server takes, at most 64 MB."""
    sent = 0
    with suppress(ConnectionError):
        while sent < 64 << 20:
            sent += client.send(stream)
    return sent


def test_framing_without_content_ends(servers: Any) -> None:
    """Extensions of a chunk have no end of their own."""
    [answer] = both(servers, post(CHUNKED, body=b"1;"), *[b"x" * 30_000] * 25)
    assert answer.status == 431


# Time, by a clock that is put forward.

Story = Callable[[AdjustableClockLoop, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def connected(
    app: Any, protocol: Any
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server in this loop."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, http=protocol, **{**_OPTIONS, "timeout_keep_alive": 5})
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listener.dup()]))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        try:
            yield reader, writer
        finally:
            writer.close()
            server.should_exit = True
            await serving


def told(app: Any, protocol: Any, story: Story) -> None:
    """A story of one connection and a clock."""

    async def tell(loop: AdjustableClockLoop) -> None:
        async with connected(app, protocol) as (reader, writer):
            await story(loop, reader, writer)

    with asyncio.Runner(loop_factory=AdjustableClockLoop) as runner:
        loop: Any = runner.get_loop()
        runner.run(tell(loop))


async def rest(reader: asyncio.StreamReader) -> list[RawResponse]:
    """All answers until the server closes."""
    return parse_responses(await asyncio.wait_for(reader.read(), 1_000))


BODY = post(body=body_of() + b" " * 20)
STALLED = {
    "nothing": b"",
    "empty lines": b"\r\n\r\n",
    "a part of the start": b"GE",
    "a part of the head": b"GET / HTTP/1.1\r\nHo",
    "a head without its end": get()[:-2],
    "a head without its body": BODY[: -len(body_of()) - 20],
    "a part of the body": BODY[:-20],
    "a part of a body in chunks": post(CHUNKED, body=b"5\r\nab"),
    "chunks without an end": post(CHUNKED, body=chunked(body_of())[:-2]),
    "a body for a WebSocket": post(*WEBSOCKET)[:-4],
    "a part of a long body": post(body=b" " * 90_000)[:-9],
}


@pytest.mark.parametrize("protocol", [Http1Protocol, DirectProtocol])
@pytest.mark.parametrize("name", STALLED)
def test_request_that_does_not_come_whole_is_refused(
    watched: Watched, name: str, protocol: Any
) -> None:
    """With 408, and the connection ends."""

    async def story(loop: AdjustableClockLoop, reader: Any, writer: Any) -> None:
        writer.write(STALLED[name])
        for _ in range(9):
            await asyncio.sleep(0.01)
            loop.ahead_s += 9
        [answer] = await rest(reader)
        assert (answer.status, answer.code, answer.closes) == (408, "REQUEST_TIMEOUT", True)

    told(watched, protocol, story)


@pytest.mark.parametrize("protocol", [Http1Protocol, DirectProtocol])
@pytest.mark.parametrize("name", [name for name, text in STALLED.items() if text.strip()])
def test_second_request_that_does_not_come_whole_is_refused(
    watched: Watched, name: str, protocol: Any
) -> None:
    """Behind the answer to the first one."""

    async def story(loop: AdjustableClockLoop, reader: Any, writer: Any) -> None:
        writer.write(get() + STALLED[name])
        for _ in range(9):
            await asyncio.sleep(0.01)
            loop.ahead_s += 9
        first, second = await rest(reader)
        assert (first.status, second.status) == (200, 408)

    told(watched, protocol, story)


@pytest.mark.parametrize("protocol", [Http1Protocol, DirectProtocol])
def test_head_that_comes_byte_by_byte_is_refused(watched: Watched, protocol: Any) -> None:
    """Each byte puts nothing off."""

    async def story(loop: AdjustableClockLoop, reader: Any, writer: Any) -> None:
        found = asyncio.create_task(rest(reader))
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        while not found.done():
            writer.write(b"a")
            await asyncio.sleep(0.002)
            loop.ahead_s += 0.5
        [answer] = await found
        assert answer.status == 408

    told(watched, protocol, story)


@pytest.mark.parametrize("protocol", [Http1Protocol, DirectProtocol])
@pytest.mark.parametrize(("rate", "status"), [(2, 200), (0.5, 408)])
def test_body_that_comes_steadily_is_taken(
    watched: Watched, protocol: Any, rate: float, status: int
) -> None:
    """As long as it comes no slower than the least rate, however long it takes."""

    async def story(loop: AdjustableClockLoop, reader: Any, writer: Any) -> None:
        body = body_of() + b" " * MIN_BODY_RATE * 60
        writer.write(post("Connection: close", body=body)[: -len(body)])
        step = int(MIN_BODY_RATE * rate / 2)
        found = asyncio.create_task(rest(reader))
        for begin in range(0, len(body), step):
            if found.done():
                break
            writer.write(body[begin : begin + step])
            await asyncio.sleep(0.002)
            loop.ahead_s += 0.5
        [answer] = await found
        assert answer.status == status

    told(watched, protocol, story)


async def _slow(scope: Any, _receive: Any, send: Any) -> None:
    """An application that takes long, or sends without end."""
    if scope["path"] == "/long":
        await asyncio.sleep(300)
    head = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    if scope["path"] == "/endless":
        head["headers"] = []
    await send(head)
    for _ in range(1_000 if scope["path"] == "/endless" else 0):
        await send({"type": "http.response.body", "body": b"a" * 65_536, "more_body": True})
    await send({"type": "http.response.body", "body": b"ok"})


def test_answer_may_take_longer_than_a_request(caplog: pytest.LogCaptureFixture) -> None:
    """It is the server's turn, and no time-out of ours ends it; what came behind it does not."""

    async def story(loop: AdjustableClockLoop, reader: Any, writer: Any) -> None:
        writer.write(get(path="/long") + b"GET / HT")
        for _ in range(40):
            await asyncio.sleep(0.005)
            loop.ahead_s += 9
        first, second = await rest(reader)
        assert (first.status, second.status) == (200, 408)

    told(_slow, Http1Protocol, story)
    assert "Traceback" not in caplog.text


def test_client_that_does_not_read_is_dropped() -> None:
    """An answer is not kept forever for one who does not take it."""

    async def story(loop: AdjustableClockLoop, reader: Any, writer: Any) -> None:
        writer.write(get(path="/endless"))
        writer.transport.pause_reading()
        for _ in range(40):
            await asyncio.sleep(0.01)
            loop.ahead_s += 9
        writer.transport.resume_reading()
        taken = 0
        with suppress(ConnectionError):
            while piece := await asyncio.wait_for(reader.read(1 << 20), 1_000):
                taken += len(piece)
        assert taken < 1_000 * 65_536

    told(_slow, Http1Protocol, story)


def test_requests_drawn_by_lot_are_answered_alike(caplog: pytest.LogCaptureFixture) -> None:
    """On both ways, with a status that HTTP has for it, and with nothing in the log."""
    compare_seeds(range(80))
    assert not [each for each in caplog.records if each.levelname in ("ERROR", "CRITICAL")]


@pytest.mark.parametrize(
    ("lines", "client"),
    [
        (["10.0.0.7"], "10.0.0.7"),
        (["10.0.0.7", "127.0.0.1"], "10.0.0.7"),
        (["1.2.3.4", "10.0.0.7"], "10.0.0.7"),
        (["1.2.3.4, 5.6.7.8", "10.0.0.7, 127.0.0.1"], "10.0.0.7"),
        (["1.2.3.4", "10.0.0.7:99"], "10.0.0.7"),
    ],
)
def test_lines_of_forwarded_for_are_one_list(
    servers: Any, watched: Watched, lines: list[str], client: str
) -> None:
    """Of which the last address that is no trusted proxy counts, so that none can be made up."""
    clients: list[Any] = []
    watched.request_hooks[:] = [lambda each: clients.append(each.scope["client"][0])]
    try:
        both(servers, post("Connection: close", *(f"X-Forwarded-For: {each}" for each in lines)))
    finally:
        watched.request_hooks.clear()
    assert clients == [client] * 2


# How many there may be.


class Full:
    """An application for two connections, with requests that take long."""

    def __init__(self) -> None:
        self.refused: list[int] = []
        self.connection_limits = ConnectionLimits(
            max_connections=2, count_refusal=self.refused.append
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """See ASGI."""
        await _slow(scope, receive, send)


def test_idle_connections_make_room_for_new_ones() -> None:
    """Those that have waited longest; so nobody can hold them all."""
    app = Full()

    async def story(loop: AdjustableClockLoop, reader: Any, writer: Any) -> None:
        address = writer.get_extra_info("peername")[:2]
        _, other = await asyncio.open_connection(*address)
        await asyncio.sleep(0.05)
        loop.ahead_s += 3
        new_reader, new = await asyncio.open_connection(*address)
        new.write(get("Connection: close"))
        [answer] = await rest(new_reader)
        assert answer.status == 200
        assert await reader.read() == b""
        new.close()
        other.close()

    told(app, Http1Protocol, story)
    assert not app.refused


def test_requests_that_do_not_come_whole_make_room_for_new_ones() -> None:
    """Also behind another request in the same packet, which was answered."""
    app = Full()
    begun = post(body=b"x" * 100)[:-50]

    async def story(loop: AdjustableClockLoop, reader: Any, writer: Any) -> None:
        address = writer.get_extra_info("peername")[:2]
        other_reader, other = await asyncio.open_connection(*address)
        for each in (writer, other):
            each.write(get() + begun)
        for each in (reader, other_reader):
            await each.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.05)
        loop.ahead_s += 3
        new_reader, new = await asyncio.open_connection(*address)
        new.write(get("Connection: close"))
        [answer] = await rest(new_reader)
        assert answer.status == 200
        new.close()
        other.close()

    told(app, Http1Protocol, story)
    assert not app.refused


def test_connection_without_room_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Where all others are at work; the log says it once, and it is counted."""
    app = Full()
    Http1Protocol.refused = RefusedConnections()

    async def story(loop: AdjustableClockLoop, _reader: Any, writer: Any) -> None:
        address = writer.get_extra_info("peername")[:2]
        writer.write(get(path="/long"))
        _, other = await asyncio.open_connection(*address)
        other.write(get(path="/long"))
        await asyncio.sleep(0.05)
        for _ in range(3):
            new_reader, new = await asyncio.open_connection(*address)
            [answer] = await rest(new_reader)
            assert (answer.status, answer.closes) == (503, True)
            new.close()
        other.close()
        loop.ahead_s += 400  # so that those at work are answered

    told(app, Http1Protocol, story)
    assert app.refused == [503] * 3
    assert capsys.readouterr().out.count("connections_refused") == 1
