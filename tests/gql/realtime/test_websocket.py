"""graphql-transport-ws, message by message, with a raw client.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus, NegotiationError
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from gql.access import KeyFile
from gql.composition.app import create_app
from gql.identity.viewer import Permission
from gql.settings import Settings
from store import (
    Batch,
    MemoryRepository,
    Repository,
    TinyDBRepository,
    back_up,
    restore,
)
from tests.support.cursors import KEY, change_cursor, revision_of
from tests.support.factories import article
from tests.support.live_server import LiveServer, run_server, wait_until

PROTOCOL = Subprotocol("graphql-transport-ws")
ROOT = Path(__file__).parents[3]
TIMEOUT_S = 10
CHANGES = "subscription { changes { cursor kind slug } }"


class Client:
    """A client with one socket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, type: str, **rest: Any) -> None:
        """Send a message."""
        self.connection.send(json.dumps({"type": type, **rest}))

    def receive(self) -> Any:
        """The next message."""
        return json.loads(self.connection.recv(timeout=TIMEOUT_S))

    def begin(self, payload: Any = None) -> None:
        """Initialise the connection, and wait for the acknowledgement."""
        self.send("connection_init", **({} if payload is None else {"payload": payload}))
        assert self.receive() == {"type": "connection_ack"}

    def subscribe(self, id: str, query: str, **rest: Any) -> None:
        """Start an operation."""
        self.send("subscribe", id=id, payload={"query": query, **rest})

    def answer(self, id: str, query: str, **rest: Any) -> Any:
        """The data of a query."""
        self.subscribe(id, query, **rest)
        message = self.receive()
        assert (message["id"], message["type"]) == (id, "next")
        assert self.receive() == {"id": id, "type": "complete"}
        return message["payload"]["data"]

    def to_the_end(self) -> tuple[list[Any], int, str]:
        """All messages until the server closes, the close code and the reason."""
        messages = []
        with suppress(ConnectionClosed):
            while True:
                messages.append(self.receive())
        code, reason = self.connection.close_code, self.connection.close_reason
        assert code is not None
        return messages, code, reason or ""

    def closed(self) -> tuple[int, str]:
        """The code and the reason with which the server closes; earlier messages are ignored."""
        _, code, reason = self.to_the_end()
        return code, reason


@contextmanager
def opened(server: LiveServer, **options: Any) -> Iterator[Client]:
    """A socket with the subprotocol."""
    url = f"ws://127.0.0.1:{server.port}/graphql"
    with connect(url, **{"subprotocols": [PROTOCOL], "open_timeout": TIMEOUT_S, **options}) as ws:
        yield Client(ws)


def cursors(messages: list[Any]) -> list[str]:
    """The cursors of the changes in some messages."""
    return [message["payload"]["data"]["changes"]["cursor"] for message in messages]


@pytest.fixture
def repository() -> MemoryRepository:
    """An empty store."""
    return MemoryRepository()


@pytest.fixture
def server(repository: MemoryRepository) -> Iterator[LiveServer]:
    """A server of that store, with default settings."""
    with run_server(create_app(Settings(), repository)) as server:
        yield server


@pytest.fixture
def client(server: LiveServer) -> Iterator[Client]:
    """A client with an initialised connection."""
    with opened(server) as client:
        client.begin()
        yield client


def serving(**settings: Any):
    """A server of an empty store with these settings."""
    return run_server(create_app(Settings(**settings), MemoryRepository()))


def put(server: LiveServer, repository: Repository, *names: str, **fields: Any) -> None:
    """Write articles of these names."""
    batch = Batch(puts=tuple(article(name, **fields) for name in names))
    server.run_in_loop(repository.apply(batch))


def slugs(messages: list[Any]) -> list[str]:
    """The slugs of the changes in some messages."""
    return [m["payload"]["data"]["changes"]["slug"].removeprefix("2026-03-01-") for m in messages]


def test_socket_executes_queries_and_completes_them(client: Client) -> None:
    """A query has one `next` message with the result, then `complete`."""
    assert client.answer("1", "{ articles { totalCount } }") == {"articles": {"totalCount": 0}}
    variables = {"id": "none"}
    query = "query Find($id: ID!) { node(id: $id) { id } } query Other { __typename }"
    found = client.answer("1", query, operationName="Find", variables=variables)
    assert found == {"node": None}


def test_socket_answers_what_cannot_be_executed_by_an_error(client: Client) -> None:
    """Errors before execution end the operation, not the connection."""
    for query in ("{ nope }", "{", CHANGES.replace("changes", 'changes(after: "x")')):
        client.subscribe("1", query)
        message = client.receive()
        assert (message["type"], message["id"]) == ("error", "1")
        assert all(error["message"] and error["extensions"]["code"] for error in message["payload"])
    client.answer("1", "{ __typename }")


