"""WebSockets and event streams that take up capacity, and replays of the history."""

from __future__ import annotations

import json
from contextlib import suppress
from random import Random
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from tests.benchmarks.abuse.attack_client import AttackClient, AttackResult, request
from tests.benchmarks.abuse.attacks.attack import Attack, random_word

_RECV_S = 10
_FOLLOW = (
    "subscription ($f: ArticleFilter, $a: String) { changes(filter: $f, after: $a)"
    " { cursor kind article { id title excerpt provider { name } topics { name } } } }"
)
_FIRST = "query ($f: ArticleFilter) { changes(first: 1, filter: $f) { pageInfo { endCursor } } }"
_PUT = "mutation ($input: PutArticleInput!) { putArticle(input: $input) { userErrors { code } } }"


def _filter(rng: Random, conditions: int) -> Any:
    words = [{"excerpt": {"contains": random_word(rng, 5)}} for _ in range(conditions)]
    return {"not": {"or": words}} if words else None


def _subscribe(id: str, filter: Any, after: str | None = None) -> str:
    payload = {"query": _FOLLOW, "variables": {"f": filter, "a": after}}
    return json.dumps({"id": id, "type": "subscribe", "payload": payload})


def _closed(error: ConnectionClosed | InvalidStatus, sent: int) -> AttackResult:
    if isinstance(error, InvalidStatus):
        return AttackResult(str(error.response.status_code), True, sent, 0)
    return AttackResult(f"close {error.rcvd.code if error.rcvd else ''}", True, sent, 0)


def _messages(name: str, message: str, count: int, *, is_frame: bool = False) -> Attack:
    """`count` messages on a new WebSocket, then a query, whose response is awaited."""

    def attempt(client: AttackClient, rng: Random, size: int) -> AttackResult:
        sent, received = 0, 0
        try:
            with client.websocket(init="connection_init" not in message) as connection:
                for i in range(size):
                    text = message.replace("ID", f"{random_word(rng)}{i}")
                    if is_frame:
                        connection.ping(text)
                    else:
                        connection.send(text)
                    sent += len(text)
                query = {"query": "{ __typename }"}
                connection.send(json.dumps({"id": "last", "type": "subscribe", "payload": query}))
                while True:
                    said = connection.recv(_RECV_S)
                    received += len(said)
                    if '"last"' in str(said):
                        return AttackResult("answered", False, sent, received)
        except (ConnectionClosed, InvalidStatus) as error:
            return _closed(error, sent)
        except TimeoutError:
            return AttackResult("time-out", True, sent, received)

    return Attack(name, attempt, count)


def _large(client: AttackClient, rng: Random, size: int) -> AttackResult:
    payload = {"query": "{ __typename }", "variables": {random_word(rng): "a" * size}}
    message = json.dumps({"id": "1", "type": "subscribe", "payload": payload})
    try:
        with client.websocket() as connection:
            connection.send(message)
            said = str(connection.recv(_RECV_S))
    except (ConnectionClosed, InvalidStatus) as error:
        return _closed(error, len(message))
    return AttackResult(json.loads(said)["type"], '"error"' in said, len(message), len(said))


def _open_subscriptions(conditions: int) -> Any:
    """Ten WebSockets with up to 100 different subscriptions each."""

    def prepare(client: AttackClient, rng: Random) -> None:
        for _ in range(10):
            try:
                connection = client.websocket()
            except InvalidStatus:
                return
            client.sockets.append(connection)
            with suppress(ConnectionClosed):
                for i in range(100):
                    connection.send(_subscribe(f"s{i}", _filter(rng, conditions)))

    return prepare


def _write(client: AttackClient, rng: Random, _: int) -> AttackResult:
    """A write with an event for each subscription; arrived events are read."""
    slug = f"2026-01-02-abuse-{rng.randrange(100)}"
    given = {
        "slug": slug,
        "title": random_word(rng),
        "publishedDateTime": "2026-01-02",
        "provider": {"name": "P", "domain": "p.example"},
    }
    body = json.dumps({"query": _PUT, "variables": {"input": given}}).encode()
    done = client.post(body, {"authorization": f"Bearer {client.key}"})
    received = sum(map(_waiting, client.sockets))
    return done._replace(received=received)


