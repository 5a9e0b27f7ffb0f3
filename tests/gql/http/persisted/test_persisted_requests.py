"""Requests that name their document by an id, over each transport."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from starlette.testclient import TestClient

from gql.identity.viewer import Permission
from tests.support.auth_client import add_key, auth_app, auth_client, bearer_header
from tests.support.live_server import serve
from tests.support.persisted import (
    APOLLO,
    APOLLO_ID,
    CHANGES,
    CODEGEN,
    CODEGEN_ID,
    RELAY,
    RELAY_ID,
    SEVERAL,
    SLUGS,
    hash_of,
    write_documents,
)
from tests.support.websocket_client import connect_websocket

RESPONSE = "application/graphql-response+json"
UNKNOWN = hash_of("{ __typename }")
HASHED = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": UNKNOWN}}}


def hashed(hash: str, **more: Any) -> dict[str, Any]:
    """A request of Apollo's link or urql's exchange."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash}}, **more}


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    """A server with trusted documents."""
    return auth_client(tmp_path, trusted_documents=write_documents(tmp_path / "documents"))


BY_ID: list[tuple[dict[str, Any], str]] = [
    ({"documentId": RELAY_ID}, RELAY),
    ({"id": RELAY_ID, "query": None}, RELAY),
    ({"doc_id": RELAY_ID}, RELAY),
    ({"documentId": RELAY_ID, "query": ""}, RELAY),
    (hashed(APOLLO_ID, query=""), APOLLO),
    ({"documentId": f"sha256:{hash_of(RELAY)}"}, RELAY),
    (hashed(APOLLO_ID), APOLLO),
    (hashed(hash_of(APOLLO)), APOLLO),
    ({"documentId": f"sha256:{hash_of(CODEGEN)}"}, CODEGEN),
    ({"documentId": hash_of(CODEGEN)}, CODEGEN),
    (hashed(CODEGEN_ID, documentId=None), SLUGS),
    ({"documentId": hash_of(SEVERAL), "operationName": "Count"}, SEVERAL),
    ({"documentId": hash_of(SEVERAL), "operationName": "First"}, SEVERAL),
]


SEVERAL_IDS: list[dict[str, Any]] = [
    {"documentId": RELAY_ID, "id": APOLLO_ID},
    {"documentId": RELAY_ID, "doc_id": f"sha256:{hash_of(SLUGS)}"},
    {"id": RELAY_ID, "doc_id": CODEGEN_ID},
    hashed(APOLLO_ID, documentId=RELAY_ID),
    hashed(hash_of(RELAY), id=CODEGEN_ID),
]


