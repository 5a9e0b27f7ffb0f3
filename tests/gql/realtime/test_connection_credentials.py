"""Credentials in `connection_init`: those that are read, and those that are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gql.access import KeyFile
from gql.composition.app import create_app
from gql.errors import UnauthenticatedError
from gql.identity.viewer import Permission
from gql.realtime.connection_credentials import MAX_MEMBERS, with_authorization
from gql.realtime.messages import SocketClosed
from gql.settings import Settings
from store import Batch, MemoryRepository
from tests.gql.realtime.test_websocket import opened
from tests.support.factories import article
from tests.support.live_server import LiveServer, run_server

ARTICLES = "{ articles { totalCount } }"


class Desk(NamedTuple):
    """A server with a draft, the text of a key that may read it, and whether it needs one."""

    server: LiveServer
    key: str
    anonymous: bool


@pytest.fixture(scope="module", params=[True, False], ids=["anonymous", "keys only"])
def desk(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A server of one published article and one draft."""
    folder: Path = tmp_path_factory.mktemp("desk")
    text, _ = KeyFile(folder / "keys.json").add("desk", [Permission.READ_DRAFTS])
    repository = MemoryRepository()
    settings = Settings(store=folder / "store.json", anonymous=request.param)
    with run_server(create_app(settings, repository)) as server:
        puts = (article("open"), article("draft", published=False))
        server.run_in_loop(repository.apply(Batch(puts=puts)))
        yield Desk(server, text, request.param)


def filled(value: Any, key: str) -> Any:
    """A payload in which KEY stands for a key."""
    if isinstance(value, dict):
        return {name: filled(item, key) for name, item in value.items()}
    if isinstance(value, list):
        return [filled(item, key) for item in value]
    return value.replace("KEY", key) if isinstance(value, str) else value


READ: list[Any] = [
    {"Authorization": "Bearer KEY"},
    {"authorization": "bearer KEY"},
    {"AUTHORIZATION": "Bearer KEY", "client": "web"},
    {"headers": {"Authorization": "Bearer KEY", "x-trace": "1"}},
    {"Headers": {"authorization": "Bearer KEY"}},
    {"authToken": "KEY"},
    {"authToken": "Bearer KEY"},
    {"auth_token": "KEY"},
    {"token": "KEY"},
    {"token": " Bearer KEY"},
    {"headers": {"token": "KEY"}},
    {"Authorization": "Bearer KEY", "headers": {"Authorization": "Bearer KEY"}},
    {"Authorization": "Bearer KEY", "authToken": "KEY", "token": None},
    {"Authorization": "", "headers": {"Authorization": "Bearer KEY"}},
]


@pytest.mark.parametrize("payload", READ, ids=str)
def test_credentials_are_read_where_clients_put_them(desk: Desk, payload: Any) -> None:
    """Each form gives the rights of its key."""
    with opened(desk.server) as client:
        client.begin(filled(payload, desk.key))
        assert client.answer("1", ARTICLES) == {"articles": {"totalCount": 2}}


def test_credentials_of_the_handshake_count_if_the_message_has_none(desk: Desk) -> None:
    """A program that is no browser can send the header; an empty value does not undo it."""
    headers = {"Authorization": f"Bearer {desk.key}"}
    empty: list[Any] = [None, {}, {"Authorization": ""}, {"headers": {}}]
    for payload in empty:
        with opened(desk.server, additional_headers=headers) as client:
            client.begin(payload)
            assert client.answer("1", ARTICLES) == {"articles": {"totalCount": 2}}


