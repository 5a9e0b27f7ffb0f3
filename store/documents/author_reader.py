"""Author reader: `author` and `authors`, each a name, a mapping, or a list of them."""

from __future__ import annotations

from store.model import Author
from store.text import collapse_whitespace

from .diagnostics import DiagnosticCode
from .field_reader import FieldReader
from .field_values import parse_url

AUTHOR_KEYS = ("authors", "author")
"""The keys of a document that name its authors."""


def read_authors(fields: FieldReader) -> tuple[Author, ...]:
    """Read the authors of both keys; one that only repeats a name is left out."""
    authors: list[Author] = []
    for key in AUTHOR_KEYS:
        for author in fields.read_names_or_entries(key, _named, _read_author):
            is_only_name = author == _named(author.name)
            if author not in authors and not (is_only_name and _has_name(authors, author.name)):
                authors.append(author)
    return tuple(authors)


def _named(name: str) -> Author:
    return Author(name=name)


def _has_name(authors: list[Author], name: str) -> bool:
    return any(author.name == name for author in authors)


def _read_author(fields: FieldReader) -> Author | None:
    name = fields.read_name("name", collapse_whitespace)
    if name is None:
        fields.collector.add_warning(
            DiagnosticCode.WRONG_TYPE,
            f"{fields.quoted_path('name')} is missing; the author is kept in `metadata`.",
            fields.line,
            "Add the author's name.",
        )
        return None
    return Author(
        name=name,
        url=fields.read("url", parse_url),
        image=fields.read("image", parse_url),
        metadata=fields.metadata(),
    )
