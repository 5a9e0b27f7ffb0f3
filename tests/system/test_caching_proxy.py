"""A caching proxy in front: nobody gets a response that is for others."""

from __future__ import annotations

import itertools
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gql.composition.app import create_app
from gql.identity.viewer import Permission
from gql.server.direct_protocol import DirectProtocol
from gql.settings import load_settings
from store import Batch, MemoryRepository
from tests.support.auth_client import add_key, bearer_header
from tests.support.factories import article
from tests.support.live_server import LiveServer, run_server
from tests.support.nginx import run_nginx
from tests.support.sizes import scaled

ORIGIN = "https://app.example"
HIDDEN = ("hidden-draft", "sealed-text")
"""Words of the draft and of the secured text."""

QUERIES = {
    "list": "{ articles { nodes { slug title excerpt } } }",
    "count": "{ articles { totalCount } }",
    "secured": "{ articles { nodes { slug secured } } }",
    "reference": '{ articles { totalCount } __type(name: "Article") { name } }',
    "draft": '{ article(by: {slug: "2026-03-01-hidden-draft"}) { title } }',
    "feed": "",
    "bad size": "{ articles(first: -1) { totalCount } }",
    "invalid": "{ nope }",
    "forbidden": "{ diagnostics { totalCount } }",
    "mutation": 'mutation { deleteArticle(input: {id: "x"}) { deletedId } }',
}
ANONYMOUS = frozenset({"anonymous", "empty"})
"""Viewers without credentials; apps send an empty Authorization header when nobody is logged in."""

STORED = frozenset({"HIT", "STALE", "UPDATING", "REVALIDATED"})
"""Values of X-Cache for a response from the cache."""

numbers = itertools.count()


class Request(NamedTuple):
    """A request of a viewer."""

    viewer: str
    query: str
    method: str
    accept: Sequence[str]
    accept_encoding: str
    condition: str
    extra: Sequence[tuple[str, str]]


