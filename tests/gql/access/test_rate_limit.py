"""How many requests each key and each address may make."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from websockets.sync.client import connect

from gql.access import RateLimiter
from gql.errors import RateLimitedError
from gql.identity.viewer import PUBLIC, Viewer
from gql.settings import SettingsError, load_settings
from tests.conftest import SEEDS
from tests.gql.realtime.test_websocket import PROTOCOL, Client
from tests.support.auth_client import app, ask, bearer, code, door, key
from tests.support.processes import TIMEOUT_S, Running, newsgraph

QUERY = "{ __typename }"


def counted(limiter: RateLimiter, address: str = "", viewer: Viewer | None = PUBLIC) -> bool:
    """Whether one more request is let through."""
    try:
        limiter.count(viewer, {"client": (address, 1)} if address else {})
    except RateLimitedError:
        return False
    return True


def test_requests_over_the_rate_are_refused_with_the_time_to_wait(tmp_path):
    """429 with a code and headers that say when; what was left is told all along."""
    client = door(tmp_path, rate_limit="2/hour")
    left = [ask(client, QUERY).headers["ratelimit"].split(";")[1] for _ in range(2)]
    assert left == ["r=1", "r=0"]
    refused = ask(client, QUERY)
    assert (refused.status_code, code(refused)) == (429, "RATE_LIMITED")
    wait_s = int(refused.headers["retry-after"])
    assert 3_590 <= wait_s <= 3_600
    assert f"Try again in {wait_s} s" in refused.text
    assert refused.headers["ratelimit"] == f'"default";r=0;t={wait_s}'
    assert refused.headers["ratelimit-policy"] == '"default";q=2;w=3600'


def test_rate_is_one_for_all_doors(tmp_path):
    """Feeds and pages count like queries; what tells of the server's health does not."""
    with door(tmp_path, rate_limit="3/hour") as client:
        for path in ("/feed.xml", "/", "/metrics", "/healthz", "/readyz", "/schema.graphql"):
            assert client.get(path).status_code == 200
        assert ask(client, QUERY).status_code == client.get("/sitemap.xml").status_code == 429


def test_rate_is_counted_for_each_address_and_key(tmp_path):
    """One who asks too much takes nothing from the others; a key is one wherever it is used."""
    server = app(tmp_path, rate_limit="1/hour")
    near, far = (TestClient(server, client=(f"192.0.2.{n}", 1)) for n in (1, 2))
    one, two = key(tmp_path, name="one"), key(tmp_path, name="two")
    answers = [
        ask(near, QUERY),
        ask(far, QUERY),
        ask(near, QUERY, one),
        ask(near, QUERY, two),
        ask(far, QUERY, one),
        ask(near, QUERY),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2


def test_rate_counts_keys_that_are_not_good(tmp_path):
    """Who tries keys is counted by address, and refused like anybody."""
    client = door(tmp_path, rate_limit="2/hour")
    tries = [client.get("/feed.xml", headers=bearer(f"ng_{n}")).status_code for n in range(3)]
    assert tries == [401, 401, 429]
    assert ask(client, QUERY).status_code == 429
    assert ask(client, QUERY, key(tmp_path)).status_code == 200


def test_rate_is_not_limited_unless_set(tmp_path):
    """No header and no end."""
    client = door(tmp_path)
    assert all("ratelimit" not in ask(client, QUERY).headers for _ in range(5))


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("testclient", "testclient", True),
        ("", "", True),
    ],
)
def test_rate_counts_a_household_as_one(one, other, is_same):
    """An IPv6 network has more addresses than could be counted; IPv4 in it is IPv4."""
    limiter = RateLimiter("1/hour")
    assert counted(limiter, one)
    assert counted(limiter, other) is not is_same


@given(st.lists(st.integers(0, 300), max_size=200), st.integers(1, 20))
def test_addresses_are_tracked_within_a_bound(addresses, bound):
    """However many come: memory is bounded, and who keeps asking is not forgotten."""
    limiter = RateLimiter("1/hour", max_tracked=bound)
    assert counted(limiter, "192.0.2.1")
    for number in addresses:
        counted(limiter, f"198.51.{number // 100}.{number % 100}")
        assert bound == 1 or not counted(limiter, "192.0.2.1")
    assert len(limiter) <= bound


