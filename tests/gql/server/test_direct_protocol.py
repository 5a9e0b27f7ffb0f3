"""The direct protocol: the same responses as through ASGI, without a task."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import uvicorn
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st
from uvicorn.server import ServerState

from gql.composition.app import App
from gql.identity.viewer import Permission
from gql.server import Http1Protocol
from gql.server.direct_protocol import MAX_BUFFERED_BYTES, MAX_COPIED_BYTES, DirectProtocol
from gql.settings import load_settings
from tests.support.auth_client import add_key
from tests.support.factories import article, memory_repository
from tests.support.live_server import AdjustableClockLoop, LiveServer, run_server, wait_until
from tests.support.sizes import scaled

LONG = "what it tells " * 400
TITLES = "{ articles(first: 2) { nodes { title } } }"
EXCERPTS = "query Long { articles(first: 20) { nodes { slug excerpt } } }"
_CHANGING = re.compile(
    rb'date: [^\r]*\r\n|ratelimit: "default";r=999\d{3};t=3\d{3}\r\n|"id":"[0-9a-f]{12}"'
)
_TIMEOUT_S = 20


class Watched(App):
    """An application that counts what it answers at once."""

    def __init__(self, folder: Path, **options: Any) -> None:
        repository = memory_repository(
            *(article(f"story-{n}", excerpt=LONG) for n in range(20)),
            article("draft", published=False),
        )
        super().__init__(
            load_settings({"store": folder / "store.json", **options}), repository, None
        )
        self.direct = 0
        self.fails = False

    def respond_sync(self, *request: Any) -> Any:
        """See `App`."""
        if self.fails:
            raise RuntimeError("It was made to fail.")
        reply = super().respond_sync(*request)
        self.direct += reply is not None
        return reply


class Servers(NamedTuple):
    """One application behind both protocols."""

    app: Watched
    plain: LiveServer
    direct: LiveServer


@contextmanager
def serving(folder: Path, **options: Any) -> Iterator[Servers]:
    """Both, until the block ends."""
    app = Watched(folder, **options)
    common: dict[str, Any] = {"lifespan": "off", "access_log": False, "server_header": False}
    with ExitStack() as stack:
        plain = stack.enter_context(run_server(app, http="httptools", **common))
        direct = stack.enter_context(run_server(app, http=DirectProtocol, **common))
        yield Servers(app, plain, direct)


@pytest.fixture(scope="module", params=["as they come", "public"])
def servers(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Servers]:
    """Both, as they come, and as a public deployment sets them."""
    public = {"cors_origins": "https://app.example", "rate_limit": "1000000/hour"}
    options = public if request.param == "public" else {"explain": True}
    with serving(tmp_path_factory.mktemp("direct"), **options) as found:
        yield found


def body_of(query: str, **more: Any) -> bytes:
    """A request's body."""
    return json.dumps({"query": query, **more}).encode()


def request(body: bytes = b"", *fields: str, start: str = "POST /graphql HTTP/1.1") -> bytes:
    """A request as it is sent, with its length unless it says otherwise."""
    lines = [start, "Host: localhost", "Content-Type: application/json", *fields]
    if not any(field.startswith("Transfer-Encoding") for field in fields):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


LAST = request(body_of("{ __typename }"), "Connection: close")


