"""The fast path of plain operations: validators, the response cache, compression."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import brotli
import pytest
import zstandard
from starlette.testclient import TestClient

from gql.cache import CacheRegistry
from gql.composition.app import create_app
from gql.http import HttpSettings, RequestCache
from gql.http.caching.response_cache import SLOW_BYTES
from gql.http.protocol.compression import COMPRESSORS
from gql.identity.viewer import Permission
from gql.settings import load_settings
from store import Batch, MemoryRepository
from tests.support.auth_client import (
    add_key,
    auth_client,
    bearer_header,
)
from tests.support.factories import article

TITLES = "{ articles(first: 50) { nodes { title excerpt } } }"
WAY = "x-newsgraph-way"


class Site:
    """A running application over a repository that can be written to."""

    def __init__(self, tmp_path: Any, **settings: Any) -> None:
        self.repository = MemoryRepository()
        self.put(*(article(f"story-{n}", excerpt=f"what story {n} tells " * 9) for n in range(20)))
        settings = {"store": tmp_path / "store.json", "explain": True, **settings}
        self.app = create_app(load_settings(settings), self.repository)
        self.client = TestClient(self.app)

    def put(self, *articles: Any) -> None:
        """Write these."""
        asyncio.run(self.repository.apply(Batch(puts=articles)))

    def runs(self) -> int:
        """How many answers were made."""
        pipeline: Any = self.app.executor
        return int(pipeline.execute.counts["compiled"])

    def post(self, query: str = TITLES, **headers: str) -> Any:
        """The response to a POST; headers are named with underscores."""
        return self.client.post("/graphql", json={"query": query}, headers=_headers(headers))

    def get(self, query: str = TITLES, **headers: str) -> Any:
        """The response to a GET."""
        return self.client.get(f"/graphql?query={quote(query)}", headers=_headers(headers))


def _headers(given: dict[str, str]) -> dict[str, str]:
    # The client would ask for compression by itself, and undo it.
    wanted = {name.replace("_", "-"): value for name, value in given.items()}
    return {"accept-encoding": "identity", **wanted}


@pytest.fixture
def site(tmp_path) -> Site:
    """A site as it comes."""
    return Site(tmp_path)


def test_large_answer_is_compressed_while_others_are_answered(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is done in a thread, once for each encoding, and gives the same as without."""
    threads = []

    def compress(body: bytes) -> bytes:
        threads.append(threading.current_thread())
        return gzip.compress(body)

    monkeypatch.setitem(COMPRESSORS, "gzip", compress)
    site = Site(tmp_path, response_cache_bytes=1 << 24)
    site.put(*(article(f"long-{n}", excerpt=f"{n} is long " * 1_000) for n in range(40)))
    plain = site.post().content
    assert len(plain) > SLOW_BYTES
    for _ in range(3):
        packed = site.post(accept_encoding="gzip")
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.content == plain  # the client unpacks it
    assert len(threads) == 1
    assert "asyncio" in threads[0].name


@pytest.mark.parametrize("method", ["get", "post"])
def test_answer_that_the_client_has_is_not_made_again(site: Site, method: str) -> None:
    """Its validator is answered by 304 with nothing in it, until something is written."""
    ask: Callable[..., Any] = getattr(site, method)
    first = ask()
    assert first.headers[WAY] == "compiled"
    again = ask(if_none_match=f'"other", {first.headers["etag"]}')
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    site.put(article("news"))
    after = ask(if_none_match=first.headers["etag"])
    assert after.status_code == 200
    assert after.headers["etag"] != first.headers["etag"]


def test_validator_tells_queries_forms_and_types_apart(site: Site) -> None:
    """It is strong: no two answers that differ in a byte share one."""
    answers = [
        site.post(),
        site.post(accept_encoding="gzip"),
        site.post(accept="application/graphql-response+json"),
        site.post("{ articles { totalCount } }"),
    ]
    etags = [answer.headers["etag"] for answer in answers]
    assert len(set(etags)) == len(etags)
    assert not any(etag.startswith("W/") for etag in etags)


RIGHTS: list[tuple[Permission, ...]] = [
    (),
    (Permission.READ_DRAFTS,),
    (Permission.READ_SECURED,),
    (Permission.READ_DRAFTS, Permission.READ_SECURED),
]
SLUGS = "{ articles { nodes { slug } } }"
SECURED = "{ articles { nodes { slug secured } } }"
NOT_COMPILED = '{ articles { totalCount } __type(name: "Article") { name } }'


