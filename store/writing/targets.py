"""Where documents that are written are kept: files in a folder and the store, or the store alone.

Both give what is asked of `WriteTarget`, so a mutation need not know. In a folder the file comes
first: the store then loads it by the very code that follows the folder, so that the two cannot
disagree, and a crash in between is mended by the next load.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec

from store.documents.parse_result import ParseResult
from store.errors import (
    EditedError,
    OutcomeUnknownError,
    Refusal,
    RefusedError,
    StoreUnavailableError,
    system_remedy,
)
from store.filesystem.file_lock import LOCK_TIMEOUT_S
from store.filesystem.file_state import FileState
from store.filesystem.guarded_change import digest
from store.folder.file_reader import FileResult
from store.folder.loader import FolderLoader
from store.folder.manifest import ManifestIndex, detach
from store.folder.transaction import FolderTransaction, WriteIntent, lock_folder, save_intent
from store.model import Article, Severity, Visibility
from store.querying.query import LookupKey
from store.repository import Batch, Repository, SourceFile

ARTICLES_FOLDER = "_news"


class WriteSet(msgspec.Struct, frozen=True):
    """Documents to keep and articles to remove, by path.

    `texts` of documents, their `parse_results`, each with an article. `base_texts`: the texts of
    the files that they are made from, where they are. `renamed`: a file's path up to now, where the
    only document gets another. `expected` and `keys` are a batch's.
    """

    texts: Mapping[str, bytes] = {}
    base_texts: Mapping[str, bytes] = {}
    parse_results: Mapping[str, ParseResult] = {}
    removed: Mapping[str, Article] = {}
    renamed: Mapping[str, str] = {}
    expected: Mapping[str, int | None] = {}
    keys: Mapping[str, str] = {}

    @property
    def articles(self) -> list[Article]:
        """Those to keep, in the documents' order."""
        return [
            parse_result.article
            for parse_result in self.parse_results.values()
            if parse_result.article
        ]

    @property
    def conflict_keys(self) -> set[str]:
        """The paths and slugs that it changes: two writes that share none do not meet."""
        paths = {*self.texts, *self.removed, *self.renamed.values()}
        return paths.union(article.slug for article in self.all_articles)

    @property
    def all_articles(self) -> list[Article]:
        """Those to keep and those to remove."""
        return [*self.articles, *self.removed.values()]

    @classmethod
    def merge(cls, writes: Iterable[WriteSet]) -> WriteSet:
        """Several that do not meet, as one."""
        parts: dict[str, dict[str, Any]] = {name: {} for name in cls.__struct_fields__}
        for write in writes:
            for name, part in parts.items():
                part.update(getattr(write, name))
        return cls(**parts)


class WriteTarget(Protocol):
    """Where documents are kept. All but `turn` is to be called in one's turn."""

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Keep others from writing, where what is read must not change before it is written."""
        ...

    async def refresh(self, slugs: Iterable[str], paths: Iterable[str] = ()) -> None:
        """Have the store know the newest text of documents, by their slugs or paths."""
        ...

    async def path_of(self, article: Article) -> str:
        """The path of an article's document, also of one that has no file yet."""
        ...

    def read_text(self, path: str) -> str | None:
        """The text of a document's file, if there is one. For threads.

        Raises: RefusedError: it has to be mended first. EditedError: the store does not know it.
        """
        ...

    async def is_path_free(self, path: str, slug: str) -> bool:
        """Whether nothing is there but a document of this slug."""
        ...

    async def find_other_path(self, slug: str, excluded: Collection[str]) -> str | None:
        """The path of another document with this slug, apart from these."""
        ...

    async def commit(self, write: WriteSet) -> int:
        """Do it all or nothing, and return the store's revision.

        Raises: ConflictError: somebody was faster, in the store or by hand (EditedError).
            StoreUnavailableError. OutcomeUnknownError.
        """
        ...


def article_path(slug: str) -> str:
    """Where a new article's document goes."""
    return f"{ARTICLES_FOLDER}/{slug}.md"