def _waiting(connection: ClientConnection) -> int:
    received = 0
    with suppress(TimeoutError, ConnectionClosed):
        while True:
            received += len(connection.recv(timeout=0))
    return received


def _replay(client: AttackClient, rng: Random, size: int) -> AttackResult:
    """Subscriptions from the oldest change on, of which a few hundred events are read."""
    received = sent = 0
    try:
        with client.websocket() as connection:
            for i in range(size):
                filter = _filter(rng, 20)
                first = client.execute(_FIRST, f=filter)["changes"]["pageInfo"]["endCursor"]
                message = _subscribe(f"s{i}", filter, first)
                sent += len(message)
                connection.send(message)
            for _ in range(size * 20):
                received += len(connection.recv(_RECV_S))
            connection.socket.close()
    except (ConnectionClosed, InvalidStatus) as error:
        return _closed(error, sent)
    except TimeoutError:
        return AttackResult("time-out", True, sent, received)
    return AttackResult("replayed", False, sent, received)


def _handshake(client: AttackClient, _: Random, __: int) -> AttackResult:
    """A WebSocket that sends nothing and stays open."""
    if len(client.sockets) >= 900:
        client.sockets.pop(0).socket.close()
    try:
        client.sockets.append(client.websocket(init=False))
    except InvalidStatus as error:
        return _closed(error, 0)
    return AttackResult("left open", False, 0, 0)


def _streams(client: AttackClient, rng: Random, _: int) -> AttackResult:
    """An event stream that stays open and is never read."""
    if len(client.open_connections) >= 200:
        client.open_connections.pop(0).close()
    body = json.dumps(
        {"query": _FOLLOW, "variables": {"f": {"title": {"contains": random_word(rng)}}}}
    )
    headers = {"content-type": "application/json", "accept": "text/event-stream"}
    connection = client.connect()
    client.open_connections.append(connection)
    connection.sendall(request("POST", "/graphql", headers, body.encode()))
    status = connection.recv(12)[9:].decode()
    return AttackResult(status, status != "200", len(body), 0)


def _unread(client: AttackClient, rng: Random, _: int) -> AttackResult:
    """Large responses over a WebSocket that are never read."""
    if len(client.sockets) >= 20:
        client.sockets.pop(0).socket.close()
    query = {"query": "{ articles(first: 100) { nodes { id title excerpt content } } }"}
    try:
        connection = client.websocket()
        client.sockets.append(connection)
        for i in range(50):
            connection.send(
                json.dumps({"id": f"{random_word(rng)}{i}", "type": "subscribe", "payload": query})
            )
    except (ConnectionClosed, InvalidStatus) as error:
        return _closed(error, 0)
    return AttackResult("left open", False, 0, 0)


_QUERY = '{"id": "ID", "type": "subscribe", "payload": {"query": "{ __typename }"}}'
_START = (
    '{"id": "ID", "type": "subscribe", "payload": {"query": "subscription { changes { slug } }"}}'
)

ATTACKS: tuple[Attack, ...] = (
    _messages("WebSocket: connection_init again and again", '{"type": "connection_init"}', 1_000),
    _messages("WebSocket: pings of the protocol", '{"type": "ping"}', 1_000),
    _messages("WebSocket: ping frames", "ID", 1_000, is_frame=True),
    _messages("WebSocket: queries", _QUERY, 500),
    _messages("WebSocket: subscriptions", _START, 500),
    _messages("WebSocket: garbage", "ID", 10),
    Attack("WebSocket: a message of 900 kB", _large, 900_000),
    Attack("WebSocket: a message of 4 MB", _large, 4_000_000),
    Attack("WebSocket: handshakes that say nothing", _handshake),
    Attack("WebSocket: answers that nobody reads", _unread),
    Attack("a write with 1,000 subscriptions", _write, prepare=_open_subscriptions(0)),
    Attack(
        "a write with 1,000 subscriptions by 99 substrings", _write, prepare=_open_subscriptions(99)
    ),
    Attack("replays of the history, subscriptions", _replay, 20),
    Attack("event streams that nobody reads", _streams),
)
"""WebSockets and event streams."""
