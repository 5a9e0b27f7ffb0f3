"""Import batch: whole documents from a client, validated like files before any is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from store.documents.article_reader import read_article
from store.documents.diagnostics import DiagnosticCode
from store.documents.frontmatter import ParseOptions
from store.documents.parse_result import ParseResult
from store.errors import Refusal, RefusedError
from store.model import Diagnostic, Severity

BAD_PATH = "BAD_PATH"
TOO_MANY_DOCUMENTS = "TOO_MANY_DOCUMENTS"
MAX_REFUSALS = 100
"""Largest number of refusals that are reported."""

ImportDocuments = Sequence[tuple[str, str]]
"""Pairs of a path and a text."""


class ImportBatch(msgspec.Struct, frozen=True):
    """Valid documents by path: their texts and their parse results, each with an article."""

    texts: dict[str, bytes]
    parse_results: dict[str, ParseResult]


def read_import_batch(
    documents: ImportDocuments,
    options: ParseOptions,
    find_path_problem: Callable[[str], str | None],
) -> ImportBatch:
    """Parse and validate documents, which need distinct paths and article keys.

    `find_path_problem` returns the end of a sentence for an invalid path.
    Raises: RefusedError: with the problems of all documents.
    """
    options = msgspec.structs.replace(options, batch_size=len(documents))
    refusals: list[Refusal] = []
    batch = ImportBatch({}, {})
    paths: dict[str, str] = {}
    for i, (path, text) in enumerate(documents):
        input_path = ("documents", str(i))
        problem = "occurs twice" if path in batch.texts else find_path_problem(path)
        if problem:
            refusals.append(Refusal(BAD_PATH, f"The path {problem}.", (*input_path, "path")))
            continue
        data = encode_document(text)
        parse_result = read_article(path, data, options)
        batch.texts[path] = data
        batch.parse_results[path] = parse_result
        refusals += find_refusals(parse_result, (*input_path, "text"))
        article = parse_result.article
        if article and (first := paths.setdefault(article.key, path)) != path:
            refusals.append(slug_taken_refusal(article.slug, first, (*input_path, "path")))
    if refusals:
        raise RefusedError(*refusals[:MAX_REFUSALS])
    return batch


def find_refusals(parse_result: ParseResult, input_path: tuple[str, ...]) -> list[Refusal]:
    """Return the reasons to refuse a document; none if it is valid."""
    return [
        Refusal(d.code, f"Line {d.line}: {describe(d)}" if d.line else describe(d), input_path)
        for d in parse_result.diagnostics
        if d.severity is Severity.ERROR or parse_result.article is None
    ]


def slug_taken_refusal(slug: str, path: str, input_path: tuple[str, ...]) -> Refusal:
    """Build the refusal of a slug that another document has."""
    return Refusal(
        DiagnosticCode.DUPLICATE_SLUG, f"The slug {slug!r} belongs to {path}.", input_path
    )


def describe(diagnostic: Diagnostic) -> str:
    """Return a diagnostic's message and remedy."""
    return f"{diagnostic.message} {diagnostic.remedy or ''}".rstrip()


def encode_document(text: str) -> bytes:
    """Encode a text as UTF-8. Lone surrogates give invalid UTF-8, which validation refuses."""
    return text.encode("utf-8", "surrogatepass")