@given(st.lists(st.sampled_from([0, 0.5, 3, 9.5, 10, 25])), st.integers(1, 4))
def test_rate_is_counted_in_windows_that_begin_with_a_request(pauses, quota):
    """Each lets so many through, for so long; the next begins with the first request after it."""
    now, began, requests = 0.0, 0.0, 0
    limiter = RateLimiter(f"{quota}/10 seconds", clock=lambda: now)
    for pause in (0, *pauses):
        now += pause
        if now >= began + 10:
            began, requests = now, 0
        assert counted(limiter) is (requests < quota)
        requests += 1


def test_system_clock_that_is_set_back_locks_nobody_out(monkeypatch):
    """The time to wait is never longer than the window."""
    limiter = RateLimiter("1/hour")
    assert counted(limiter)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    with pytest.raises(RateLimitedError) as caught:
        limiter.count(PUBLIC, {})
    assert 0 < int(dict(caught.value.headers)[b"retry-after"]) <= 3_600


def test_key_and_token_of_one_name_are_two():
    """A token's subject cannot use up the requests of a key."""
    limiter = RateLimiter("1/hour")
    assert counted(limiter, viewer=Viewer(name="ada"))
    assert counted(limiter, viewer=Viewer(name="jwt:ada"))
    assert counted(limiter, "ada")
    assert not counted(limiter, viewer=Viewer(name="ada"))


ONE, TWO, THREE = "198.51.100.1", "198.51.100.2", "198.51.100.3"


def status_for(server: Running, forwarded_for: str) -> int:
    """The status of a query that says whom it was sent for."""
    headers = {"x-forwarded-for": forwarded_for}
    return httpx2.post(
        f"{server.url}/graphql", json={"query": QUERY}, headers=headers, timeout=TIMEOUT_S
    ).status_code


def test_rate_counts_the_client_of_a_trusted_proxy(tmp_path):
    """Each client for itself, by what the proxy says of it and not by what it says of itself."""
    options = (
        "--store",
        "store.json",
        "--rate-limit",
        "1/hour",
        "--trusted-proxies",
        "127.0.0.0/8,203.0.113.7",
    )
    with newsgraph(str(SEEDS), *options, folder=tmp_path) as server:
        assert [status_for(server, client) for client in (ONE, TWO, ONE, TWO)] == [200, 200] + [
            429
        ] * 2
        assert status_for(server, f"{THREE}, {ONE}") == 429  # a proxy writes what it knows last
        assert status_for(server, f"{THREE}, {ONE}, 203.0.113.7") == 429  # two proxies
        with socket(server, THREE) as client:
            client.answer("1", QUERY)
        assert status_for(server, THREE) == 429


def test_rate_counts_who_is_no_trusted_proxy_itself(tmp_path):
    """Whoever else sends X-Forwarded-For is counted where it comes from, and gains nothing."""
    options = (
        "--store",
        "store.json",
        "--rate-limit",
        "1/hour",
        "--trusted-proxies",
        "203.0.113.7",
    )
    with newsgraph(str(SEEDS), *options, folder=tmp_path) as server:
        assert [status_for(server, claimed) for claimed in (ONE, TWO)] == [200, 429]
        with socket(server, THREE) as client:
            client.subscribe("1", QUERY)
            assert client.receive()["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


@contextmanager
def socket(server: Running, forwarded_for: str) -> Iterator[Client]:
    """An acknowledged WebSocket that says whom it is for."""
    with connect(
        f"{server.url.replace('http', 'ws')}/graphql",
        subprotocols=[PROTOCOL],
        additional_headers={"X-Forwarded-For": forwarded_for},
        open_timeout=TIMEOUT_S,
    ) as connection:
        client = Client(connection)
        client.begin()
        yield client


@pytest.mark.parametrize("rate", ["10/second", "600/minute", "1 per hour", "600/5 minutes"])
def test_rate_is_written_for_people(rate):
    """A number, and of how much time."""
    limiter = RateLimiter(str(load_settings({"rate_limit": rate}).rate_limit))
    assert counted(limiter)


@pytest.mark.parametrize("rate", ["", "600", "0/minute", "many", "1/fortnight", "1/minute;2/hour"])
def test_rate_that_cannot_be_read_is_refused(rate):
    """At the start, with how to write it."""
    with pytest.raises(SettingsError, match="600/minute"):
        load_settings({"rate_limit": rate})
