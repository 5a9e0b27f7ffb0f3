"""Rate limits of keys and addresses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from websockets.sync.client import connect

from gql.access import RateLimiter
from gql.access.rate_limit_middleware import RateLimitMiddleware
from gql.errors import RateLimitedError
from gql.http import Application
from gql.identity.viewer import PUBLIC, Viewer
from gql.settings import SettingsError, load_settings
from tests.conftest import SEEDS
from tests.gql.realtime.test_websocket import PROTOCOL, Client
from tests.support.auth_client import (
    add_key,
    auth_app,
    auth_client,
    bearer_header,
    error_code,
    post_query,
)
from tests.support.server_process import TIMEOUT_S, ServerProcess, run_newsgraph

QUERY = "{ __typename }"


def is_allowed(limiter: RateLimiter, address: str = "", viewer: Viewer | None = PUBLIC) -> bool:
    """Count a request: whether it is within the rate limit."""
    try:
        limiter.count(viewer, {"client": (address, 1)} if address else {})
    except RateLimitedError:
        return False
    return True


def test_requests_over_the_rate_limit_are_refused(tmp_path):
    """429 with a code and `Retry-After`; each response has the remaining requests."""
    client = auth_client(tmp_path, rate_limit="2/hour")
    remaining = [post_query(client, QUERY).headers["ratelimit"].split(";")[1] for _ in range(2)]
    assert remaining == ["r=1", "r=0"]
    refused = post_query(client, QUERY)
    assert (refused.status_code, error_code(refused)) == (429, "RATE_LIMITED")
    wait_s = int(refused.headers["retry-after"])
    assert 3_590 <= wait_s <= 3_600
    assert f"Try again in {wait_s} s" in refused.text
    assert refused.headers["ratelimit"] == f'"default";r=0;t={wait_s}'
    assert refused.headers["ratelimit-policy"] == '"default";q=2;w=3600'


RESPONSE = "application/graphql-response+json"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "application/json"),
        (f"{RESPONSE},application/json;q=0.9", RESPONSE),
        (f"application/json;q=0.9, {RESPONSE}", RESPONSE),
        (f"{RESPONSE};q=0.1,application/json", "application/json"),
    ],
)
def test_refusal_has_the_media_type_that_the_client_prefers(tmp_path, accept, media_type):
    """Apollo Client reads the error of a 401 or 429 only in the type that it prefers."""
    headers = {} if accept is None else {"accept": accept}
    with run_newsgraph(
        str(SEEDS), "--store", "store.json", "--rate-limit", "2/hour", folder=tmp_path
    ) as server:
        url = f"{server.url}/graphql"
        with httpx2.Client(headers=headers) as client:
            if accept is None:
                del client.headers["accept"]
            query = {"query": QUERY}
            unknown = client.post(url, json=query, headers={"authorization": "Bearer x"})
            allowed = client.post(url, json=query)
            refused = [client.post(url, json=query) for _ in range(2)]
    assert [unknown.status_code, *(each.status_code for each in refused)] == [401, 429, 429]
    assert allowed.status_code == (406 if accept == "text/csv" else 200)
    for response in (unknown, *refused):
        assert response.headers["content-type"] == f"{media_type}; charset=utf-8"


def test_refusal_of_the_sync_form_has_the_same_media_type():
    """The fast path of the server has the header fields as bytes."""
    limiter = RateLimiter("1/hour")
    middleware = RateLimitMiddleware(cast("Application", None), limiter)  # it is not reached
    scope = {"type": "http", "client": ("198.51.100.1", 1), "state": {"viewer": PUBLIC}}
    limiter.count(PUBLIC, scope)
    reply = middleware.respond_sync(scope, {b"accept": RESPONSE.encode()}, b"")
    assert reply is not None
    assert dict(reply.headers())[b"content-type"] == f"{RESPONSE}; charset=utf-8".encode()


def test_rate_limit_is_shared_by_all_paths(tmp_path):
    """Feeds and pages count like queries; health checks do not count."""
    with auth_client(tmp_path, rate_limit="3/hour") as client:
        for path in ("/feed.xml", "/", "/metrics", "/healthz", "/readyz", "/schema.graphql"):
            assert client.get(path).status_code == 200
        assert (
            post_query(client, QUERY).status_code == client.get("/sitemap.xml").status_code == 429
        )


def test_rate_is_counted_for_each_address_and_key(tmp_path):
    """Clients do not affect each other; a key is one client at every address."""
    server = auth_app(tmp_path, rate_limit="1/hour")
    near, far = (TestClient(server, client=(f"192.0.2.{n}", 1)) for n in (1, 2))
    one, two = add_key(tmp_path, name="one"), add_key(tmp_path, name="two")
    answers = [
        post_query(near, QUERY),
        post_query(far, QUERY),
        post_query(near, QUERY, one),
        post_query(near, QUERY, two),
        post_query(far, QUERY, one),
        post_query(near, QUERY),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2


def test_failed_authentications_count_for_the_address(tmp_path):
    """So guessing keys is limited, too."""
    client = auth_client(tmp_path, rate_limit="2/hour")
    statuses = [
        client.get("/feed.xml", headers=bearer_header(f"ng_{n}")).status_code for n in range(3)
    ]
    assert statuses == [401, 401, 429]
    assert post_query(client, QUERY).status_code == 429
    assert post_query(client, QUERY, add_key(tmp_path)).status_code == 200


def test_rate_is_not_limited_unless_set(tmp_path):
    """There are no rate-limit headers either."""
    client = auth_client(tmp_path)
    assert all("ratelimit" not in post_query(client, QUERY).headers for _ in range(5))


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
def test_rate_limit_counts_an_ipv6_network_as_one_address(one, other, is_same):
    """Of 64 bits; an IPv4-mapped address counts as its IPv4 address."""
    limiter = RateLimiter("1/hour")
    assert is_allowed(limiter, one)
    assert is_allowed(limiter, other) is not is_same


@given(st.lists(st.integers(0, 300), max_size=200), st.integers(1, 20))
def test_number_of_windows_is_bounded(addresses, bound):
    """Memory is bounded for any number of clients; the least recently used is evicted."""
    limiter = RateLimiter("1/hour", max_tracked=bound)
    assert is_allowed(limiter, "192.0.2.1")
    for number in addresses:
        is_allowed(limiter, f"198.51.{number // 100}.{number % 100}")
        assert bound == 1 or not is_allowed(limiter, "192.0.2.1")
    assert len(limiter) <= bound


@given(st.lists(st.sampled_from([0, 0.5, 3, 9.5, 10, 25])), st.integers(1, 4))
def test_window_begins_with_a_request(pauses, quota):
    """The next window begins with the first request after its end."""
    now, began, requests = 0.0, 0.0, 0
    limiter = RateLimiter(f"{quota}/10 seconds", clock=lambda: now)
    for pause in (0, *pauses):
        now += pause
        if now >= began + 10:
            began, requests = now, 0
        assert is_allowed(limiter) is (requests < quota)
        requests += 1


def test_clock_that_is_set_back_does_not_lengthen_the_wait(monkeypatch):
    """`Retry-After` is never longer than the window."""
    limiter = RateLimiter("1/hour")
    assert is_allowed(limiter)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    with pytest.raises(RateLimitedError) as caught:
        limiter.count(PUBLIC, {})
    assert 0 < int(dict(caught.value.headers)[b"retry-after"]) <= 3_600


def test_key_and_token_of_one_name_are_two_clients():
    """A token's subject cannot use up the requests of a key."""
    limiter = RateLimiter("1/hour")
    assert is_allowed(limiter, viewer=Viewer(name="ada"))
    assert is_allowed(limiter, viewer=Viewer(name="jwt:ada"))
    assert is_allowed(limiter, "ada")
    assert not is_allowed(limiter, viewer=Viewer(name="ada"))


