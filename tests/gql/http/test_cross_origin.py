"""Pages of other origins, in a real browser: requests, responses, streams."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx2
import pytest
from playwright.sync_api import Browser, Error, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from gql.composition.app import App, create_app
from gql.http.middleware.cors import EXPOSED_HEADERS
from gql.identity.viewer import Permission
from gql.server.direct_protocol import DirectProtocol
from gql.settings import load_settings
from store import Batch, MemoryRepository
from tests.support.auth_client import add_key
from tests.support.browser import run_chromium
from tests.support.cursors import KEY
from tests.support.factories import article
from tests.support.live_server import LiveServer, run_server, serve

TITLES = {"query": "{ articles { nodes { title } } }"}
CHANGES = "subscription ($after: String) { changes(after: $after) { slug } }"
JSON_TYPE = {"content-type": "application/json"}

CLIENT_HEADERS = {
    "apollo-require-preflight": "true",
    "apollographql-client-name": "web",
    "apollographql-client-version": "1",
    "baggage": "sentry-environment=test",
    "graphql-require-preflight": "1",
    "idempotency-key": "one",
    "if-none-match": '"x"',
    "last-event-id": "",
    "sentry-trace": "0123456789abcdef0123456789abcdef-0123456789abcdef-1",
    "traceparent": "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
    "x-a-client-that-nobody-knows": "1",
    "x-requested-with": "XMLHttpRequest",
}
"""Header fields that GraphQL clients and tracing libraries add."""

SAFELISTED = {
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
}
"""https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name"""

NOT_FOR_SCRIPTS = re.compile(
    r"access-control-.*|allow|connection|content-encoding|cross-origin-resource-policy|date"
    r"|referrer-policy|server|vary|x-accel-buffering|x-content-type-options"
)
"""Header fields for the browser and proxies."""

FETCH = """async ([url, options]) => {
    const response = await fetch(url, options);
    return {
        status: response.status,
        headers: Object.fromEntries(response.headers),
        json: await response.json().catch(() => null),
    };
}"""

STREAM = """async ([url, options, count]) => {
    const response = await fetch(url, options);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (text.split("event: next").length <= count || !text.endsWith("\\n\\n")) {
        const { done, value } = await reader.read();
        if (done) throw new Error("the stream has ended: " + text);
        text += value;
    }
    await reader.cancel();
    return text;
}"""

LISTEN = """([url]) => {
    window.heard = [];
    window.source = new EventSource(url);
    const opened = new Promise((resolve) => source.addEventListener("open", resolve));
    source.addEventListener("next", (event) => {
        heard.push(JSON.parse(event.data).data.changes.slug);
    });
    return opened.then(() => null);
}"""


async def blank_page(_: Request) -> Response:
    """A page without content."""
    return HTMLResponse("<!doctype html><title>A page</title>")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with run_chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """The origin of the pages."""
    with serve(Starlette(routes=[Route("/", blank_page)])) as url:
        yield url


class Site(NamedTuple):
    """A page, and a server of another origin.

    Attributes:
        page: The page.
        server: The server.
        app: Its application.
        repository: Its store.
        key: A key with the scope WRITE.
    """

    page: Page
    server: LiveServer
    app: App
    repository: MemoryRepository
    key: str

    @property
    def url(self) -> str:
        """The GraphQL endpoint."""
        return f"{self.server.url}/graphql"

    def fetch(self, body: Any = TITLES, headers: Any = JSON_TYPE, **options: Any) -> Any:
        """The response that a script of the page gets."""
        options = {"method": "POST", "headers": headers, **options}
        if body is not None:
            options["body"] = json.dumps(body)
        return self.page.evaluate(FETCH, [self.url, options])

    def preflights(self) -> float:
        """How many preflights the server has had."""
        text = httpx2.get(f"{self.server.url}/metrics").text
        lines = re.findall(r'newsgraph_http_requests_total\{method="OPTIONS".*\} (\S+)', text)
        return sum(map(float, lines))

    def put(self, *names: str, **fields: Any) -> None:
        """Write articles of these names."""
        puts = tuple(article(name, **fields) for name in names)
        self.server.run_in_loop(self.repository.apply(Batch(puts=puts)))


@contextmanager
def open_site(
    browser: Browser, home: Path, origin: str, origins: str, **settings: Any
) -> Iterator[Site]:
    """A page of an origin, and a server that allows certain origins."""
    key = add_key(home, Permission.WRITE)
    repository = MemoryRepository(cursor_key=KEY)
    settings = {"store": home / "store.json", "cors_origins": origins, **settings}
    settings["keys"] = home / "keys.json"
    app = create_app(load_settings(settings), repository)
    with run_server(app, http=DirectProtocol) as server, browser.new_context() as context:
        page = context.new_page()
        page.goto(origin)
        yield Site(page, server, app, repository, key)


@pytest.mark.parametrize("origins", ["*", "https://other.example, {}/"])
def test_page_may_send_the_header_fields_of_its_client(browser, tmp_path, origin, origins) -> None:
    """Each of them, and all together with a key; in any number of requests."""
    with open_site(browser, tmp_path, origin, origins.format(origin)) as site:
        bearer = {"authorization": f"Bearer {site.key}"}
        sent = [{name: value} for name, value in CLIENT_HEADERS.items()]
        for fields in [*sent, bearer, {**bearer, **CLIENT_HEADERS}]:
            response = site.fetch(headers={**JSON_TYPE, **fields})
            assert response["status"] == 200, fields
            assert response["json"] == {"data": {"articles": {"nodes": []}}}
        for method in ("GET", "HEAD"):
            response = site.fetch(None, headers=bearer, method=method)
            assert response["status"] == 400  # that can be read


def test_page_of_an_origin_that_is_not_allowed_reads_nothing(browser, tmp_path, origin) -> None:
    """Neither with a preflight nor without; and no part of an origin is enough."""
    for origins in ("", "https://other.example", origin[:-1], f"{origin}0"):
        with open_site(browser, tmp_path, origin, origins) as site:
            with pytest.raises(Error, match="Failed to fetch"):
                site.fetch()
            with pytest.raises(Error, match="Failed to fetch"):
                site.page.evaluate(FETCH, [f"{site.url}?query=%7B__typename%7D", {}])
        (tmp_path / "keys.json").unlink()


def test_preflight_is_cached(browser, tmp_path, origin) -> None:
    """A browser asks once, however many requests follow."""
    with open_site(browser, tmp_path, origin, origin) as site:
        for number in range(5):
            assert site.fetch(headers={**JSON_TYPE, "traceparent": f"{number}"})["status"] == 200
        assert site.preflights() == 1


def test_scripts_can_read_the_header_fields_for_them(browser, tmp_path, origin) -> None:
    """All that we send are on the list, of the safelist, or none of a script's business."""
    options: dict[str, Any] = {"explain": True, "rate_limit": "11/hour"}
    with open_site(browser, tmp_path, origin, origin, folder=tmp_path, **options) as site:
        bearer = {**JSON_TYPE, "authorization": f"Bearer {site.key}"}
        write = {"query": 'mutation { deleteArticle(input: {id: "x"}) { deletedId } }'}
        requests: list[tuple[Any, dict[str, str]]] = [
            (TITLES, JSON_TYPE),
            ({**TITLES, "extensions": {"cost": True}}, JSON_TYPE),
            ({"query": "{ nope }"}, JSON_TYPE),
            (TITLES, {**JSON_TYPE, "authorization": "Bearer no"}),
            (write, {**bearer, "idempotency-key": "k"}),
            (write, {**bearer, "idempotency-key": "k"}),
            *[(TITLES, JSON_TYPE)] * 11,
        ]
        seen: set[str] = set()
        for body, headers in requests:
            sent = httpx2.post(site.url, json=body, headers={**headers, "origin": origin})
            for name in sent.headers:
                is_listed = name in SAFELISTED or name in EXPOSED_HEADERS
                assert is_listed or NOT_FOR_SCRIPTS.fullmatch(name), name
            read = site.fetch(body, headers)["headers"]
            assert set(read) <= SAFELISTED | set(EXPOSED_HEADERS)
            seen |= set(read)
        assert seen >= set(EXPOSED_HEADERS)


