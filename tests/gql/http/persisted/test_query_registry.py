"""The registry of automatic persisted queries: what it takes, its bound, and who shares it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gql.cache import CacheRegistry
from gql.http.persisted import query_registry
from gql.http.persisted.query_registry import BLOCK_BYTES, QueryRegistry
from tests.support.auth_client import auth_client
from tests.support.persisted import CODEGEN, SLUGS, hash_of, write_documents


def registry(folder: Path, capacity_bytes: int = 1 << 20) -> QueryRegistry:
    """The registry of another process with this folder."""
    return QueryRegistry(folder / "queries", capacity_bytes, CacheRegistry())


def hashed(text: str) -> dict[str, Any]:
    """A request with the hash of a document alone."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_of(text)}}}


def both(text: str, **more: Any) -> dict[str, Any]:
    """A request with a document and its hash."""
    return {"query": text, **hashed(text), **more}


def codes(response: Any) -> list[str]:
    """The codes of the errors of a response."""
    return [error["extensions"]["code"] for error in response.json().get("errors", [])]


def server(folder: Path, **settings: Any) -> Any:
    """A client of a server with a registry."""
    settings = {"apq_bytes": 1 << 20, "store": folder / "store.json", **settings}
    return auth_client(folder, **settings)


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_hash_alone_is_enough_once_the_document_was_executed(tmp_path, method) -> None:
    """First the hash is unknown, then hash and text register it, for all processes and restarts."""
    client = server(tmp_path)
    assert codes(client.post("/graphql", json=hashed(SLUGS))) == ["PERSISTED_QUERY_NOT_FOUND"]
    if method == "POST":
        first = client.post("/graphql", json=both(SLUGS))
    else:  # urql sends a short document in the URL
        extensions = str(hashed(SLUGS)["extensions"]).replace("'", '"')
        first = client.get("/graphql", params={"query": SLUGS, "extensions": extensions})
    assert first.json()["data"]
    for process in (client, server(tmp_path)):
        for body in (hashed(SLUGS), {"documentId": f"sha256:{hash_of(SLUGS)}"}, both(SLUGS)):
            response = process.post("/graphql", json=body)
            assert response.json() == first.json()
            assert response.headers["etag"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (both("{"), "GRAPHQL_PARSE_FAILED"),
        (both("{ nothing }"), "GRAPHQL_VALIDATION_FAILED"),
        (
            both("{ articles(first: 99) { nodes { id slug title } } }"),
            "QUERY_TOO_EXPENSIVE",
        ),
        (both("query ($n: Int!) { articles(first: $n) { totalCount } }"), "BAD_USER_INPUT"),
        (both("subscription { changes { slug } }"), "SUBSCRIPTION_NOT_SUPPORTED"),
        (both(SLUGS, operationName="Other"), "OPERATION_RESOLUTION_FAILURE"),
        ({"query": SLUGS, "extensions": hashed(CODEGEN)["extensions"]}, "BAD_REQUEST"),
    ],
)
def test_document_that_is_not_executed_is_not_registered(tmp_path, body, code) -> None:
    """A document is registered only after its execution, and only under its own hash."""
    client = server(tmp_path, max_cost=300)
    refused = client.post("/graphql", json=body)
    assert codes(refused) == [code]
    alone = {"extensions": body["extensions"]}
    assert codes(client.post("/graphql", json=alone)) == ["PERSISTED_QUERY_NOT_FOUND"]
    assert not (tmp_path / "store.json.queries").exists()


def test_document_with_another_hash_is_refused_as_clients_expect(tmp_path) -> None:
    """The message for a wrong hash has the words of Apollo Server."""
    body = {"query": SLUGS, "extensions": hashed(CODEGEN)["extensions"]}
    response = server(tmp_path).post("/graphql", json=body)
    assert response.status_code == 400
    assert "provided sha does not match query" in response.text


@pytest.mark.parametrize("content", ["", CODEGEN, SLUGS[:-1], SLUGS + " ", "\udce9"])
def test_forged_or_damaged_file_is_no_document(tmp_path: Path, content: str) -> None:
    """A file counts only if its content has the hash that it is named by."""
    asyncio.run(registry(tmp_path).register(SLUGS))
    file = tmp_path / "queries" / hash_of(SLUGS)
    file.write_bytes(content.encode(errors="surrogateescape"))
    assert registry(tmp_path).find(hash_of(SLUGS)) is None


