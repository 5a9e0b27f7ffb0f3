"""Persisted documents with several worker processes."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import httpx2

from tests.support.persisted import CODEGEN, SEVERAL, SLUGS, hash_of
from tests.support.server_process import (
    PAUSE_S,
    ROOT,
    TIMEOUT_S,
    ServerProcess,
    run_newsgraph,
    wait_until_ready,
)

CONNECTIONS = 24
"""So many that nearly surely each of two workers gets one."""


def post_each(server: ServerProcess, body: dict[str, Any]) -> set[str]:
    """The kinds of the responses to a request over many connections: `data`, or an error's code."""
    kinds = set()
    for _ in range(CONNECTIONS):
        result = httpx2.post(f"{server.url}/graphql", json=body, timeout=TIMEOUT_S).json()
        errors = result.get("errors") or [{"extensions": {"code": "data"}}]
        kinds.add(errors[0]["extensions"]["code"])
    return kinds


def wait_for_data(server: ServerProcess, body: dict[str, Any]) -> None:
    """Wait until each connection gets data; fail if it does not in time."""
    deadline = time.monotonic() + 2 * TIMEOUT_S
    while post_each(server, body) != {"data"}:
        assert time.monotonic() < deadline, body


def wait_for_log(log: Path, words: str) -> None:
    """Wait until the log has these words; fail if it does not in time."""
    deadline = time.monotonic() + 2 * TIMEOUT_S
    while words not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(PAUSE_S)


def test_workers_share_documents_and_read_trusted_ones_again(tmp_path: Path) -> None:
    """What one worker registers all have. SIGHUP replaces the trusted documents, but not by broken
    ones.
    """
    manifest = tmp_path / "documents.json"
    manifest.write_text(json.dumps({"one": SLUGS}))
    hashed = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_of(CODEGEN)}}}
    options = ["--workers", "2", "--apq-bytes", "100000", "--trusted-documents", str(manifest)]
    options += ["--store", str(tmp_path / "store.json"), "--log-level", "warning"]
    with run_newsgraph(str(ROOT / "seeds"), *options, folder=tmp_path) as server:
        wait_until_ready(server)
        assert post_each(server, hashed) == {"PERSISTED_QUERY_NOT_FOUND"}
        httpx2.post(f"{server.url}/graphql", json={"query": CODEGEN, **hashed}).raise_for_status()
        assert post_each(server, hashed) == post_each(server, {"documentId": "one"}) == {"data"}
        manifest.write_text(json.dumps({"two": SEVERAL}))
        server.process.send_signal(signal.SIGHUP)
        wait_for_data(server, {"documentId": "two", "operationName": "Count"})
        manifest.write_text("{")
        server.process.send_signal(signal.SIGHUP)
        wait_for_log(tmp_path / "stderr.txt", "keeping worker")
        assert post_each(server, {"documentId": "two", "operationName": "Count"}) == {"data"}
        assert server.stop() == 0
