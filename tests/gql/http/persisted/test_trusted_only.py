"""A server that executes trusted documents only, and what others try to have executed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from gql.http import GraphQLHandler, HttpRequest, HttpSettings, PersistedDocuments
from gql.http.persisted.manifests import read_documents
from gql.http.persisted.trusted_documents import TrustedDocuments
from gql.identity.viewer import PUBLIC, Permission
from gql.server.direct_protocol import DirectProtocol
from tests.support.auth_client import add_key, auth_app, bearer_header, error_code
from tests.support.live_server import LiveServer, run_server
from tests.support.persisted import (
    APOLLO,
    APOLLO_ID,
    RELAY,
    RELAY_ID,
    SEVERAL,
    SLUGS,
    hash_of,
    write_documents,
)

PROTOCOL = Subprotocol("graphql-transport-ws")
TIMEOUT_S = 10
LEAK = "query Slugs { articles { nodes { slug leak: title } } }"
SPACED = SLUGS + " "
TRUSTED = (RELAY, APOLLO, SLUGS, SEVERAL)
STREAM = "text/event-stream"


def registering(text: str) -> dict[str, Any]:
    """A request that asks to register a document."""
    persisted = {"version": 1, "sha256Hash": hash_of(text)}
    return {"query": text, "extensions": {"persistedQuery": persisted}}


class Site:
    """A server that executes trusted documents only, with clients of it.

    Attributes:
        server: The server.
        client: An HTTP client of it.
        folder: The folder of its files.
        keys: A key for each scope.
    """

    def __init__(self, server: LiveServer, client: httpx2.Client, folder: Path) -> None:
        self.server = server
        self.client = client
        self.folder = folder
        self.keys: dict[Permission, str] = {}

    def post(self, content: bytes, accept: str = "*/*", scope: Permission | None = None) -> Any:
        """The response to a POST, with a key of this scope."""
        headers = {"content-type": "application/json", "accept": accept, **self.headers(scope)}
        return self.client.post("/graphql", content=content, headers=headers)

    def headers(self, scope: Permission | None) -> dict[str, str]:
        """The header with the key of a scope."""
        return bearer_header(self.keys[scope]) if scope else {}

    def send(self, payload: bytes, scope: Permission | None = None) -> list[dict[str, Any]]:
        """The messages that answer a subscribe message with this payload over a WebSocket."""
        url = f"{self.server.url.replace('http', 'ws')}/graphql"
        received: list[dict[str, Any]] = []
        headers = self.headers(scope)
        with connect(url, subprotocols=[PROTOCOL], additional_headers=headers) as socket:
            socket.send('{"type":"connection_init"}')
            socket.recv(timeout=TIMEOUT_S)
            socket.send(b'{"type":"subscribe","id":"q","payload":' + payload + b"}", text=True)
            with suppress(ConnectionClosed):
                while not received or received[-1]["type"] == "next":
                    received.append(json.loads(socket.recv(timeout=TIMEOUT_S)))
        return received


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that executes trusted documents only. Another document is registered there."""
    folder = tmp_path_factory.mktemp("server")
    keys = {scope: add_key(folder, scope, name=scope) for scope in Permission}
    app = auth_app(
        folder,
        store=folder / "store.json",
        trusted_documents=write_documents(folder / "documents"),
        trusted_only=True,
        apq_bytes=1 << 20,
    )
    with (
        run_server(app, http=DirectProtocol) as server,
        httpx2.Client(base_url=server.url) as client,
    ):
        site = Site(server, client, folder)
        site.keys = keys
        content = json.dumps(registering(LEAK)).encode()
        assert site.post(content, scope=Permission.SEND_ANY_OPERATION).json()["data"]
        yield site


@pytest.fixture(scope="module")
def allowed(site: Site) -> list[Any]:
    """The data of the trusted queries: nothing else may be in a response."""
    bodies = [{"query": text} for text in TRUSTED[:-1]]
    bodies += [{"query": SEVERAL, "operationName": name} for name in ("First", "Count")]
    found = [site.post(json.dumps(body).encode()).json()["data"] for body in bodies]
    assert all(found)
    return [*found, None]


