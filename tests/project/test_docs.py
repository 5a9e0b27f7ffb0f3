"""The documentation is tested: its examples are executed, its tables compared with the code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from graphql import GraphQLInputObjectType, get_named_type, parse, validate
from typer.testing import CliRunner

from gql.adapters.strawberry import graphql_schema
from gql.cli.main import app
from gql.identity.viewer import Permission
from gql.schema.user_errors import UserErrorCode
from gql.settings import Settings, variable_name
from store import ConflictError, RefusedError
from store.documents.diagnostics import DiagnosticCode
from store.model import Article, Author, Image, ProviderMention, Related
from store.writing.article_patch import BAD_SLUG, FORMAT_NOT_WRITABLE, KEYS_NOT_WRITABLE
from store.writing.folder_target import HARD_LINK, READ_ONLY_FILE
from store.writing.import_batch import BAD_PATH, TOO_MANY_DOCUMENTS
from store.writing.named_articles import AMBIGUOUS_SLUG
from store.writing.new_document_folder import BAD_LOCALE
from store.writing.write_preparation import NOT_FOUND
from tests.project import errors_page
from tests.support.documentation import DOCS, PAGES, ROOT, blocks, codes_in, name_of, table
from tests.support.graph_client import SCHEMA, GraphClient
from tests.support.mutation_client import mutation_client

SEEDS_PAGE = ROOT / "seeds" / "README.md"
WRITING_PAGE = DOCS / "writing.md"
SECURITY_PAGE = DOCS / "security.md"
SERVER = "http://127.0.0.1:8000"
TIMEOUT_S = 60
BAD_DATE = """---
title: A
provider:
  name: A
  domain: a.example

