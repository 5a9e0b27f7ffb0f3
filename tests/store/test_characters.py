"""Forbidden characters of names, and control characters that terminals obey."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from gql.cli import output
from gql.cli.main import app
from store.characters import escape_invisible, escape_invisible_in_json
from store.documents.article_reader import read_article
from store.documents.diagnostics import DiagnosticCode
from store.documents.frontmatter import ParseOptions
from store.writing.article_patch import find_slug_problem

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
CONTROLS = "\0\a\b\t\n\v\r\x1b\x7f\x85\x9b\u2028\u2029\ufeff\udcff"
TEXTS = st.text(st.one_of(st.characters(exclude_categories=()), st.sampled_from(BIDI + CONTROLS)))
DOCUMENT = (
    "---\ntitle: A tide\npublishedDateTime: 2026-01-02\nprovider: {domain: d.example, name: P}\n"
)


@given(TEXTS)
def test_escaped_text_is_one_line_that_can_be_printed(text):
    """No control is left, bidirectional ones neither; what can be seen stays as it is."""
    escaped = escape_invisible(text)
    assert not set(escaped) & set(BIDI + CONTROLS)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in escaped)
    assert escape_invisible(escaped) == escaped
    assert escape_invisible("Tide: 潮 مد é 👩‍👩‍👧") == "Tide: 潮 مد é 👩‍👩‍👧"
    escaped.encode()


@given(st.dictionaries(TEXTS.map(lambda t: t.encode("utf-8", "ignore").decode()), st.integers()))
def test_escaped_json_has_the_same_value(value):
    """Only its spelling differs."""
    text = escape_invisible_in_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(text) == value
    assert not set(text) & set(BIDI + CONTROLS) - set("\n")


def readings(more: str, path: str = "_news/a.md"):
    """The article and the problems of a document with some lines more."""
    reading = read_article(path, (DOCUMENT + more + "\n---\n").encode(), ParseOptions())
    return reading.article, [(d.code, d.line) for d in reading.diagnostics]


@pytest.mark.parametrize("sign", BIDI)
def test_names_have_no_bidirectional_controls(sign):
    """Of providers, topics, tags and categories: replaced, with a warning on their line."""
    article, problems = readings(
        f"category: a{sign}b\ntopics: [c{sign}d]\ntags:\n- e{sign}f\n"
        f"related:\n- title: g{sign}h\n  provider: {{domain: i{sign}j, name: '&#x{ord(sign):x};k'}}"
    )
    assert article
    bad = "\ufffd"
    assert article.category == f"a{bad}b"
    assert article.topics == (f"c{bad}d",)
    assert article.tags == (f"e{bad}f",)
    [related] = article.related
    assert related.provider
    assert (related.provider.domain, related.provider.name) == (f"i{bad}j", f"{bad}k")
    assert related.title == f"g{sign}h"  # text may need them
    assert sorted(problems) == [(DiagnosticCode.BAD_TEXT, line) for line in (5, 6, 8, 11, 11)]


@pytest.mark.parametrize("sign", BIDI + "\x1b\x9b\u2028")
def test_slugs_have_no_characters_that_cannot_be_seen(sign):
    """Neither from the name of a file, nor as a client gives them."""
    slug = f"2026-01-02-a{sign}b"
    article, problems = readings("", f"_news/{slug}.md")
    assert article is None
    assert problems == [(DiagnosticCode.BAD_TEXT, 1)]
    assert find_slug_problem(slug)


def test_terminal_gets_no_controls_from_documents(tmp_path):
    """The problems of a folder are printed with what files say of themselves escaped."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a\x1b[31m\u202eb.md").write_text(DOCUMENT + "heat: \x1b]0;x\n---\n")
    shown = CliRunner().invoke(app, ["check", str(folder)])
    assert r"a\x1b[31m\u202eb.md:5:" in shown.output
    assert not set(shown.output) & set(BIDI + CONTROLS) - set("\n")


def test_terminal_gets_no_controls_in_json(monkeypatch):
    """On a terminal they are escaped as JSON has it, so that the value is the same."""
    text = StringIO()
    monkeypatch.setattr(output, "out", Console(file=text, force_terminal=True, color_system=None))
    output.print_json({"title": "a\u202e\x9b"})
    assert r"a\u202e\u009b" in text.getvalue()
    assert json.loads(text.getvalue()) == {"title": "a\u202e\x9b"}
