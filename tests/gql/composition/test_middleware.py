"""The middleware: both of its forms give the same response, and count each request once."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Message

from gql.access import Authenticator, KeyFile, key_ring
from gql.composition.app import App, create_app
from gql.http.middleware.cors import CACHE_BYTES
from gql.identity.viewer import Permission
from gql.settings import load_settings
from store import MemoryRepository
from tests.support.factories import article, memory_repository
from tests.support.sizes import scaled

SITE = b"https://site.example"
TITLES = b'{"query": "query Titles { articles(first: 2) { nodes { title published } } }"}'
BODIES = [
    TITLES,
    b'{"query": "{ articles { totalCount } }", "extensions": {"cost": true}}',
    b'{"query": "query ($n: Int) { articles(first: $n) { totalCount } }", "variables": {"n": -1}}',
    b'{"query": "{ article(by: {slug: \\"2026-03-01-sealed\\"}) { secured } }"}',
    b'{"query": "mutation { deleteArticle(input: {id: 1}) { userErrors { code } } }"}',
    b'{"query": "{ nonsense }"}',
    b"{",
]
PATHS = ["/graphql"] * 6 + ["/feed.xml", "/healthz", "/nothing"]
RATE = 3


class Request(NamedTuple):
    """A request, as a server hands it over."""

    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = TITLES
    method: str = "POST"
    path: str = "/graphql"
    address: str = "192.0.2.1"

    def scope(self) -> dict[str, Any]:
        """A new scope for it."""
        fields = (b"host", b"news.example"), (b"content-type", b"application/json"), *self.headers
        return {
            "type": "http",
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": list(fields),
            "client": (self.address, 1),
            "server": ("news.example", 80),
            "state": {},
        }


class Response(NamedTuple):
    """What is sent for it. `sync`: whether the sync form gave it."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    sync: bool = False

    @property
    def fields(self) -> dict[bytes, bytes]:
        """The header fields by name."""
        return dict(self.headers)


def asgi(app: App, scope: dict[str, Any], body: bytes) -> Response:
    """The response of the ASGI form."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return Response(sent[0]["status"], list(sent[0]["headers"]), content)


def served(app: App, request: Request) -> Response:
    """The response of a server that uses the sync form where it can."""
    scope = request.scope()
    headers = dict(scope["headers"])
    if request.method == "POST" and len(headers) == len(scope["headers"]):
        reply = app.respond_sync(scope, headers, request.body)
        if reply is not None:
            head, end, rest = reply.header_text().partition(b"\r\n\r\n")
            assert (end, rest) == (b"\r\n\r\n", b"")
            pairs = [tuple(line.split(b": ", 1)) for line in head.split(b"\r\n")]
            assert pairs == reply.headers()
            return Response(reply.status, reply.headers(), reply.body, sync=True)
    return asgi(app, scope, request.body)


class Site:
    """Two applications with the same settings, keys and store, one for each form.

    Attributes:
        sync: The one whose sync form is used where it can be.
        asgi: The one whose ASGI form is always used.
        key: A key that both know.
        now: The time on the clock of both rate limits, in seconds.
    """

    def __init__(self, folder: Path, repository: MemoryRepository, **options: Any) -> None:
        path = folder / "keys.json"
        if not path.exists():
            text, _ = KeyFile(path).add("reader", [Permission.READ_DRAFTS])
            (folder / "key").write_text(text)
        self.key = (folder / "key").read_bytes()
        self.now = 0.0
        fixed = {"store": folder / "store.json", "keys": path, "log_level": "warning"}
        self.sync, self.asgi = (
            create_app(load_settings({**fixed, **options}), repository) for _ in range(2)
        )
        for app in (self.sync, self.asgi):
            if app.limiter is not None:
                app.limiter.clock = lambda: self.now

    def both(self, request: Request) -> Response:
        """The response, which has to be the same in both forms."""
        one, other = served(self.sync, request), asgi(self.asgi, request.scope(), request.body)
        assert one._replace(sync=False) == other
        return one


def bearer(key: bytes) -> tuple[bytes, bytes]:
    """The header field that carries a key."""
    return b"authorization", b"Bearer " + key


@pytest.fixture(autouse=True)
def _looks_at_each_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that are made or revoked count at once."""
    monkeypatch.setattr(key_ring, "CHECK_INTERVAL_S", 0)


@pytest.fixture(scope="module")
def repository() -> MemoryRepository:
    """A store with a draft and a secured article."""
    made = [article("tide"), article("draft", published=False), article("sealed", secured="x")]
    return memory_repository(*made)


