"""ARCHITECTURE.md names modules that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "ARCHITECTURE.md", ROOT / "docs" / "design.md", ROOT / "docs" / "contributing.md"]
NAME = re.compile(r"\b(?:gql|store|tests)(?:\.(?!json)\w+)+\b")
PATH = re.compile(r"\b(?:gql|store|tests|docs)/[\w/.-]*\w/?")


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or a name in a module."""
    parts = name.split(".")
    return any(
        (ROOT / "/".join(parts[:end])).with_suffix(".py").is_file()
        or (end == len(parts) and (ROOT / "/".join(parts)).is_dir())
        for end in (len(parts), len(parts) - 1)
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_architecture_names_modules_that_exist(page):
    """A renamed module is renamed in the pages that describe the code, too."""
    text = page.read_text()
    names = {name for name in NAME.findall(text) if not name.endswith(".md")}
    paths = set(PATH.findall(text))
    assert [name for name in sorted(names) if not exists(name)] == []
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