def said(server: LiveServer, *pieces: bytes) -> list[bytes]:
    """Everything that a server sends for these until it closes: responses, fields sorted."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=_TIMEOUT_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    responses = _CHANGING.sub(b"", received).split(b"HTTP/1.1 ")[1:]
    found = []
    for response in responses:
        head, _, body = response.partition(b"\r\n\r\n")
        status, *fields = head.split(b"\r\n")
        found.append(b"\r\n".join([status, *sorted(fields)]) + b"\r\n\r\n" + body)
    return found


def both(servers: Servers, *pieces: bytes) -> list[bytes]:
    """What both protocols send, which has to be the same."""
    plain, direct = said(servers.plain, *pieces), said(servers.direct, *pieces)
    assert direct == plain
    return direct


bodies = st.sampled_from(
    [
        body_of(TITLES),
        body_of(EXCERPTS),
        body_of(EXCERPTS, extensions={"cost": True}),
        body_of("query ($n: Int) { articles(first: $n) { totalCount } }", variables={"n": -1}),
        body_of("{ nonsense }"),
        body_of("mutation { deleteArticle(input: {id: 1}) { userErrors { code } } }"),
        body_of(TITLES) + b" " * MAX_BUFFERED_BYTES,
        b"{",
        b"",
        b"[]",
    ]
)
headers = st.lists(
    st.sampled_from(
        [
            "Accept: application/graphql-response+json",
            "Accept: text/html",
            "Accept-Encoding: gzip",
            "If-None-Match: *",
            "Origin: https://app.example",
            "Origin: https://evil.example",
            "Authorization: Bearer ng_wrong",
            "Content-Encoding: gzip",
            "X-Forwarded-For: 10.0.0.7",
            "Expect: 100-continue",
        ]
    ),
    max_size=3,
)
starts = st.sampled_from(
    ["POST /graphql HTTP/1.1"] * 5
    + ["POST /graphql?x=1 HTTP/1.1", "POST /other HTTP/1.1", "GET /graphql HTTP/1.1"]
)


@trying(max_examples=scaled(30, long=80), deadline=None)
@given(st.lists(st.tuples(bodies, headers, starts), max_size=4), st.data())
def test_both_protocols_send_the_same(servers: Servers, asked: list[Any], data: st.DataObject):
    """For any requests on a connection, one behind the other, cut anywhere."""
    text = b"".join(request(body, *fields, start=start) for body, fields, start in asked) + LAST
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=4).map(sorted))
    both(servers, *(text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)))


def test_plain_query_is_answered_at_once(servers: Servers):
    """Each of several on one connection, in order, and a large one, which is sent in pieces."""
    before = servers.app.direct
    answers = both(servers, request(body_of(TITLES)), request(body_of(EXCERPTS)), LAST)
    assert servers.app.direct - before == 3
    assert [b'"title"' in answers[0], b'"excerpt"' in answers[1]] == [True, True]
    assert len(answers[1]) > MAX_COPIED_BYTES


def in_turn(server: LiveServer, *requests: bytes) -> list[bytes]:
    """The bodies of answers to requests of which each waits for the answer before it."""
    found = []
    with socket.create_connection(("127.0.0.1", server.port), timeout=_TIMEOUT_S) as connection:
        stream = connection.makefile("rb")
        for each in requests:
            connection.sendall(each)
            head = b"".join(iter(stream.readline, b"\r\n"))
            length = re.search(rb"content-length: (\d+)", head)
            assert length is not None, head
            found.append(head[9:12] + b" " + stream.read(int(length[1])))
    return found


def test_head_that_came_before_is_not_parsed(servers: Servers):
    """Whatever its body says, and whether or not that can be answered at once."""
    queries = [f"query A{n} {{ articles(first: 2) {{ nodes {{ title }} }} }}" for n in range(6)]
    queries += [
        "mutation A { deleteArticle(input: {id: 1}) { userErrors { code }}}",
        "{ nonsense }",
    ]
    longest = max(map(len, queries))
    requests = [request(body_of(query.ljust(longest)), "X-Test: head") for query in queries]
    expected = in_turn(servers.plain, *requests)  # which prepares each document
    before = servers.app.request_heads.hits
    assert in_turn(servers.direct, *requests) == expected
    assert servers.app.request_heads.hits - before == len(requests) - 2  # kept at the second time


def test_known_head_counts_only_where_a_request_begins(servers: Servers):
    """Not within a body, behind garbage, cut, or with more behind it."""
    known = request(body_of(TITLES), "X-Test: begin")
    in_turn(servers.direct, known, known, known)
    hits = servers.app.request_heads.hits
    outer = request(known + known)
    cut = len(outer) - len(known)
    for pieces in (
        (known[:-5], known[-5:]),
        (known + known,),
        (outer[: cut - len(known)], known, known),
        (b"GARBAGE", known),
        (b"\r\n", known),
        (request(body_of(TITLES), "Connection: close") + known,),
    ):
        config = uvicorn.Config(servers.app, lifespan="off", access_log=False, server_header=False)
        assert fed(config, DirectProtocol, pieces) == fed(config, Http1Protocol, pieces), pieces
    assert servers.app.request_heads.hits - hits == 2


def test_cached_head_is_used_for_equal_bytes_only(tmp_path: Path):
    """Clients whose heads differ in one field only get their own responses, also on cache hits.

    Most of all in Authorization: another client's head would show drafts.
    """
    with serving(tmp_path, keys=tmp_path / "keys.json") as servers:
        reader = add_key(tmp_path, Permission.READ_SECURED, name="reader")
        editor = add_key(tmp_path, Permission.READ_DRAFTS, name="editor")
        fields: list[tuple[str, ...]] = [
            (),
            (f"Authorization: Bearer {reader}",),
            (f"Authorization: Bearer {editor}",),
            (f"Authorization: Bearer {editor[:-4]}0000",),
            ("Accept: text/html",),
            ("Accept: */*",),
        ]
        requests = [request(body_of("{ articles { totalCount } }"), *each) for each in fields]
        expected = [in_turn(servers.plain, each) for each in requests]
        assert len({response for [response] in expected}) == 4  # public, drafts, 401, 406
        for _ in range(4):
            assert [in_turn(servers.direct, each) for each in requests] == expected
        assert servers.app.request_heads.hits >= 2 * 4  # the four valid ones


def fed(config: uvicorn.Config, protocol: type[Http1Protocol], pieces: Sequence[bytes]) -> Any:
    """The status lines that a protocol sends for chunks that come exactly so."""

    async def story() -> list[bytes]:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.setblocking(False)
            loop = asyncio.get_running_loop()
            made = protocol(config, ServerState(), {}, loop)
            await loop.connect_accepted_socket(lambda: made, ours)
            for piece in pieces:
                if not made.is_ending:
                    made.data_received(piece)
                    await asyncio.sleep(0.05)
            made.transport.abort()
            await asyncio.sleep(0)
            received = b"".join(iter(lambda: theirs.recv(1 << 16), b""))
        return re.findall(rb"HTTP/1.1 (\d+)", received)

    return asyncio.run(story())


def test_body_in_chunks_is_answered_at_once(servers: Servers):
    """Its length need not be known beforehand."""
    body, before = body_of(TITLES), servers.app.direct
    chunks = b"5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (body[:5], len(body) - 5, body[5:])
    answer, _ = both(servers, request(chunks, "Transfer-Encoding: chunked"), LAST)
    assert answer.startswith(b"200 OK")
    assert servers.app.direct - before == 2


def test_request_that_has_begun_is_answered_by_a_server_that_stops(tmp_path: Path):
    """It is held when the server is told to stop, and whoever sends it must not notice."""
    with serving(tmp_path) as servers:
        first, last = request(body_of(TITLES)), request(body_of(EXCERPTS))
        with socket.create_connection(("127.0.0.1", servers.direct.port), _TIMEOUT_S) as sender:
            sender.sendall(first + last[:-40])  # both are read before the first is answered
            received = b""
            while not received.endswith(b"}]}}}"):  # its head may come alone
                received += sender.recv(1 << 16)
            servers.direct.should_exit = True
            servers.direct.run_in_loop(
                wait_until(lambda: not servers.direct.servers[0].is_serving())
            )
            sender.sendall(last[-40:])
            answer = b"".join(iter(lambda: sender.recv(1 << 16), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"connection: close" in answer
    assert b'"excerpt"' in answer


@pytest.mark.parametrize("protocol", ["httptools", DirectProtocol])
def test_connection_ends_when_nothing_comes_for_long(tmp_path: Path, protocol: Any):
    """Counted from the last answer, however many there were."""
    options: dict[str, Any] = {"lifespan": "off", "access_log": False, "timeout_keep_alive": 50}
    config = uvicorn.Config(Watched(tmp_path), http=protocol, **options)

    async def story(loop: AdjustableClockLoop, listener: socket.socket) -> bytes:
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        for _ in range(4):
            loop.ahead_s += 40
            writer.write(request(body_of(TITLES)))
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            assert length is not None
            await reader.readexactly(int(length[1]))
        loop.ahead_s += 60
        rest = await asyncio.wait_for(reader.read(), 60 + _TIMEOUT_S)
        writer.close()
        server.should_exit = True
        await serving
        return rest

    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        asyncio.Runner(loop_factory=AdjustableClockLoop) as runner,
    ):
        loop: Any = runner.get_loop()
        assert runner.run(story(loop, listener)) == b""


def test_old_client_gets_its_answer_and_the_end(servers: Servers):
    """HTTP/1.0 has no connection to keep."""
    [answer] = both(servers, request(body_of(TITLES), start="POST /graphql HTTP/1.0"))
    assert b"connection: close" in answer


def test_validator_is_answered_at_once(servers: Servers):
    """304 has no body, and no length of one."""
    first, _ = both(servers, request(body_of(TITLES)), LAST)
    etag = re.search(rb'etag: ("[^"]*")', first)
    assert etag is not None
    again = request(body_of(TITLES), f"If-None-Match: {etag[1].decode()}")
    answer, _ = both(servers, again, LAST)
    assert answer.startswith(b"304")
    assert b"content-length" not in answer


def test_fault_at_once_leaves_it_to_the_application(servers: Servers):
    """Nobody notices but the log."""
    servers.app.fails = True
    try:
        answer, _ = both(servers, request(body_of(TITLES)), LAST)
    finally:
        servers.app.fails = False
    assert b'"title"' in answer


def test_other_origins_are_told_what_they_may_read(tmp_path: Path):
    """With CORS, too, a reply needs no task."""
    with serving(tmp_path, cors_origins=["https://app.example"]) as servers:
        answer, _ = both(servers, request(body_of(TITLES), "Origin: https://app.example"), LAST)
        assert b"access-control-allow-origin: https://app.example" in answer
        assert servers.app.direct == 2


def test_requests_are_counted_however_they_are_answered(servers: Servers):
    """Metrics see those that never reached ASGI."""

    def count() -> float:
        """How many requests to the graph were answered, as Prometheus reads it."""
        asked = request(b"", "Connection: close", start="GET /metrics HTTP/1.1")
        text = b"".join(said(servers.plain, asked)).decode()
        series = 'newsgraph_http_requests_total{method="POST",route="/graphql",status="200"} '
        return sum(float(line.split()[-1]) for line in text.splitlines() if series in line)

    before = count()
    both(servers, request(body_of("query Counted { __typename }")), LAST)
    assert count() == before + 4


def test_client_behind_a_proxy_is_told(tmp_path: Path):
    """What a trusted proxy says of it counts on both ways; this machine is trusted."""
    with serving(tmp_path) as servers:
        seen: list[Any] = []
        servers.app.request_hooks[:] = [lambda each: seen.append(each.scope["client"][0])]
        both(servers, request(body_of(TITLES), "X-Forwarded-For: 10.0.0.7", "Connection: close"))
        assert servers.app.direct == 1
        assert seen == ["10.0.0.7"] * 2
