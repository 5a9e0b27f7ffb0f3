"""Breaking changes of the schema since the last release are declared in CHANGELOG.md.

npm @graphql-inspector/core finds them. Without Node the test is skipped, and pytest says so.
`published.graphql` is the schema of the last release; a release replaces it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AUDITS = ROOT / "tests" / "audits"
PUBLISHED = Path(__file__).with_name("published.graphql")
SCHEMA = ROOT / "schema.graphql"
TIMEOUT_S = 60

needs_node = pytest.mark.skipif(
    not shutil.which("node"), reason="NODE IS NOT INSTALLED: schemas were not compared"
)


def breaking_changes(before: Path, after: Path) -> list[dict[str, str]]:
    """The breaking changes between two schemas, each with `path` and `message`."""
    command = ["node", "schema-diff.mjs", str(before), str(after)]
    finished = subprocess.run(
        command, cwd=AUDITS, check=True, timeout=TIMEOUT_S, stdout=subprocess.PIPE, text=True
    )
    return [json.loads(line) for line in finished.stdout.splitlines()]


def is_declared(path: str, entries: list[str]) -> bool:
    """Whether an entry names `Type.field`, or `Type` and `field`."""
    type_name, _, member = path.partition(".")
    return any(
        f"`{path}`" in entry or (f"`{type_name}`" in entry and f"`{member}`" in entry)
        for entry in entries
    )


@needs_node
def test_breaking_changes_of_the_schema_are_declared() -> None:
    """Each has an entry that begins with **Breaking in the unreleased part of CHANGELOG.md."""
    unreleased = (ROOT / "CHANGELOG.md").read_text().partition("\n## ")[2].partition("\n## ")[0]
    entries = [
        " ".join(entry.split())
        for entry in re.split(r"\n(?=- |\n)", unreleased)
        if entry.startswith("- **Breaking")
    ]
    undeclared = [
        change["message"]
        for change in breaking_changes(PUBLISHED, SCHEMA)
        if not is_declared(change["path"], entries)
    ]
    assert not undeclared, f"Say in CHANGELOG.md, as '- **Breaking …**', how to adapt: {undeclared}"


@needs_node
def test_removed_field_is_a_breaking_change(tmp_path: Path) -> None:
    """The comparison notices a field that is gone, and one that may now be null."""
    changed = tmp_path / "changed.graphql"
    text = SCHEMA.read_text()
    changed.write_text(re.sub(r"(?m)^  slug: String!$", "  slug: String", text, count=1))
    assert [change["path"] for change in breaking_changes(SCHEMA, changed)] == ["Article.slug"]
