"""One document with some of its fields changed, or made of fields alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

import msgspec

from store.characters import escape_invisible
from store.documents.article_reader import read_document
from store.documents.diagnostics import Code, field_of
from store.documents.frontmatter import Limits
from store.documents.reading import Reading
from store.documents.serializer import (
    FIELDS,
    Document,
    article_document,
    document_text,
    is_body_text,
    written_fields,
)
from store.documents.text_edit import changed_text
from store.errors import Refusal, RefusedError
from store.model import Article, Diagnostic, Severity
from store.names import is_jekyll_named

from .import_batch import encoded, explained
from .targets import article_path

_NOT_IN_SLUG = re.compile(r'[/\\:*?"<>|]')
_KEPT = re.compile(r"; the [a-z ]+ is kept in `metadata`")  # of what is not refused
_NO_NAME = "article.md"  # a name that is no slug, so that title and date make one


class Changed(msgspec.Struct, frozen=True):
    """A document as it will be, and what is read from it."""

    path: str
    text: str
    reading: Reading
    article: Article


def new_document(slug: str | None, fields: Mapping[str, Any], limits: Limits) -> Changed:
    """A document with these fields; its slug, where none is given, follows from title and date.

    Raises: RefusedError: it cannot be taken.
    """
    path = article_path(slug) if slug else _NO_NAME
    text = document_text(_with(Document({}), fields))
    reading = read_document(path, encoded(text), limits)
    article = _taken(reading, fields, Reading)
    if slug is None:
        path = article_path(article.slug)
        reading = read_document(path, encoded(text), limits)
    return Changed(path, text, reading, article)


def changed_document(
    article: Article, path: str, text: str | None, fields: Mapping[str, Any], limits: Limits
) -> Changed:
    """An article's document with some fields changed; None removes one.

    `text` is what its file says; None where there is no file. Its slug stays: where it came from
    the title, a file that is named after it keeps it.
    Raises: RefusedError: it cannot be taken.
    """
    before = article_document(article)
    after = _with(before, fields)
    if text is None:
        new = document_text(after)
        reading = read_document(path, encoded(new), limits)
    else:
        new, reading = changed_text(path, text, before, after, limits)

    def earlier() -> Reading:
        return read_document(path, encoded(text or document_text(before)), limits)

    changed = _taken(reading, fields, earlier)
    if changed.slug != article.slug:
        path = str(PurePosixPath(path).with_name(article.slug + PurePosixPath(path).suffix))
        reading = read_document(path, encoded(new), limits)
        changed = _taken(reading, fields, earlier)
    return Changed(path, new, reading, changed)


def bad_slug(slug: str) -> str | None:
    """What is wrong with a slug, as a sentence; None where a file of this name has it."""
    is_name = not _NOT_IN_SLUG.search(slug) and slug == slug.strip(" .") == escape_invisible(slug)
    if is_jekyll_named(slug) and is_name:
        return None
    return "A slug is a date and a title, like 2020-06-11-title, and can be a file's name."


def _with(document: Document, fields: Mapping[str, Any]) -> Document:
    """What a document says with some fields changed."""
    values, content = dict(document.values), document.content
    for key, value in written_fields(fields).items():
        if key == "content":
            content = value if value is not None and is_body_text(value) else None
            value = None if content is not None else value  # noqa: PLW2901
        if value in (None, []):
            values.pop(key, None)
        else:
            values[key] = value
    keys = [*FIELDS, *(key for key in values if key not in FIELDS)]
    return Document({key: values[key] for key in keys if key in values}, content)


def _taken(reading: Reading, fields: Mapping[str, Any], earlier: Callable[[], Reading]) -> Article:
    """The article of a text, unless what was given now makes it a worse one than `earlier`."""
    refusals = [
        Refusal(d.code, _KEPT.sub("", explained(d)), _place(d))
        for d in reading.diagnostics
        if d.severity is Severity.ERROR or _is_new(d, fields, earlier)
    ]
    if refusals or reading.article is None:
        raise RefusedError(*refusals)
    return reading.article


def _is_new(problem: Diagnostic, fields: Mapping[str, Any], earlier: Callable[[], Reading]) -> bool:
    """Whether a problem came with what was given now."""
    if problem.code == Code.MISSING_PROVIDER:  # of a related story: its address tells it
        return False
    field = field_of(problem)
    if field:
        return field[0] in fields
    return problem.code not in {known.code for known in earlier().diagnostics}


def _place(diagnostic: Diagnostic) -> tuple[str, ...]:
    field = field_of(diagnostic)
    return ("metadata",) if field and field[0] not in FIELDS else field
