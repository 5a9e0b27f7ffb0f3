"""GraphQL over server-sent events, distinct connections mode, as bytes on the wire.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gql.access import KeyFile
from gql.composition.app import create_app
from gql.identity.viewer import Permission
from gql.settings import Settings
from store import Batch, MemoryRepository
from tests.support.cursors import KEY, change_cursor, revision_of
from tests.support.factories import article
from tests.support.live_server import LiveServer, run_server, wait_until

STREAM = {"accept": "text/event-stream"}
CHANGES = "subscription ($after: String) { changes(after: $after) { cursor kind slug } }"
# As urql sends it with every operation.
ANYTHING = (
    "application/graphql-response+json, application/graphql+json, application/json, "
    "text/event-stream, multipart/mixed"
)


class Events:
    """The events of a response, one by one, as browsers read them.

    Attributes:
        response: The response.
        last_id: The id that EventSource would send as Last-Event-ID.
    """

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self.last_id = ""
        self._lines = response.iter_lines()

    def block(self) -> list[str]:
        """The lines to the next empty one; none at the end of the stream."""
        lines = []
        for line in self._lines:
            if not line:
                break
            lines.append(line)
        return lines

    def next(self) -> dict[str, str]:
        """The fields of the next event with data; an id alone is noted, comments are skipped."""
        fields: dict[str, str] = {}
        while "data" not in fields and (lines := self.block()):
            parts = (line.partition(":") for line in lines)
            fields = {name: value.strip() for name, _, value in parts}
            self.last_id = fields.get("id", self.last_id)
        return fields

    def answer(self) -> Any:
        """The result in the next event, which is a `next`."""
        event = self.next()
        assert event["event"] == "next"
        return json.loads(event["data"])

    def slugs(self, count: int) -> list[str]:
        """The slugs of the next changes."""
        changes = [self.answer()["data"]["changes"] for _ in range(count)]
        return [change["slug"].removeprefix("2026-03-01-") for change in changes]


@contextmanager
def asked(server: LiveServer, query: str, method: str = "POST", **options: Any) -> Iterator[Events]:
    """The event stream of an operation."""
    variables = options.pop("variables", {})
    headers = {**STREAM, **options.pop("headers", {})}
    if method == "POST":
        options["json"] = {"query": query, "variables": variables}
    else:
        options["params"] = {"query": query, "variables": json.dumps(variables)}
    url = f"{server.url}/graphql"
    with httpx2.stream(method, url, headers=headers, timeout=10, **options) as response:
        yield Events(response)


@pytest.fixture
def repository() -> MemoryRepository:
    """An empty store."""
    return MemoryRepository(cursor_key=KEY)


@pytest.fixture
def server(repository: MemoryRepository) -> Iterator[LiveServer]:
    """A server of that store, with default settings."""
    with run_server(create_app(Settings(), repository)) as server:
        yield server


def serving(**settings: Any):
    """A server of an empty store with these settings."""
    return run_server(create_app(Settings(**settings), MemoryRepository()))


def put(server: LiveServer, repository: MemoryRepository, *names: str, **fields: Any) -> None:
    """Write articles of these names."""
    server.run_in_loop(
        repository.apply(Batch(puts=tuple(article(name, **fields) for name in names)))
    )


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_stream_of_a_query_is_one_next_and_complete(server: LiveServer, method: str) -> None:
    """A query has one `next` event, then `complete`."""
    with asked(server, "{ articles { totalCount } }", method) as events:
        assert events.response.status_code == 200
        assert events.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert events.response.headers["cache-control"] == "no-store"
        assert events.next() == {
            "event": "next",
            "data": '{"data":{"articles":{"totalCount":0}}}',
        }
        assert events.next() == {"event": "complete", "data": ""}
        assert events.block() == []


@pytest.mark.parametrize(
    "query", ["{ nope }", "{", 'subscription { changes(after: "x") { kind } }']
)
def test_stream_tells_why_an_operation_is_not_executed(server: LiveServer, query: str) -> None:
    """Errors come as a `next` event, because browsers hide other responses."""
    with asked(server, query) as events:
        assert events.response.status_code == 200
        answer = events.answer()
        assert answer["errors"][0]["extensions"]["code"]
        assert "data" not in answer
        assert events.next()["event"] == "complete"


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_stream_tells_changes_as_they_happen(server, repository, method) -> None:
    """Missed changes come first, then new ones; each event has its cursor as id."""
    put(server, repository, "one", "two")
    first = server.run_in_loop(repository.snapshot()).history.bookmark(1)
    variables = {"after": change_cursor(first)}
    with asked(server, CHANGES, method, variables=variables) as events:
        event = events.next()
        change = json.loads(event["data"])["data"]["changes"]
        assert (event["id"], change["slug"][-3:]) == (change["cursor"], "two")
        put(server, repository, "three")
        assert events.slugs(1) == ["three"]


def test_stream_without_a_cursor_begins_before_its_headers_are_sent(server, repository) -> None:
    """No write after the headers is missed."""
    put(server, repository, "one")
    with asked(server, CHANGES) as events:
        put(server, repository, "two")
        assert events.slugs(1) == ["two"]


def test_stream_that_goes_on_with_another_filter_begins_with_a_gap(server, repository) -> None:
    """A cursor of another filter gives a gap first."""
    put(server, repository, "one")
    with asked(server, CHANGES, variables={"after": change_cursor()}) as events:
        last = events.next()["id"]
    hot = CHANGES.replace("after: $after", "after: $after, filter: {heat: {gte: 0}}")
    with asked(server, hot, "GET", headers={"last-event-id": last}) as events:
        event = events.next()
        change = json.loads(event["data"])["data"]["changes"]
        assert (change["kind"], change["slug"]) == ("GAP", None)
    with asked(server, hot, "GET", headers={"last-event-id": event["id"]}) as events:
        put(server, repository, "two")
        assert events.slugs(1) == ["two"]


def test_stream_goes_on_after_the_last_event_id(server, repository) -> None:
    """Last-Event-ID, which EventSource sends, takes precedence over variables."""
    put(server, repository, "one", "two", "three")
    variables = {"after": change_cursor()}
    with asked(server, CHANGES, "GET", variables=variables) as events:
        last = events.next()["id"]
    headers = {"last-event-id": last}
    with asked(server, CHANGES, "GET", variables=variables, headers=headers) as events:
        assert events.slugs(2) == ["two", "three"]


@pytest.mark.parametrize("filter", ["", "(filter: {heat: {gte: 5}})"])
def test_stream_has_an_id_before_its_first_event(server, repository, filter) -> None:
    """A connection that is lost before the first event resumes where it began."""
    query = f"subscription {{ changes{filter} {{ slug }} }}"
    put(server, repository, "one", heat=9)
    with asked(server, query, "GET") as events:
        [line] = events.block()
        name, _, first = line.partition(": ")
        assert name == "id"
    put(server, repository, "two", "three", heat=9)
    for _ in range(2):  # the second connection is lost before its first event, too
        with asked(server, query, "GET", headers={"last-event-id": first}) as events:
            assert events.block() == [f"id: {first}"]
    with asked(server, query, "GET", headers={"last-event-id": first}) as events:
        assert events.slugs(2) == ["two", "three"]
        assert events.last_id not in ("", first)


def test_stream_of_a_foreign_cursor_has_the_id_of_its_gap(server) -> None:
    """The cursor that was sent is no id: it is not ours, and text of the client."""
    with asked(server, CHANGES, "GET", headers={"last-event-id": "x" * 56}) as events:
        event = events.next()
        change = json.loads(event["data"])["data"]["changes"]
        assert (change["kind"], event["id"]) == ("GAP", change["cursor"])


def test_stream_of_a_query_has_no_id(server: LiveServer) -> None:
    """There is nothing to resume."""
    with asked(server, "{ changesCursor }") as events:
        events.next()
        assert events.last_id == ""


def test_stream_ids_of_the_public_do_not_move_with_drafts(server, repository) -> None:
    """The first id reveals no draft, and no change that a draft made."""
    put(server, repository, "one")
    with asked(server, CHANGES) as events:
        before = events.block()
    put(server, repository, "draft", published=False)
    with asked(server, CHANGES) as events:
        assert events.block() == before


def test_stream_is_kept_alive_by_comments() -> None:
    """An idle stream sends comments."""
    with serving(keep_alive_s=1) as server, asked(server, CHANGES) as events:
        assert events.block()[0].startswith("id: ")
        assert events.block() == [":"]


@pytest.mark.parametrize("accept", [ANYTHING, "*/*", "application/json, text/event-stream;q=0.5"])
def test_query_is_answered_as_json_where_that_is_as_welcome(server: LiveServer, accept) -> None:
    """A client that accepts both types equally gets JSON for a query."""
    body = {"query": "{ articles { totalCount } }"}
    response = httpx2.post(f"{server.url}/graphql", json=body, headers={"accept": accept})
    assert response.json() == {"data": {"articles": {"totalCount": 0}}}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_query_of_a_client_that_accepts_streams_too_can_be_cached(server, method) -> None:
    """A query has an ETag for a client that accepts streams for each operation, as urql does."""
    headers = {"accept": ANYTHING}
    query = {"query": "{ articles { totalCount } }"}
    content: dict[str, Any] = {"json": query} if method == "POST" else {"params": query}
    response = httpx2.request(method, f"{server.url}/graphql", headers=headers, **content)
    assert response.json()["data"]
    headers["if-none-match"] = response.headers["etag"]
    again = httpx2.request(method, f"{server.url}/graphql", headers=headers, **content)
    assert again.status_code == 304


def test_subscription_is_streamed_where_that_is_welcome_at_all(server, repository) -> None:
    """A subscription is streamed if the client accepts event streams at all."""
    with asked(server, CHANGES, headers={"accept": ANYTHING}) as events:
        put(server, repository, "one")
        assert events.slugs(1) == ["one"]


def test_subscription_by_plain_post_is_refused_with_the_ways_that_work(server: LiveServer) -> None:
    """The error names both protocols for subscriptions."""
    response = httpx2.post(f"{server.url}/graphql", json={"query": CHANGES})
    [error] = response.json()["errors"]
    assert error["extensions"]["code"] == "SUBSCRIPTION_NOT_SUPPORTED"
    assert "graphql-transport-ws" in error["message"]
    assert "graphql-sse" in error["message"]


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{}", "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"query": "{ __typename }"}', "text/plain", 415),
        (b"x" * 2_000, "application/json", 413),
    ],
)
def test_stream_of_a_malformed_request_is_refused_by_status(content, content_type, status) -> None:
    """A malformed request gets an HTTP status, and forms of other sites get nothing."""
    with serving(max_body_bytes=1_000) as server:
        headers = {**STREAM, "content-type": content_type}
        response = httpx2.post(f"{server.url}/graphql", content=content, headers=headers)
        assert response.status_code == status
        assert response.json()["errors"][0]["message"]


def test_stream_by_get_executes_nothing_but_reading(server: LiveServer) -> None:
    """Mutations are not executed by GET."""
    with asked(server, 'mutation { deleteArticle(input: {id: "x"}) { deletedId } }', "GET") as all_:
        assert all_.response.status_code == 405


def test_stream_is_refused_where_there_are_too_many() -> None:
    """Above the limit the status says to retry later; a closed stream frees capacity."""
    app = create_app(Settings(max_subscriptions=1), MemoryRepository())
    with run_server(app) as server:
        with asked(server, CHANGES), asked(server, CHANGES) as refused:
            assert refused.response.status_code == 503
            error = json.loads(refused.response.read())["errors"][0]
            assert error["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
        server.run_in_loop(wait_until(lambda: not app.realtime.connections))
        with asked(server, CHANGES) as events:
            assert events.response.status_code == 200


def test_stream_ends_when_its_key_is_revoked(tmp_path: Path) -> None:
    """A stream ends when its key is revoked; the last event says so."""
    keys = KeyFile(tmp_path / "keys.json")
    text, _ = keys.add("desk", [Permission.READ_DRAFTS])
    repository = MemoryRepository(cursor_key=KEY)
    settings = Settings(store=tmp_path / "store.json", keep_alive_s=1)
    headers = {"authorization": f"Bearer {text}"}
    app = create_app(settings, repository)
    with run_server(app) as server, asked(server, CHANGES, headers=headers) as events:
        put(server, repository, "draft", published=False)
        assert events.slugs(1) == ["draft"]
        keys.revoke("desk")
        assert events.answer()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert events.next()["event"] == "complete"


def test_stream_ends_without_complete_when_the_server_stops(repository: MemoryRepository) -> None:
    """At a stop, streams end without `complete`, so that clients reconnect."""
    with run_server(create_app(Settings(), repository)) as server, asked(server, CHANGES) as events:
        server.stop()
        assert events.next().keys() <= {"id"}


def test_stream_of_a_slow_consumer_ends_and_can_be_gone_on_with() -> None:
    """A slow consumer is disconnected, delays nobody, and can resume without loss."""
    repository = MemoryRepository(cursor_key=KEY)
    app = create_app(Settings(send_timeout_s=1), repository)
    query = "subscription ($after: String) { changes(after: $after) { article { content } } }"
    with run_server(app) as server:
        heard: list[str] = []
        with asked(server, query) as events:
            for number in range(200):
                put(server, repository, f"n{number}", content="x" * 100_000)
            server.run_in_loop(wait_until(lambda: not app.realtime.connections))
            with suppress(httpx2.TransportError):
                while event := events.next():
                    heard.append(event["id"])
        assert 0 < len(heard) < 200
        with asked(server, query, variables={"after": heard[-1]}) as events:
            heard += [events.next()["id"] for _ in range(200 - len(heard))]
        revisions = [revision_of(cursor) for cursor in heard]
        assert revisions == list(range(1, 201))