@pytest.mark.parametrize("origins", ["*", "null", "{}", "https://other.example,{}"])
def test_credentials_are_for_named_origins(browser, tmp_path, origin, origins) -> None:
    """Any page could use the cookies of its visitors if `*` allowed credentials."""
    origins = origins.format(origin)
    with open_site(browser, tmp_path, origin, origins) as site:
        headers = httpx2.post(site.url, json=TITLES, headers={"origin": origin}).headers
        if "127.0.0.1" in origins:
            assert site.fetch(credentials="include")["status"] == 200
            assert headers["access-control-allow-origin"] == origin
            assert "origin" in headers["vary"].lower()
        else:
            with pytest.raises(Error, match="Failed to fetch"):
                site.fetch(credentials="include")
            assert "access-control-allow-credentials" not in headers


def test_stream_with_a_key_is_resumed(browser, tmp_path, origin) -> None:
    """A script reads a stream with a key by `fetch`, and resumes it by Last-Event-ID."""
    with open_site(browser, tmp_path, origin, origin) as site:
        headers = {**JSON_TYPE, "authorization": f"Bearer {site.key}"}
        now = site.fetch({"query": "{ changesCursor }"}, headers)["json"]["data"]
        site.put("one", "two", published=False)
        headers["accept"] = "text/event-stream"
        variables = {"after": now["changesCursor"]}
        body = json.dumps({"query": CHANGES, "variables": variables})
        options: dict[str, Any] = {"method": "POST", "headers": headers, "body": body}
        first = site.page.evaluate(STREAM, [site.url, options, 1])
        headers["last-event-id"] = re.findall(r"id: ?(.+)\nevent: next", first)[0]
        rest = site.page.evaluate(STREAM, [site.url, options, 1])
        slugs = [re.findall(r'"slug":"[\d-]+(\w+)"', text)[0] for text in (first, rest)]
        assert slugs == ["one", "two"]


