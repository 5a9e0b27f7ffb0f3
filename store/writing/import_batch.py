"""Documents that come from outside: read and checked as files are, before any is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from store.documents.article_reader import read_article
from store.documents.diagnostics import DiagnosticCode
from store.documents.frontmatter import ParseLimits
from store.documents.parse_result import ParseResult
from store.errors import Refusal, RefusedError
from store.model import Diagnostic, Severity

BAD_PATH = "BAD_PATH"
MAX_REFUSALS = 100
"""How many reasons are given why documents are not taken."""

Documents = Sequence[tuple[str, str]]
"""Paths and texts."""


class Incoming(msgspec.Struct, frozen=True):
    """Documents that can be taken, by path: their texts, and the articles read from them."""

    texts: dict[str, bytes]
    parse_results: dict[str, ParseResult]


def read_incoming(
    documents: Documents, limits: ParseLimits, find_path_problem: Callable[[str], str | None]
) -> Incoming:
    """Read documents of which each has a path and a slug of its own.

    `find_path_problem` says what is wrong with a path. Raises: RefusedError: all problems.
    """
    limits = msgspec.structs.replace(limits, batch_size=len(documents))
    refusals: list[Refusal] = []
    incoming = Incoming({}, {})
    slugs: dict[str, str] = {}
    for i, (path, text) in enumerate(documents):
        place = ("documents", str(i))
        problem = "is there twice" if path in incoming.texts else find_path_problem(path)
        if problem:
            refusals.append(Refusal(BAD_PATH, f"The path {problem}.", (*place, "path")))
            continue
        data = encoded(text)
        parse_result = read_article(path, data, limits)
        incoming.texts[path] = data
        incoming.parse_results[path] = parse_result
        refusals += refused(parse_result, (*place, "text"))
        article = parse_result.article
        if article and (first := slugs.setdefault(article.slug, path)) != path:
            refusals.append(slug_taken(article.slug, first, (*place, "path")))
    if refusals:
        raise RefusedError(*refusals[:MAX_REFUSALS])
    return incoming


def refused(parse_result: ParseResult, place: tuple[str, ...]) -> list[Refusal]:
    """Why a text cannot be taken; nothing where it can."""
    return [
        Refusal(d.code, f"Line {d.line}: {explained(d)}" if d.line else explained(d), place)
        for d in parse_result.diagnostics
        if d.severity is Severity.ERROR or parse_result.article is None
    ]


def slug_taken(slug: str, path: str, place: tuple[str, ...]) -> Refusal:
    """A slug has one document."""
    return Refusal(DiagnosticCode.DUPLICATE_SLUG, f"The slug {slug!r} belongs to {path}.", place)


def explained(diagnostic: Diagnostic) -> str:
    """What is wrong, and what to do about it."""
    return f"{diagnostic.message} {diagnostic.remedy or ''}".rstrip()


def encoded(text: str) -> bytes:
    """A text as a file would hold it; one that UTF-8 cannot write becomes one that is not UTF-8."""
    return text.encode("utf-8", "surrogatepass")
