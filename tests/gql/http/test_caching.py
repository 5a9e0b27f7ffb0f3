"""Cache-Control, Vary, HEAD and If-None-Match: what browsers and proxies may store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from gql.cache_control import is_cache_control, private_cache_control
from gql.composition.app import create_app
from gql.identity.viewer import Permission
from gql.settings import SettingsError, load_settings
from tests.gql.http.test_security_headers import routes
from tests.support.auth_client import add_key, bearer_header
from tests.support.factories import article, memory_repository

PUBLIC = "public, max-age=60, s-maxage=600, stale-while-revalidate=5"
PRIVATE = "private, max-age=60, stale-while-revalidate=5"
VARY = "Accept, Accept-Encoding, Authorization"
TITLES = "{ articles { nodes { title } } }"
NOT_COMPILED = '{ articles { totalCount } __type(name: "Article") { name } }'
FAILING = [
    "{ nope }",
    "{",
    "{ articles(first: -1) { totalCount } }",
    "{ diagnostics { totalCount } }",
    'mutation { deleteArticle(input: {id: "x"}) { deletedId } }',
    "subscription { changes { slug } }",
]
TYPES = ["application/json", "application/graphql-response+json"]


class Site:
    """A server whose public responses may be cached.

    Attributes:
        client: A client of it.
        viewers: The Authorization headers of its viewers with credentials, by name.
    """

    def __init__(self, folder: Path, address: str = "192.0.2.1", **settings: Any) -> None:
        fixed = {"folder": folder, "store": folder / "store.json", "cache_control": PUBLIC}
        articles = article("open"), article("draft", published=False)
        app = create_app(load_settings({**fixed, **settings}), memory_repository(*articles))
        self.client = TestClient(app, client=(address, 50_000))
        scopes: dict[str, list[Permission]] = {
            "nothing": [],
            "drafts": [Permission.READ_DRAFTS],
            "secured": [Permission.READ_SECURED],
            "writer": [Permission.WRITE],
        }
        self.viewers = {
            name: bearer_header(add_key(folder, *each, name=name)) for name, each in scopes.items()
        }

    def send(self, method: str, query: str, headers: Mapping[str, str]) -> Any:
        """The response to a query."""
        if method == "POST":
            return self.client.post("/graphql", json={"query": query}, headers=headers)
        return self.client.request(method, f"/graphql?query={quote(query)}", headers=headers)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A server, its public responses cacheable."""
    return Site(tmp_path)


@pytest.mark.parametrize("options", [{}, {"response_cache_bytes": 0}, {"compiled": False}])
@pytest.mark.parametrize("query", [TITLES, NOT_COMPILED])
def test_response_with_credentials_is_private(tmp_path, options, query) -> None:
    """With any key, on every path through the server; the first time, again, and as a 304."""
    site = Site(tmp_path, **options)
    for _ in range(2):
        for method in ("GET", "HEAD", "POST"):
            for headers in ({}, *site.viewers.values()):
                expected = PRIVATE if headers else PUBLIC
                first = site.send(method, query, headers)
                again = site.send(
                    method, query, {**headers, "if-none-match": first.headers["etag"]}
                )
                assert (first.status_code, again.status_code) == (200, 304)
                for response in (first, again):
                    assert response.headers.get_list("cache-control") == [expected]
                    assert response.headers.get_list("vary") == [VARY]


def test_preview_of_drafts_is_private(tmp_path) -> None:
    """Without a key, too, clients on this machine see drafts with `--drafts`."""
    site = Site(tmp_path, "127.0.0.1", drafts=True)
    response = site.send("GET", "{ articles { nodes { slug } } }", {"host": "127.0.0.1"})
    assert "draft" in response.text
    assert response.headers["cache-control"] == PRIVATE


def test_response_of_the_sync_form_is_private_with_credentials(tmp_path) -> None:
    """The server sends it without the middleware of other responses."""
    site = Site(tmp_path)
    app: Any = site.client.app
    body = b'{"query": "%s"}' % TITLES.encode()
    for viewer in ({}, *site.viewers.values()):
        site.send("POST", TITLES, viewer)  # the key is checked
        fields = {"content-type": "application/json", **viewer}
        headers = {name.encode(): value.encode() for name, value in fields.items()}
        scope: dict[str, Any] = {"type": "http", "path": "/graphql", "method": "POST"}
        scope |= {"query_string": b"", "headers": [*headers.items()], "state": {}}
        scope["client"] = ("192.0.2.1", 1)
        reply = app.respond_sync(scope, headers, body)
        expected = PRIVATE if viewer else PUBLIC
        assert dict(reply.headers())[b"cache-control"] == expected.encode()


@pytest.mark.parametrize("accept", [*TYPES, "image/png"])
@pytest.mark.parametrize("query", FAILING)
def test_response_with_errors_is_not_stored(site: Site, accept, query) -> None:
    """Whatever is wrong with it, and whoever sends it."""
    for method in ("GET", "HEAD", "POST"):
        for headers in ({}, site.viewers["nothing"], bearer_header("no")):
            response = site.send(method, query, {**headers, "accept": accept})
            assert response.headers.get_list("cache-control") == ["no-store"]
            assert response.headers.get_list("vary") == [VARY]
            assert "etag" not in response.headers


