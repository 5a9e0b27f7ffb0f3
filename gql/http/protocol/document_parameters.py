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
_HASH = "sha256Hash"
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

    Raises: RequestError: it names none, an unknown one, or several.
    """
    ids = _ids(value, of)
    if not ids or not documents.is_enabled:
        raise _not_enabled(ids, of)
    found = {name: documents.find(id) for name, id in ids.items()}
    (name, text), *others = found.items()
    if text is None and name == _HASH:
        raise PersistedQueryNotFoundError
    if text is None:
        raise PersistedQueryNotFoundError(
            f"No document has the id {ids[name]!r}: it is neither trusted nor registered."
        )
    # A proxy that reads another parameter would not see what is executed. Clients may number their
    # requests as `id`, so an unknown one is ignored.
    if other := next((other for other, its in others if its not in (None, text)), None):
        raise RequestError(
            f"The request{of} has {name} and {other}, of different documents. Send one of them."
        )
    return text


def _ids(value: Mapping[str, Any], of: str) -> dict[str, str]:
    """The ids in a request by parameter. Raises: RequestError: one is no string."""
    hash = persisted_hash(value, of)
    ids = {} if hash is None else {_HASH: hash}
    for name in ID_PARAMETERS:
        id = value.get(name)
        if id is None:
            continue
        if not isinstance(id, str):
            raise RequestError(f"The parameter {name}{of} has to be a string.")
        ids[name] = id
    return ids


def _not_enabled(ids: Mapping[str, str], of: str) -> RequestError:
    """The error of a request without a text, where it has no id or no id is read."""
    if _HASH in ids:
        return PersistedQueryNotSupportedError()
    if "documentId" in ids:
        return DocumentIdError(
            "Documents by documentId are not enabled here. Send the text as query."
        )
    return RequestError(f"The parameter query{of} is missing. Send the document's text in it.")


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
    hash = persisted.get(_HASH) if isinstance(persisted, dict) else None
    if not isinstance(hash, str) or persisted.get("version") not in _VERSIONS:
        raise RequestError(
            f'The extension persistedQuery{of} has to be {{"version": 1, "sha256Hash": "…"}}.'
        )
    return hash
