"""docs/clients.md: each block of code is an excerpt of an example that the tests run."""

from __future__ import annotations

import re

import pytest

from tests.support.documentation import DOCS

PAGE = DOCS / "clients.md"
BLOCK = re.compile(
    r"\]\((?P<file>\.\./clients/[^)]+)\)\):?\n\n```\w+\n(?P<code>.*?)\n```", re.DOTALL
)
BLOCKS = list(BLOCK.finditer(PAGE.read_text()))


@pytest.mark.parametrize("excerpt", BLOCKS, ids=lambda match: match["file"])
def test_code_is_from_an_example(excerpt: re.Match[str]) -> None:
    """The block is in the file that the sentence before it names."""
    assert excerpt["code"] in (DOCS / excerpt["file"]).resolve().read_text()


def test_every_block_names_its_example() -> None:
    """No block of code is without such a sentence."""
    text = PAGE.read_text()
    assert len(BLOCKS) == text.count("```") // 2
