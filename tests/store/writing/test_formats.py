"""Mutations of documents whose front matter is TOML or JSON."""

from __future__ import annotations

import json

import pytest

from store import FolderLoader, MemoryRepository
from store.documents.article_reader import read_article
from store.documents.field_mapping import DefaultProvider, FieldMapping
from store.documents.front_matter_format import FrontMatterFormat, front_matter_format
from store.documents.frontmatter import ParseOptions
from store.model import Author, Image
from store.writing.article_patch import FORMAT_NOT_WRITABLE, patch_document
from tests.support.writer_setup import DATE, REQUIRED, WriterSetup, document, path_of

SLUG = "2026-01-02-a-tide"
TOML = (
    "+++\ntitle = 'A'  # mine\npublishedDateTime = 2026-01-02\n"
    "provider = {domain = 'p.example', name = 'P'}\n+++\nBody.\n"
)
VALUES = {
    "title": "A",
    "publishedDateTime": "2026-01-02",
    "provider": {"domain": "p.example", "name": "P"},
}
TEXTS = [TOML, json.dumps(VALUES), f"---json\n{json.dumps(VALUES)}\n---\nBody.\n"]


@pytest.fixture(params=TEXTS)
def setup(request, tmp_path):
    """A folder with one document, loaded."""
    repository = MemoryRepository()
    setup = WriterSetup(repository, tmp_path)
    setup.edit(f"{SLUG}.md", request.param)
    setup.run(FolderLoader(repository, tmp_path).load())
    return setup


def test_fields_are_written_in_the_format_of_the_document(setup):
    """The store has what the file says, and a load finds no difference."""
    before = setup.text(f"{SLUG}.md")
    article = setup.put({"heat": 7, "content": "New.", "topics": ("Sea",)}, slug=SLUG)
    assert (article.heat, article.content, article.topics) == (7, "New.", ("Sea",))
    assert not setup.run(setup.writer.set_published(article.id, False)).notices
    text = setup.text(f"{SLUG}.md")
    assert front_matter_format(text) is front_matter_format(before)
    assert ("# mine" in text) == ("# mine" in before)
    article = setup.get(SLUG)
    setup.load()
    assert setup.get(SLUG) == article
    assert not article.published


def test_new_document_beside_other_formats_is_yaml(setup):
    """Every reader of these folders reads YAML, too."""
    new = setup.put({**REQUIRED, "title": "Another"})
    assert front_matter_format(setup.text(path_of(new.slug))) is FrontMatterFormat.YAML


@pytest.mark.parametrize(
    ("text", "fields", "reason"),
    [
        (TOML, {"note": [1, None]}, "no null"),
        (json.dumps(VALUES)[:-1] + ', "heat": 1,\n"heat": 2}', {"quality": 7}, "lines 1 and 2"),
    ],
)
def test_change_that_the_format_cannot_hold_is_refused(tmp_path, text, fields, reason):
    """The reason is given, and neither file nor store has changed."""
    setup = WriterSetup(MemoryRepository(), tmp_path)
    setup.edit(f"{SLUG}.md", text)
    setup.load()
    article, files = setup.get(SLUG), setup.files()
    [refusal] = setup.expect_refusals(setup.writer.put(fields, slug=SLUG))
    assert refusal.code == FORMAT_NOT_WRITABLE
    assert reason in refusal.message
    assert (setup.get(SLUG), setup.files()) == (article, files)


@pytest.mark.parametrize("text", [TOML, json.dumps(VALUES, indent=2) + "\n"])
def test_document_that_is_written_anew_keeps_its_format(tmp_path, text):
    """Lines that all end with CR cannot hold a CR that is none; the payload tells of it."""
    setup = WriterSetup(MemoryRepository(), tmp_path)
    setup.edit(f"{SLUG}.md", text.replace("\n", "\r"))
    setup.load()
    result = setup.run(setup.writer.put({"content": "a\rb", "heat": 7}, slug=SLUG))
    assert [notice.code for notice in result.notices] == ["DOCUMENT_REWRITTEN"]
    assert (setup.get(SLUG).content, setup.get(SLUG).heat) == ("a\rb", 7)
    assert front_matter_format(setup.text(f"{SLUG}.md")) is front_matter_format(text)
    result = setup.run(setup.writer.put({"heat": 8}, slug=SLUG))
    assert result.notices == ()


