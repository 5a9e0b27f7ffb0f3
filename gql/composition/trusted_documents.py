"""Trusted documents at the start: read, validated against the schema, and compiled."""

from __future__ import annotations

from collections.abc import Sequence

from graphql import OperationType

from gql import gc_tuning
from gql.error_formatting import FormattedError
from gql.http import CostLimitExecutor, GraphQLRequest
from gql.http.documents import GraphQLDocument
from gql.http.persisted.manifests import DocumentEntry, ManifestError, read_documents
from gql.http.persisted.trusted_documents import TrustedDocuments
from gql.identity.viewer import PUBLIC
from gql.logs import get_logger
from gql.schema import build_schema
from gql.settings import Settings, SettingsError

from .executors import build_executor

MAX_ERRORS = 20
"""How many errors are shown at once."""

_FILLED = 0.8
"""The share of the cache that is filled at the start; the rest is for other plans of the same."""

_COLLECT_INTERVAL = 50
"""The number of documents whose reference cycles are collected together: about 7 MB."""

_SETTING = "trusted_documents (NEWSGRAPH_TRUSTED_DOCUMENTS, --trusted-documents)"
_REMEDY = "Correct the document, or remove it."


def check_trusted_documents(settings: Settings) -> None:
    """Validate the trusted documents, before workers start that all would fail.

    Raises: SettingsError.
    """
    entries = read_entries(settings)
    if entries:
        texts = trusted_documents(entries).texts
        executor = build_executor(
            settings, build_schema(federation=settings.federation), trusted_texts=texts
        )
        prepare_trusted_documents(executor, entries)


def read_entries(settings: Settings) -> list[DocumentEntry]:
    """The trusted documents of the settings. Raises: SettingsError."""
    if settings.trusted_documents is None:
        return []
    try:
        return read_documents(settings.trusted_documents)
    except ManifestError as error:
        raise SettingsError(f"{_SETTING}: {error}") from None


def trusted_documents(entries: Sequence[DocumentEntry]) -> TrustedDocuments:
    """The documents of some entries by id. Raises: SettingsError: an id has two texts."""
    try:
        return TrustedDocuments(entries)
    except ManifestError as error:
        raise SettingsError(f"{_SETTING}: {error}") from None


def prepare_trusted_documents(
    executor: CostLimitExecutor, entries: Sequence[DocumentEntry]
) -> None:
    """Validate all trusted documents, and compile their queries for anonymous viewers.

    Documents and plans are cached as far as their cache has room; others are prepared when they are
    first sent. Raises: SettingsError: a document is invalid; it names file, line and operation.
    """
    reference = executor.reference
    cache = reference.trusted_documents
    problems: list[str] = []
    compiled = 0
    gc_tuning.exempt_present()
    for number, entry in enumerate(entries, 1):
        has_room = cache.size_bytes < cache.capacity_bytes * _FILLED
        document = (reference.get_document if has_room else reference.prepare)(entry.text)
        problems += _problems(entry, document)
        if has_room and not document.errors:
            compiled += _compile(executor, entry.text, document)
        if number % _COLLECT_INTERVAL == 0:
            gc_tuning.collect_new()
    gc_tuning.collect_new()
    if problems:
        shown = problems[:MAX_ERRORS]
        if len(problems) > MAX_ERRORS:
            shown.append(f"… and {len(problems) - MAX_ERRORS} more errors.")
        raise SettingsError("\n".join((f"{_SETTING}:", *shown, _REMEDY)))
    get_logger().info("trusted_documents", documents=len(entries), compiled=compiled)


def _problems(entry: DocumentEntry, document: GraphQLDocument) -> list[str]:
    if document.errors:
        return [_describe(entry, error) for error in document.errors]
    if not document.operations:
        return [f"{entry.describe(1, 1)}: it has no operation."]
    return []


def _describe(entry: DocumentEntry, error: FormattedError) -> str:
    location = (error.get("locations") or [{"line": 1, "column": 1}])[0]
    return f"{entry.describe(location['line'], location['column'])}: {error['message']}"


def _compile(executor: CostLimitExecutor, text: str, document: GraphQLDocument) -> int:
    """Compile the queries of a document; the number of those that could be."""
    count = 0
    for operation in document.operations:
        if operation.operation is OperationType.QUERY:
            name = operation.name.value if operation.name else None
            request = GraphQLRequest(query=text, operation_name=name)
            count += executor.sync_query(request, PUBLIC) is not None
    return count