def test_socket_reports_errors_of_fields_with_the_data(client: Client) -> None:
    """Errors during execution come in `next`, with the partial data."""
    client.subscribe("1", "{ diagnostics { totalCount } }")
    message = client.receive()
    assert message["type"] == "next"
    assert message["payload"]["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert client.receive()["type"] == "complete"


def test_socket_tells_changes_as_they_happen(client, server, repository) -> None:
    """Each operation gets every change under its own id, until its client completes it."""
    client.subscribe("a", CHANGES)
    client.subscribe("b", CHANGES)
    client.answer("sync", "{ __typename }")
    put(server, repository, "one", "two")
    messages = [client.receive() for _ in range(4)]
    for id in ("a", "b"):
        assert slugs([m for m in messages if m["id"] == id]) == ["one", "two"]
    client.send("complete", id="a")
    client.answer("sync", "{ __typename }")
    put(server, repository, "three")
    assert client.receive()["id"] == "b"
    put(server, repository, "four")
    assert client.receive()["id"] == "b"


def test_socket_subscription_goes_on_from_a_cursor(client, server, repository) -> None:
    """Missed changes come first, then new ones, each once."""
    put(server, repository, "one", "two", "three")
    history = client.answer("q", "{ changes { nodes { cursor } } }")["changes"]["nodes"]
    query = "subscription ($after: String) { changes(after: $after) { cursor kind slug } }"
    client.subscribe("s", query, variables={"after": history[0]["cursor"]})
    put(server, repository, "four")
    assert slugs([client.receive() for _ in range(3)]) == ["two", "three", "four"]


def test_socket_subscription_filters(client, server, repository) -> None:
    """Matching articles come as PUT, those that no longer match as DELETE."""
    query = "subscription { changes(filter: {heat: {gte: 5}}) { kind slug article { heat } } }"
    client.subscribe("s", query)
    client.answer("sync", "{ __typename }")
    put(server, repository, "cold", heat=1)
    put(server, repository, "hot", heat=9)
    put(server, repository, "hot", heat=1)
    told = [client.receive()["payload"]["data"]["changes"] for _ in range(2)]
    assert [(change["kind"], change["slug"][-3:]) for change in told] in (
        [("PUT", "hot"), ("DELETE", "hot")],
        [("DELETE", "hot"), ("DELETE", "hot")],  # told late, when it did not match any more
    )


def test_socket_subscription_is_told_of_a_backup_that_was_restored(tmp_path: Path) -> None:
    """After a restore, a cursor of a lost change gives a gap."""
    path, backup = tmp_path / "store.json", tmp_path / "backup.json"
    repository = TinyDBRepository.open(path, cursor_key=KEY)
    with run_server(create_app(Settings(), repository)) as server:
        put(server, repository, "one")
    back_up(path, backup)
    repository = TinyDBRepository.open(path, cursor_key=KEY)
    with run_server(create_app(Settings(), repository)) as server, opened(server) as client:
        client.begin()
        client.subscribe("s", CHANGES)
        put(server, repository, "two")
        assert slugs([client.receive()]) == ["two"]
        restore(path, backup)
        gap = client.receive()["payload"]["data"]["changes"]
        assert (gap["kind"], revision_of(gap["cursor"])) == ("GAP", 1)
        put(server, repository, "three")
        assert slugs([client.receive()]) == ["three"]


def test_socket_subscription_of_other_rights_begins_with_a_gap(tmp_path: Path) -> None:
    """After a change of rights, the subscription starts with a gap."""
    keys = tmp_path / "keys.json"
    editor, _ = KeyFile(keys).add("editor", [Permission.READ_DRAFTS])
    repository = MemoryRepository(cursor_key=KEY)
    query = "subscription ($after: String) { changes(after: $after) { cursor kind } }"
    with run_server(create_app(Settings(keys=keys), repository)) as server:
        put(server, repository, "one")
        public, holder = None, {"Authorization": f"Bearer {editor}"}
        for was, comes_back_as in [(holder, public), (public, holder)]:
            with opened(server) as client:
                client.begin(was)
                after = client.answer("q", "{ changesCursor }")["changesCursor"]
            with opened(server) as client:
                client.begin(comes_back_as)
                client.subscribe("s", query, variables={"after": after})
                assert client.receive()["payload"]["data"]["changes"]["kind"] == "GAP"


def test_socket_subscription_refuses_a_filter_that_says_nothing(client: Client) -> None:
    """An empty filter is rejected, as in a query."""
    client.subscribe("s", "subscription { changes(filter: {}) { kind } }")
    message = client.receive()
    assert message["type"] == "error"
    assert message["payload"][0]["extensions"]["code"] == "BAD_FILTER"


@pytest.mark.parametrize("payload", [None, {"a": [1]}])
def test_socket_answers_ping_with_pong(client: Client, payload: Any) -> None:
    """A pong has the payload of its ping; pongs of the client are ignored."""
    client.send("pong", payload=payload)
    client.send("ping", **({} if payload is None else {"payload": payload}))
    assert client.receive() == {"type": "pong", **({"payload": payload} if payload else {})}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '"ping"',
        '{"id": "1"}',
        '{"type": "nope"}',
        '{"type": "ping", "payload": 1}',
        '{"type": "subscribe", "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": "1", "payload": {}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 1}}',
        '{"type": "complete"}',
        b"{}",
    ],
)
def test_socket_closes_with_4400_on_an_invalid_message(client: Client, text: str | bytes) -> None:
    """An invalid message closes the connection, with a reason."""
    client.connection.send(text)
    code, reason = client.closed()
    assert code == 4400
    assert reason