texts = st.sampled_from(
    (*TRUSTED, *[LEAK] * 4, SPACED, f"# {SLUGS}\n{LEAK}", "{__typename}", "", None, 1)
)
hashes = [hash_of(text) for text in (SLUGS, SEVERAL, LEAK, SPACED)]
ids: st.SearchStrategy[Any] = st.sampled_from(
    (RELAY_ID, APOLLO_ID, *hashes, *(f"sha256:{hash}" for hash in hashes), "", "../x", None, 1, [])
)
extensions = st.one_of(
    st.none(),
    st.builds(
        lambda name, version: {"persistedQuery": {"version": version, "sha256Hash": name}},
        ids,
        st.sampled_from((1, 1, 1, 2, None)),
    ),
)
names = st.sampled_from(("Slugs", "First", "Count", "RelaySlugs", "Leak", "", None))
members = st.one_of(
    st.tuples(st.just("query"), texts),
    st.tuples(st.sampled_from(("documentId", "id", "doc_id", "Query", "documentid")), ids),
    st.tuples(st.just("extensions"), extensions),
    st.tuples(st.just("operationName"), names),
)
bodies = st.lists(members, max_size=6)
"""The members of an object, some of them twice."""


def encode_json(pairs: list[tuple[str, Any]]) -> bytes:
    """An object with these members, in this order, also with two of one name."""
    members = (f"{json.dumps(key)}:{json.dumps(value)}".encode() for key, value in pairs)
    return b"{" + b",".join(members) + b"}"


def encode_query(pairs: list[tuple[str, Any]]) -> str:
    """The same as parameters of a URL."""
    return urlencode(
        [(k, v if isinstance(v, str) else json.dumps(v)) for k, v in pairs if v is not None]
    )


def data_in(text: str) -> list[Any]:
    """The data of the responses in a body or an event stream."""
    lines = [line.removeprefix("data:") for line in text.splitlines() if line != "data:"]
    documents = [json.loads(line) for line in lines if line.lstrip().startswith(("{", "["))]
    flat = [each for value in documents for each in (value if isinstance(value, list) else [value])]
    return [each.get("data") for each in flat]


@given(pairs=bodies, accept=st.sampled_from(("*/*", STREAM, f"application/json, {STREAM}")))
def test_post_executes_trusted_documents_only(site, allowed, pairs, accept) -> None:
    """Whatever a body holds, also in a batch, the data in the response is that of a trusted one."""
    for content in (encode_json(pairs), b"[%s]" % encode_json(pairs)):
        assert all(data in allowed for data in data_in(site.post(content, accept).text))


@given(
    pairs=bodies,
    accept=st.sampled_from(("*/*", STREAM)),
    path=st.sampled_from(("", f"/{hash_of(LEAK)}", f"/sha256:{hash_of(SEVERAL)}", "/x/Slugs")),
)
def test_get_executes_trusted_documents_only(site, allowed, pairs, accept, path) -> None:
    """Whatever a URL holds, the data in the response is that of a trusted document."""
    url = f"/graphql{path}?{encode_query(pairs)}"
    response = site.client.get(url, headers={"accept": accept})
    assert all(data in allowed for data in data_in(response.text))


@given(pairs=bodies)
def test_socket_executes_trusted_documents_only(site, allowed, pairs) -> None:
    """Whatever a subscribe message holds, the data in its results is that of a trusted document."""
    results = [each["payload"] for each in site.send(encode_json(pairs)) if each["type"] == "next"]
    assert all(result.get("data") in allowed for result in results)


OTHERS = [
    {"query": LEAK},
    {"query": SPACED},
    registering(LEAK),
    {"extensions": registering(LEAK)["extensions"]},
    {"documentId": hash_of(LEAK)},
    {"query": "{ __schema { types { name } } }"},
    {"query": "subscription { changes { slug } }"},
    {"query": "{"},
]


