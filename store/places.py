"""Where documents that are written are kept: files in a folder and the store, or the store alone.

Both give what is asked of `Place`, so that a mutation need not know. In a folder the file comes
first: the store then loads it by the very code that follows the folder, so that the two cannot
disagree, and a crash in between is mended by the next load.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from .errors import Refusal, RefusedError, StoreUnavailableError
from .export import article_text
from .folder_files import Former, finish_writes, folder_turn, put_back, remove_file, write_files
from .loader import FolderLoader
from .manifest import ManifestIndex
from .model import Article, Severity
from .repository import Batch, Repository

ARTICLES = "_news"


class Write(msgspec.Struct, frozen=True):
    """Documents to keep and one to remove.

    `articles` and `texts` are by path; `removed` is the document of an article that goes.
    `renamed`: the file's path up to now, where the only document gets another. `expected` is that
    of a batch.
    """

    articles: Mapping[str, Article] = {}
    texts: Mapping[str, bytes] = {}
    removed: Article | None = None
    renamed: str | None = None
    expected: Mapping[str, int | None] = {}


class Place(Protocol):
    """Where documents are kept. All but `turn` is to be called in one's turn."""

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Keep others from writing, where what is read must not change before it is written."""
        ...

    async def catch_up(self, slug: str) -> None:
        """Have the store know the newest text of the documents with this slug."""
        ...

    async def path_of(self, article: Article) -> str:
        """The path of an article's document, also of one that has no file yet."""
        ...

    async def text_of(self, path: str, article: Article) -> str:
        """The document's present text. Raises: RefusedError: it has to be mended first."""
        ...

    async def is_free(self, path: str, slug: str) -> bool:
        """Whether nothing is there but a document of this slug."""
        ...

    async def holder_of(self, slug: str, besides: Collection[str]) -> str | None:
        """The path of another document with this slug, apart from these."""
        ...

    async def keep(self, write: Write) -> int:
        """Do it all or nothing, and return the store's revision.

        Raises: ConflictError. StoreUnavailableError.
        """
        ...


def article_path(slug: str) -> str:
    """Where a new article's document goes."""
    return f"{ARTICLES}/{slug}.md"


class StorePlace:
    """The store alone. A file that was loaded once is read again by the next load, should there be
    one: where there is a folder, it is right.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._index = ManifestIndex()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Nothing to wait for: `expected` tells when somebody was faster."""
        yield

    async def catch_up(self, slug: str) -> None:
        """See `Place`; there is nothing newer than the store."""

    async def path_of(self, article: Article) -> str:
        """See `Place`."""
        return article_path(article.slug)

    async def text_of(self, path: str, article: Article) -> str:  # noqa: ARG002  # see `Place`
        """See `Place`: what export would write."""
        return article_text(article)

    async def is_free(self, path: str, slug: str) -> bool:  # noqa: ARG002
        """See `Place`; there are no files."""
        return True

    async def holder_of(self, slug: str, besides: Collection[str]) -> str | None:  # noqa: ARG002
        """See `Place`; there are no files."""
        return None

    async def keep(self, write: Write) -> int:
        """See `Place`."""
        puts = tuple(write.articles.values())
        slugs = {article.slug for article in puts} | {a.slug for a in (write.removed,) if a}
        self._index.follow(await self._repository.sources())
        forgotten = [path for slug in slugs for path in self._index.claims.get(slug, ())]
        self._index.change(dict.fromkeys(forgotten))
        return await self._repository.apply(
            Batch(
                puts=puts,
                deletes=(write.removed.id,) if write.removed else (),
                diagnostics=self._index.diagnostics() if forgotten else None,
                forgotten_sources=tuple(forgotten),
                expected=write.expected,
            )
        )


