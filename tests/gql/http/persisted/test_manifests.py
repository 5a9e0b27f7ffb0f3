"""Manifests of trusted documents: the formats of build tools, and errors with their lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gql.http.persisted import manifests
from gql.http.persisted.manifests import ManifestError, read_documents
from gql.http.persisted.trusted_documents import TrustedDocuments
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
    apollo_manifest,
    hash_of,
    write_documents,
)


@pytest.mark.parametrize(
    ("id", "text"),
    [
        (RELAY_ID, RELAY),
        (APOLLO_ID, APOLLO),
        (CODEGEN_ID, SLUGS),
        *((hash_of(text), text) for text in (RELAY, APOLLO, CODEGEN, SLUGS, SEVERAL, CHANGES)),
    ],
)
def test_document_has_its_id_and_the_hash_of_its_text(tmp_path: Path, id: str, text: str) -> None:
    """A document is served by the id of its manifest, and by its hash, with and without prefix."""
    documents = TrustedDocuments(read_documents(write_documents(tmp_path / "documents")))
    assert documents.find(id) == documents.find(f"sha256:{id}") == text


def test_hidden_and_foreign_files_of_a_folder_are_not_read(tmp_path: Path) -> None:
    """A folder may hold notes, hidden files and folders; no document comes from them."""
    folder = write_documents(tmp_path / "documents")
    (folder / "README.md").write_text("{")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "old.json").write_text("{")
    assert len(read_documents(folder)) == 6


REPEATED = '{\n  "a": "{ viewer }",\n  "b": "{ viewer }",\n  "a": "{ articles }"\n}'
BROKEN = [
    ("a.json", '{\n  "a": "{ x }",\n}', "a.json:3: it is not JSON: "),
    ("a.json", REPEATED, "a.json:4: the key 'a' occurs twice."),
    ("a.json", '{"name": "app",\n "scripts": {}}', "a.json:2: it is no manifest."),
    ("a.json", "[]", "a.json:1: it is no manifest."),
    ("a.json", "[" * 100_000, "a.json: it is nested too deeply."),
    ("a.json", '{"": "{ x }"}', "a.json:1: an id is empty."),
    ("a.json", '{"format": "other", "version": 1, "operations": []}', "a.json:1: the format is "),
    ("a.json", apollo_manifest({"id": "a"}), "a.json: operation 1 has no id or no body."),
    ("a.json", apollo_manifest().replace("[]", "{}"), "a.json: operations is not a list."),
    ("a.json", apollo_manifest(), "there is no document."),
    ("a.graphql", b"{ x }\n\xff", "a.graphql:2: it is not in UTF-8."),
]


@pytest.mark.parametrize(("name", "content", "message"), BROKEN)
def test_broken_manifest_is_an_error_with_file_and_line(tmp_path, name, content, message) -> None:
    """What cannot be read is refused, with the file, and the line where there is one."""
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ManifestError) as raised:
        read_documents(tmp_path)
    assert message in str(raised.value)


def test_missing_manifest_is_an_error(tmp_path: Path) -> None:
    """A path without a file is named."""
    with pytest.raises(ManifestError, match=r"none\.json cannot be read: No such file"):
        read_documents(tmp_path / "none.json")


def test_id_of_two_documents_is_an_error(tmp_path: Path) -> None:
    """An id names one document: else nobody knows what is executed."""
    (tmp_path / "a.json").write_text(json.dumps({"a": SLUGS}))
    (tmp_path / "b.json").write_text('{\n  "sha256:a": ' + json.dumps(CODEGEN) + "}")
    with pytest.raises(ManifestError, match=r"b\.json:2: the id a is also .*a\.json:1"):
        TrustedDocuments(read_documents(tmp_path))


@pytest.mark.parametrize(
    ("bound", "value", "message"),
    [("MAX_DOCUMENTS", 5, "more than 5 documents"), ("MAX_BYTES", 99, "have more than")],
)
def test_manifests_are_bounded(tmp_path, monkeypatch, bound, value, message) -> None:
    """Above the bound of documents or of bytes the start is refused."""
    monkeypatch.setattr(manifests, bound, value)
    with pytest.raises(ManifestError, match=message):
        read_documents(write_documents(tmp_path / "documents"))
