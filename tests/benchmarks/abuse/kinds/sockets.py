"""WebSockets and event streams: places that are taken, histories that are replayed."""

from __future__ import annotations

import json
from contextlib import suppress
from random import Random
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from tests.benchmarks.abuse.client import Client, Outcome, request
from tests.benchmarks.abuse.kinds.kind import Kind, word

_RECV_S = 10
_FOLLOW = (
    "subscription ($f: ArticleFilter, $a: String) { changes(filter: $f, after: $a)"
    " { cursor kind article { id title excerpt provider { name } topics { name } } } }"
)
_FIRST = "query ($f: ArticleFilter) { changes(first: 1, filter: $f) { pageInfo { endCursor } } }"
_PUT = "mutation ($input: PutArticleInput!) { putArticle(input: $input) { userErrors { code } } }"


def _filter(rng: Random, conditions: int) -> Any:
    words = [{"excerpt": {"contains": word(rng, 5)}} for _ in range(conditions)]
    return {"not": {"or": words}} if words else None


def _subscribe(id: str, filter: Any, after: str | None = None) -> str:
    payload = {"query": _FOLLOW, "variables": {"f": filter, "a": after}}
    return json.dumps({"id": id, "type": "subscribe", "payload": payload})


def _closed(error: ConnectionClosed | InvalidStatus, sent: int) -> Outcome:
    if isinstance(error, InvalidStatus):
        return Outcome(str(error.response.status_code), True, sent, 0)
    return Outcome(f"close {error.rcvd.code if error.rcvd else ''}", True, sent, 0)


def _messages(name: str, message: str, count: int, *, is_frame: bool = False) -> Kind:
    """So many messages on one new WebSocket, then a query, whose answer is awaited."""

    def attempt(client: Client, rng: Random, size: int) -> Outcome:
        sent, received = 0, 0
        try:
            with client.websocket(init="connection_init" not in message) as opened:
                for i in range(size):
                    text = message.replace("ID", f"{word(rng)}{i}")
                    if is_frame:
                        opened.ping(text)
                    else:
                        opened.send(text)
                    sent += len(text)
                query = {"query": "{ __typename }"}
                opened.send(json.dumps({"id": "last", "type": "subscribe", "payload": query}))
                while True:
                    said = opened.recv(_RECV_S)
                    received += len(said)
                    if '"last"' in str(said):
                        return Outcome("answered", False, sent, received)
        except (ConnectionClosed, InvalidStatus) as error:
            return _closed(error, sent)
        except TimeoutError:
            return Outcome("time-out", True, sent, received)

    return Kind(name, attempt, count)


def _large(client: Client, rng: Random, size: int) -> Outcome:
    payload = {"query": "{ __typename }", "variables": {word(rng): "a" * size}}
    message = json.dumps({"id": "1", "type": "subscribe", "payload": payload})
    try:
        with client.websocket() as opened:
            opened.send(message)
            said = str(opened.recv(_RECV_S))
    except (ConnectionClosed, InvalidStatus) as error:
        return _closed(error, len(message))
    return Outcome(json.loads(said)["type"], '"error"' in said, len(message), len(said))


def _take_places(conditions: int) -> Any:
    """Ten WebSockets with up to 100 subscriptions each, all different."""

    def prepare(client: Client, rng: Random) -> None:
        for _ in range(10):
            try:
                opened = client.websocket()
            except InvalidStatus:
                return
            client.sockets.append(opened)
            with suppress(ConnectionClosed):
                for i in range(100):
                    opened.send(_subscribe(f"s{i}", _filter(rng, conditions)))

    return prepare


def _write(client: Client, rng: Random, _: int) -> Outcome:
    """One write, which each subscription hears of; what has arrived is read."""
    slug = f"2026-01-02-abuse-{rng.randrange(100)}"
    given = {
        "slug": slug,
        "title": word(rng),
        "publishedDateTime": "2026-01-02",
        "provider": {"name": "P", "domain": "p.example"},
    }
    body = json.dumps({"query": _PUT, "variables": {"input": given}}).encode()
    done = client.post(body, {"authorization": f"Bearer {client.key}"})
    received = sum(map(_waiting, client.sockets))
    return done._replace(received=received)


