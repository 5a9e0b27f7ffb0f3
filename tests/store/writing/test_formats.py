"""Mutations of documents whose front matter is TOML or JSON."""

from __future__ import annotations

import json

import pytest

from store import FolderLoader, MemoryRepository
from store.model import Author
from store.writing.article_patch import FORMAT_NOT_WRITABLE
from tests.support.writer_setup import WriterSetup, document

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


def test_fields_of_a_format_that_is_not_written_are_refused(setup):
    """The reason names the format, and neither file nor store has changed."""
    article, files = setup.get(SLUG), setup.files()
    writer = setup.writer
    for work in (
        writer.put({"heat": 7}, id=article.id),
        writer.put({"content": "New."}, slug=SLUG),
        writer.set_published(article.id, False),
    ):
        [refusal] = setup.expect_refusals(work)
        assert refusal.code == FORMAT_NOT_WRITABLE
        assert "TOML" in refusal.message or "JSON" in refusal.message
    assert (setup.get(SLUG), setup.files()) == (article, files)


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
