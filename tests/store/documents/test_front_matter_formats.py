"""TOML and JSON front matter are read as YAML is: the same values, the same lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.documents.article_reader import read_article
from store.documents.front_matter_format import FrontMatterFormat, front_matter_format
from store.documents.frontmatter import ParseOptions, node_to_json
from store.documents.json_tree import parse_json
from store.documents.parse_result import ParseResult
from store.documents.toml_tree import parse_toml
from store.documents.yaml_tree import MappingNode
from store.model import Article
from tests.support.document_strategies import JSON

OPTIONS = ParseOptions()
TOML = """+++
title = 'Toml'  # the headline
publishedDateTime = 2020-06-11T07:00:00-07:00
updatedDateTime = 2020-06-12
tags = ["a",
  "b"]
heat = 1_000
"in quotes".at = 07:32:00
[provider]
domain = "p.example"
name = "P"
[[images]]
url = "https://p.example/1.png"
[[images]]
url = "two"
[images.more]
ratio = {of.it = [1e300, {deep = true}]}
+++

Body.
"""
JSON_TEXT = r"""{
  "title": "Json \ud83d\ude00",
  "publishedDateTime": "2020-06-11",
  "provider": {
    "domain": "p.example", "name": "P"},
  "heat": 7, "draft": false,
  "images": [
    {"url": "two"}
  ]
}
"""


def read(text: str) -> ParseResult:
    """The parse result of a document."""
    return read_article("_news/2020-06-11-a.md", text.encode(), OPTIONS)


def article_of(text: str) -> Article:
    """The article of a valid document."""
    article = read(text).article
    assert article is not None, read(text).diagnostics
    return article


def problems(text: str) -> list[tuple[str, int | None]]:
    """The codes and lines of a document's diagnostics."""
    return [(d.code, d.line) for d in read(text).diagnostics]


def test_toml_document_is_read():
    """Tables, dates with an offset and without, and the body."""
    article = article_of(TOML)
    assert (article.title, article.content, article.heat) == ("Toml", "Body.", 1000)
    assert article.published_date_time == datetime(2020, 6, 11, 14, tzinfo=UTC)
    assert article.updated_date_time == datetime(2020, 6, 12, tzinfo=UTC)
    assert (article.tags, article.provider.domain) == (("a", "b"), "p.example")
    assert article.metadata["in quotes"] == {"at": "07:32:00"}
    [rejected] = article.metadata["images"]
    assert rejected["more"] == {"ratio": {"of": {"it": [1e300, {"deep": True}]}}}
    assert read(TOML).format is FrontMatterFormat.TOML


@pytest.mark.parametrize(
    "text",
    [
        JSON_TEXT + "\nBody.\n",
        JSON_TEXT.rstrip() + "   \nBody.",
        f"---json\n{JSON_TEXT}---\nBody.",
        f";;;\n{JSON_TEXT};;;\nBody.",
        f";;;\n{JSON_TEXT.strip()[1:-1]};;;\nBody.",
        f"\ufeff{JSON_TEXT}\nBody.".replace("\n", "\r\n"),
    ],
)
def test_json_document_is_read(text):
    """At the top, between marks, with and without braces."""
    article = article_of(text)
    assert (article.title, article.content, article.heat) == ("Json 😀", "Body.", 7)
    assert article.published
    assert read(text).format is FrontMatterFormat.JSON
    assert front_matter_format(text) is FrontMatterFormat.JSON


def test_diagnostics_have_the_lines_of_the_text():
    """Lines count in the file, in nested values, too."""
    assert problems(TOML) == [("BAD_URL", 15)]
    assert problems(JSON_TEXT) == [("BAD_URL", 8)]
    assert problems(f"---json\n{JSON_TEXT}---\n") == [("BAD_URL", 9)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("+++\ntitle = 'a'\n", ("UNCLOSED_FRONT_MATTER", 1)),
        ("---json\n{}\n", ("UNCLOSED_FRONT_MATTER", 1)),
        ("+++\ntitle = 'a'\nx = = 1\n+++\n", ("UNREADABLE_TOML", 3)),
        ("+++\nx = 1\nx = 2\n+++\n", ("UNREADABLE_TOML", 3)),
        (f"+++\nx = 1\ny = {'[' * 40}\n+++\n", ("TOO_DEEP", 3)),
        (f"+++\nx = 1\n{'a.' * 40}a = 1\n+++\n", ("TOO_DEEP", 3)),
        (f"+++\n{'x = {' + 'a.a.a.a.a.a.a.a = {' * 9}\n+++\n", ("UNREADABLE_TOML", 2)),
        ("+++\nx = [" + "1," * 30_000 + "]\n+++\n", ("TOO_MANY_VALUES", 2)),
        ('{\n"title": "a",\n}\n', ("UNREADABLE_JSON", 3)),
        ('{"title": "a",\n "b": NaN}\n', ("UNREADABLE_JSON", 2)),
        ('{"title": "a",\n "b": "c', ("UNREADABLE_JSON", 2)),
        ('---json\n{"a": 1}\nx\n---\n', ("UNREADABLE_JSON", 3)),
        ('{"a":\n' + "[" * 40, ("TOO_DEEP", 2)),
        ('{"a": [' + "1," * 30_000 + "1]}", ("TOO_MANY_VALUES", 1)),
        ('{"a": "\\ud800",\n"a": 1}', ("BAD_TEXT", 1)),
    ],
)
def test_wrong_front_matter_has_a_reason(text, problem):
    """The code names the format, and the line is where it is wrong."""
    assert problems(text)[0] == problem


@pytest.mark.parametrize("text", ["{% include x %}\n", "{{< note >}}\n", "{a: b}\n", "+++a\n"])
def test_other_openings_are_no_front_matter(text):
    """Templates begin with a brace, too."""
    assert [code for code, _ in problems(text)] == ["NO_FRONT_MATTER"]


def test_yaml_file_that_is_a_flow_mapping_stays_yaml():
    """In a .yaml file a brace is YAML's."""
    text = "{title: a, publishedDateTime: 2020-06-11, provider: {domain: p.example, name: P}}"
    assert read_article("2020-06-11-a.yaml", text.encode(), OPTIONS).article


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4), st.booleans())
def test_json_gives_the_values_that_were_written(values, indented):
    """Numbers, texts and nesting survive; control characters are replaced, as in YAML."""
    text = json.dumps(values, indent=1 if indented else None, ensure_ascii=indented)
    parsed = parse_json(text, 1, max_depth=32, max_nodes=10_000, is_whole=True)
    if not any(problem.code == "BAD_TEXT" for problem in parsed.problems):
        assert node_to_json(parsed.root) == json.loads(text)


@given(st.lists(st.sampled_from(["k{} = 1", "[t{}]", "[[l]]", "x{} = [\n1,\n2]", "# c", ""])))
def test_toml_keys_have_their_lines(units):
    """A key's line is that of its text, whatever is around it."""
    text = "\n".join(unit.format(i) for i, unit in enumerate(units)) + "\n"
    root = parse_toml(text, 1, max_depth=32, max_nodes=10_000).root
    lines = text.split("\n")

    def check(node: MappingNode) -> None:
        for key, line in node.key_lines.items():
            assert key in lines[line - 1]
            below = node.entries[key]
            if isinstance(below, MappingNode):
                check(below)

    check(root)
