"""The ASGI adapter: bodies in chunks, disconnects, contexts, and a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from structlog.testing import capture_logs

from gql.errors import RequestError
from gql.http import GraphQLApp, HttpSettings, ReferenceExecutor
from store.errors import StoreBusyError, StoreUnavailableError
from tests.support.asgi_client import call_app
from tests.support.live_server import serve
from tests.support.transport_schema import SCHEMA, Notebook

QUERY = b'{"query": "query Greet { hello }"}'
ANSWER = {"data": {"hello": "Hello world"}}
JSON_TYPE = ("content-type", "application/json")
HTML = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8")


def app(**options: Any) -> GraphQLApp:
    """The application over the schema for tests."""
    options.setdefault("context_factory", lambda _: Notebook())
    return GraphQLApp(ReferenceExecutor(SCHEMA), **options)


APP = app()
SMALL = app(settings=HttpSettings(max_body_bytes=len(QUERY)))
PAGE = app(page=HTMLResponse("<h1>GraphiQL</h1>"))


@given(st.lists(st.integers(0, len(QUERY)), max_size=5))
def test_body_may_come_in_any_chunks(cuts: list[int]) -> None:
    """However the network cuts it, the body is the same."""
    edges = [0, *sorted(cuts), len(QUERY)]
    chunks = [QUERY[start:end] for start, end in pairwise(edges)]
    assert call_app(SMALL, chunks=chunks).content == ANSWER


@pytest.mark.parametrize(
    ("length", "chunks"),
    [
        (None, [QUERY, b" "]),
        (str(len(QUERY) + 1), [QUERY + b" "]),
        ("5", [QUERY, b"  ", b"  "]),
        ("9" * 5_000, [QUERY]),
    ],
    ids=["in chunks", "announced", "announced as less", "announced as very much"],
)
def test_body_over_the_cap_is_refused(length: str | None, chunks: list[bytes]) -> None:
    """413, whatever Content-Length says or does not say, and the connection ends."""
    headers = [JSON_TYPE, *([("content-length", length)] if length else [])]
    reply = call_app(SMALL, headers=headers, chunks=chunks)
    assert reply.status == 413
    assert reply.content["errors"][0]["extensions"] == {"code": "PAYLOAD_TOO_LARGE"}
    assert str(len(QUERY)) in reply.content["errors"][0]["message"]
    assert reply.headers["connection"] == "close"


def test_body_over_the_cap_is_not_read_to_its_end() -> None:
    """Memory is bounded by the cap and one chunk: what comes after is left where it is."""
    assert call_app(SMALL, chunks=[QUERY] * 1_000).chunks_read == 2
    announced = [JSON_TYPE, ("content-length", "1000000")]
    assert call_app(SMALL, headers=announced, chunks=[QUERY] * 10).chunks_read == 0


@pytest.mark.parametrize("length", ["", "-1", "x", "٣", "0"])
def test_content_length_that_is_wrong_does_no_harm(length: str) -> None:
    """What comes is counted, not what was announced."""
    headers = [JSON_TYPE, ("content-length", length)]
    assert call_app(SMALL, headers=headers, chunks=[QUERY]).content == ANSWER


def test_client_that_goes_away_while_sending_gets_nothing() -> None:
    """Half a request is not executed, and nothing is sent to nobody."""
    notebook = Notebook()
    body = json.dumps({"query": 'mutation { write(line: "x") }'}).encode()
    reply = call_app(app(context_factory=lambda _: notebook), chunks=[body], disconnects=True)
    assert (reply.status, notebook.lines) == (0, [])


def test_head_is_answered_like_get_without_the_body() -> None:
    """The headers are those of the GET."""
    query_string = b"query=%7Bhello%7D"
    get = call_app(APP, "GET", query_string=query_string)
    head = call_app(APP, "HEAD", query_string=query_string)
    assert get.content == ANSWER
    assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")


def test_repeated_accept_headers_count_as_one() -> None:
    """Two Accept lines mean the same as one with a comma."""
    headers = [JSON_TYPE, ("accept", "application/graphql-response+json"), ("accept", "text/csv")]
    reply = call_app(APP, headers=headers, chunks=[QUERY])
    assert reply.headers["content-type"].startswith("application/graphql-response+json")


def test_access_log_learns_what_was_asked_and_what_failed() -> None:
    """Operation, error codes and duration are in the scope's state."""
    body = json.dumps({"query": "query Odd { refused broken }"}).encode()
    with capture_logs():
        summary = call_app(APP, chunks=[body]).state["graphql"]
    assert summary.operation_name == "Odd"
    assert summary.error_codes == ("BAD_QUERY", "INTERNAL_ERROR")
    assert call_app(APP, chunks=[b""]).state["graphql"].error_codes == ("BAD_REQUEST",)