@pytest.mark.parametrize("id", ["", "..", "../queries/x", "a" * 64, "A" * 64, f"sha256:{'g' * 64}"])
def test_id_that_is_no_registered_hash_finds_nothing(tmp_path: Path, id: str) -> None:
    """An id is never taken for a path."""
    (tmp_path / "x").write_text(SLUGS)
    assert registry(tmp_path).find(id) is None


@given(
    sizes=st.lists(st.integers(0, 3 * BLOCK_BYTES), max_size=20),
    blocks=st.integers(1, 8),
    processes=st.integers(1, 3),
)
def test_registry_never_exceeds_its_bound(tmp_path_factory, sizes, blocks, processes) -> None:
    """Whoever registers, all files take at most the bound, and the newest that fits is kept."""
    folder = tmp_path_factory.mktemp("registry")
    shared = [registry(folder, blocks * BLOCK_BYTES) for _ in range(processes)]
    for number, size in enumerate(sizes):
        text = f"# {number}".ljust(size)
        asyncio.run(shared[number % processes].register(text))
        files = list((folder / "queries").iterdir()) if (folder / "queries").exists() else []
        used = sum(max(1, -(-file.stat().st_size // BLOCK_BYTES)) for file in files)
        assert used <= blocks
        if max(1, -(-len(text) // BLOCK_BYTES)) <= blocks:
            assert registry(folder).find(hash_of(text)) == text
    assert all(each.cache.size_bytes <= each.capacity_bytes for each in shared)


def test_registry_has_a_bound_of_files(tmp_path: Path, monkeypatch) -> None:
    """However large the bound in bytes is, the folder stays short enough to be listed."""
    monkeypatch.setattr(query_registry, "MAX_FILES", 3)
    texts = [f"# {number}" for number in range(5)]
    for text in texts:
        asyncio.run(registry(tmp_path).register(text))
    registered = [registry(tmp_path).find(hash_of(text)) for text in texts]
    assert registered == [None, None, *texts[2:]]


def test_document_that_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    """Else a full disk would fill with empty files, which nothing removes."""
    folder = tmp_path / "queries"
    (folder / hash_of(SLUGS) / "in the way").mkdir(parents=True)
    asyncio.run(registry(tmp_path).register(SLUGS))
    assert [file.name for file in folder.iterdir()] == [hash_of(SLUGS)]


def test_bound_holds_beside_what_cannot_be_removed(tmp_path: Path, monkeypatch) -> None:
    """A directory in the folder is no document, and others are removed instead of it."""
    monkeypatch.setattr(query_registry, "MAX_FILES", 3)
    other = tmp_path / "queries" / "lost+found"
    other.mkdir(parents=True)
    os.utime(other, (0, 0))
    for number in range(9):
        asyncio.run(registry(tmp_path).register(f"# {number}"))
    assert len(list((tmp_path / "queries").iterdir())) == 3
    assert registry(tmp_path).find(hash_of("# 8"))


def test_registrations_evict_no_trusted_document(tmp_path: Path) -> None:
    """However many documents strangers register, the trusted ones and their plans stay."""
    documents = write_documents(tmp_path / "documents")
    client = server(
        tmp_path, trusted_documents=documents, apq_bytes=4 * BLOCK_BYTES, plan_cache_bytes=1 << 20
    )
    caches = {cache.name: cache for cache in client.app.caches}
    before = caches["trusted_documents"].entries
    assert before == 6
    for number in range(99):
        text = f"{{ a{number}: articles {{ nodes {{ slug title id }} }} }}"
        assert client.post("/graphql", json=both(text)).json()["data"]
    assert caches["persisted_queries"].evictions
    assert caches["documents"].evictions
    assert (caches["trusted_documents"].entries, caches["trusted_documents"].evictions) == (6, 0)
    assert client.post("/graphql", json=hashed(SLUGS)).json()["data"]


def test_registry_works_without_its_directory(tmp_path: Path, capsys) -> None:
    """Where nothing can be written, the process has the document all the same, and logs why."""
    (tmp_path / "store.json.queries").write_text("in the way")
    client = server(tmp_path)
    assert client.post("/graphql", json=both(SLUGS)).json()["data"]
    assert client.post("/graphql", json=hashed(SLUGS)).json()["data"]
    assert "persisted_query_not_stored" in capsys.readouterr().out
