"""Write sets: the changes of a write, and their preconditions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from store.documents.parse_result import ParseResult
from store.model import Article
from store.repository import WriteKey


class Notice(NamedTuple):
    """A side effect of a write on a document: a stable code, and a message."""

    code: str
    message: str


class WriteSet(msgspec.Struct, frozen=True):
    """The changes of one write or of a group: documents to put and articles to remove.

    Attributes:
        texts: New texts of documents, by path.
        base_texts: Preconditions: the present texts of these files, by path.
        parse_results: The parse results of the new texts by path, each with an article.
        removed: Articles to remove, by path.
        renamed: The present path of a file that gets another path, by its new path.
        expected: Preconditions of the batch: revisions by id, see `Batch`.
        notices: Side effects on documents, by path.
        keys: Idempotency keys by id, see `Batch`.
    """

    texts: Mapping[str, bytes] = {}
    base_texts: Mapping[str, bytes] = {}
    parse_results: Mapping[str, ParseResult] = {}
    removed: Mapping[str, Article] = {}
    renamed: Mapping[str, str] = {}
    expected: Mapping[str, int | None] = {}
    notices: Mapping[str, tuple[Notice, ...]] = {}
    keys: Mapping[str, WriteKey] = {}

    @property
    def articles(self) -> list[Article]:
        """The articles to put, in the order of the documents."""
        return [result.article for result in self.parse_results.values() if result.article]

    @property
    def conflict_keys(self) -> set[str]:
        """The changed paths and slugs. Two write sets without a common key do not conflict."""
        paths = {*self.texts, *self.removed, *self.renamed.values()}
        return paths.union(article.slug for article in self.all_articles)

    @property
    def all_articles(self) -> list[Article]:
        """The articles to put and the articles to remove."""
        return [*self.articles, *self.removed.values()]

    @classmethod
    def merge(cls, writes: Iterable[WriteSet]) -> WriteSet:
        """Merge write sets that do not conflict."""
        parts: dict[str, dict[str, Any]] = {name: {} for name in cls.__struct_fields__}
        for write in writes:
            for name, part in parts.items():
                part.update(getattr(write, name))
        return cls(**parts)