def test_context_is_made_from_the_scope() -> None:
    """Plain or async, the factory sees the request, once for each that is executed."""
    made: list[str] = []

    async def make(scope: Any) -> Notebook:
        made.append(Request(scope).headers["content-type"])
        return Notebook()

    assert call_app(app(context_factory=make), chunks=[QUERY]).content == ANSWER
    call_app(app(context_factory=make), chunks=[b"{"])
    assert made == ["application/json"]


class UnauthorizedError(RequestError):
    """A refusal as an application would define it."""

    code = "UNAUTHORIZED"
    status = 401


def test_store_that_is_busy_says_when_to_try_again() -> None:
    """A request that found the store busy is answered 503 with Retry-After."""

    def make(_: Any) -> Any:
        raise StoreBusyError

    reply = call_app(app(context_factory=make), chunks=[QUERY])
    assert reply.status == 503
    assert int(reply.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("failure", "status", "code", "message"),
    [
        (UnauthorizedError("Unknown key."), 401, "UNAUTHORIZED", "Unknown key."),
        (StoreUnavailableError("Disk full."), 503, "STORE_UNAVAILABLE", "Disk full."),
        (RuntimeError("the password is hunter2"), 500, "INTERNAL_ERROR", "Internal error."),
    ],
)
def test_context_that_cannot_be_made_is_a_request_error(
    failure: Exception, status: int, code: str, message: str
) -> None:
    """An expected failure keeps its words and status; a fault of ours is masked and logged."""

    def make(_: Any) -> Any:
        raise failure

    with capture_logs() as logs:
        reply = call_app(app(context_factory=make), chunks=[QUERY])
    (error,) = reply.content["errors"]
    assert (reply.status, error["extensions"]["code"]) == (status, code)
    assert error["message"].startswith(message)
    assert "data" not in reply.content
    assert "hunter2" not in json.dumps(error)
    assert [line["id"] for line in logs] == ([error["extensions"]["id"]] if status == 500 else [])


def test_result_that_is_not_json_is_a_masked_fault() -> None:
    """500 with an id, not a broken connection."""
    with capture_logs() as logs:
        reply = call_app(APP, chunks=[b'{"query": "{ unwritable }"}'])
    assert reply.status == 500
    assert reply.content["errors"][0]["extensions"]["id"] == logs[0]["id"]


@pytest.mark.parametrize(
    ("accept", "query_string", "is_page"),
    [
        (HTML, b"", True),
        (HTML, b"tab=2", True),
        (HTML, b"query=%7Bhello%7D", False),
        (("accept", "*/*"), b"", False),
        (("accept", "application/json"), b"", False),
    ],
)
def test_page_is_for_browsers_without_a_query(
    accept: tuple[str, str], query_string: bytes, *, is_page: bool
) -> None:
    """A browser gets the page, and JSON as soon as it asks a query."""
    reply = call_app(PAGE, "GET", headers=[accept], query_string=query_string)
    assert (reply.headers["content-type"].startswith("text/html")) is is_page
    assert call_app(PAGE, "POST", headers=[accept, JSON_TYPE], chunks=[QUERY]).content == ANSWER


def test_browser_without_a_page_is_told_what_is_missing() -> None:
    """Where there is no page, the answer is a GraphQL error."""
    assert call_app(APP, "GET", headers=[HTML]).status == 400


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    """A client of a live server of the application alone."""
    routed = Starlette(routes=[Route("/graphql", APP)])
    with serve(routed) as url, httpx2.Client(base_url=url, timeout=30) as client:
        yield client


def test_server_answers_post_get_and_head(client: httpx2.Client) -> None:
    """The same over a real connection, one after the other."""
    url = f"/graphql?query={quote('{ hello }')}"
    assert client.post("/graphql", json={"query": "{ hello }"}).json() == ANSWER
    assert client.get(url).json() == ANSWER
    assert client.head(url).status_code == 200
    assert client.options("/graphql").headers["allow"] == "GET, HEAD, POST, OPTIONS"
    assert client.put("/graphql", content=b"x").status_code == 405


def test_server_refuses_an_endless_body_in_chunks(client: httpx2.Client) -> None:
    """A body without a length is cut off at the cap, and the server goes on serving."""

    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 65_536

    try:
        reply = client.post(
            "/graphql", content=endless(), headers={"content-type": "application/json"}
        )
    except httpx2.TransportError:
        pass  # the server may close before the client has sent all
    else:
        assert reply.status_code == 413
    assert client.post("/graphql", json={"query": "{ hello }"}).json() == ANSWER