class StoreTarget:
    """The store alone. Files whose articles change are known to be left behind, so that the next
    load neither takes them again nor is silent about it.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._index = ManifestIndex()

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Nothing to wait for: `expected` tells when somebody was faster."""
        yield

    async def refresh(self, slugs: Iterable[str], paths: Iterable[str] = ()) -> None:
        """See `WriteTarget`; there is nothing newer than the store."""

    async def path_of(self, article: Article) -> str:
        """See `WriteTarget`."""
        return article_path(article.slug)

    def read_text(self, path: str) -> str | None:  # noqa: ARG002  # see `WriteTarget`
        """See `WriteTarget`; there are no files."""
        return None

    async def is_path_free(self, path: str, slug: str) -> bool:  # noqa: ARG002
        """See `WriteTarget`; there are no files."""
        return True

    async def find_other_path(self, slug: str, excluded: Collection[str]) -> str | None:  # noqa: ARG002
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
        """Those that are not in the store as they are."""
        snapshot = await self._repository.snapshot()
        present = await snapshot.get_many(LookupKey.ID, [a.id for a in articles], Visibility.ALL)
        return [
            article
            for article, now in zip(articles, present, strict=True)
            if now is None or now != msgspec.structs.replace(article, revision=now.revision)
        ]

    def _detach_sources(self, write: WriteSet, changed: Sequence[Article]) -> list[SourceFile]:
        """What is known from now on of the files whose articles change or go."""
        sources, claims = self._index.sources, self._index.claims
        put = {claims[a.slug][0]: a for a in changed if a.slug in claims}
        is_missing = {path: None for a in write.removed.values() for path in claims.get(a.slug, ())}
        after = (detach(sources[path], article) for path, article in {**put, **is_missing}.items())
        return [source for source in after if source != sources[source.path]]