def as_parameters(body: dict[str, Any]) -> dict[str, str]:
    """The parameters of a GET with the same meaning as a body."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in body.items()
        if value is not None
    }


@pytest.mark.parametrize(("body", "text"), BY_ID)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_id_gives_the_response_of_the_text(client, method, body, text) -> None:
    """A document by its id, in each form that clients send, is executed as its text is."""
    by_text = {"query": text, "operationName": body.get("operationName")}
    expected = client.post("/graphql", json=by_text)
    assert expected.json()["data"]["articles"]
    for _ in range(3):  # parsed, admitted to the request cache, from it
        if method == "POST":
            response = client.post("/graphql", json=body)
        else:
            response = client.get("/graphql", params=as_parameters(body))
        assert (response.status_code, response.json()) == (200, expected.json())
        assert response.headers["etag"]


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("body", SEVERAL_IDS)
def test_ids_of_different_documents_are_refused(client, method, body) -> None:
    """A proxy that reads one id cannot be made to pass another document."""
    if method == "POST":
        response = client.post("/graphql", json=body)
    else:
        response = client.get("/graphql", params=as_parameters(body))
    [error] = response.json()["errors"]
    assert (response.status_code, error["extensions"]["code"]) == (400, "BAD_REQUEST")
    assert "of different documents" in error["message"]


def test_ids_of_one_document_are_taken_beside_an_id_of_something_else(client) -> None:
    """All ids of a document are equal, and a client may number its requests as `id`."""
    hash = hash_of(RELAY)
    for more in ({"id": hash}, {"doc_id": f"sha256:{hash}"}, hashed(hash), {"id": "request-1"}):
        response = client.post("/graphql", json={"documentId": RELAY_ID, **more})
        assert response.json()["data"]["articles"]


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        (f"/graphql/sha256:{hash_of(SEVERAL)}/Count", "Count"),
        (f"/graphql/{hash_of(SEVERAL)}/First", "First"),
        (f"/graphql/{quote('sha256:' + hash_of(SEVERAL), safe='')}?operationName=First", "First"),
    ],
)
def test_document_has_a_url_of_its_own(client, path, operation) -> None:
    """`/graphql/ID/OPERATION` is a URL that a cache can tell from others, with ETag and HEAD."""
    expected = client.post("/graphql", json={"query": SEVERAL, "operationName": operation})
    response = client.get(path)
    assert (response.status_code, response.json()) == (200, expected.json())
    again = client.get(path, headers={"if-none-match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.head(path).status_code == 200
    browser = client.get(path, headers={"accept": "text/html,application/json;q=0.9"})
    assert browser.json() == expected.json()


def test_browser_that_names_a_document_gets_its_error_and_not_the_page(client) -> None:
    """GraphiQL is the response to a browser that names no document."""
    headers = {"accept": "text/html,application/json;q=0.9"}
    for url in ("/graphql?documentId=x", "/graphql?id=x", "/graphql/x"):
        response = client.get(url, headers=headers)
        assert response.json()["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    assert client.get("/graphql", headers=headers).text.startswith("<!doctype html>")


def test_document_url_is_authenticated_and_limited_as_others(tmp_path: Path) -> None:
    """A URL of a document needs a key where others do, and counts for the rate limit."""
    documents = write_documents(tmp_path / "d")
    closed = auth_client(tmp_path, trusted_documents=documents, anonymous=False)
    assert closed.get(f"/graphql/{RELAY_ID}").status_code == 401
    key = add_key(tmp_path, Permission.READ_DRAFTS)
    limited = auth_client(tmp_path, trusted_documents=documents, rate_limit="1/minute")
    seen = limited.get(f"/graphql/{CODEGEN_ID}", headers=bearer_header(key)).json()["data"]
    anonymous = limited.get(f"/graphql/{CODEGEN_ID}").json()["data"]
    assert len(anonymous["articles"]["nodes"]) < len(seen["articles"]["nodes"])
    assert limited.get(f"/graphql/{CODEGEN_ID}").status_code == 429


def test_document_url_takes_no_other_document_and_no_other_method(client) -> None:
    """The id of a path cannot be replaced by parameters, and nothing but GET and HEAD has paths."""
    path = f"/graphql/sha256:{hash_of(SEVERAL)}"
    extensions = json.dumps(hashed(APOLLO_ID)["extensions"])
    others = (
        {"documentId": RELAY_ID},
        {"query": SLUGS},
        {"id": RELAY_ID},
        {"doc_id": RELAY_ID},
        {"extensions": extensions},
    )
    for more in others:
        assert client.get(path, params=more).status_code == 400
    assert client.post(path, json={"operationName": "Count"}).status_code == 404
    assert client.get("/graphql/", params={"documentId": RELAY_ID}).status_code == 404


@pytest.mark.parametrize(
    ("enabled", "body", "code", "message"),
    [
        (False, HASHED, "PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported"),
        (True, HASHED, "PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound"),
        (True, {"documentId": UNKNOWN}, "PERSISTED_QUERY_NOT_FOUND", "No document has the id"),
        (True, {"id": "x"}, "PERSISTED_QUERY_NOT_FOUND", "No document has the id"),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", RESPONSE, f"{RESPONSE}, text/event-stream"])
def test_unknown_document_is_an_error_that_clients_recognise(  # noqa: PLR0917
    tmp_path, enabled, body, code, message, accept
) -> None:
    """Code and message are those of Apollo Server: `application/json` has status 200 for clients
    that read nothing else, and no cache may store the response.
    """
    settings: dict[str, Any] = {}
    if enabled:
        settings["trusted_documents"] = write_documents(tmp_path / "d")
    client = auth_client(tmp_path, **settings)
    headers = {"accept": accept}
    for response in (
        client.post("/graphql", json=body, headers=headers),
        client.get("/graphql", params=as_parameters(body), headers=headers),
    ):
        assert response.status_code == (200 if accept == "application/json" else 400)
        [error] = response.json()["errors"]
        assert error["extensions"]["code"] == code
        assert error["message"].startswith(message)
        assert response.headers["cache-control"] == "no-store"
        assert "etag" not in response.headers


@pytest.mark.parametrize(
    ("enabled", "body", "code"),
    [
        (False, {"documentId": UNKNOWN}, "DOCUMENT_ID_NOT_ENABLED"),
        (False, {"id": 5}, "BAD_REQUEST"),
        (True, {"id": 5}, "BAD_REQUEST"),
        (True, {"documentId": ["x"]}, "BAD_REQUEST"),
        (True, {"documentId": RELAY_ID, "query": SLUGS}, "BAD_REQUEST"),
        (True, {"extensions": {"persistedQuery": UNKNOWN}}, "BAD_REQUEST"),
        (
            True,
            {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": "x"}}},
            "BAD_REQUEST",
        ),
        (True, {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": 1}}}, "BAD_REQUEST"),
    ],
)
def test_malformed_id_is_refused(tmp_path, enabled, body, code) -> None:
    """An id of a wrong type, or beside a text, is an error of the request."""
    settings: dict[str, Any] = {}
    if enabled:
        settings["trusted_documents"] = write_documents(tmp_path / "d")
    response = auth_client(tmp_path, **settings).post("/graphql", json=body)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == code


@pytest.mark.parametrize(
    "more", [{"id": 5}, {"doc_id": "x"}, {"extensions": {"persistedQuery": 1}}]
)
def test_foreign_members_beside_a_text_are_ignored_without_documents(tmp_path, more) -> None:
    """A server without persisted documents executes the text, as it always did."""
    response = auth_client(tmp_path).post("/graphql", json={"query": SLUGS, **more})
    assert response.json()["data"]


def test_socket_takes_ids(tmp_path: Path) -> None:
    """Over a WebSocket an unknown id is the error of its operation, and the socket stays open."""
    client = auth_client(tmp_path, trusted_documents=write_documents(tmp_path / "d"))
    body, text = BY_ID[0]
    expected = client.post("/graphql", json={"query": text}).json()

    async def converse() -> None:
        async with connect_websocket(client.app, {}) as socket:
            for unknown in (hashed(UNKNOWN), {"documentId": "x"}, hashed(UNKNOWN)):
                [error] = json.loads(await socket.execute(unknown))["errors"]
                assert error["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
                assert json.loads(await socket.execute(body)) == expected

    asyncio.run(converse())


@pytest.mark.parametrize(
    ("body", "code"),
    [(hashed(UNKNOWN), "PERSISTED_QUERY_NOT_FOUND"), ({"query": "{ x }"}, "DOCUMENT_NOT_TRUSTED")],
)
def test_refusals_over_a_socket_count_for_the_rate_limit(tmp_path: Path, body, code) -> None:
    """Guessing ids over a socket is limited as over HTTP."""
    app = auth_app(
        tmp_path,
        trusted_documents=write_documents(tmp_path / "d"),
        trusted_only=True,
        rate_limit="2/minute",
    )

    async def converse() -> list[str]:
        async with connect_websocket(app, {}) as socket:
            responses = [json.loads(await socket.execute(body)) for _ in range(3)]
        return [response["errors"][0]["extensions"]["code"] for response in responses]

    assert asyncio.run(converse()) == [code, code, "RATE_LIMITED"]


def test_stream_takes_ids(tmp_path: Path) -> None:
    """An event stream of a query by its id has the response of the text."""
    app = auth_app(tmp_path, trusted_documents=write_documents(tmp_path / "d"))
    headers = {"accept": "text/event-stream"}
    with serve(app) as url, httpx2.Client(base_url=url, headers=headers) as client:
        expected = client.get("/graphql", params={"query": RELAY}).text
        assert expected.startswith("event: next")
        assert client.get("/graphql", params={"documentId": RELAY_ID}).text == expected
        assert client.get(f"/graphql/{RELAY_ID}").text == expected
        assert client.post("/graphql", json={"id": RELAY_ID}).text == expected


def test_stream_follows_a_subscription_by_its_id(tmp_path: Path) -> None:
    """A subscription is followed by its id, at a URL for EventSource, too; and by its hash once a
    client has registered it.
    """
    documents = write_documents(tmp_path / "d")
    store = tmp_path / "store.json"
    app = auth_app(tmp_path, trusted_documents=documents, apq_bytes=1 << 20, store=store)
    registered = "subscription { changes { kind } }"
    headers = {"accept": "text/event-stream"}
    with serve(app) as url, httpx2.Client(base_url=url, headers=headers) as client:
        unknown = client.post("/graphql", json=hashed(hash_of(registered)))
        assert unknown.json()["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
        for method, path, body in (
            ("GET", f"/graphql/sha256:{hash_of(CHANGES)}", None),
            ("POST", "/graphql", {"id": hash_of(CHANGES)}),
            ("POST", "/graphql", hashed(hash_of(registered), query=registered)),
            ("POST", "/graphql", hashed(hash_of(registered))),
        ):
            with client.stream(method, path, json=body) as response:
                assert response.headers["content-type"].startswith("text/event-stream")
                assert next(response.iter_lines()).startswith("id: ")


def test_mutation_by_its_id_needs_post_and_the_scope(tmp_path: Path) -> None:
    """An id gives no rights: a trusted mutation is refused over GET, and without the scope."""
    (tmp_path / "delete.graphql").write_text(
        'mutation { deleteArticle(input: {id: "a_0123456789abcdef"}) { userErrors { code } } }'
    )
    id = hash_of((tmp_path / "delete.graphql").read_text())
    client = auth_client(tmp_path, trusted_documents=tmp_path / "delete.graphql", trusted_only=True)
    for response in (
        client.get(f"/graphql/{id}"),
        client.get("/graphql", params={"documentId": id}),
    ):
        assert (response.status_code, response.headers["allow"]) == (405, "POST")
    refused = client.post("/graphql", json={"documentId": id}).json()
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    key = add_key(tmp_path, Permission.WRITE)
    done = client.post("/graphql", json={"documentId": id}, headers=bearer_header(key)).json()
    assert done["data"]["deleteArticle"]["userErrors"][0]["code"] == "NOT_FOUND"