def test_socket_closes_with_4401_on_an_operation_before_the_acknowledgement(server) -> None:
    """Operations need an acknowledged connection."""
    with opened(server) as client:
        client.subscribe("1", "{ __typename }")
        assert client.closed() == (4401, "Unauthorized")


def test_socket_closes_with_4406_without_our_subprotocol(server: LiveServer) -> None:
    """The older protocol graphql-ws is not supported."""
    with opened(server, subprotocols=None) as client:
        assert client.closed()[0] == 4406
    with opened(server, subprotocols=["graphql-ws", PROTOCOL]) as client:
        assert client.connection.subprotocol == PROTOCOL


def test_socket_closes_with_4408_where_nobody_begins() -> None:
    """A connection that is not initialised in time is closed."""
    with serving(init_timeout_s=1) as server, opened(server) as client:
        assert client.closed() == (4408, "Connection initialisation timeout")


def test_socket_closes_with_4409_on_a_second_subscriber_of_one_id(client: Client) -> None:
    """An id can only be used by one operation at a time."""
    client.subscribe("s", CHANGES)
    client.subscribe("s", CHANGES)
    assert client.closed() == (4409, "Subscriber for s already exists")


def test_socket_closes_with_4429_on_a_second_initialisation(client: Client) -> None:
    """A connection is initialised once."""
    client.send("connection_init")
    assert client.closed() == (4429, "Too many initialisation requests")


def test_socket_id_is_free_again_after_complete(client: Client) -> None:
    """After `complete`, the id can be used again."""
    for _ in range(3):
        client.subscribe("s", CHANGES)
        client.send("complete", id="s")
    client.send("complete", id="never-heard-of")
    client.answer("s", "{ __typename }")


def test_socket_closes_with_1009_on_a_message_that_is_too_big() -> None:
    """Messages have the size limit of HTTP bodies."""
    with serving(max_body_bytes=1_000) as server, opened(server) as client:
        client.begin()
        client.subscribe("1", "{ __typename } #" + "x" * 1_000)
        assert client.closed()[0] == 1009


def test_socket_holds_to_the_limits_of_operations(client: Client) -> None:
    """The depth limit applies to subscriptions, too."""
    deep = "{ related { article " * 20 + "{ id }" + " } }" * 20
    client.subscribe("1", f"subscription {{ changes {{ article {deep} }} }}")
    message = client.receive()
    assert message["type"] == "error"
    assert message["payload"][0]["extensions"]["code"] == "QUERY_TOO_DEEP"


def test_socket_refuses_a_subscription_over_budget() -> None:
    """The cost limit applies to each event of a subscription."""
    with serving(max_cost=10) as server, opened(server) as client:
        client.begin()
        client.subscribe("1", "subscription { changes { article { images { url } title id } } }")
        message = client.receive()
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "QUERY_TOO_EXPENSIVE"


def test_socket_refuses_more_operations_than_it_may_hold() -> None:
    """Operations above the limits are rejected one by one, until others end."""
    bounded = serving(max_per_socket=2, max_subscriptions=3)
    with bounded as server, opened(server) as first, opened(server) as second:
        first.begin()
        second.begin()
        for id in "abc":
            first.subscribe(id, CHANGES)
        assert refused(first.receive()) == "c"
        second.subscribe("a", CHANGES)
        second.subscribe("b", CHANGES)
        assert refused(second.receive()) == "b"
        first.send("complete", id="a")
        first.answer("d", "{ __typename }")
        second.subscribe("b", CHANGES)
        second.send("ping")
        assert second.receive() == {"type": "pong"}