@pytest.mark.parametrize("body", OTHERS)
def test_other_document_is_refused(site, body) -> None:
    """A document that is not trusted is a clear error, with status 403 over HTTP."""
    content = json.dumps(body).encode()
    for accept in ("*/*", STREAM):
        response = site.post(content, accept)
        assert (response.status_code, error_code(response)) == (403, "DOCUMENT_NOT_TRUSTED")
        assert "SEND_ANY_OPERATION" in response.text
    [message] = site.send(content)
    assert message["type"] == "error"
    assert message["payload"][0]["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"


def test_refused_document_is_neither_parsed_nor_cached(site) -> None:
    """A refusal costs little: no document is prepared for it."""
    documents = site.server.config.app.executor.reference.documents
    before = documents.misses, documents.entries
    for accept in ("*/*", STREAM):
        site.post(b'{"query": "{ a: __typename }"}', accept)
        site.client.get("/graphql?query={b:__typename}", headers={"accept": accept})
    site.send(b'{"query": "{ c: __typename }"}')
    assert (documents.misses, documents.entries) == before


@pytest.mark.parametrize("scope", [Permission.SEND_ANY_OPERATION, Permission.ADMIN])
def test_key_with_the_scope_sends_any_document(site, scope) -> None:
    """With the scope, or ADMIN, every document is executed, over all transports."""
    content = json.dumps({"query": LEAK}).encode()
    for accept in ("*/*", STREAM):
        assert "leak" in site.post(content, accept, scope).text
        headers = {**site.headers(scope), "accept": accept}
        assert "leak" in site.client.get(f"/graphql?query={quote(LEAK)}", headers=headers).text
    assert "leak" in json.dumps(site.send(content, scope))


def test_key_without_the_scope_sends_trusted_documents(site) -> None:
    """Other scopes give no right to other documents."""
    refused = site.post(json.dumps({"query": LEAK}).encode(), scope=Permission.WRITE)
    assert error_code(refused) == "DOCUMENT_NOT_TRUSTED"
    assert site.post(json.dumps({"query": SLUGS}).encode(), scope=Permission.WRITE).json()["data"]


@pytest.mark.parametrize("body", [{"query": SLUGS}, {"documentId": hash_of(SLUGS)}])
def test_trusted_document_is_executed_over_each_transport(site, allowed, body) -> None:
    """A trusted document is executed by its text and by its id, so the properties are not empty."""
    content = json.dumps(body).encode()
    for accept in ("*/*", STREAM):
        headers = {"accept": accept}
        for response in (
            site.post(content, accept),
            site.client.get("/graphql", params=body, headers=headers),
        ):
            [data] = data_in(response.text)
            assert data is not None
            assert data in allowed
    assert site.send(content)[0]["payload"]["data"] in allowed


@pytest.mark.parametrize("position", [0, 1])
def test_batch_with_another_document_is_refused_before_anything_is_executed(site, position):
    """A batch is executed if all its documents are trusted, and not at all otherwise."""
    trusted = TrustedDocuments(read_documents(site.folder / "documents"))
    documents = PersistedDocuments(trusted, trusted_only=True)
    executed: list[str] = []

    async def execute(request: Any, context: Any, *, read_only: bool = False) -> Any:  # noqa: ARG001
        executed.append(request.query)

    class Context:
        viewer = PUBLIC

    async def context() -> Context:
        return Context()

    batch = [{"documentId": RELAY_ID}]
    batch.insert(position, {"query": LEAK})
    request = HttpRequest(
        method="POST", content_type="application/json", body=json.dumps(batch).encode()
    )
    handler = GraphQLHandler(execute, HttpSettings(batching=True, documents=documents))
    response = asyncio.run(handler(request, context))
    assert (response.status, response.error_codes) == (403, ("DOCUMENT_NOT_TRUSTED",))
    assert executed == []
