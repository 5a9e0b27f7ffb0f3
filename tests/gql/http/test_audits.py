"""The audits of npm `graphql-http`, each as a test that keeps its id and title.

They need Node. Where it is absent they are skipped, and pytest says so.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

AUDITS = Path(__file__).parents[2] / "audits"
TIMEOUT_S = 120
NO_NODE = (
    "NODE IS NOT INSTALLED: the GraphQL-over-HTTP audits did not run; install Node 20 or newer"
)


def run_node(*arguments: str) -> list[dict[str, Any]]:
    """The lines that audit.mjs prints, installing what it needs where that is absent."""
    if not (AUDITS / "node_modules" / "graphql-http").is_dir():
        subprocess.run(["npm", "ci"], cwd=AUDITS, check=True, timeout=TIMEOUT_S)
    finished = subprocess.run(
        ["node", "audit.mjs", *arguments],
        cwd=AUDITS,
        check=True,
        timeout=TIMEOUT_S,
        stdout=subprocess.PIPE,
    )
    return [json.loads(line) for line in finished.stdout.splitlines()]


@cache
def known_audits() -> tuple[dict[str, Any], ...]:
    """The audits there are; none without Node."""
    return tuple(run_node()) if shutil.which("npm") else ()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test of each audit."""
    if "audit" not in metafunc.fixturenames:
        return
    audits = known_audits()
    missing = pytest.param(None, marks=pytest.mark.skip(reason=NO_NODE), id="no-node")
    metafunc.parametrize(
        "audit",
        [pytest.param(audit["id"], id=f"{audit['id']} {audit['name']}") for audit in audits]
        or [missing],
    )


@pytest.fixture(scope="module")
def verdicts(live_server: str) -> dict[str, dict[str, Any]]:
    """What each audit says of the live server, by id."""
    return {line["id"]: line for line in run_node(f"{live_server}/graphql")}


def test_audit_is_passed(audit: str, verdicts: dict[str, dict[str, Any]]) -> None:
    """The live server passes the audit, be it a MUST, a SHOULD or a MAY."""
    verdict = verdicts[audit]
    assert verdict["status"] == "ok", verdict.get("reason")


@pytest.mark.skipif(not shutil.which("npm"), reason=NO_NODE)
def test_audits_are_complete() -> None:
    """All the audits of this version of graphql-http are run."""
    assert len(known_audits()) == 61
