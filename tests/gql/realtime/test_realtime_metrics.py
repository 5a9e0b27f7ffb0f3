"""Metrics of subscriptions: their number, their events, and disconnected slow clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gql.composition.app import App, create_app
from gql.settings import load_settings
from store import MemoryRepository
from tests.gql.realtime.test_sse import asked
from tests.gql.realtime.test_websocket import CHANGES, opened, put
from tests.gql.telemetry.test_metrics import scraper
from tests.support.live_server import LiveServer, run_server, wait_until

Server = tuple[LiveServer, MemoryRepository]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of an empty store that waits a second for slow clients, and the store."""
    repository = MemoryRepository()
    chosen = load_settings({"send_timeout_s": 1, "store": tmp_path / "store.json"})
    with run_server(create_app(chosen, repository)) as live:
        yield live, repository


def value(server: LiveServer, name: str, transport: str | None = None) -> float:
    """A sample of the metrics; 0 where it is not there."""
    app = cast("App", server.config.app)
    headers = scraper(app.settings.keys_path)
    text = httpx2.get(f"{server.url}/metrics", headers=headers).text
    labels = {"transport": transport} if transport else {}
    found = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if (sample.name, sample.labels) == (name, labels)
    ]
    return found[0] if found else 0


def ended(server: LiveServer) -> None:
    """Wait until all connections have ended."""
    realtime = server.config.app.realtime  # type: ignore[union-attr]  # an `App`
    server.run_in_loop(wait_until(lambda: not realtime.connections))


def test_metrics_tell_how_many_websockets_and_subscriptions_there_are(server: Server) -> None:
    """As they come and go; a query over a socket is no subscription."""
    live, _ = server
    with opened(live) as one, opened(live) as other, asked(live, CHANGES):
        for client in (one, other):
            client.begin()
        one.subscribe("a", CHANGES)
        one.subscribe("b", CHANGES)
        one.answer("q", "{ __typename }")
        assert value(live, "newsgraph_websockets") == 2
        assert value(live, "newsgraph_subscriptions", "websocket") == 2
        assert value(live, "newsgraph_subscriptions", "sse") == 1
    ended(live)
    assert value(live, "newsgraph_websockets") == 0
    assert value(live, "newsgraph_subscriptions", "websocket") == 0
    assert value(live, "newsgraph_subscriptions", "sse") == 0


def test_metrics_count_the_events_that_subscribers_took(server: Server) -> None:
    """Each event once for each subscriber."""
    live, repository = server
    with opened(live) as client, asked(live, CHANGES) as events:
        client.begin()
        client.subscribe("a", CHANGES)
        client.subscribe("b", CHANGES)
        client.answer("q", "{ __typename }")
        put(live, repository, "one", "two")
        for _ in range(4):
            client.receive()
        events.slugs(2)
    ended(live)
    assert value(live, "newsgraph_subscription_events_total", "websocket") == 4
    assert value(live, "newsgraph_subscription_events_total", "sse") == 2


def test_metrics_count_clients_that_were_too_slow(server: Server) -> None:
    """Once for each connection, however many subscriptions were on it."""
    live, repository = server
    query = "subscription { changes { article { content } } }"
    with opened(live, max_queue=1, compression=None) as client, asked(live, query):
        client.begin()
        client.subscribe("a", query)
        client.subscribe("b", query)
        client.answer("q", "{ __typename }")
        for number in range(100):
            put(live, repository, f"n{number}", content="x" * 100_000)
        ended(live)
        assert value(live, "newsgraph_slow_clients_total", "websocket") == 1
        assert value(live, "newsgraph_slow_clients_total", "sse") == 1


def test_metrics_do_not_take_who_leaves_for_slow(server: Server) -> None:
    """Who goes in the middle of things is counted nowhere."""
    live, repository = server
    with opened(live) as client, asked(live, CHANGES):
        client.begin()
        client.subscribe("a", CHANGES)
    put(live, repository, "one")
    ended(live)
    assert value(live, "newsgraph_slow_clients_total", "websocket") == 0
    assert value(live, "newsgraph_slow_clients_total", "sse") == 0
