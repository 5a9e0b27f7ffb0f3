"""The document of a request: its text, or the text that its id names.

An id is in `documentId` (GraphQL over HTTP), `id` or `doc_id` (Relay), or in
`extensions.persistedQuery.sha256Hash` (Apollo, urql).
"""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest
from typing import Any

from gql.errors import (
    DocumentIdError,
    PersistedQueryNotFoundError,
    PersistedQueryNotSupportedError,
    RequestError,
)
from gql.http.persisted.persisted_documents import PersistedDocuments
from gql.http.persisted.trusted_documents import document_hash

ID_PARAMETERS = ("documentId", "id", "doc_id")
_VERSIONS = (1, None)


def names_document(value: Mapping[str, Any]) -> bool:
    """Whether a request names its document by an id.

    graphql-ws sends no message without a text, so its users send an empty one beside the id.
    """
    extensions = value.get("extensions")
    return any(value.get(name) is not None for name in ID_PARAMETERS) or (
        isinstance(extensions, dict) and extensions.get("persistedQuery") is not None
    )


def text_of_id(value: Mapping[str, Any], documents: PersistedDocuments, of: str) -> str:
    """The text of the document that a request without a text names.

    Raises: RequestError: it names none, or an unknown one.
    """
    if (hash := persisted_hash(value, of)) is not None:
        if not documents.is_enabled:
            raise PersistedQueryNotSupportedError
        text = documents.find(hash)
        if text is None:
            raise PersistedQueryNotFoundError
        return text
    if value.get("documentId") is not None and not documents.is_enabled:
        raise DocumentIdError(
            "Documents by documentId are not enabled here. Send the text as query."
        )
    name = next((name for name in ID_PARAMETERS if value.get(name) is not None), None)
    if name is None or not documents.is_enabled:
        raise RequestError(f"The parameter query{of} is missing. Send the document's text in it.")
    id = value[name]
    if not isinstance(id, str):
        raise RequestError(f"The parameter {name}{of} has to be a string.")
    text = documents.find(id)
    if text is None:
        raise PersistedQueryNotFoundError(
            f"No document has the id {id!r}: it is neither trusted nor registered."
        )
    return text


def check_single(value: Mapping[str, Any], documents: PersistedDocuments, of: str) -> None:
    """Raise RequestError if a request with a text also has a `documentId`.

    A proxy that reads one of both would not see what is executed.
    """
    if documents.is_enabled and value.get("documentId") is not None:
        raise RequestError(f"The request{of} has both query and documentId. Send one of them.")


def asks_registration(
    value: Mapping[str, Any], query: str, documents: PersistedDocuments, of: str
) -> bool:
    """Whether a request with a text asks to register it, and it is not registered yet.

    Raises: RequestError: the hash is that of another text.
    """
    registry = documents.registry
    hash = persisted_hash(value, of) if registry is not None else None
    if registry is None or hash is None or documents.trusted.find(hash) == query:
        return False
    if not compare_digest(document_hash(query).encode(), hash.encode()):
        raise RequestError(
            f"The sha256Hash{of} is not the hash of query: provided sha does not match query."
        )
    return registry.find(hash) is None


def persisted_hash(value: Mapping[str, Any], of: str) -> str | None:
    """The hash in `extensions.persistedQuery`; None without one. Raises: RequestError."""
    extensions = value.get("extensions")
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    if persisted is None:
        return None
    hash = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    if not isinstance(hash, str) or persisted.get("version") not in _VERSIONS:
        raise RequestError(
            f'The extension persistedQuery{of} has to be {{"version": 1, "sha256Hash": "…"}}.'
        )
    return hash