def refused(message: Any) -> Any:
    """The id of a rejected operation."""
    assert message["type"] == "error"
    assert message["payload"][0]["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
    return message["id"]


def test_socket_answers_queries_where_subscriptions_are_full() -> None:
    """Queries do not count against the limit of subscriptions."""
    with serving(max_subscriptions=1) as server, opened(server) as one, opened(server) as other:
        one.begin()
        other.begin()
        one.subscribe("s", CHANGES)
        one.answer("q", "{ __typename }")
        other.answer("q", "{ __typename }")
        other.subscribe("s", CHANGES)
        assert refused(other.receive()) == "s"


def test_socket_is_refused_where_there_are_too_many() -> None:
    """The handshake fails above the limit of connections."""
    with serving(max_websockets=1) as server, opened(server) as client:
        client.begin()
        with pytest.raises(InvalidStatus) as raised, opened(server):
            pass
        assert raised.value.response.status_code == 503
        assert b"TOO_MANY" in (raised.value.response.body or b"")


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://127.0.0.1:{port}", True),
        ("https://friend.example", True),
        ("https://evil.example", False),
        ("http://127.0.0.1", False),
        ("https://127.0.0.1:{port}", False),
        ("null", False),
        ("http://[", False),
    ],
)
def test_socket_is_opened_by_pages_of_known_origins_only(origin, allowed) -> None:
    """The server checks Origin, because browsers allow sockets to other hosts."""
    with serving(cors_origins="https://friend.example") as server:
        origin = origin and origin.format(port=server.port)
        if allowed:
            with opened(server, origin=origin) as client:
                client.begin()
        else:
            with pytest.raises(InvalidStatus) as raised, opened(server, origin=origin):
                pass
            assert raised.value.response.status_code == 403


def test_socket_on_another_path_is_refused(server: LiveServer) -> None:
    """Only the GraphQL path accepts WebSockets."""
    with pytest.raises((InvalidStatus, NegotiationError)):
        connect(f"ws://127.0.0.1:{server.port}/other", subprotocols=[PROTOCOL]).__enter__()


def test_socket_closes_with_4403_when_its_key_is_revoked(tmp_path: Path) -> None:
    """A subscription ends when its key is revoked."""
    keys = KeyFile(tmp_path / "keys.json")
    text, _ = keys.add("desk", [Permission.READ_DRAFTS])
    settings = Settings(store=tmp_path / "store.json", keep_alive_s=1)
    with run_server(create_app(settings, MemoryRepository())) as server, opened(server) as client:
        client.begin({"Authorization": f"Bearer {text}"})
        client.subscribe("s", CHANGES)
        keys.revoke("desk")
        assert client.closed()[0] == 4403


def test_socket_operations_count_as_requests(tmp_path: Path) -> None:
    """The rate limit applies to operations of sockets."""
    limited = serving(store=tmp_path / "store.json", rate_limit="3/hour")
    with limited as server, opened(server) as client:
        client.begin()
        for id in "abc":
            client.answer(id, "{ __typename }")
        client.subscribe("d", "{ __typename }")
        message = client.receive()
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


def test_socket_slow_consumer_is_let_go_and_can_go_on() -> None:
    """A slow consumer is closed with 1013, delays nobody, and can resume without loss."""
    repository = MemoryRepository()
    app = create_app(Settings(send_timeout_s=4), repository)
    with run_server(app) as server:
        with opened(server) as quick, opened(server, max_queue=1, compression=None) as slow:
            for client in (quick, slow):
                client.begin()
                client.subscribe("s", "subscription { changes { cursor article { content } } }")
                client.answer("sync", "{ __typename }")
            for number in range(200):
                put(server, repository, f"n{number}", content="x" * 100_000)
            whole = cursors([quick.receive() for _ in range(200)])
            server.run_in_loop(
                wait_until(lambda: app.realtime.connections <= 3)
            )  # the slow one's socket is left
            messages, code, _ = slow.to_the_end()
        heard = cursors(messages)
        assert code == 1013
        assert heard == whole[: len(heard)]
        assert 0 < len(heard) < len(whole)
        with opened(server) as again:
            again.begin()
            query = "subscription ($after: String) { changes(after: $after) { cursor } }"
            again.subscribe("s", query, variables={"after": heard[-1]})
            assert heard + cursors([again.receive() for _ in whole[len(heard) :]]) == whole