class Site:
    """A server, and a caching proxy in front of it.

    Attributes:
        url: The base URL of the server.
        proxy_url: The base URL of the proxy.
        viewers: The header fields of the viewers.
    """

    def __init__(
        self,
        folder: Path,
        server: LiveServer,
        store: MemoryRepository,
        proxy: str,
        client: httpx2.Client,
    ) -> None:
        self.url, self.proxy_url = server.url, proxy
        self._server, self._store = server, store
        self._client = client
        keys: dict[str, list[Permission]] = {
            "no scopes": [],
            "drafts": [Permission.READ_DRAFTS],
            "secured": [Permission.READ_SECURED],
            "admin": [Permission.ADMIN],
        }
        self.viewers = {"anonymous": {}, "empty": {"authorization": ""}} | {
            name: bearer_header(add_key(folder, *scopes, name=name.replace(" ", "-")))
            for name, scopes in keys.items()
        }
        self.viewers["unknown key"] = bearer_header("ng_no")

    def put(self, *names: str, **fields: Any) -> None:
        """Write articles of these names."""
        puts = tuple(article(name, excerpt=f"{name} " * 50, **fields) for name in names)
        self._server.run_in_loop(self._store.apply(Batch(puts=puts)))

    def send(
        self, base: str, request: Request, number: int, tags: Sequence[str] = ()
    ) -> httpx2.Response:
        """The response of the server or the proxy. `number` parts the URLs of examples."""
        headers = [(name, value) for name, value in self.viewers[request.viewer].items()]
        headers += [("accept", value) for value in request.accept]
        headers += [("accept-encoding", request.accept_encoding), *request.extra]
        if request.condition == "any":
            headers.append(("if-none-match", "*"))
        elif request.condition == "tags" and tags:
            headers.append(("if-none-match", ", ".join(tags)))
        query = QUERIES[request.query]
        if not query:
            url = f"{base}/feed.json?number={number}"
            return self._client.request(request.method, url, headers=headers)
        if request.method == "POST":
            return self._client.post(f"{base}/graphql", json={"query": query}, headers=headers)
        url = f"{base}/graphql?query={quote(query)}&number={number}"
        return self._client.request(request.method, url, headers=headers)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A server whose public responses may be cached for a minute, and a proxy that does it."""
    with tempfile.TemporaryDirectory() as name:
        folder, store = Path(name), MemoryRepository()
        values: dict[str, Any] = {"keys": folder / "keys.json", "store": folder / "store.json"}
        values |= {"cache_control": "public, max-age=60", "public_url": "https://news.example"}
        app = create_app(load_settings({**values, "cors_origins": ORIGIN}), store)
        with (
            run_server(app, http=DirectProtocol) as server,
            run_nginx(server.url, folder) as proxy,
            httpx2.Client(timeout=30) as client,
        ):
            site = Site(folder, server, store, proxy, client)
            site.put(*(f"open-{number}" for number in range(9)))
            site.put(HIDDEN[0], published=False)
            site.put("sealed", secured=HIDDEN[1])
            yield site


requests = st.builds(
    Request,
    st.sampled_from(
        ["anonymous"] * 4 + ["empty", "no scopes", "drafts", "secured", "admin", "unknown key"]
    ),
    st.sampled_from([*["list", "secured"] * 3, *QUERIES]),
    st.sampled_from(["GET"] * 4 + ["HEAD", "HEAD", "POST"]),
    st.sampled_from(
        [["application/json"]] * 4
        + [["application/graphql-response+json"], ["image/png"], ["application/json", "text/csv"]]
    ),
    st.sampled_from(["identity", "gzip", "br", "gzip, br"]),
    st.sampled_from(["", "", "tags", "any"]),
    st.lists(
        st.sampled_from(
            [
                ("range", "bytes=0-99"),
                ("range", "bytes=-20"),
                ("cookie", "session=1"),
                ("origin", ORIGIN),
                ("origin", "https://evil.example"),
                ("cache-control", "only-if-cached"),
                ("idempotency-key", "1"),
            ]
        ),
        max_size=2,
        unique_by=lambda field: field[0],
    ),
)
steps = st.lists(
    st.one_of(*[requests] * 9, st.sampled_from(["publish", "withdraw"])), min_size=2, max_size=14
)


@settings(max_examples=scaled(40, long=250), deadline=None)
@given(steps)
def test_nobody_gets_a_response_for_others_from_the_cache(site: Site, steps) -> None:
    """For any sequence of requests of several viewers, between writes.

    A viewer with credentials gets what the server gives now, never from the cache. An anonymous one
    gets what the server gave to anonymous viewers, now or before. Errors are never stored.
    """
    number = next(numbers)
    given_bodies: dict[Any, set[bytes]] = defaultdict(set)
    given_tags: dict[Any, set[str]] = defaultdict(set)
    tags: list[str] = []
    for step in steps:
        if isinstance(step, str):
            site.put("news", published=step == "publish", title=f"Title {next(numbers)}")
            continue
        direct = site.send(site.url, step._replace(condition="", method=as_get(step)), number)
        proxied = site.send(site.proxy_url, step, number, tags)
        is_stored = proxied.headers.get("x-cache") in STORED
        is_anonymous = step.viewer in ANONYMOUS
        key = "" if is_anonymous else step.viewer, step.query, as_get(step), *step.accept
        if is_anonymous:
            assert not any(word.encode() in proxied.content for word in HIDDEN)
        else:
            assert not is_stored
            given_bodies[key].clear()
            given_tags[key].clear()
        given_bodies[key].add(direct.content)
        given_tags[key].add(direct.headers.get("etag", ""))
        if is_stored:
            assert proxied.status_code in {200, 206, 304}
            assert "error" not in proxied.text
        check(step, proxied, direct, given_bodies[key], given_tags[key])
        if "etag" in proxied.headers:
            tags.append(proxied.headers["etag"])


def as_get(request: Request) -> str:
    """The method of the same request with a body."""
    return "GET" if request.method == "HEAD" else request.method


def check(
    request: Request,
    proxied: httpx2.Response,
    direct: httpx2.Response,
    bodies: set[bytes],
    tags: set[str],
) -> None:
    """Check a response through the proxy against those that the viewer may get."""
    if proxied.status_code == 304:
        assert proxied.headers.get("etag", "") in tags
        return
    if request.method == "HEAD":
        assert proxied.content == b""
    elif proxied.status_code == 206:
        assert any(proxied.content in body for body in bodies)
    elif proxied.status_code != 416:
        assert proxied.status_code == direct.status_code
        assert proxied.content in bodies
    if "etag" in proxied.headers:
        assert proxied.headers["etag"] in tags


def plain(viewer: str, query: str = "list", **more: Any) -> Request:
    """A plain GET."""
    defaults: dict[str, Any] = {"method": "GET", "accept": ["application/json"], "extra": []}
    defaults |= {"accept_encoding": "identity", "condition": ""}
    return Request(viewer, query, **{**defaults, **more})


@pytest.mark.parametrize("encoding", ["identity", "gzip", "br"])
@pytest.mark.parametrize("query", ["list", "draft", "reference", "count"])
def test_proxy_stores_public_responses_only(site: Site, query, encoding) -> None:
    """Those of anonymous viewers are stored, each variant; those of keys pass, before and after."""
    number = next(numbers)

    def states(viewer: str, **more: Any) -> list[str]:
        request = plain(viewer, query, accept_encoding=encoding, **more)
        responses = [site.send(site.proxy_url, request, number) for _ in range(2)]
        return [response.headers["x-cache"] for response in responses]

    keyed = [name for name in site.viewers if name not in ANONYMOUS]
    for viewer in keyed:
        assert states(viewer) == ["MISS", "MISS"]
    assert states("anonymous") == ["MISS", "HIT"]
    assert states("anonymous", method="HEAD") == ["HIT", "HIT"]
    for viewer in keyed:
        assert STORED.isdisjoint(states(viewer))
    assert states("anonymous") == ["HIT", "HIT"]


@pytest.mark.parametrize("query", ["bad size", "invalid", "forbidden", "secured", "mutation"])
@pytest.mark.parametrize("viewer", ["anonymous", "no scopes"])
def test_proxy_stores_no_errors(site: Site, viewer, query) -> None:
    """Whichever error, with either media type."""
    number = next(numbers)
    for accept in ("application/json", "application/graphql-response+json", "image/png"):
        request = plain(viewer, query, accept=[accept])
        for _ in range(2):
            assert site.send(site.proxy_url, request, number).headers["x-cache"] == "MISS"
