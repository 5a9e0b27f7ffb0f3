"""What the documentation shows is what happens."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from graphql import parse, validate

from gql.adapters.strawberry import graphql_schema
from gql.identity.viewer import Scope
from gql.settings import Settings, variable
from store import ConflictError
from store.documents.diagnostics import DiagnosticCode
from store.model import Article, Image, ProviderMention, Related
from store.writing.document_writer import BAD_SLUG, NOT_FOUND, TOO_MANY_DOCUMENTS
from store.writing.import_batch import BAD_PATH
from tests.support.graph_client import SCHEMA, Graph
from tests.support.writing_clients import writing_site

ROOT = Path(__file__).parents[2]
SEEDS_PAGE = ROOT / "seeds" / "README.md"
WRITING_PAGE = ROOT / "docs" / "writing.md"
SECURITY_PAGE = ROOT / "docs" / "security.md"
PAGES = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    SEEDS_PAGE,
    WRITING_PAGE,
    SECURITY_PAGE,
    ROOT / "SECURITY.md",
    ROOT / "docs" / "operations.md",
]
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADER = re.compile(r"-H '([\w-]+): ([^']+)'")
BODY = re.compile(r"-d '(\{.*?\})'$", re.MULTILINE | re.DOTALL)
CURSOR = re.compile(r'(?<="cursor":)\s*"[A-Za-z0-9_-]{56}"')
REVISION = re.compile(r'(?<="revision":)\s*"([A-Za-z0-9_-]{32})"')
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
        assert validate(graphql_schema(SCHEMA), parse(query)) == []
        return
    found = Graph(seeded).answer(query)
    assert "errors" not in found, page
    if answer is not None:
        assert json.loads(answer) == found


def timeless(answer: str) -> Any:
    """An answer without its cursors, which are other ones in each store."""
    return json.loads(CURSOR.sub('"a cursor"', answer))


def with_revisions(text: str, revisions: Mapping[str, str]) -> str:
    """A text of the documentation with the revisions that a store gives."""
    for shown, given in revisions.items():
        text = text.replace(shown, given)
    return text


def test_docs_writes_give_the_answers_shown(tmp_path):
    """The mutations of the page on writing, one after the other from an empty folder on."""
    blocks = FENCED.findall(WRITING_PAGE.read_text())
    named = []
    revisions: dict[str, str] = {}  # those shown -> those of this store
    with writing_site(tmp_path) as site:
        for (language, text), (_, answer) in pairwise(blocks):
            if language == "sh" and (body := BODY.search(text)):
                headers = {**dict(HEADER.findall(text)), "content-type": "application/json"}
                bearer = {"authorization": f"Bearer {site.keys[Scope.WRITE]}"}
                sent = with_revisions(body[1], revisions)
                response = site.client.post("/graphql", content=sent, headers=headers | bearer)
                new = zip(REVISION.findall(answer), REVISION.findall(response.text), strict=True)
                revisions.update(new)
                assert timeless(response.text) == timeless(with_revisions(answer, revisions))
                named += re.findall(r"\) \{ (\w+)\(input", body[1])
    assert set(named) == set(graphql_schema(SCHEMA).mutation_type.fields)  # type: ignore[union-attr]


def test_docs_explain_every_code_of_a_write():
    """The page on writing has the codes of `userErrors`: its own, and those of documents."""
    never_refused = {
        DiagnosticCode.DUPLICATE_KEY,
        DiagnosticCode.TOO_MANY_PROBLEMS,
        DiagnosticCode.UNREADABLE_FILE,
        DiagnosticCode.DANGLING_LINK,
        DiagnosticCode.LINK_LEAVES_FOLDER,
        DiagnosticCode.DUPLICATE_URL,
        DiagnosticCode.UNKNOWN_TOPIC,
        DiagnosticCode.UNKNOWN_PARENT,
        DiagnosticCode.TOPIC_CYCLE,
    }
    own = {BAD_PATH, BAD_SLUG, NOT_FOUND, TOO_MANY_DOCUMENTS, ConflictError.code, "BAD_METADATA"}
    [table] = re.findall(r"^\| code \|.*?\n\n", WRITING_PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"`([A-Z0-9_]+)`", table)) - {"NEWSGRAPH_MAX_IMPORT_DOCUMENTS"} == (
        {str(code) for code in set(DiagnosticCode) - never_refused} | own
    )


def test_docs_show_a_first_query_with_its_answer():
    """The README has one, so that the test above is not empty."""
    assert any(page == "README.md" and answer for page, _, answer in examples())


def test_docs_of_security_tell_the_defaults_of_settings():
    """Each bound in the table is a setting, with its default."""
    rows = re.findall(r"\| `(NEWSGRAPH_\w+)` \| (\w+) \|$", SECURITY_PAGE.read_text(), re.MULTILINE)
    defaults = {
        variable(name): "none" if field.default is None else str(field.default)
        for name, field in Settings.model_fields.items()
    }
    assert rows
    assert dict(rows) == {name: defaults.get(name) for name, _ in rows}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name + "/" + page.name)
def test_docs_link_only_to_what_is_there(page):
    """A relative link leads to a file of the repository."""
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []


def test_seeds_readme_explains_every_field_of_a_document():
    """Whatever a document can say has a row in its tables."""
    explained = set(re.findall(r"^\| `(\w+)` \|", SEEDS_PAGE.read_text(), re.MULTILINE))
    made_by_us = {"id", "slug", "revision", "publicRevision", "content", "metadata"}
    for value in (Article, Related, Image, ProviderMention):
        fields = {field.encode_name for field in msgspec.structs.fields(value)}
        assert fields - made_by_us <= explained