ONE, TWO, THREE = "198.51.100.1", "198.51.100.2", "198.51.100.3"


def status_for(server: ServerProcess, forwarded_for: str) -> int:
    """The status of a query with this X-Forwarded-For header."""
    headers = {"x-forwarded-for": forwarded_for}
    return httpx2.post(
        f"{server.url}/graphql", json={"query": QUERY}, headers=headers, timeout=TIMEOUT_S
    ).status_code


def test_rate_counts_the_client_of_a_trusted_proxy(tmp_path):
    """By the address that the proxy adds, not by one that the client claims."""
    options = (
        "--store",
        "store.json",
        "--rate-limit",
        "1/hour",
        "--trusted-proxies",
        "127.0.0.0/8,203.0.113.7",
    )
    with run_newsgraph(str(SEEDS), *options, folder=tmp_path) as server:
        assert [status_for(server, client) for client in (ONE, TWO, ONE, TWO)] == [200, 200] + [
            429
        ] * 2
        assert status_for(server, f"{THREE}, {ONE}") == 429  # a proxy writes what it knows last
        assert status_for(server, f"{THREE}, {ONE}, 203.0.113.7") == 429  # two proxies
        with socket(server, THREE) as client:
            client.answer("1", QUERY)
        assert status_for(server, THREE) == 429


def test_forwarded_header_of_an_untrusted_client_is_ignored(tmp_path):
    """It counts by its own address."""
    options = (
        "--store",
        "store.json",
        "--rate-limit",
        "1/hour",
        "--trusted-proxies",
        "203.0.113.7",
    )
    with run_newsgraph(str(SEEDS), *options, folder=tmp_path) as server:
        assert [status_for(server, claimed) for claimed in (ONE, TWO)] == [200, 429]
        with socket(server, THREE) as client:
            client.subscribe("1", QUERY)
            assert client.receive()["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


@contextmanager
def socket(server: ServerProcess, forwarded_for: str) -> Iterator[Client]:
    """An acknowledged WebSocket with this X-Forwarded-For header."""
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
def test_rate_has_a_number_and_a_period(rate):
    """As the documentation writes it."""
    limiter = RateLimiter(str(load_settings({"rate_limit": rate}).rate_limit))
    assert is_allowed(limiter)


@pytest.mark.parametrize("rate", ["", "600", "0/minute", "many", "1/fortnight", "1/minute;2/hour"])
def test_invalid_rate_is_refused(rate):
    """At the start, with an example."""
    with pytest.raises(SettingsError, match="600/minute"):
        load_settings({"rate_limit": rate})
