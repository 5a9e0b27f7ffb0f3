"""One document with some of its fields changed, or made of fields alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

import msgspec

from store.characters import escape_invisible
from store.documents.article_reader import read_article
from store.documents.diagnostics import DiagnosticCode, field_path
from store.documents.frontmatter import ParseLimits
from store.documents.parse_result import ParseResult
from store.documents.serializer import (
    FIELD_KEYS,
    DocumentData,
    article_to_document,
    body_round_trips,
    serialize_document,
    serialize_fields,
)
from store.documents.text_edit import edit_text
from store.errors import Refusal, RefusedError
from store.model import Article, Diagnostic, Severity
from store.names import is_jekyll_named

from .import_batch import describe, encode_document
from .targets import article_path

_FORBIDDEN_IN_SLUG = re.compile(r'[/\\:*?"<>|]')
_METADATA_NOTE = re.compile(r"; the [a-z ]+ is kept in `metadata`")  # of what is not refused
_UNNAMED_PATH = "article.md"  # a name that is no slug, so that title and date make one


class PatchedDocument(msgspec.Struct, frozen=True):
    """A document as it will be, and what is read from it."""

    path: str
    text: str
    parse_result: ParseResult
    article: Article


def create_document(
    slug: str | None, fields: Mapping[str, Any], limits: ParseLimits
) -> PatchedDocument:
    """A document with these fields; its slug, where none is given, follows from title and date.

    Raises: RefusedError: it cannot be taken.
    """
    path = article_path(slug) if slug else _UNNAMED_PATH
    text = serialize_document(_apply_fields(DocumentData({}), fields))
    parse_result = read_article(path, encode_document(text), limits)
    article = _accept(parse_result, fields, ParseResult)
    if slug is None:
        path = article_path(article.slug)
        parse_result = read_article(path, encode_document(text), limits)
    return PatchedDocument(path, text, parse_result, article)


def patch_document(
    article: Article, path: str, text: str | None, fields: Mapping[str, Any], limits: ParseLimits
) -> PatchedDocument:
    """An article's document with some fields changed; None removes one.

    `text` is what its file says; None where there is no file. Its slug stays: where it came from
    the title, a file that is named after it keeps it.
    Raises: RefusedError: it cannot be taken.
    """
    before = article_to_document(article)
    after = _apply_fields(before, fields)
    if text is None:
        new = serialize_document(after)
        parse_result = read_article(path, encode_document(new), limits)
    else:
        new, parse_result = edit_text(path, text, before, after, limits)

    def earlier() -> ParseResult:
        return read_article(path, encode_document(text or serialize_document(before)), limits)

    changed = _accept(parse_result, fields, earlier)
    if changed.slug != article.slug:
        path = str(PurePosixPath(path).with_name(article.slug + PurePosixPath(path).suffix))
        parse_result = read_article(path, encode_document(new), limits)
        changed = _accept(parse_result, fields, earlier)
    return PatchedDocument(path, new, parse_result, changed)


def find_slug_problem(slug: str) -> str | None:
    """What is wrong with a slug, as a sentence; None where a file of this name has it."""
    is_name = not _FORBIDDEN_IN_SLUG.search(slug) and slug == slug.strip(" .") == escape_invisible(
        slug
    )
    if is_jekyll_named(slug) and is_name:
        return None
    return "A slug is a date and a title, like 2020-06-11-title, and can be a file's name."


def _apply_fields(document: DocumentData, fields: Mapping[str, Any]) -> DocumentData:
    """What a document says with some fields changed."""
    values, content = dict(document.values), document.content
    for key, value in serialize_fields(fields).items():
        if key == "content":
            content = value if value is not None and body_round_trips(value) else None
            value = None if content is not None else value  # noqa: PLW2901
        if value in (None, []):
            values.pop(key, None)
        else:
            values[key] = value
    keys = [*FIELD_KEYS, *(key for key in values if key not in FIELD_KEYS)]
    return DocumentData({key: values[key] for key in keys if key in values}, content)


def _accept(
    parse_result: ParseResult, fields: Mapping[str, Any], earlier: Callable[[], ParseResult]
) -> Article:
    """The article of a text, unless what was given now makes it a worse one than `earlier`."""
    refusals = [
        Refusal(d.code, _METADATA_NOTE.sub("", describe(d)), _target(d))
        for d in parse_result.diagnostics
        if d.severity is Severity.ERROR or _is_new_problem(d, fields, earlier)
    ]
    if refusals or parse_result.article is None:
        raise RefusedError(*refusals)
    return parse_result.article


def _is_new_problem(
    problem: Diagnostic, fields: Mapping[str, Any], earlier: Callable[[], ParseResult]
) -> bool:
    """Whether a problem came with what was given now."""
    if problem.code == DiagnosticCode.MISSING_PROVIDER:  # of a related story: its address tells it
        return False
    field = field_path(problem)
    if field:
        return field[0] in fields
    return problem.code not in {known.code for known in earlier().diagnostics}


def _target(diagnostic: Diagnostic) -> tuple[str, ...]:
    field = field_path(diagnostic)
    return ("metadata",) if field and field[0] not in FIELD_KEYS else field
