"""Trusted documents at the start: errors of the manifest, and compiled plans."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gql.cli.main import USAGE_ERROR
from gql.composition.app import create_app
from gql.settings import SettingsError, load_settings
from store import MemoryRepository
from tests.support.auth_client import auth_app
from tests.support.persisted import SLUGS, apollo_manifest, write_documents
from tests.support.server_process import ROOT, TIMEOUT_S, environment

INVALID = (
    "query Fine { articles { totalCount } }\n\nquery Broken {\n  articles {\n    nothing\n  }\n}\n"
)


def start(path: Path) -> None:
    """Build an application with trusted documents."""
    create_app(load_settings({"trusted_documents": path}), MemoryRepository())


BROKEN = [
    ("a.graphql", INVALID, r"a\.graphql:5:5: query Broken: Cannot query field 'nothing'"),
    ("a.graphql", "query {\n  articles {", r"a\.graphql:2:13: the document: Syntax Error"),
    ("a.graphql", "fragment A on Article { id }", r"a\.graphql:1:1: fragment A: .*never used"),
    ("a.graphql", "", r"a\.graphql:1:1: the document: Syntax Error"),
    ("a.json", json.dumps({"one": SLUGS, "two": INVALID}, indent=1), r"a\.json:3: document two "),
    (
        "a.json",
        apollo_manifest({"id": "x", "body": SLUGS}, {"id": "y", "body": INVALID}),
        r"a\.json:\d+: document y \(query Broken\), line 5, column 5: Cannot query field 'nothing'",
    ),
    ("a.json", "{", r"a\.json:1: it is not JSON"),
]


@pytest.mark.parametrize(("name", "content", "message"), BROKEN)
def test_invalid_trusted_document_stops_the_start(tmp_path, name, content, message) -> None:
    """The error names the setting, the file, the line, the operation and the remedy."""
    (tmp_path / name).write_text(content)
    with pytest.raises(SettingsError) as raised:
        start(tmp_path / name)
    assert str(raised.value).startswith("trusted_documents (NEWSGRAPH_TRUSTED_DOCUMENTS, ")
    assert re.search(message, str(raised.value))


def test_all_invalid_documents_are_named_up_to_a_bound(tmp_path) -> None:
    """A new schema may break many documents: the first errors are shown, and the others counted."""
    broken = {f"id{n}": f"query Q{n} {{ nothing{n} }}" for n in range(30)}
    (tmp_path / "a.json").write_text(json.dumps(broken))
    with pytest.raises(SettingsError) as raised:
        start(tmp_path)
    assert str(raised.value).count("document id") == 20
    assert "… and 10 more errors." in str(raised.value)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_command_exits_as_for_other_bad_settings(tmp_path, workers) -> None:
    """`serve` prints the error and exits with 2 before it serves, with workers, too."""
    (tmp_path / "documents").mkdir()
    (tmp_path / "a.graphql").write_text(INVALID)
    command = [sys.executable, "-m", "gql", "serve", "documents", "--port", "0"]
    command += ["--workers", workers, "--trusted-documents", "a.graphql"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == USAGE_ERROR
    assert "a.graphql:5:5: query Broken" in done.stderr.replace("\n", " ")


def test_trusted_only_needs_documents() -> None:
    """Without trusted documents such a server would refuse everything."""
    with pytest.raises(SettingsError, match="trusted_only is on, but"):
        load_settings({"trusted_only": True})


def test_plans_of_trusted_documents_are_compiled_at_the_start(tmp_path) -> None:
    """The first request of a trusted query finds document and plan in the cache."""
    app = auth_app(tmp_path, trusted_documents=write_documents(tmp_path / "documents"))
    client = TestClient(app)
    documents = app.executor.reference.trusted_documents
    document = documents.get(SLUGS)
    assert document is not None
    assert len(document.plans) == 1
    assert client.post("/graphql", json={"query": SLUGS}).json()["data"]
    assert len(document.plans) == 1
    assert app.executor.counts["compiled"] == 1


SCRIPT = """
import gc, sys
from gql import gc_tuning
from gql.composition.executors import build_executor
from gql.composition.trusted_documents import (
    prepare_trusted_documents, read_entries, trusted_documents
)
from gql.schema import build_schema
from gql.settings import load_settings

gc_tuning.disable_collector()
settings = load_settings({"trusted_documents": sys.argv[1]})
entries = read_entries(settings)
executor = build_executor(settings, build_schema(), trusted_texts=trusted_documents(entries).texts)
gc.collect()
prepare_trusted_documents(executor, entries)
print(gc.collect())
"""


def test_start_leaves_no_garbage_of_trusted_documents(tmp_path) -> None:
    """The collector is disabled at a start, and what it leaves would stay for ever: 120 kB each."""
    documents = write_documents(tmp_path / "documents")
    command = [sys.executable, "-c", SCRIPT, str(documents)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) < 100


def test_documents_beyond_the_cache_are_validated_and_work(tmp_path) -> None:
    """More documents than the cache has room for are prepared when they are sent."""
    texts = {f"id{n}": f"query Q{n} {{ articles {{ nodes {{ slug title }} }} }}" for n in range(40)}
    (tmp_path / "a.json").write_text(json.dumps(texts))
    app = auth_app(tmp_path, trusted_documents=tmp_path / "a.json", plan_cache_bytes=1 << 20)
    cache = app.executor.reference.trusted_documents
    assert 0 < cache.entries < 40
    assert cache.evictions == 0
    client = TestClient(app)
    for id in texts:
        assert client.post("/graphql", json={"documentId": id}).json()["data"]
    assert cache.size_bytes <= cache.capacity_bytes
    (tmp_path / "a.json").write_text(json.dumps({**texts, "last": "{ nothing }"}))
    with pytest.raises(SettingsError, match="document last"):
        start(tmp_path / "a.json")
