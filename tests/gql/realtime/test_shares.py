"""Fair shares of subscriptions and WebSockets: no client takes the whole capacity."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gql.access import KeyFile
from gql.composition.app import create_app
from gql.errors import CapacityError
from gql.identity.client import Client, client_of
from gql.identity.viewer import Permission, Viewer
from gql.realtime.capacity_limiter import CapacityLimiter
from gql.settings import Settings
from store import MemoryRepository
from tests.gql.realtime.test_sse import asked
from tests.gql.realtime.test_websocket import CHANGES, opened
from tests.gql.realtime.test_websocket import Client as WebSocketClient
from tests.support.live_server import LiveServer, run_server

ONE = "192.0.2.1"
QUERY = "{ articles { totalCount } }"
SMALL: dict[str, Any] = {
    "max_subscriptions": 20,
    "max_websockets": 20,
    "max_per_client": 4,
    "max_per_socket": 4,
}


def of(address: str) -> dict[str, str]:
    """The headers with which the proxy on this machine forwards the address of a client."""
    return {"x-forwarded-for": address}


@contextmanager
def socket(server: LiveServer, address: str, key: str | None = None) -> Iterator[WebSocketClient]:
    """An initialised WebSocket of a client at an address."""
    with opened(server, additional_headers=of(address)) as client:
        client.begin({"authorization": f"Bearer {key}"} if key else None)
        yield client


def subscribed(client: WebSocketClient, id: str) -> bool:
    """Whether a subscription has started."""
    client.subscribe(id, CHANGES)
    client.send("ping")
    message = client.receive()
    if message["type"] == "pong":
        return True
    assert client.receive()["type"] == "pong"
    assert message["payload"][0]["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
    return False


def take_all(server: LiveServer, held: ExitStack, address: str, key: str | None = None) -> int:
    """Open sockets, subscriptions and event streams up to the limits; returns their number."""
    count = 0
    with suppress(InvalidStatus, ConnectionClosed):
        for _ in range(10):
            client = held.enter_context(socket(server, address, key))
            count += sum(subscribed(client, str(id)) for id in range(4))
    headers = of(address) | ({"authorization": f"Bearer {key}"} if key else {})
    for _ in range(10):
        stream = held.enter_context(asked(server, CHANGES, headers=headers))
        count += stream.response.status_code == 200
    return count


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    """A server with a small capacity."""
    settings = Settings(keys=tmp_path / "keys.json", **SMALL)
    with run_server(create_app(settings, MemoryRepository())) as server:
        yield server


def served(server: LiveServer, address: str, key: str | None = None) -> dict[str, bool]:
    """The results of a new client."""
    given = dict.fromkeys(("query", "subscription", "stream"), False)
    headers = of(address) | ({"authorization": f"Bearer {key}"} if key else {})
    with suppress(InvalidStatus, ConnectionClosed), socket(server, address, key) as client:
        client.answer("q", QUERY)
        given["query"] = True
        given["subscription"] = subscribed(client, "s")
    with asked(server, CHANGES, headers=headers) as stream:
        given["stream"] = stream.response.status_code == 200
    return given


@pytest.mark.parametrize("who", ["address", "key"])
def test_client_that_takes_all_it_can_leaves_room_for_others(server, tmp_path, who):
    """A client gets its share, over sockets and event streams together, and no more."""
    keys = KeyFile(tmp_path / "keys.json")
    one, other = (keys.add(name, [Permission.READ_DRAFTS])[0] for name in ("one", "other"))
    with ExitStack() as held:
        taken = take_all(server, held, ONE, one if who == "key" else None)
        assert taken == SMALL["max_per_client"]
        assert all(served(server, "192.0.2.2").values())
        assert all(served(server, "192.0.2.3", other).values())


def test_clients_without_a_key_leave_the_last_fifth_to_those_with_one(server, tmp_path):
    """A fifth of the capacity is reserved for clients with a key."""
    key, _ = KeyFile(tmp_path / "keys.json").add("one", [Permission.READ_DRAFTS])
    with ExitStack() as held:
        taken = sum(take_all(server, held, f"192.0.2.{number}") for number in range(8))
        assert taken == SMALL["max_subscriptions"] * 4 // 5
        assert served(server, "198.51.100.1")["subscription"] is False
        assert served(server, "198.51.100.1")["stream"] is False
        assert all(served(server, "198.51.100.1", key).values())


def test_query_over_an_open_socket_needs_no_place(server):
    """Queries and mutations do not count against the limit of subscriptions."""
    with ExitStack() as held, socket(server, ONE) as client:
        take_all(server, held, ONE)
        client.answer("q", QUERY)


def test_refusals_say_who_may_have_how_many_and_when_to_come_again(server):
    """A used-up share gets 429 with Retry-After, and is counted in the metrics."""
    with ExitStack() as held:
        take_all(server, held, ONE)
        with asked(server, CHANGES, headers=of(ONE)) as refused:
            response = refused.response
            assert response.status_code == 429
            assert int(response.headers["retry-after"]) > 0
            error = json.loads(response.read())["errors"][0]
            assert "Each address may have 4 subscriptions" in error["message"]
        with pytest.raises(InvalidStatus) as raised, opened(server, additional_headers=of(ONE)):
            pass
        denial = raised.value.response
        assert (denial.status_code, denial.headers["retry-after"]) == (429, "10")
        assert b"4 WebSockets" in (denial.body or b"")
        counts = refusals(server)
        assert counts["subscriptions", "client"] >= 1
        assert counts["websockets", "client"] >= 1


def test_socket_that_turns_out_to_have_no_place_is_closed_so_that_clients_come_again(server):
    """A client without a key in its first message may be closed with 1013."""
    with ExitStack() as held:
        for number in range(16):
            held.enter_context(socket(server, f"192.0.2.{number}"))
        with opened(server, additional_headers=of("198.51.100.1")) as late:
            late.send("connection_init")
            code, reason = late.closed()
        assert code == 1013
        assert "without a key" in reason
        assert refusals(server)["websockets", "anonymous"] == 1


def refusals(server: LiveServer) -> dict[tuple[str, str], float]:
    """The number of refusals by kind and limit."""
    text = httpx2.get(f"{server.url}/metrics").text
    return {
        (sample.labels["what"], sample.labels["bound"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "newsgraph_subscriptions_refused_total"
    }


CLIENTS = [Client("address", f"192.0.2.{n}") for n in range(4)] + [Client("key", k) for k in "ab"]


@given(
    st.integers(0, 30),
    st.integers(1, 10),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), st.booleans()), max_size=60),
)
def test_capacity_is_never_exceeded_and_comes_back_whole(maximum, share, steps):
    """No limit is ever exceeded, and all capacity is released in the end."""
    capacity = CapacityLimiter("things", "things", maximum, share)
    held: list[tuple[Client, int]] = []
    for who, amount, gives_back in steps:
        if gives_back and held:
            capacity.release(*held.pop(who % len(held)))
            continue
        client = CLIENTS[who]
        with suppress(CapacityError):
            capacity.acquire(client, amount)
            held.append((client, amount))
        by_client = {each: sum(n for c, n in held if c == each) for each in CLIENTS}
        assert capacity.in_use == sum(by_client.values()) <= maximum
        assert max(by_client.values()) <= share
        anonymous = sum(n for each, n in by_client.items() if each.is_anonymous)
        assert anonymous <= maximum - maximum // 5
    for each in held:
        capacity.release(*each)
    assert capacity.in_use == 0


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ((None, ONE), (None, ONE), True),
        ((None, ONE), (None, "192.0.2.2"), False),
        ((None, ONE), (None, "::ffff:192.0.2.1"), True),
        ((None, "2001:db8:1:2::1"), (None, "2001:db8:1:2:ffff::9"), True),
        ((None, "2001:db8:1:2::1"), (None, "2001:db8:1:3::1"), False),
        (("key:1:a", ONE), ("key:1:a", "192.0.2.2"), True),
        (("key:1:a", ONE), ("key:2:b", ONE), False),  # both named ada
        (("key:1:a", ONE), (None, ONE), False),
    ],
)
def test_client_is_its_key_else_its_address(one: Any, other: Any, is_same: bool):
    """A client is identified by its key, else by its address; of IPv6, by its network."""

    def client(id: str | None, address: str) -> Client:
        return client_of(Viewer(name=id and "ada", id=id), {"client": (address, 1)})

    assert (client(*one) == client(*other)) is is_same


MANY = " ".join("slug" for _ in range(600))
TOO_LARGE = [
    (f"subscription {{ changes {{ {MANY} }} }}", {}),
    ("subscription ($f: ArticleFilter) { changes(filter: $f) { at } }", {"contains": "x" * 70_000}),
    ("subscription ($f: ArticleFilter) { changes(filter: $f) { at } }", {"in": ["x"] * 1_000}),
    (CHANGES, {"startsWith": "x", "unknown": [[]] * 2_000}),
]


@pytest.mark.parametrize(("query", "condition"), TOO_LARGE)
def test_subscription_that_would_take_much_memory_is_refused(server, query, condition):
    """The size of a subscription is limited, because it is held for long."""
    variables = {"f": {"or": [{"slug": condition}] * 2}}
    with socket(server, ONE) as client:
        client.subscribe("s", query, variables=variables)
        [error] = client.receive()["payload"]
        assert error["extensions"]["code"] == "SUBSCRIPTION_TOO_LARGE"
        assert "at most 131072 are allowed" in error["message"]
        client.answer("q", QUERY)
    headers = of(ONE)
    with asked(server, query, headers=headers, variables=variables) as stream:
        assert stream.response.status_code == 400
        assert b"SUBSCRIPTION_TOO_LARGE" in stream.response.read()


def test_subscriptions_of_a_client_may_cost_together_what_one_request_may(tmp_path):
    """The cost limit applies to the sum of a client's subscriptions."""
    settings = Settings(max_cost=1_000, store=tmp_path / "store.json")
    dear = "subscription { changes { article { related { article { id slug title url } } } } }"
    with (
        run_server(create_app(settings, MemoryRepository())) as server,
        socket(server, ONE) as client,
    ):
        count = 0
        while True:
            client.subscribe(str(count), dear)
            client.send("ping")
            if (message := client.receive())["type"] == "error":
                break
            count += 1
        assert 5 < count < 30
        assert "1000 units of cost" in message["payload"][0]["message"]
        assert client.receive()["type"] == "pong"
        with socket(server, "192.0.2.2") as other:
            assert subscribed(other, "s")
        client.send("complete", id="0")
        client.send("complete", id="1")
        assert subscribed(client, "again")
        assert refusals(server)["subscription_costs", "client"] == 1


def test_filter_of_a_subscription_is_no_search():
    """A filter costs little in a subscription: it is evaluated on one article at a time."""
    settings = Settings(max_cost=1_000)
    condition = {"or": [{"excerpt": {"contains": f"needle {n}"}} for n in range(50)]}
    query = "subscription ($f: ArticleFilter) { changes(filter: $f) { slug } }"
    with (
        run_server(create_app(settings, MemoryRepository())) as server,
        socket(server, ONE) as client,
    ):
        client.subscribe("s", query, variables={"f": condition})
        client.send("ping")
        assert client.receive() == {"type": "pong"}