REFUSED: list[Any] = [
    {"Authorization": "Bearer wrong"},
    {"Authorization": "Bearer undefined"},
    {"Authorization": "Bearer "},
    {"Authorization": "KEY"},
    {"Authorization": "Basic ZWQ6ZWQ="},
    {"Authorization": 1},
    {"Authorization": ["Bearer KEY"]},
    {"Authorization": {"token": "KEY"}},
    {"token": "undefined"},
    {"authToken": {"value": "KEY"}},
    {"auth": {"token": "KEY"}},
    {"apiKey": "other"},
    {"accessToken": "KEY"},
    {"access_token": "other"},
    {"x-api-key": "other"},
    {"jwt": "other"},
    {"headers": {"X-API-Key": "other"}},
    {"headers": [["Authorization", "Bearer KEY"]]},
    {"headers": [{"name": "authorization", "value": "Bearer KEY"}]},
    {"headers": {"headers": {"Authorization": "Bearer KEY"}}},
    {"http": {"headers": {"Authorization": "Bearer KEY"}}},
    {"context": {"authToken": "KEY"}},
    {"mine": "KEY"},
    {"mine": ["Bearer KEY"]},
    {"mine": {"yours": "Basic ZWQ6ZWQ="}},
    {"Authorization": "Bearer KEY", "authToken": "other"},
    {"Authorization": "Bearer KEY", "apiKey": "other"},
]


@pytest.mark.parametrize("payload", REFUSED, ids=str)
def test_credentials_that_are_not_read_close_with_4403(desk: Desk, payload: Any) -> None:
    """They are never taken for those of nobody, and the reason says what to send."""
    headers = {"Authorization": f"Bearer {desk.key}"}  # what the message says counts
    for options in ({}, {"additional_headers": headers}):
        with opened(desk.server, **options) as client:
            client.send("connection_init", payload=filled(payload, desk.key))
            messages, code, reason = client.to_the_end()
        assert (messages, code) == ([], 4403)
        assert reason.startswith("Forbidden: ")
        assert any(word in reason for word in ("Bearer KEY", "unknown, revoked", "send one"))
        assert desk.key not in reason


ABSENT: list[Any] = [
    None,
    {},
    {"Authorization": ""},
    {"Authorization": " "},
    {"authorization": None},
    {"headers": {"Authorization": ""}},
    {"headers": None},
    {"authToken": None, "token": ""},
    {"auth": {}, "apiKey": None, "jwt": ""},
    {"client": "web", "headers": {"x-csrf-token": "a", "accept-language": "en"}, "author": "Ed"},
]


@pytest.mark.parametrize("payload", ABSENT, ids=str)
def test_empty_credentials_are_none(desk: Desk, payload: Any) -> None:
    """A logged-out app is served as an anonymous client, where these are served."""
    with opened(desk.server) as client:
        if desk.anonymous:
            client.begin(payload)
            assert client.answer("1", ARTICLES) == {"articles": {"totalCount": 1}}
        else:
            client.send("connection_init", payload=payload)
            code, reason = client.closed()
            assert (code, "requires a key" in reason) == (4403, True)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "headers", "token", "Authorization", "auth"]), inner
        )
    ),
)


@given(json, st.sampled_from(["ng_0a_secret", "Bearer x", "Basic eDp5"]), st.data())
def test_credentials_anywhere_in_a_payload_are_read_or_refused(value, credentials, data) -> None:
    """No payload with credentials in it passes as one without."""
    payload = data.draw(placed(value, credentials))
    scope: Any = {"headers": []}
    try:
        [(name, _)] = with_authorization(scope, payload)["headers"]
    except UnauthenticatedError:
        return
    assert name == b"authorization"


@st.composite
def placed(draw: Any, value: Any, credentials: str) -> dict[str, Any]:
    """A payload with a value, and credentials at some depth."""
    inner: Any = credentials
    names = st.sampled_from(["a", "headers", "token", "Bearer", ""])
    for name in draw(st.lists(names, max_size=4)):
        inner = draw(st.sampled_from([{name: inner}, [inner], {"a": value, name: inner}]))
    return {"z": value, "b": inner}


@pytest.mark.parametrize(
    "payload",
    [
        {str(number): "" for number in range(MAX_MEMBERS + 1)},
        {"a": [0] * (MAX_MEMBERS + 1)},
        {"a": [{"b": 1}] * MAX_MEMBERS},
    ],
    ids=["members", "items", "objects"],
)
def test_payload_of_too_many_members_is_refused(payload: Any) -> None:
    """Each is looked at, so their number has a limit."""
    with pytest.raises(SocketClosed, match="more than 1000 members"):
        with_authorization({"headers": []}, payload)