def test_response_to_a_mutation_is_not_stored(tmp_path) -> None:
    """Nor is a replayed one."""
    site = Site(tmp_path)
    mutation = 'mutation { deleteArticle(input: {id: "x"}) { deletedId } }'
    for _ in range(2):
        headers = {**site.viewers["writer"], "idempotency-key": "k"}
        response = site.send("POST", mutation, headers)
        assert "errors" not in response.json()
        assert response.headers["cache-control"] == "no-store"


def test_response_to_repeated_header_fields_is_not_stored(site: Site) -> None:
    """Such requests take another path through the server."""
    headers = [("accept", "application/json"), ("accept", "text/plain")]
    for viewer in ({}, site.viewers["drafts"]):
        response = site.client.get(
            f"/graphql?query={quote(TITLES)}", headers=[*headers, *viewer.items()]
        )
        assert response.json()["data"]
        assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("settings", [{}, {"anonymous": False}, {"cors_origins": "*"}])
def test_no_page_is_public_with_credentials(tmp_path, settings) -> None:
    """Each response says whether it may be stored, also a 404 or a health check."""
    site = Site(tmp_path, **settings)
    for path in routes(tmp_path):
        for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
            for headers in ({}, *site.viewers.values(), bearer_header("no")):
                response = site.client.request(method, path, headers=headers)
                [cache_control] = response.headers.get_list("cache-control")
                is_shown_to_all = "/static/" in path
                if (headers and not is_shown_to_all) or response.status_code >= 400:
                    assert "public" not in cache_control, path
                if response.status_code >= 400:
                    assert "no-store" in cache_control, path


def without_date(headers: Any) -> list[tuple[str, str]]:
    """Header fields but for the time."""
    return [(name, value) for name, value in headers.multi_items() if name != "date"]


@pytest.mark.parametrize("accept_encoding", ["identity", "gzip", "br"])
@pytest.mark.parametrize("query", ["{ __schema { types { name description } } }", *FAILING, TITLES])
def test_head_has_the_header_fields_of_get(site: Site, query, accept_encoding) -> None:
    """For an empty body: the status, the ETag, the length and all others."""
    for viewer in ({}, *site.viewers.values(), bearer_header("no")):
        for accept in TYPES:
            headers = {**viewer, "accept": accept, "accept-encoding": accept_encoding}
            get, head = (site.send(method, query, headers) for method in ("GET", "HEAD"))
            assert head.status_code == get.status_code
            assert without_date(head.headers) == without_date(get.headers)
            assert head.content == b""
            if etag := get.headers.get("etag"):
                for tags in (etag, f'"x", W/{etag}', "*", " * "):
                    sent = {**headers, "if-none-match": tags}
                    get, head = (site.send(method, query, sent) for method in ("GET", "HEAD"))
                    assert (head.status_code, get.status_code) == (304, 304)
                    assert without_date(head.headers) == without_date(get.headers)
                    assert get.headers["etag"] == etag


@pytest.mark.parametrize("options", [{}, {"response_cache_bytes": 0}, {"compiled": False}])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_star_matches_a_response_without_errors(tmp_path, method, options) -> None:
    """If-None-Match: * is a 304 where there is a representation, and nothing else.

    https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2
    """
    site = Site(tmp_path, **options)
    star = {"if-none-match": "*"}
    for query in (TITLES, NOT_COMPILED):
        for _ in range(2):
            response = site.send(method, query, star)
            assert (response.status_code, response.content) == (304, b"")
            assert response.headers["etag"] == site.send(method, query, {}).headers["etag"]
    for query in FAILING:
        assert (
            site.send(method, query, star).status_code == site.send(method, query, {}).status_code
        )
    for tags in ("**", '"*"', "*, x", "x, *"):
        assert site.send(method, TITLES, {"if-none-match": tags}).status_code == 200


def test_star_does_not_prevent_a_mutation(tmp_path) -> None:
    """A mutation has no representation; it is executed."""
    site = Site(tmp_path)
    mutation = 'mutation { deleteArticle(input: {id: "x"}) { deletedId } }'
    response = site.send("POST", mutation, {**site.viewers["writer"], "if-none-match": "*"})
    assert (response.status_code, response.json()["data"]) == (
        200,
        {"deleteArticle": {"deletedId": None}},
    )


DIRECTIVES = [
    "public",
    "PUBLIC",
    "s-maxage=9",
    "max-age=60",
    "private",
    'private="x-y"',
    "no-cache",
    'no-cache="set-cookie, x"',
    "must-revalidate",
    "stale-if-error=1",
]
directives = st.lists(st.sampled_from(DIRECTIVES), min_size=1)


@given(directives, st.sampled_from([",", ", ", " , "]))
def test_private_value_has_the_other_directives(given, comma) -> None:
    """All but those on shared caches, in their order."""
    text = comma.join(given)
    assert is_cache_control(text)
    private = private_cache_control(text)
    assert is_cache_control(private)
    rest = [each for each in given if not re.match("public|private|s-maxage", each, re.IGNORECASE)]
    assert private == ", ".join(["private", *rest])
    assert private_cache_control(private) == private


@pytest.mark.parametrize("value", ["", "max age", "public;", "public,", "a\r\nset-cookie: x", "é"])
def test_setting_that_is_no_cache_control_is_refused(value) -> None:
    """Rather than sent as a broken header field."""
    with pytest.raises(SettingsError, match="cache_control"):
        load_settings({"cache_control": value})