class FolderPlace:
    """A folder that is the source of the store's documents."""

    def __init__(self, repository: Repository, folder: Path, loader: FolderLoader) -> None:
        self._repository = repository
        self._folder = folder
        self._loader = loader
        self._index = ManifestIndex()
        self._queue = asyncio.Lock()  # cheaper to wait at than the folder

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """See `Place`: one at a time, among all processes."""
        async with self._queue, folder_turn(self._folder):
            if not self._folder.is_dir():
                raise StoreUnavailableError(
                    "The folder that the documents are kept in is not there now. Nothing has "
                    "changed. Mount or restore it, and try again."
                )
            with _refused_by_system("written", "What another process had begun"):
                begun = await asyncio.to_thread(finish_writes, self._folder)
            if begun:
                await self._loader.refresh_in_turn(begun)
            self._index = await self._loader.known()
            yield

    async def catch_up(self, slug: str) -> None:
        """See `Place`: files that were edited by hand and not loaded yet are loaded."""
        paths = {article_path(slug), *self._paths_of(slug)}
        stale = [path for path in paths if not self._loader.is_current(path)]
        if stale:
            await self._loader.refresh_in_turn(stale)

    async def path_of(self, article: Article) -> str:
        """See `Place`."""
        paths = self._paths_of(article.slug)
        return paths[0] if paths else article_path(article.slug)

    async def text_of(self, path: str, article: Article) -> str:
        """See `Place`. Raises: StoreUnavailableError."""
        source = self._index.sources.get(path)
        if source is None:
            return article_text(article)
        if source.failed:
            raise RefusedError(
                *(
                    Refusal(d.code, f"{path} has to be mended first. {d.message}")
                    for d in source.diagnostics
                    if d.severity is Severity.ERROR
                )
            )
        with _refused_by_system("read", path):
            return (await asyncio.to_thread((self._folder / path).read_bytes)).decode()

    async def is_free(self, path: str, slug: str) -> bool:
        """See `Place`."""
        source = self._index.sources.get(path)
        return source.slug == slug if source else not _is_there(self._folder / path)

    async def holder_of(self, slug: str, besides: Collection[str]) -> str | None:
        """See `Place`."""
        return next((path for path in self._paths_of(slug) if path not in besides), None)

    async def keep(self, write: Write) -> int:
        """See `Place`."""
        if write.removed:
            return await self._remove(write.removed, write.expected)
        with _refused_by_system("written", ", ".join(write.texts)):
            former = await asyncio.to_thread(self._write, write)
        paths = {*write.texts, *((write.renamed,) if write.renamed else ())}
        return await self._load(paths, former, write)

    async def _remove(self, article: Article, expected: Mapping[str, int | None]) -> int:
        paths = self._paths_of(article.slug)
        if not paths:  # written when the folder was not the source
            return await self._repository.apply(Batch(deletes=(article.id,), expected=expected))
        with _refused_by_system("removed", paths[0]):
            former = await asyncio.to_thread(remove_file, self._folder, paths[0])
        return await self._load({paths[0]}, former, Write(expected=expected))

    async def _load(self, paths: set[str], former: Mapping[str, Former], write: Write) -> int:
        """Have the store load the files; put them back where that fails."""
        try:
            return (await self._loader.refresh_in_turn(paths, write.expected)).revision
        except BaseException:
            await asyncio.to_thread(self._put_back, former, write)
            raise

    def _paths_of(self, slug: str) -> list[str]:
        """The files that claim an article's slug, the one that has it first."""
        return list(self._index.claims.get(slug, ()))

    def _write(self, write: Write) -> dict[str, Former]:
        if write.renamed is None:
            return write_files(self._folder, write.texts)
        [path] = write.texts
        (self._folder / write.renamed).rename(self._folder / path)
        try:
            return write_files(self._folder, write.texts)
        except BaseException:
            self._put_back({}, write)
            raise

    def _put_back(self, former: Mapping[str, Former], write: Write) -> None:
        put_back(self._folder, former)
        if write.renamed is not None:
            [path] = write.texts
            (self._folder / path).rename(self._folder / write.renamed)


def _is_there(path: Path) -> bool:
    return os.path.lexists(path)


@contextmanager
def _refused_by_system(doing: str, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailableError(
            f"{what} cannot be {doing}: {error.strerror or error}. Nothing has changed. "
            "Give the server the right to write to its folder, and see that the disk has room."
        ) from error