@pytest.fixture(scope="module")
def sites(repository: MemoryRepository) -> Iterator[Any]:
    """Makes a site for settings, once for each."""
    made: dict[tuple[tuple[str, Any], ...], Site] = {}
    with tempfile.TemporaryDirectory() as folder:

        def site(**options: Any) -> Site:
            key = tuple(sorted(options.items()))
            if key not in made:
                made[key] = Site(Path(folder), repository, **options)
            return made[key]

        yield site


choices = st.fixed_dictionaries(
    {
        "cors_origins": st.sampled_from(["", SITE.decode(), "*"]),
        "rate_limit": st.sampled_from([None, f"{RATE}/hour"]),
        "anonymous": st.sampled_from([True, True, False]),
        "cache_control": st.sampled_from(["no-cache", "public, max-age=60"]),
        "explain": st.booleans(),
        "response_cache_bytes": st.sampled_from([0, 1 << 20]),
    }
)
KEY = b"the site's key"  # stands for it in what is drawn
fields = st.one_of(
    st.sampled_from([SITE, b"https://evil.example", b"null", b"x" * 300]).map(
        lambda origin: (b"origin", origin)
    ),
    st.sampled_from([b"Bearer " + KEY, b"bEARER  " + KEY, b"Bearer ng_no", b"Basic eA=="]).map(
        lambda value: (b"authorization", value)
    ),
    st.sampled_from(
        [
            (b"accept", b"application/graphql-response+json"),
            (b"accept", b"text/html"),
            (b"accept-encoding", b"gzip"),
            (b"if-none-match", b"*"),
            (b"access-control-request-method", b"POST"),
            (b"access-control-request-headers", b"authorization, traceparent"),
        ]
    ),
)
requests = st.builds(
    Request,
    st.lists(fields, max_size=4).map(tuple),
    st.sampled_from([TITLES] * 4 + BODIES),
    st.sampled_from(["POST"] * 8 + ["GET", "HEAD", "OPTIONS"]),
    st.sampled_from(PATHS),
    st.sampled_from(["192.0.2.1", "192.0.2.2"]),
)


@settings(max_examples=scaled(50, long=150), deadline=None)
@given(choices, st.lists(requests, min_size=1, max_size=8), st.booleans())
def test_both_forms_send_the_same(
    sites: Any, options: dict[str, Any], asked: list[Request], asks_again: bool
) -> None:
    """Status, header fields in their order, and body, for all settings and requests in a row."""
    site = sites(**options)
    site.now += 3_600 * 2
    for request in asked:
        headers = tuple((name, value.replace(KEY, site.key)) for name, value in request.headers)
        etag = site.both(request._replace(headers=headers)).fields.get(b"etag")
        if asks_again and etag is not None:
            site.both(request._replace(headers=(*headers, (b"if-none-match", etag))))
        site.now += 0.3


@pytest.mark.parametrize("origin", [None, SITE, b"https://evil.example"])
@pytest.mark.parametrize("rate_limit", [None, "9/hour"])
@pytest.mark.parametrize("has_key", [False, True])
@pytest.mark.parametrize("cors_origins", ["", SITE.decode(), "*"])
def test_no_setting_switches_the_sync_form_off(
    sites: Any, cors_origins: str, rate_limit: str | None, has_key: bool, origin: bytes | None
) -> None:
    """A plain query needs no task, from the second request with a key on."""
    site = sites(cors_origins=cors_origins, rate_limit=rate_limit, anonymous=not has_key)
    site.now += 3_600 * 2
    headers = [bearer(site.key)] if has_key else []
    headers += [(b"origin", origin)] if origin is not None else []
    request = Request(tuple(headers))
    site.both(request)
    response = site.both(request)
    assert response.sync
    assert response.status == 200
    assert (b"ratelimit" in response.fields) is (rate_limit is not None)
    allowed = {"": None, "*": b"*" if origin else None}.get(
        cors_origins, origin if origin == SITE else None
    )
    assert response.fields.get(b"access-control-allow-origin") == allowed


@pytest.mark.parametrize("body", BODIES)
def test_request_is_counted_once(sites: Any, body: bytes) -> None:
    """Whether the sync form answers it, leaves it to the ASGI form, or refuses it."""
    site = sites(rate_limit=f"{RATE}/hour")
    site.now += 3_600 * 2
    left = [site.both(Request(body=body)).fields[b"ratelimit"] for _ in range(RATE)]
    assert left == [b'"default";r=%d;t=3600' % n for n in reversed(range(RATE))]
    refused = site.both(Request(body=body))
    assert refused.status == 429
    assert refused.sync
    assert refused.fields[b"retry-after"] == b"3600"
    assert json.loads(refused.body)["errors"][0]["extensions"]["code"] == "RATE_LIMITED"


