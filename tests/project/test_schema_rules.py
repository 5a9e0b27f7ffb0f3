"""The schema follows graphql-eslint's rules, except for those that docs/design.md names.

Without Node the test is skipped, and pytest says so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AUDITS = ROOT / "tests" / "audits"
TIMEOUT_S = 120
EXCEPTIONS = (
    re.compile(r"strict-id-in-types: "),
    re.compile(r"relay-edge-types: A list type should only wrap an edge type"),
    re.compile(r"relay-edge-types: Edge type's field `node` must implement `Node` interface"),
    re.compile(r"relay-arguments: Field `(changes|diagnostics)` must contain an argument"),
)


def problems(schema: Path) -> list[str]:
    """The problems of a schema, each as `rule: message`."""
    finished = subprocess.run(
        ["node_modules/.bin/eslint", "--format=json", "--stdin", "--stdin-filename=a.graphql"],
        cwd=AUDITS,
        env={**os.environ, "SCHEMA": str(schema)},
        input=schema.read_text(),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    [result] = json.loads(finished.stdout)
    return [
        f"{(each['ruleId'] or 'error').rpartition('/')[2]}: {each['message']}"
        for each in result["messages"]
    ]


@pytest.mark.skipif(not shutil.which("node"), reason="NODE IS NOT INSTALLED: no schema rules")
def test_schema_follows_the_rules_of_graphql_eslint(tmp_path: Path) -> None:
    """The sets schema-recommended and schema-relay hold; a type without description does not."""
    found = problems(ROOT / "schema.graphql")
    assert [each for each in found if not any(e.match(each) for e in EXCEPTIONS)] == []
    bare = tmp_path / "bare.graphql"
    bare.write_text("type Query { a: Int }")
    assert any("require-description" in each for each in problems(bare))
