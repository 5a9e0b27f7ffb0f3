"""Write targets: the interface, and the one that writes to the store only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import msgspec

from store.documents.commit_dates import CommitTable
from store.errors import Refusal
from store.folder.manifest import ManifestIndex, detach
from store.model import Article, ContentFormat, Visibility
from store.querying.query import LookupKey
from store.repository import Batch, Repository, SourceFile

from .write_set import WriteSet

ARTICLES_FOLDER = "_news"


class WriteTarget(Protocol):
    """A destination of writes. All methods but `lock` need the lock."""

    @property
    def commits(self) -> CommitTable:
        """The dates of commits of the folder's files, if its mapping uses them."""
        ...

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Lock the target against other writers, if it has a lock."""
        ...

    async def refresh(self, keys: Iterable[str], paths: Iterable[str] = ()) -> None:
        """Load documents that were edited since the last load, by the articles' keys or paths."""
        ...

    async def path_of(self, article: Article) -> str:
        """Return the path of an article's document, also if it has no file yet."""
        ...

    def read_text(self, path: str) -> str | None:
        """Read the text of a document's file; None without a file. Blocks: call it in a thread.

        Raises: RefusedError: the file is invalid. EditedError: it was edited since the last load.
        """
        ...

    def is_unreadable(self, path: str) -> bool:
        """Whether a document's file holds an edit that cannot be read."""
        ...

    def find_write_refusal(self, path: str, *, removes: bool = False) -> Refusal | None:
        """Find the reason not to replace or remove a file; None if there is none."""
        ...

    async def is_path_free(self, path: str, key: str) -> bool:
        """Whether a document of the article with this key may be written to the path."""
        ...

    async def find_other_path(self, key: str, excluded: Collection[str]) -> str | None:
        """Find the path of a document with this article key that is none of the excluded ones."""
        ...

    async def commit(self, write: WriteSet) -> int:
        """Apply all changes or none, and return the store's revision.

        Raises: ConflictError: a precondition fails; EditedError: a file was edited.
            StoreUnavailableError. OutcomeUnknownError.
        """
        ...


def article_path(key: str, format: ContentFormat = ContentFormat.MARKDOWN) -> str:
    """Return the path for the document of an article without a file, see `names.article_key`."""
    return f"{ARTICLES_FOLDER}/{key}{format.extension}"


class StoreTarget:
    """Writes to the store only. Files whose articles change become detached: the next load skips
    and reports them.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._index = ManifestIndex()

    @property
    def commits(self) -> CommitTable:
        """See `WriteTarget`: without a folder there are none."""
        return CommitTable()

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """No-op: the store checks the expected revisions."""
        yield

    async def refresh(self, keys: Iterable[str], paths: Iterable[str] = ()) -> None:
        """No-op: nothing is newer than the store."""

    async def path_of(self, article: Article) -> str:
        """See `WriteTarget`."""
        return article_path(article.key, article.content_format)

    def read_text(self, path: str) -> str | None:  # noqa: ARG002  # see `WriteTarget`
        """See `WriteTarget`; there are no files."""
        return None

    def is_unreadable(self, path: str) -> bool:  # noqa: ARG002  # no files
        """See `WriteTarget`; there are no files."""
        return False

    def find_write_refusal(self, path: str, *, removes: bool = False) -> Refusal | None:  # noqa: ARG002  # no files
        """See `WriteTarget`; there are no files."""
        return None

    async def is_path_free(self, path: str, key: str) -> bool:  # noqa: ARG002  # no files
        """See `WriteTarget`; there are no files."""
        return True

    async def find_other_path(self, key: str, excluded: Collection[str]) -> str | None:  # noqa: ARG002  # no files
        """See `WriteTarget`; there are no files."""
        return None

    async def commit(self, write: WriteSet) -> int:
        """See `WriteTarget`."""
        await asyncio.to_thread(self._index.update_to, await self._repository.sources())
        sources = self._detach_sources(write, await self._changed_articles(write.articles))
        self._index.apply({source.path: source for source in sources})
        return await self._repository.apply(
            Batch(
                puts=tuple(write.articles),
                deletes=tuple(article.id for article in write.removed.values()),
                diagnostics=self._index.diagnostics() if sources else None,
                sources=tuple(sources),
                expected=write.expected,
                keys=write.keys,
            )
        )

    async def _changed_articles(self, articles: Sequence[Article]) -> list[Article]:
        """Return the articles that differ from the store's."""
        snapshot = await self._repository.snapshot()
        present = await snapshot.get_many(LookupKey.ID, [a.id for a in articles], Visibility.ALL)
        return [
            article
            for article, now in zip(articles, present, strict=True)
            if now is None or now != msgspec.structs.replace(article, revision=now.revision)
        ]

    def _detach_sources(self, write: WriteSet, changed: Sequence[Article]) -> list[SourceFile]:
        """Return the new manifest entries of files whose articles are changed or removed."""
        sources, claims = self._index.sources, self._index.claims
        put = {claims[a.key][0]: a for a in changed if a.key in claims}
        removed = {path: None for a in write.removed.values() for path in claims.get(a.key, ())}
        after = (detach(sources[path], article) for path, article in {**put, **removed}.items())
        return [source for source in after if source != sources[source.path]]
