"""Persisted documents: from the id in a request to the text, and the rule of trusted documents.

https://github.com/graphql/graphql-over-http/blob/persisted-documents/spec/Appendix%20A%20--%20Persisted%20Documents.md
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Protocol

from gql.errors import UntrustedDocumentError
from gql.identity.viewer import Permission

from .query_registry import QueryRegistry
from .trusted_documents import TrustedDocuments


class PermittedViewer(Protocol):
    """The part of a viewer that the rule of trusted documents needs."""

    @property
    def permissions(self) -> AbstractSet[str]:
        """The permissions."""
        ...


class PersistedDocuments:
    """The documents that requests can name by an id.

    Attributes:
        trusted: The trusted documents.
        registry: The registry of automatic persisted queries; None if it is disabled.
        trusted_only: Whether only trusted documents are executed.
    """

    def __init__(
        self,
        trusted: TrustedDocuments | None = None,
        registry: QueryRegistry | None = None,
        *,
        trusted_only: bool = False,
    ) -> None:
        self.trusted = trusted or TrustedDocuments()
        self.registry = registry
        self.trusted_only = trusted_only

    @property
    def is_enabled(self) -> bool:
        """Whether a request can name a document by an id."""
        return bool(self.trusted.texts) or self.registry is not None

    def find(self, id: str) -> str | None:
        """The text of the document with an id; None if there is none.

        Trusted documents come first, so that no client can replace one.
        """
        text = self.trusted.find(id)
        if text is None and self.registry is not None:
            text = self.registry.find(id)
        return text

    def is_open(self, text: str) -> bool:
        """Whether every viewer may send a document."""
        return not self.trusted_only or text in self.trusted.texts

    def check(self, text: str, viewer: PermittedViewer) -> None:
        """Raise UntrustedDocumentError unless a viewer may send a document."""
        permission = Permission.SEND_ANY_OPERATION
        if not self.is_open(text) and permission not in viewer.permissions:
            raise UntrustedDocumentError(
                "This server executes trusted documents only. Send the id of one as documentId, "
                f"or a key with the scope {permission}."
            )
