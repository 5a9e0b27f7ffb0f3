"""Authors are read however documents write them."""

from __future__ import annotations

import pytest

from store.documents.article_reader import read_article
from store.documents.field_mapping import FieldMapping
from store.documents.frontmatter import ParseOptions
from store.model import Article, Author
from tests.support.writer_setup import document


def read(yaml: str) -> tuple[Article, list[tuple[str, int | None]]]:
    """The article of a document with these lines, and its diagnostics."""
    text = document(more=yaml)
    parsed = read_article("2026-01-02-a.md", text.encode(), ParseOptions())
    assert parsed.article
    return parsed.article, [(d.code, d.line) for d in parsed.diagnostics]


JANE, BOB = Author(name="Jane Doe"), Author(name="Bob")


@pytest.mark.parametrize(
    ("yaml", "authors"),
    [
        ("author: Jane  Doe\n", (JANE,)),
        ("authors: Jane Doe\n", (JANE,)),
        ("author: [Jane Doe, Bob, ~, '']\n", (JANE, BOB)),
        ("authors: [Jane Doe, {name: Bob}]\n", (JANE, BOB)),
        ("author: {name: Jane Doe}\n", (JANE,)),
        ("authors: [Bob]\nauthor: Jane Doe\n", (BOB, JANE)),
        ("authors: [{name: Bob, url: 'https://b.example'}]\nauthor: Bob\n", "linked"),
        ("author: ''\n", ()),
        ("author:\n", ()),
    ],
)
def test_authors_are_names_or_mappings_one_or_many(yaml, authors):
    """The same authors, without a warning and without a rest in the metadata."""
    article, problems = read(yaml)
    if authors == "linked":
        authors = (Author(name="Bob", url="https://b.example"),)
    assert (article.authors, problems, article.metadata) == (authors, [], {})


def test_author_keeps_what_is_not_a_field():
    """Other keys and invalid values stay with the author."""
    article, problems = read("author:\n  name: Bob\n  url: /about\n  x: 1\n")
    assert article.authors == (Author(name="Bob", metadata={"url": "/about", "x": 1}),)
    assert problems == [("BAD_URL", 7)]


def test_authors_without_a_name_stay_in_the_metadata():
    """With a warning at their line."""
    article, problems = read("author:\n- {id: 7}\n- Bob\n- [x]\n")
    assert article.authors == (BOB,)
    assert article.metadata == {"author": [{"id": 7}, ["x"]]}
    assert problems == [("WRONG_TYPE", 6), ("WRONG_TYPE", 8)]


def test_authors_of_another_key_are_mapped():
    """As every field."""
    mapping = FieldMapping(fields={"authors": ("meta.by",)})
    text = document(more="meta:\n  by: [Jane Doe, {name: Bob}]\n")
    parsed = read_article("2026-01-02-a.md", text.encode(), ParseOptions(mapping=mapping))
    assert parsed.article
    assert parsed.article.authors == (JANE, BOB)
