"""What the documentation shows is what happens."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest
from graphql import parse, validate

from store.model import Article, Image, ProviderMention, Related

from .graph import SCHEMA, Graph

ROOT = Path(__file__).parent.parent
SEEDS_PAGE = ROOT / "seeds" / "README.md"
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", SEEDS_PAGE]
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def examples() -> list[tuple[str, str, str | None]]:
    """Each GraphQL query of the pages: where, its text, and the JSON answer that follows it."""
    found = []
    for page in PAGES:
        blocks = FENCED.findall(page.read_text())
        for place, (language, text) in enumerate(blocks):
            if language == "graphql":
                after = blocks[place + 1] if place + 1 < len(blocks) else ("", "")
                answer = after[1] if after[0] == "json" else None
                found.append((page.name, text, answer))
    return found


@pytest.mark.parametrize(("page", "query", "answer"), examples())
def test_docs_query_gives_the_answer_shown(seeded, page, query, answer):
    """A query of the documentation runs on the seeds without errors; a shown answer is its own."""
    if query.lstrip().startswith("subscription"):  # answered over other transports
        assert validate(SCHEMA._schema, parse(query)) == []
        return
    found = Graph(seeded).answer(query)
    assert "errors" not in found, page
    if answer is not None:
        assert json.loads(answer) == found


def test_docs_show_a_first_query_with_its_answer():
    """The README has one, so that the test above is not empty."""
    assert any(page == "README.md" and answer for page, _, answer in examples())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name + "/" + page.name)
def test_docs_link_only_to_what_is_there(page):
    """A relative link leads to a file of the repository."""
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []


def test_seeds_readme_explains_every_field_of_a_document():
    """Whatever a document can say has a row in its tables."""
    explained = set(re.findall(r"^\| `(\w+)` \|", SEEDS_PAGE.read_text(), re.MULTILINE))
    made_by_us = {"id", "slug", "revision", "content", "metadata"}
    for value in (Article, Related, Image, ProviderMention):
        fields = {field.encode_name for field in msgspec.structs.fields(value)}
        assert fields - made_by_us <= explained