def test_event_source_that_heard_nothing_resumes_where_it_began(browser, tmp_path, origin) -> None:
    """The stream has an id before its first event, so nothing is lost while it is away."""
    with open_site(browser, tmp_path, origin, origin) as site:
        query = quote("subscription { changes { slug } }")
        site.page.evaluate(LISTEN, [f"{site.url}?query={query}"])
        site.server.stop()
        app = create_app(site.app.settings, site.repository)
        with run_server(app, port=site.server.port) as again:
            site._replace(server=again).put("one", "two")  # before the browser tries again
            site.page.wait_for_function("heard.length === 2")
            assert [slug[-3:] for slug in site.page.evaluate("heard")] == ["one", "two"]


def test_event_source_reconnects_after_its_last_event(browser, tmp_path, origin) -> None:
    """It sends the id of its last event by itself, without a preflight."""
    with open_site(browser, tmp_path, origin, origin) as site:
        site.page.evaluate(LISTEN, [f"{site.url}?query={quote(CHANGES)}"])
        site.put("one")
        site.page.wait_for_function("heard.length === 1")
        site.server.stop()
        app = create_app(site.app.settings, site.repository)
        with run_server(app, port=site.server.port) as again:
            site._replace(server=again).put("two")  # before the browser tries again
            site.page.wait_for_function("heard.length === 2")
            assert [slug[-3:] for slug in site.page.evaluate("heard")] == ["one", "two"]
