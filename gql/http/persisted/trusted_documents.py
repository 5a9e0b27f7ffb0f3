"""Trusted documents: the GraphQL documents of the operator's own clients, by id."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from sys import intern

from .manifests import DocumentEntry, ManifestError

SHA256_PREFIX = "sha256:"
"""The prefix of an id that is the SHA-256 hash of the text, which clients may leave out."""


def document_hash(text: str) -> str:
    """The SHA-256 hash of a document's text, in hexadecimal."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class TrustedDocuments:
    """The trusted documents. Immutable, so no client can add or evict one.

    Attributes:
        texts: The texts.
    """

    def __init__(self, entries: Iterable[DocumentEntry] = ()) -> None:
        """The documents of some entries, by their ids and by the hashes of their texts.

        Raises: ManifestError: two documents have the same id.
        """
        by_id: dict[str, DocumentEntry] = {}
        for entry in entries:
            ids = {document_hash(entry.text), (entry.id or "").removeprefix(SHA256_PREFIX)}
            for id in ids - {""}:
                other = by_id.setdefault(id, entry)
                if other.text != entry.text:
                    raise ManifestError(
                        f"{entry.location}: the id {id} is also that of another document, at "
                        f"{other.location}. Give each document an id of its own."
                    )
        self._by_id = {id: intern(entry.text) for id, entry in by_id.items()}
        self.texts = frozenset(self._by_id.values())

    def find(self, id: str) -> str | None:
        """The text of the document with an id; None if there is none."""
        return self._by_id.get(id.removeprefix(SHA256_PREFIX))