def _waiting(opened: ClientConnection) -> int:
    received = 0
    with suppress(TimeoutError, ConnectionClosed):
        while True:
            received += len(opened.recv(timeout=0))
    return received


def _replay(client: Client, rng: Random, size: int) -> Outcome:
    """Subscriptions from the oldest change on, of which some hundred events are read."""
    received = sent = 0
    try:
        with client.websocket() as opened:
            for i in range(size):
                filter = _filter(rng, 20)
                first = client.ask(_FIRST, f=filter)["changes"]["pageInfo"]["endCursor"]
                message = _subscribe(f"s{i}", filter, first)
                sent += len(message)
                opened.send(message)
            for _ in range(size * 20):
                received += len(opened.recv(_RECV_S))
            opened.socket.close()
    except (ConnectionClosed, InvalidStatus) as error:
        return _closed(error, sent)
    except TimeoutError:
        return Outcome("time-out", True, sent, received)
    return Outcome("replayed", False, sent, received)


def _handshake(client: Client, _: Random, __: int) -> Outcome:
    """A WebSocket that says nothing and stays."""
    if len(client.sockets) >= 900:
        client.sockets.pop(0).socket.close()
    try:
        client.sockets.append(client.websocket(init=False))
    except InvalidStatus as error:
        return _closed(error, 0)
    return Outcome("left open", False, 0, 0)


def _streams(client: Client, rng: Random, _: int) -> Outcome:
    """An event stream that is left open and never read."""
    if len(client.held) >= 200:
        client.held.pop(0).close()
    body = json.dumps({"query": _FOLLOW, "variables": {"f": {"title": {"contains": word(rng)}}}})
    headers = {"content-type": "application/json", "accept": "text/event-stream"}
    opened = client.connect()
    client.held.append(opened)
    opened.sendall(request("POST", "/graphql", headers, body.encode()))
    status = opened.recv(12)[9:].decode()
    return Outcome(status, status != "200", len(body), 0)


def _unread(client: Client, rng: Random, _: int) -> Outcome:
    """Large answers over a WebSocket that nobody reads."""
    if len(client.sockets) >= 20:
        client.sockets.pop(0).socket.close()
    query = {"query": "{ articles(first: 100) { nodes { id title excerpt content } } }"}
    try:
        opened = client.websocket()
        client.sockets.append(opened)
        for i in range(50):
            opened.send(
                json.dumps({"id": f"{word(rng)}{i}", "type": "subscribe", "payload": query})
            )
    except (ConnectionClosed, InvalidStatus) as error:
        return _closed(error, 0)
    return Outcome("left open", False, 0, 0)


_QUERY = '{"id": "ID", "type": "subscribe", "payload": {"query": "{ __typename }"}}'
_START = (
    '{"id": "ID", "type": "subscribe", "payload": {"query": "subscription { changes { id } }"}}'
)

KINDS: tuple[Kind, ...] = (
    _messages("WebSocket: connection_init again and again", '{"type": "connection_init"}', 1_000),
    _messages("WebSocket: pings of the protocol", '{"type": "ping"}', 1_000),
    _messages("WebSocket: ping frames", "ID", 1_000, is_frame=True),
    _messages("WebSocket: queries", _QUERY, 500),
    _messages("WebSocket: subscriptions", _START, 500),
    _messages("WebSocket: garbage", "ID", 10),
    Kind("WebSocket: a message of 900 kB", _large, 900_000),
    Kind("WebSocket: a message of 4 MB", _large, 4_000_000),
    Kind("WebSocket: handshakes that say nothing", _handshake),
    Kind("WebSocket: answers that nobody reads", _unread),
    Kind("a write with 1,000 subscriptions", _write, prepare=_take_places(0)),
    Kind("a write with 1,000 subscriptions by 99 substrings", _write, prepare=_take_places(99)),
    Kind("replays of the history, subscriptions", _replay, 20),
    Kind("event streams that nobody reads", _streams),
)
"""WebSockets and event streams."""