class FolderTarget:
    """A folder that is the source of the store's documents."""

    def __init__(
        self,
        repository: Repository,
        folder: Path,
        loader: FolderLoader,
        lock_timeout_s: float = LOCK_TIMEOUT_S,
    ) -> None:
        self._repository = repository
        self._folder = folder
        self._loader = loader
        self._lock_timeout_s = lock_timeout_s
        self._index = ManifestIndex()

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """See `WriteTarget`: one at a time, among all processes."""
        async with lock_folder(self._folder, self._lock_timeout_s):
            if not self._folder.is_dir():
                raise StoreUnavailableError(
                    "The folder that the documents are kept in is not there now. Nothing has "
                    "changed. Mount or restore it, and try again."
                )
            with _unavailable_on_os_error("written", "What another process had begun"):
                await self._loader.recover_locked()
            self._index = await self._loader.refresh_index()
            yield

    async def refresh(self, slugs: Iterable[str], paths: Iterable[str] = ()) -> None:
        """See `WriteTarget`: files that were edited by hand and not loaded yet are loaded."""
        every = {*paths}.union(
            *((article_path(slug), *self._claiming_paths(slug)) for slug in slugs)
        )
        await self._reload([path for path in every if not self._loader.is_up_to_date(path)])

    async def _reload(self, paths: Collection[str]) -> None:
        """Have the store know what has become of these files.

        One that is missing may have been moved, so all that has changed in the folder is loaded
        with it: its article goes on at the new path, and not as another one of the same slug.
        """
        missing = (p for p in paths if p in self._index.sources and not self._exists(p))
        if any(missing):
            paths = {*paths, *await self._loader.changed_paths()}
        if paths:
            await self._loader.refresh_locked(paths)

    async def path_of(self, article: Article) -> str:
        """See `WriteTarget`."""
        paths = self._claiming_paths(article.slug)
        return paths[0] if paths else article_path(article.slug)

    def read_text(self, path: str) -> str | None:
        """See `WriteTarget`. Raises: StoreUnavailableError."""
        source = self._index.sources.find(path)
        if source is None:
            return None
        if source.failed:
            errors = [d for d in source.diagnostics if d.severity is Severity.ERROR]
            raise RefusedError(
                *(
                    Refusal(d.code, f"{path} has to be mended first. {d.message}")
                    for d in errors or source.diagnostics  # a text without front matter is no error
                )
            )
        with _unavailable_on_os_error("read", path):
            return self._read_unchanged(path).decode()

    async def is_path_free(self, path: str, slug: str) -> bool:
        """See `WriteTarget`."""
        source = self._index.sources.find(path)
        if source is None:
            return not self._exists(path)
        return source.slug == slug or (source.left_behind and source.slug is None)

    async def find_other_path(self, slug: str, excluded: Collection[str]) -> str | None:
        """See `WriteTarget`."""
        return next((path for path in self._claiming_paths(slug) if path not in excluded), None)

    async def commit(self, write: WriteSet) -> int:
        """See `WriteTarget`."""
        # An article that was written when the folder was not the source has no file.
        removed = [path for path in write.removed if path in self._index.sources]
        without_file = [a.id for path, a in write.removed.items() if path not in removed]
        try:
            with _unavailable_on_os_error("written", ", ".join((*write.texts, *removed))):
                transaction = await asyncio.to_thread(self._commit_files, write, removed)
        except EditedError as edit:
            await self._reload([edit.path])
            raise
        is_missing = [
            FileResult(path, is_missing=True) for path in (*removed, *write.renamed.values())
        ]
        more = Batch(deletes=tuple(without_file), expected=write.expected, keys=write.keys)
        try:
            files = [*_file_results(write, transaction.states), *is_missing]
            revision = await self._loader.apply_locked(files, more)
        except OutcomeUnknownError:  # the files stay, so that the next load makes both the same
            await self._loader.refresh_index()
            raise
        except BaseException as error:
            await asyncio.to_thread(transaction.rollback)
            await self._loader.refresh_index()
            if transaction.unrestored:
                raise OutcomeUnknownError(
                    f"The store failed, and {transaction.unrestored[0]} could not be restored: a "
                    "program has it open for writing."
                ) from error
            raise
        with suppress(OSError):  # it is written, and the next turn will find nothing to do
            await asyncio.to_thread(transaction.close)
        return revision

    def _commit_files(self, write: WriteSet, removed: Sequence[str]) -> FolderTransaction:
        """Change the folder's files. Raises: as `FolderTransaction.commit`."""
        base_texts = {
            path: write.base_texts[path] if path in write.base_texts else self._read_unchanged(path)
            for path in (*write.texts, *removed)
            if path in write.base_texts or path in self._index.sources
        }
        transaction = FolderTransaction(
            self._folder, write.texts, base_texts, renamed=write.renamed, removed=removed
        )
        if write.keys:
            save_intent(self._folder, _build_intent(write, removed))
        transaction.commit()
        return transaction

    def _read_unchanged(self, path: str) -> bytes:
        """The text of a file that the store knows. Raises: EditedError: it is another. OSError."""
        try:
            with (self._folder / path).open("rb") as file:
                text = file.read()
                state = FileState.of(os.fstat(file.fileno()))
        except FileNotFoundError:
            raise EditedError(path) from None
        if state != self._index.sources[path].state:
            raise EditedError(path)
        return text

    def _exists(self, path: str) -> bool:
        return os.path.lexists(self._folder / path)

    def _claiming_paths(self, slug: str) -> list[str]:
        """The files that claim an article's slug, the one that has it first."""
        return list(self._index.claims.get(slug, ()))


def _build_intent(write: WriteSet, removed: Sequence[str]) -> WriteIntent:
    """What is noted of a write with keys, should it be interrupted."""
    is_missing = [*removed, *write.renamed.values()]
    files = {path: digest(text) for path, text in write.texts.items()}
    articles = {path: parse_result.article for path, parse_result in write.parse_results.items()}
    articles.update((path, write.removed[path]) for path in removed)
    keys = {p: (a.id, write.keys[a.id]) for p, a in articles.items() if a and a.id in write.keys}
    return WriteIntent({**dict.fromkeys(is_missing, digest(None)), **files}, keys)


def _file_results(write: WriteSet, states: Mapping[str, FileState]) -> Iterator[FileResult]:
    """What reading the files that were written would give."""
    for path, parse_result in write.parse_results.items():
        yield FileResult(path, states[path], parse_result)


@contextmanager
def _unavailable_on_os_error(doing: str, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailableError(
            f"{what} cannot be {doing}: {error.strerror or error}. Nothing has changed. "
            + system_remedy(
                error,
                "Give the server the right to write to its folder, and see that the disk has room.",
            )
        ) from error