@contextmanager
def overfull(server: LiveServer, repository: Repository) -> Iterator[Client]:
    """A client that does not read, with more events than its connection can buffer."""
    with opened(server, max_queue=1, compression=None) as client:
        client.begin()
        client.subscribe("s", "subscription { changes { article { content } } }")
        client.answer("sync", "{ __typename }")
        for number in range(200):
            put(server, repository, f"n{number}", content="x" * 100_000)
        yield client


@pytest.mark.parametrize(
    ("settings", "pings"),
    [
        ({"send_timeout_s": 1}, {"ws_ping_interval": None, "ws_ping_timeout": 60}),
        ({"send_timeout_s": 60}, {"ws_ping_interval": 0.1, "ws_ping_timeout": 0.5}),
    ],
    ids=["a message is not taken", "a ping is not answered"],
)
def test_socket_slow_consumer_that_reads_again_sees_why_it_was_let_go(settings, pings) -> None:
    """After the buffered events, a slow consumer reads 1013 and the reason."""
    repository = MemoryRepository()
    app = create_app(Settings(**settings), repository)
    with run_server(app, **pings) as server, overfull(server, repository) as client:
        server.run_in_loop(wait_until(lambda: not app.realtime.connections))
        messages, code, reason = client.to_the_end()
        with urllib.request.urlopen(f"{server.url}/metrics") as metrics:  # noqa: S310  # ours
            assert b'newsgraph_slow_clients_total{transport="websocket"} 1.0' in metrics.read()
    assert len(messages) > 1
    assert (code, reason) == (1013, "Too slow: connect again and resume from your last cursor")


def test_socket_of_who_never_reads_again_is_dropped() -> None:
    """The connection of a client that never reads again is dropped after a timeout."""
    repository = MemoryRepository()
    app = create_app(Settings(send_timeout_s=1), repository)
    with (
        run_server(app, ws_ping_interval=None, ws_ping_timeout=1) as server,
        overfull(server, repository) as client,
    ):
        server.run_in_loop(wait_until(lambda: not server.server_state.connections))
        _, code, _ = client.to_the_end()
        assert code == 1006


def test_socket_closes_with_1001_when_the_server_stops(repository: MemoryRepository) -> None:
    """Subscribers do not delay a stop, and are closed with 1001."""
    with run_server(create_app(Settings(), repository)) as server, opened(server) as client:
        client.begin()
        client.subscribe("s", CHANGES)
        server.stop()
        assert client.closed()[0] == 1001


def test_socket_goes_on_at_another_process_of_the_same_store(tmp_path: Path) -> None:
    """A cursor of one worker is valid at every other."""
    path = tmp_path / "store.json"
    one = TinyDBRepository.open(path, cursor_key=KEY)
    other = TinyDBRepository.open(path, cursor_key=KEY)
    apps = [create_app(Settings(), repository) for repository in (one, other)]
    query = "subscription ($after: String) { changes(after: $after) { cursor kind slug } }"
    with run_server(apps[0]) as first, run_server(apps[1]) as second:
        after, told = change_cursor(), []
        for number in range(12):
            server = (first, second)[number % 2]
            first.run_in_loop(one.apply(Batch(puts=(article(f"n{number}"),))))
            with opened(server) as client:
                client.begin()
                client.subscribe("s", query, variables={"after": after})
                message = client.receive()
                told.append(message)
                after = message["payload"]["data"]["changes"]["cursor"]
        assert slugs(told) == [f"n{number}" for number in range(12)]
        with opened(second) as client:
            client.begin()
            client.subscribe("s", query)
            client.answer("sync", "{ __typename }")
            first.run_in_loop(one.apply(Batch(puts=(article("last"),))))
            assert slugs([client.receive()]) == ["last"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_socket_closes_with_1001_when_the_program_is_told_to_stop(
    tmp_path: Path, number: int
) -> None:
    """`newsgraph serve` stops at once, however many subscribers it has."""
    command = [sys.executable, "-m", "gql", "serve", "--port", "0", "--log-format", "json"]
    (tmp_path / "articles").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*command, "articles"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            port = next(
                found[1]
                for line in process.stdout
                if (found := re.search(r"http://127\.0\.0\.1:(\d+)", line))
            )
            with connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=[PROTOCOL]) as connection:
                client = Client(connection)
                client.begin()
                client.subscribe("s", CHANGES)
                client.answer("sync", "{ __typename }")
                process.send_signal(number)
                assert client.closed()[0] == 1001
            process.communicate(timeout=TIMEOUT_S)
        finally:
            process.kill()