@pytest.mark.parametrize("options", [{}, {"response_cache_bytes": 1 << 20}, {"compiled": False}])
def test_etag_depends_on_the_rights_of_the_viewer(
    tmp_path: Path, options: Mapping[str, Any]
) -> None:
    """Of one state of the store, a viewer is given no ETag of a viewer with other rights, nor 304
    for one.
    """
    client = auth_client(tmp_path, store=tmp_path / "store.json", **options)
    names = [f"key-{number}" for number in range(len(RIGHTS))]
    viewers = [
        bearer_header(add_key(tmp_path, *scopes, name=name)) if scopes else {}
        for scopes, name in zip(RIGHTS, names, strict=True)
    ]
    for method, query in product(("GET", "POST"), (SLUGS, SECURED, NOT_COMPILED)):

        def send(headers: dict[str, str], method: str = method, query: str = query) -> Any:
            if method == "GET":
                return client.get(f"/graphql?query={quote(query)}", headers=headers)
            return client.post("/graphql", json={"query": query}, headers=headers)

        responses = [send(viewer) for viewer in viewers]
        etags = [response.headers.get("etag") for response in responses]
        given = {etag for etag in etags if etag is not None}
        assert len(given) == len(etags) - etags.count(None) >= 2
        for viewer, response, own in zip(viewers, responses, etags, strict=True):
            again = send({**viewer, "if-none-match": ", ".join(given - {own})})
            assert (again.status_code, again.content) == (response.status_code, response.content)
            assert own is None or send({**viewer, "if-none-match": own}).status_code == 304


@pytest.mark.parametrize("query", ["{ nonsense }", "{ articles(first: -1) { totalCount } }"])
def test_answer_with_errors_has_no_validator(site: Site, query: str) -> None:
    """Nobody is told to keep it, and a star does not hide it."""
    answer = site.post(query, if_none_match="*")
    assert "errors" in answer.json()
    assert "etag" not in answer.headers


def test_answer_is_kept_for_the_next_that_asks_the_same(site: Site) -> None:
    """Until something is written, the same bytes come without being made."""
    first = site.post()
    runs = site.runs()
    assert site.post().content == first.content
    assert site.runs() == runs
    site.put(article("news", title="Brand new"))
    assert "Brand new" in site.post().text


def test_kept_answer_is_given_in_each_form_that_is_asked_for(site: Site) -> None:
    """One is kept for all of them, and each is told what it is."""
    for media_type in ("application/json", "application/graphql-response+json") * 2:
        answer = site.post(accept=media_type)
        assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert site.runs() == 1


def test_cache_can_be_turned_off(tmp_path) -> None:
    """With no room, every answer is made."""
    site = Site(tmp_path, response_cache_bytes=0)
    assert site.post().content == site.post().content
    assert site.runs() == 2


@pytest.mark.parametrize(
    ("accepted", "encoding", "undo"),
    [
        ("gzip", "gzip", gzip.decompress),
        ("br;q=0.9, gzip;q=0.1", "br", brotli.decompress),
        ("gzip, br, zstd", "zstd", zstandard.decompress),
        ("*", "zstd", zstandard.decompress),
    ],
)
def test_large_answer_is_compressed_as_the_client_likes(
    site: Site, accepted: str, encoding: str, undo: Callable[[bytes], bytes]
) -> None:
    """The best that it takes, and what comes out is the answer."""
    plain = site.post()
    with site.client.stream(
        "POST", "/graphql", json={"query": TITLES}, headers={"accept-encoding": accepted}
    ) as packed:
        raw = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == encoding
    assert int(packed.headers["content-length"]) == len(raw) < len(plain.content)
    assert undo(raw) == plain.content
    assert "accept-encoding" in packed.headers["vary"].lower()


@pytest.mark.parametrize(
    "accepted", ["identity", "gzip;q=0", "deflate", "gzip;q=nonsense", "*;q=0"]
)
def test_answer_is_not_compressed_for_who_does_not_want_it(site: Site, accepted: str) -> None:
    """What is refused or not known leaves the answer as it is."""
    assert "content-encoding" not in site.post(accept_encoding=accepted).headers


def test_small_answer_is_not_compressed(site: Site) -> None:
    """It fits one packet as it is."""
    answer = site.post("{ articles { totalCount } }", accept_encoding="gzip")
    assert "content-encoding" not in answer.headers


def test_request_is_remembered_once_it_comes_again() -> None:
    """What is asked once takes no room; what is asked again is not read anew each time."""
    requests = RequestCache(HttpSettings(), 1 << 20, CacheRegistry())
    headers = {b"content-type": b"application/json"}
    bodies = [b'{"query": "{ articles(first: %d) { totalCount } }"}' % n for n in range(3)]
    for body in bodies:
        requests.post(headers, body, b"")
    assert requests.requests.entries == 0
    second, third = (requests.post(headers, bodies[1], b"") for _ in range(2))
    assert requests.requests.entries == 1
    assert second is not None
    assert third is not None
    assert second.plain is third.plain


@pytest.mark.parametrize("query", ["{ __typename }", "mutation { deleteArticle }"])
def test_body_is_never_read_as_the_parameters_of_a_url(tmp_path: Path, query: str) -> None:
    """The key of a GET in the request cache, sent as a body, is no JSON."""
    client = auth_client(tmp_path, response_cache_bytes=1 << 20)
    key = f"?query={quote(query)}"
    for _ in range(3):
        client.get(f"/graphql{key}")
    response = client.post("/graphql", content=key, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["errors"][0]["message"].startswith("The body is not JSON")


def test_mutation_of_a_url_is_not_in_the_request_cache() -> None:
    """Requests in the cache may be answered without execution."""
    requests = RequestCache(HttpSettings(), 1 << 20, CacheRegistry())
    query = quote('mutation { createPreviewLink(input: {id: "a"}) { token } }').encode()
    assert requests.get({}, b"query=" + query, b"") is None