publishedDateTime: 2026-13-06
---
"""
HEADER = re.compile(r"-H '([\w-]+): ([^']+)'")
BODY = re.compile(r"-d '(\{.*?\})'$", re.MULTILINE | re.DOTALL)
CURSOR = re.compile(r'(?<="cursor":)\s*"[A-Za-z0-9_-]{56}"')
REVISION = re.compile(r'(?<="revision":)\s*"([A-Za-z0-9_-]{32})"')


def examples() -> list[tuple[str, str, str | None]]:
    """Each GraphQL block of the pages: the page, the operation, and the JSON block after it."""
    found = []
    for page in PAGES:
        for (language, text), (next_language, answer) in pairwise([*blocks(page), ("", "")]):
            if language == "graphql":
                found.append((name_of(page), text, answer if next_language == "json" else None))
    return found


def scripts(language: str, word: str) -> list[tuple[str, str]]:
    """The code blocks of a language that begin with a word: the page and the text."""
    return [
        (name_of(page), text)
        for page in PAGES
        for block_language, text in blocks(page)
        if block_language == language and text.startswith(word)
    ]


def run(command: list[str], text: str) -> str:
    """Run a program with a text as its input; return what it prints."""
    return subprocess.run(
        command, input=text, text=True, capture_output=True, check=True, timeout=TIMEOUT_S
    ).stdout


@pytest.mark.parametrize(("page", "query", "answer"), examples())
def test_docs_query_gives_the_response_shown(seeded, page, query, answer):
    """A query of the documentation runs on the seeds without errors; a shown response is right."""
    if query.lstrip().startswith("subscription"):  # needs another transport
        assert validate(graphql_schema(SCHEMA), parse(query)) == []
        return
    response = GraphClient(seeded).response(query)
    assert "errors" not in response, page
    if answer is not None:
        assert json.loads(answer) == response


@pytest.mark.parametrize(("page", "script"), scripts("js", "const"))
@pytest.mark.skipif(not shutil.which("node"), reason="NODE IS NOT INSTALLED")
def test_docs_javascript_runs(live_server, page, script):
    """The JavaScript examples run under Node, without a library, against a server."""
    output = run(["node", "--input-type=module"], script.replace(SERVER, live_server))
    assert output.count("title:") == 3, page


def test_docs_show_javascript():
    """The README and the page on HTTP have such an example, so that the test above is not empty."""
    assert {page for page, _ in scripts("js", "const")} == {"README.md", "docs/http.md"}


@pytest.mark.parametrize(("page", "command"), scripts("sh", "curl http"))
@pytest.mark.skipif(not shutil.which("curl"), reason="CURL IS NOT INSTALLED")
def test_docs_curl_commands_run(live_server, page, command):
    """The curl commands get data without errors."""
    response = json.loads(
        run(["sh", "-s"], command.replace("curl ", "curl -s ").replace(SERVER, live_server))
    )
    assert response["data"]["articles"]["nodes"], page
    assert "errors" not in response


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
    examples = blocks(WRITING_PAGE)
    named = []
    revisions: dict[str, str] = {}  # those shown -> those of this store
    with mutation_client(tmp_path) as client:
        for (language, text), (_, answer) in pairwise(examples):
            if language == "sh" and (body := BODY.search(text)):
                headers = {**dict(HEADER.findall(text)), "content-type": "application/json"}
                bearer = {"authorization": f"Bearer {client.keys[Permission.WRITE]}"}
                sent = with_revisions(body[1], revisions)
                response = client.http.post("/graphql", content=sent, headers=headers | bearer)
                new = zip(REVISION.findall(answer), REVISION.findall(response.text), strict=True)
                revisions.update(new)
                assert timeless(response.text) == timeless(with_revisions(answer, revisions))
                named += re.findall(r"\) \{ (\w+)\(input", body[1])
    named.append("createPreviewLink")  # it writes nothing: see docs/access.md
    assert set(named) == set(graphql_schema(SCHEMA).mutation_type.fields)  # type: ignore[union-attr]


def test_docs_explain_every_code_of_a_write():
    """The page on writing has the codes of `userErrors`: its own, and those of documents."""
    never_refused = {
        DiagnosticCode.DUPLICATE_KEY,
        DiagnosticCode.TOO_MANY_PROBLEMS,
        DiagnosticCode.UNREADABLE_FILE,
        DiagnosticCode.DANGLING_LINK,
        DiagnosticCode.LINK_LEAVES_FOLDER,
        DiagnosticCode.NO_COMMIT_DATES,
        DiagnosticCode.DUPLICATE_URL,
        DiagnosticCode.UNKNOWN_TOPIC,
        DiagnosticCode.UNKNOWN_PARENT,
        DiagnosticCode.TOPIC_CYCLE,
    }
    own = {
        BAD_PATH,
        BAD_SLUG,
        BAD_LOCALE,
        AMBIGUOUS_SLUG,
        NOT_FOUND,
        TOO_MANY_DOCUMENTS,
        ConflictError.code,
        "BAD_METADATA",
    }
    own |= {FORMAT_NOT_WRITABLE, KEYS_NOT_WRITABLE, READ_ONLY_FILE, HARD_LINK}
    expected = {str(code) for code in set(DiagnosticCode) - never_refused} | own
    assert codes_in(table(WRITING_PAGE, "code")) == expected
    assert {code.value for code in UserErrorCode} == expected | {RefusedError.code}


def test_docs_explain_every_error_code():
    """The page on errors is the one that the code makes; it explains all codes and no others."""
    assert (DOCS / "errors.md").read_text() == errors_page.render(), (
        "write it anew: python -m tests.project.errors_page > docs/errors.md"
    )
    assert errors_page.statuses().keys() == errors_page.ERRORS.keys()


def test_docs_explain_every_diagnostic():
    """The page on commands has every code of a diagnostic, and no other."""
    documented = codes_in((DOCS / "commands.md").read_text().partition("## Diagnostics")[2])
    assert documented - {"READ_DRAFTS"} == {str(code) for code in DiagnosticCode}


def test_docs_show_a_diagnostic_as_check_prints_it(tmp_path):
    """The example of a diagnostic is the output of `newsgraph check`."""
    [example] = [text for language, text in blocks(DOCS / "commands.md") if language == "text"]
    file = tmp_path / example.partition(":")[0]
    file.parent.mkdir()
    file.write_text(BAD_DATE)
    result = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert result.exit_code == 1
    assert example in result.output


def test_seeds_readme_shows_a_document_without_problems(tmp_path):
    """The first document of the page on documents is loaded without an error or a warning."""
    [example] = [text for language, text in blocks(SEEDS_PAGE) if language == "markdown"]
    (tmp_path / "_news").mkdir()
    (tmp_path / "_news" / "a.md").write_text(example)
    topics = tmp_path / "_data" / "topics"
    topics.mkdir(parents=True)
    (topics / "ocean.md").write_text("---\nname: Ocean\n---\n")
    result = CliRunner().invoke(app, ["check", str(tmp_path), "--json"])
    assert json.loads(result.stdout)["articles"] == 1
    assert json.loads(result.stdout)["diagnostics"] == []


def test_docs_list_every_filter_and_its_operators():
    """The table of filters has all fields of ArticleFilter with all their operators."""
    documented = {}
    for row in table(DOCS / "queries.md", "field of the filter").splitlines()[2:]:
        names, operators = (set(re.findall(r"`(\w+)`", cell)) for cell in row.split("|")[1:3])
        documented.update(dict.fromkeys(names, operators))
    article_filter = graphql_schema(SCHEMA).type_map["ArticleFilter"]
    assert isinstance(article_filter, GraphQLInputObjectType)
    assert documented.keys() == article_filter.fields.keys()
    for name, field in article_filter.fields.items():
        operators = get_named_type(field.type)
        if isinstance(operators, GraphQLInputObjectType) and operators is not article_filter:
            others = set() if name == "locale" else {"firstOf"}  # which they refuse
            assert documented[name] == operators.fields.keys() - others


def test_docs_show_a_first_query_with_its_answer():
    """The README has one, so that the test of examples is not empty."""
    assert any(page == "README.md" and answer for page, _, answer in examples())


def test_docs_of_security_have_the_defaults_of_settings():
    """Each limit in the table is a setting, with its default."""
    rows = re.findall(r"\| `(NEWSGRAPH_\w+)` \| (\w+) \|$", SECURITY_PAGE.read_text(), re.MULTILINE)
    defaults = {
        variable_name(name): "none" if field.default is None else str(field.default)
        for name, field in Settings.model_fields.items()
    }
    assert rows
    assert dict(rows) == {name: defaults.get(name) for name, _ in rows}


def test_seeds_readme_explains_every_field_of_a_document():
    """Each field of a document has a row in its tables."""
    explained = set(re.findall(r"^\| `(\w+)` \|", SEEDS_PAGE.read_text(), re.MULTILINE))
    made_by_us = {
        "id",
        "slug",
        "revision",
        "publicRevision",
        "content",
        "contentFormat",
        "metadata",
    }
    for value in (Article, Author, Related, Image, ProviderMention):
        fields = {field.encode_name for field in msgspec.structs.fields(value)}
        assert fields - made_by_us <= explained
