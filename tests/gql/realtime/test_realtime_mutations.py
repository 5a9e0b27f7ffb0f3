"""Mutations over WebSocket and event streams, with the guarantees of HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gql.access import KeyFile
from gql.composition.app import create_app
from gql.identity.viewer import Permission
from gql.settings import Settings
from store import TinyDBRepository
from tests.gql.realtime.test_sse import Events, asked
from tests.gql.realtime.test_websocket import Client, opened
from tests.support.live_server import LiveServer, run_server
from tests.support.mutation_client import DELETE, FIELDS, PUT

COUNT = "{ articles { totalCount } }"


@pytest.fixture
def keys(tmp_path: Path) -> dict[Permission, str]:
    """The Authorization header of a key for each scope."""
    file = KeyFile(tmp_path / "keys.json")
    return {scope: f"Bearer {file.add(scope, [scope])[0]}" for scope in Permission}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    """A server of an empty store that those keys open."""
    store = tmp_path / "store.json"
    settings = Settings(store=store, keys=tmp_path / "keys.json")
    with run_server(create_app(settings, TinyDBRepository.open(store))) as server:
        yield server


@contextmanager
def socket(server: LiveServer, authorization: str | None, **options: Any) -> Iterator[Client]:
    """A socket whose client says who it is in its first message."""
    with opened(server, **options) as client:
        client.begin({"Authorization": authorization} if authorization else None)
        yield client


def put(client: Client, title: str = "A tide", **more: Any) -> Any:
    """The one answer to putting an article over a socket: a result, or errors."""
    client.subscribe("m", PUT, variables={"input": {**FIELDS, "title": title}}, **more)
    message = client.receive()
    if message["type"] == "next":
        assert client.receive() == {"id": "m", "type": "complete"}
    return message["payload"]


def code(errors: Any) -> str:
    """The code of the only error."""
    [error] = errors
    found: str = error["extensions"]["code"]
    return found


def test_socket_writes_for_who_may(server, keys) -> None:
    """The answer is the payload; what is asked after it on the same socket shows the write."""
    with socket(server, keys[Permission.WRITE]) as client:
        assert put(client)["data"]["putArticle"]["article"]["title"] == "A tide"
        assert client.answer("q", COUNT) == {"articles": {"totalCount": 1}}


@pytest.mark.parametrize("scope", [None, Permission.READ_DRAFTS, Permission.READ_SECURED])
def test_socket_writes_nothing_for_who_may_not(server, keys, scope) -> None:
    """The scope is asked for as over HTTP."""
    with socket(server, keys.get(scope)) as client:
        assert code(put(client)["errors"]) == "FORBIDDEN"
        assert client.answer("q", COUNT) == {"articles": {"totalCount": 0}}


def test_socket_does_a_mutation_once_for_each_key(server, keys) -> None:
    """The key is in `extensions`, since a message has no headers; the road does not matter."""
    with socket(server, keys[Permission.WRITE]) as client:
        first = put(client, extensions={"idempotencyKey": "k1"})
        id = first["data"]["putArticle"]["article"]["id"]
        client.answer("d", DELETE, variables={"input": {"id": id}})
        assert put(client, extensions={"idempotencyKey": "k1"}) == first
        assert client.answer("q", COUNT) == {"articles": {"totalCount": 0}}
        other = put(client, title="Another", extensions={"idempotencyKey": "k1"})
        assert code(other) == "IDEMPOTENCY_KEY_REUSED"
    with stream(server, keys, "k1") as events:
        assert events.answer() == first


@pytest.mark.parametrize("key", ["", 7, None, "a\nb"])
def test_socket_refuses_a_key_that_cannot_be_used(server, keys, key) -> None:
    """Rather than to do twice what was meant to be done once."""
    with socket(server, keys[Permission.WRITE]) as client:
        assert code(put(client, extensions={"idempotencyKey": key})) == "BAD_IDEMPOTENCY_KEY"


def test_socket_takes_no_key_from_its_handshake(server, keys) -> None:
    """A header of the handshake would name all mutations alike."""
    with socket(
        server, keys[Permission.WRITE], additional_headers={"Idempotency-Key": "k1"}
    ) as client:
        titles = [
            put(client, title)["data"]["putArticle"]["article"]["title"] for title in ("A", "B")
        ]
        assert titles == ["A", "B"]


@contextmanager
def stream(server: LiveServer, keys: dict[Permission, str], key: str) -> Iterator[Events]:
    """The event stream that answers putting an article under an Idempotency-Key."""
    headers = {"authorization": keys[Permission.WRITE], "idempotency-key": key}
    with asked(server, PUT, variables={"input": FIELDS}, headers=headers) as events:
        yield events


def test_stream_does_a_mutation_once_for_each_key(server, keys) -> None:
    """The header counts as it does without a stream."""
    with stream(server, keys, "k1") as events:
        first = events.answer()
    with socket(server, keys[Permission.WRITE]) as client:
        id = first["data"]["putArticle"]["article"]["id"]
        client.answer("d", DELETE, variables={"input": {"id": id}})
    with stream(server, keys, "k1") as events:
        assert events.answer() == first
    with stream(server, keys, "k2") as events:
        assert events.answer() != first