def test_preflight_needs_no_key_and_is_not_counted(sites: Any) -> None:
    """A browser sends no credentials with it; without an answer no page could send any."""
    site = sites(cors_origins=SITE.decode(), anonymous=False, rate_limit=f"{RATE}/hour")
    asked = (b"access-control-request-method", b"POST"), (b"origin", SITE)
    for _ in range(RATE + 1):
        response = site.both(Request(asked, b"", "OPTIONS"))
        assert response.status == 200
        assert response.fields[b"access-control-allow-origin"] == SITE
        assert b"ratelimit" not in response.fields


def test_refusal_can_be_read_by_the_pages_that_may(sites: Any) -> None:
    """Else they would see a failure without a reason."""
    site = sites(cors_origins=SITE.decode(), anonymous=False, rate_limit=f"{RATE}/hour")
    site.now += 3_600 * 2
    for status in [401] * RATE + [429]:
        response = site.both(Request(((b"origin", SITE),)))
        assert response.status == status
        assert response.fields[b"access-control-allow-origin"] == SITE


def test_key_that_is_remembered_ends_when_it_is_revoked(
    tmp_path: Path, repository: MemoryRepository
) -> None:
    """Both forms notice it at the next look at the file."""
    site = Site(tmp_path, repository)
    request = Request((bearer(site.key),))
    assert [site.both(request).sync for _ in range(3)] == [False, True, True]
    KeyFile(tmp_path / "keys.json").revoke("reader")
    assert site.both(request).status == 401
    KeyFile(tmp_path / "keys.json").add("other", [])
    assert site.both(request).status == 401


def test_keys_that_cannot_be_read_are_good_for_nobody(
    tmp_path: Path, repository: MemoryRepository
) -> None:
    """Not even where they were remembered."""
    site = Site(tmp_path, repository)
    request = Request((bearer(site.key),))
    assert [site.both(request).status for _ in range(2)] == [200, 200]
    (tmp_path / "keys.json").write_text("not keys")
    assert site.both(request).status == 503


def test_metrics_count_each_request_once(tmp_path: Path, repository: MemoryRepository) -> None:
    """Those that the sync form answers or refuses, those that it leaves, preflights, failures."""
    options = {"cors_origins": SITE.decode(), "rate_limit": f"{RATE}/hour"}
    app = Site(tmp_path, repository, **options).sync
    preflight = (b"access-control-request-method", b"POST"), (b"origin", SITE)
    bad_key = Request((bearer(b"no"),), address="192.0.2.2")
    asked = [Request(), Request(body=b"{"), Request(), Request()]
    asked += [Request(preflight, b"", "OPTIONS"), bad_key]
    statuses = [served(app, request).status for request in asked]
    assert statuses == [200, 400, 200, 429, 200, 401]
    text = asgi(app, Request(method="GET", path="/metrics", address="192.0.2.3").scope(), b"").body
    counted = {
        (sample.labels["method"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name == "newsgraph_http_requests_total"
    }
    assert counted == {
        ("POST", "200"): 2,
        ("POST", "400"): 1,
        ("POST", "429"): 1,
        ("POST", "401"): 1,
        ("OPTIONS", "200"): 1,
    }


def test_document_that_is_not_known_waits_for_its_turn(
    tmp_path: Path, repository: MemoryRepository
) -> None:
    """To prepare a document takes long, so no sync form does it: many may come at once."""
    site = Site(tmp_path, repository)
    assert [site.both(Request()).sync for _ in range(3)] == [False, True, True]


def test_results_for_origins_are_bounded(tmp_path: Path, repository: MemoryRepository) -> None:
    """Clients make origins up, also long ones: what is kept of them is counted in bytes."""
    site = Site(tmp_path, repository, cors_origins="*")
    [results] = [cache for cache in site.sync.caches if cache.name == "cors_headers"]
    served(site.sync, Request())
    for number in range(600):
        origin = b"https://%d.example" % number + b"x" * 5_000 * (number % 2)
        assert served(site.sync, Request(((b"origin", origin),))).sync
        assert results.size_bytes <= CACHE_BYTES
    assert results.evictions


def test_credentials_that_are_remembered_are_bounded(
    tmp_path: Path, repository: MemoryRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key may be written with any number of spaces before it, and is good all the same."""
    monkeypatch.setattr(sys.modules[Authenticator.__module__], "MAX_CACHED_KEYS", 8)
    site = Site(tmp_path, repository)
    remembered = site.sync.authenticator._cache
    for spaces in (*range(1, 30), 200):
        request = Request(((b"authorization", b"Bearer" + b" " * spaces + site.key),))
        assert served(site.sync, request).status == 200
        assert len(remembered) <= 8
        assert max(map(len, remembered)) <= 128
