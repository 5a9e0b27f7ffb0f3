"""Which clock measures what: durations by a monotonic one, dates by the system's."""

from __future__ import annotations

import ast

import pytest

from tests.project.test_imports import SOURCES, TREES

WALL = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today"}
READERS_OF_THE_SYSTEM_CLOCK = {
    "gql.access.authenticator": "whether a key has expired",
    "gql.access.key_file": "when a key was made",
    "gql.access.key_ring": "whether a key has expired",
    "gql.cli.keys": "when a key expires, whether it has",
    "gql.conditional_requests": "Last-Modified is not in the future",
    "gql.identity.preview_links": "whether a link has expired",
    "gql.http.idempotency_store": "answers that outlive the process",
    "gql.telemetry.middleware": "when a span began",
    "store.filesystem.atomic_file": "the time of a file",
    "store.filesystem.guarded_change": "the time of a file",
    "store.engines.tinydb.recovery.overwrite": "when a store was overwritten",
    "store.engines.memory": "when an article changed",
    "store.engines.tinydb.repository": "when an article changed",
}


def reads_the_system_clock(module: str) -> bool:
    """Whether a module names the system's clock."""
    named = (node for node in ast.walk(TREES[module]) if isinstance(node, ast.Attribute))
    return any(ast.unparse(node) in WALL for node in named)


@pytest.mark.parametrize("module", SOURCES)
def test_only_dates_are_read_off_the_system_clock(module: str) -> None:
    """It may be set back or forward: a time limit by it would lock out, or hold for ever."""
    assert reads_the_system_clock(module) is (module in READERS_OF_THE_SYSTEM_CLOCK)