ZOLA = """+++
title = "A day" # ours
date = 2026-01-02T10:00:00-05:00
draft = false
weight = 0x10

[taxonomies] # two
tags = ["sea", 'ice']

[extra]
summary = '''Old'''
cover = { image = "/a.png" }
+++
Body.
"""
HUGO_JSON = """{
   "title": "A day",
   "date": "2026-01-02T10:00:00-05:00",
   "draft": false,
   "weight": 1.50,
   "taxonomies": {"tags": ["sea", "ice"]},
   "extra": {
      "summary": "Old",
      "cover": {"image": "\\/a.png"}
   }
}

Body.
"""
MAPPING = FieldMapping(
    fields={
        "publishedDateTime": ("date",),
        "published": ("draft",),
        "tags": ("taxonomies.tags",),
        "excerpt": ("extra.summary",),
        "images": ("extra.cover.image",),
    },
    provider=DefaultProvider("blog.example", "The blog"),
    base_url="https://blog.example/",
)


@pytest.mark.parametrize(
    ("text", "fields", "changes"),
    [
        (ZOLA, {"published": False}, {"draft = false": "draft = true"}),
        (ZOLA, {"tags": ("sea", "wind")}, {"'ice'": "'wind'"}),
        (ZOLA, {"excerpt": "It's \\ new"}, {"Old": "It's \\ new"}),
        (ZOLA, {"images": (Image(url="https://blog.example/b.png"),)}, {"/a": "https://blog.example/b"}),
        (ZOLA, {"publishedDateTime": DATE}, {"T10:00:00-05:00": "T00:00:00Z"}),
        (HUGO_JSON, {"published": False}, {'"draft": false': '"draft": true'}),
        (HUGO_JSON, {"tags": ("sea", "ice", "wind")}, {'"ice"': '"ice", "wind"'}),
        (HUGO_JSON, {"excerpt": None}, {'\n      "summary": "Old",': ""}),
        (HUGO_JSON, {"publishedDateTime": DATE}, {"T10:00:00-05:00": "T00:00:00Z"}),
    ],
)  # fmt: skip
def test_mapped_fields_are_written_under_own_keys(text, fields, changes):
    """One value changes, under the key and in the form that the document uses."""
    options = ParseOptions(mapping=MAPPING)
    article = read_article(f"{SLUG}.md", text.encode(), options).article
    assert article is not None
    patched = patch_document(article, f"{SLUG}.md", text, fields, options)
    for old, new in changes.items():
        text = text.replace(old, new)
    assert patched.text == text
    assert patched.notices == ()


def test_whole_documents_of_every_format_are_written(setup):
    """An import replaces the file, a delete removes it."""
    for text in TEXTS:
        [article] = setup.import_documents((f"{SLUG}.md", text))
        assert setup.text(f"{SLUG}.md") == text
    setup.delete(article.id)
    assert not setup.find(SLUG)


@pytest.mark.parametrize(
    ("before", "names", "after"),
    [
        ("author: Jane # she\n", ["Bob"], "author: Bob # she\n"),
        ("author: [Jane]\n", ["Bob"], "author: [Bob]\n"),
        ("author: Jane\nauthors: [Bob]\n", ["Eve"], "authors: [Eve]\n"),
        ("author: Jane\n", [], ""),
    ],
)
def test_authors_are_written_under_the_documents_own_key(tmp_path, before, names, after):
    """No other line changes, and the reader gives what was written."""
    setup = WriterSetup(MemoryRepository(), tmp_path)
    setup.edit(f"{SLUG}.md", document(more=f"# mine\n{before}x: 01\n"))
    setup.load()
    authors = tuple(Author(name=name) for name in names)
    assert setup.put({"authors": authors}, slug=SLUG).authors == authors
    assert setup.text(f"{SLUG}.md") == document(more=f"# mine\n{after}x: 01\n")


def test_yaml_file_that_begins_with_a_brace_is_written(tmp_path):
    """It is a flow mapping, not JSON."""
    setup = WriterSetup(MemoryRepository(), tmp_path)
    setup.edit(f"{SLUG}.yaml", json.dumps(VALUES))
    setup.load()
    assert setup.put({"heat": 7}, slug=SLUG).heat == 7
    setup.load()
    assert setup.get(SLUG).heat == 7
