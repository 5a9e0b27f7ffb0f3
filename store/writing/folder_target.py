"""Folder target: writes documents to a folder, from which the store is then loaded.

The file comes first: the loader then applies it to the store, so the two cannot differ. After a
crash in between the next load or write recovers.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from store.documents.commit_dates import CommitTable
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
from store.folder.manifest import ManifestIndex
from store.folder.transaction import FolderTransaction, WriteIntent, lock_folder, save_intent
from store.model import Article, Severity
from store.repository import Batch, Repository

from .import_batch import describe
from .targets import article_path
from .write_set import WriteSet

READ_ONLY_FILE = "READ_ONLY_FILE"
HARD_LINK = "HARD_LINK"
_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


class FolderTarget:
    """Writes to a folder first, then to the store that is loaded from it."""

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

    @property
    def commits(self) -> CommitTable:
        """See `WriteTarget`."""
        return self._index.commits

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Lock the folder among all processes, and recover interrupted writes."""
        async with lock_folder(self._folder, self._lock_timeout_s):
            if not self._folder.is_dir():
                raise StoreUnavailableError(
                    "The folder of the documents is missing. Nothing has changed. Mount or restore "
                    "the folder, and try again."
                )
            with _unavailable_on_os_error("completed", "An interrupted write"):
                await self._loader.recover_locked()
            self._index = await self._loader.refresh_index()
            yield

    async def refresh(self, keys: Iterable[str], paths: Iterable[str] = ()) -> None:
        """Load the files of these articles and paths that were edited since the last load."""
        every = {*paths}.union(*((article_path(key), *self._claiming_paths(key)) for key in keys))
        await self._reload([path for path in every if not self._loader.is_up_to_date(path)])

    async def _reload(self, paths: Collection[str]) -> None:
        """Load these files.

        A missing file may have been moved. Then all changed files of the folder are loaded with
        it, so that the article continues at its new path.
        """
        missing = (p for p in paths if p in self._index.sources and not self._exists(p))
        if any(missing):
            paths = {*paths, *await self._loader.changed_paths()}
        if paths:
            await self._loader.refresh_locked(paths)

    async def path_of(self, article: Article) -> str:
        """See `WriteTarget`."""
        paths = self._claiming_paths(article.key)
        return paths[0] if paths else article_path(article.key, article.content_format)

    def read_text(self, path: str) -> str | None:
        """See `WriteTarget`. Raises: StoreUnavailableError."""
        source = self._index.sources.find(path)
        if source is None:
            return None
        if source.failed:
            errors = [d for d in source.diagnostics if d.severity is Severity.ERROR]
            refusals = [
                Refusal(d.code, f"Correct {path} first. {describe(d)}")
                for d in errors or source.diagnostics  # a text without front matter is no error
            ]
            nothing = Refusal("NO_FRONT_MATTER", f"Correct {path} first: it holds no article.")
            raise RefusedError(*(refusals or [nothing]))
        with _unavailable_on_os_error("read", path):
            return self._read_unchanged(path).decode()

    def is_unreadable(self, path: str) -> bool:
        """See `WriteTarget`."""
        source = self._index.sources.find(path)
        return source is not None and source.failed

    def find_write_refusal(self, path: str, *, removes: bool = False) -> Refusal | None:
        """See `WriteTarget`. Files are replaced by a rename, which ignores modes and links."""
        try:
            state = (self._folder / path).lstat()
        except OSError:
            return None
        if not state.st_mode & _WRITABLE:
            message = f"The file {path} is read-only. Allow writing (chmod u+w), or leave it."
            return Refusal(READ_ONLY_FILE, message)
        if stat.S_ISREG(state.st_mode) and state.st_nlink > 1 and not removes:
            message = f"The file {path} has other names (hard links), which would keep the old "
            return Refusal(HARD_LINK, message + "text. Replace them by copies.")
        return None

    async def is_path_free(self, path: str, key: str) -> bool:
        """See `WriteTarget`."""
        source = self._index.sources.find(path)
        if source is None:
            return not self._exists(path)
        return source.article_key == key or (source.detached and source.slug is None)

    async def find_other_path(self, key: str, excluded: Collection[str]) -> str | None:
        """See `WriteTarget`."""
        return next((path for path in self._claiming_paths(key) if path not in excluded), None)

    async def commit(self, write: WriteSet) -> int:
        """See `WriteTarget`."""
        # An article that was written by a StoreTarget has no file.
        removed = [path for path in write.removed if path in self._index.sources]
        without_file = [a.id for path, a in write.removed.items() if path not in removed]
        try:
            with _unavailable_on_os_error("written", ", ".join((*write.texts, *removed))):
                transaction = await asyncio.to_thread(self._commit_files, write, removed)
        except EditedError as edit:
            await self._reload([edit.path])
            raise
        missing = (
            FileResult(path, is_missing=True) for path in (*removed, *write.renamed.values())
        )
        extra = Batch(deletes=tuple(without_file), expected=write.expected, keys=write.keys)
        try:
            files = [*_file_results(write, transaction.states), *missing]
            revision = await self._loader.apply_locked(files, extra)
        except OutcomeUnknownError:  # no rollback: the next load brings the store to the files
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
        with suppress(OSError):  # the write is complete; the next recovery cleans up
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
        """Read a file that must have the state of the last load. Raises: EditedError. OSError."""
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

    def _claiming_paths(self, key: str) -> list[str]:
        """Return the paths of the files that claim an article, the winner first."""
        return list(self._index.claims.get(key, ()))


def _build_intent(write: WriteSet, removed: Sequence[str]) -> WriteIntent:
    """Build the intent of a write with idempotency keys."""
    missing = [*removed, *write.renamed.values()]
    files = {path: digest(text) for path, text in write.texts.items()}
    articles = {path: parse_result.article for path, parse_result in write.parse_results.items()}
    articles.update((path, write.removed[path]) for path in removed)
    keys = {
        p: (a.id, str(write.keys[a.id])) for p, a in articles.items() if a and a.id in write.keys
    }
    return WriteIntent({**dict.fromkeys(missing, digest(None)), **files}, keys)


def _file_results(write: WriteSet, states: Mapping[str, FileState]) -> Iterator[FileResult]:
    """Yield the results that reading the written files would give."""
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
