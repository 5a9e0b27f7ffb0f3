"""Where documents that are written are kept: files in a folder and the store, or the store alone.

Both give what is asked of `Place`, so that a mutation need not know. In a folder the file comes
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

from .errors import Refusal, RefusedError, StoreUnavailableError
from .files import FileReading
from .folder_files import (
    Begun,
    Changed,
    change_files,
    folder_turn,
    forget_begun,
    note_begun,
    put_back,
)
from .loader import FolderLoader
from .manifest import ManifestIndex, left_behind
from .model import Article, Severity, Visibility
from .query import Key
from .reading import Reading
from .repository import Batch, Repository, SourceFile

ARTICLES = "_news"


class Write(msgspec.Struct, frozen=True):
    """Documents to keep and articles to remove, by path.

    `texts` of documents, and the `readings` of these, each with an article. `renamed`: a file's
    path up to now, where the only document gets another. `expected` and `keys` are a batch's.
    """

    texts: Mapping[str, bytes] = {}
    readings: Mapping[str, Reading] = {}
    removed: Mapping[str, Article] = {}
    renamed: Mapping[str, str] = {}
    expected: Mapping[str, int | None] = {}
    keys: Mapping[str, str] = {}

    @property
    def articles(self) -> list[Article]:
        """Those to keep, in the documents' order."""
        return [reading.article for reading in self.readings.values() if reading.article]

    @property
    def names(self) -> set[str]:
        """The paths and slugs that it changes: two writes that share none do not meet."""
        paths = {*self.texts, *self.removed, *self.renamed.values()}
        return paths.union(article.slug for article in self.changed)

    @property
    def changed(self) -> list[Article]:
        """Those to keep and those to remove."""
        return [*self.articles, *self.removed.values()]

    @classmethod
    def of_all(cls, writes: Iterable[Write]) -> Write:
        """Several that do not meet, as one."""
        parts: dict[str, dict[str, Any]] = {name: {} for name in cls.__struct_fields__}
        for write in writes:
            for name, part in parts.items():
                part.update(getattr(write, name))
        return cls(**parts)


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

    def text_of(self, path: str) -> str | None:
        """The text of a document's file, if there is one. For threads.

        Raises: RefusedError: it has to be mended first.
        """
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
    """The store alone. Files whose articles change are known to be left behind, so that the next
    load neither takes them again nor is silent about it.
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

    def text_of(self, path: str) -> str | None:  # noqa: ARG002  # see `Place`
        """See `Place`; there are no files."""
        return None

    async def is_free(self, path: str, slug: str) -> bool:  # noqa: ARG002
        """See `Place`; there are no files."""
        return True

    async def holder_of(self, slug: str, besides: Collection[str]) -> str | None:  # noqa: ARG002
        """See `Place`; there are no files."""
        return None

    async def keep(self, write: Write) -> int:
        """See `Place`."""
        await asyncio.to_thread(self._index.follow, await self._repository.sources())
        sources = self._left_behind(write, await self._changed(write.articles))
        self._index.change({source.path: source for source in sources})
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

    async def _changed(self, articles: Sequence[Article]) -> list[Article]:
        """Those that are not in the store as they are."""
        snapshot = await self._repository.snapshot()
        present = await snapshot.get_many(Key.ID, [a.id for a in articles], Visibility.ALL)
        return [
            article
            for article, now in zip(articles, present, strict=True)
            if now is None or now != msgspec.structs.replace(article, revision=now.revision)
        ]

    def _left_behind(self, write: Write, changed: Sequence[Article]) -> list[SourceFile]:
        """What is known from now on of the files whose articles change or go."""
        sources, claims = self._index.sources, self._index.claims
        kept = {claims[a.slug][0]: a for a in changed if a.slug in claims}
        gone = {path: None for a in write.removed.values() for path in claims.get(a.slug, ())}
        after = (left_behind(sources[path], article) for path, article in {**kept, **gone}.items())
        return [source for source in after if source != sources[source.path]]


class FolderPlace:
    """A folder that is the source of the store's documents."""

    def __init__(self, repository: Repository, folder: Path, loader: FolderLoader) -> None:
        self._repository = repository
        self._folder = folder
        self._loader = loader
        self._index = ManifestIndex()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """See `Place`: one at a time, among all processes."""
        async with folder_turn(self._folder):
            if not self._folder.is_dir():
                raise StoreUnavailableError(
                    "The folder that the documents are kept in is not there now. Nothing has "
                    "changed. Mount or restore it, and try again."
                )
            with _refused_by_system("written", "What another process had begun"):
                await self._loader.finish_in_turn()
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

    def text_of(self, path: str) -> str | None:
        """See `Place`. Raises: StoreUnavailableError."""
        source = self._index.sources.find(path)
        if source is None:
            return None
        if source.failed:
            raise RefusedError(
                *(
                    Refusal(d.code, f"{path} has to be mended first. {d.message}")
                    for d in source.diagnostics
                    if d.severity is Severity.ERROR
                )
            )
        with _refused_by_system("read", path):
            return (self._folder / path).read_bytes().decode()

    async def is_free(self, path: str, slug: str) -> bool:
        """See `Place`."""
        source = self._index.sources.find(path)
        if source is None:
            return not _is_there(self._folder / path)
        return source.slug == slug or (source.left_behind and source.slug is None)

    async def holder_of(self, slug: str, besides: Collection[str]) -> str | None:
        """See `Place`."""
        return next((path for path in self._paths_of(slug) if path not in besides), None)

    async def keep(self, write: Write) -> int:
        """See `Place`."""
        # An article that was written when the folder was not the source has no file.
        removed = [path for path in write.removed if path in self._index.sources]
        alone = [a.id for path, a in write.removed.items() if path not in removed]
        with _refused_by_system("written", ", ".join((*write.texts, *removed))):
            done = await asyncio.to_thread(self._write, write, removed)
        gone = [FileReading(path, gone=True) for path in (*removed, *write.renamed.values())]
        more = Batch(deletes=tuple(alone), expected=write.expected, keys=write.keys)
        try:
            revision = await self._loader.take_in_turn([*_files(write, done), *gone], more)
        except BaseException:
            await asyncio.to_thread(put_back, self._folder, done)
            await self._loader.known()
            raise
        if write.keys:
            with suppress(OSError):  # it is written, and the next turn will find nothing to do
                forget_begun(self._folder)
        return revision

    def _write(self, write: Write, removed: Sequence[str]) -> Changed:
        if write.keys:
            paths = [*write.texts, *removed, *write.renamed.values()]
            note_begun(self._folder, Begun(paths, dict(write.keys)))
        return change_files(self._folder, write.texts, renamed=write.renamed, removed=removed)

    def _paths_of(self, slug: str) -> list[str]:
        """The files that claim an article's slug, the one that has it first."""
        return list(self._index.claims.get(slug, ()))


def _files(write: Write, done: Changed) -> Iterator[FileReading]:
    """What reading the files that were written would give."""
    for path, reading in write.readings.items():
        yield FileReading(path, len(write.texts[path]), done.mtimes_ns[path], reading)


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
