"""Document writer: imports, patches and deletes documents, with the validation of the loader.

Every document is parsed from its text, as the loader does, before anything is written. A document
with an error refuses the write, and a refused write changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from store.errors import ConflictError, KeyReusedError, Refusal, RefusedError
from store.filesystem.file_lock import LOCK_TIMEOUT_S
from store.folder.loader import DEFAULT_OPTIONS, FolderLoader, LoadOptions
from store.model import Article, Change, ChangeKind, Diagnostic, Visibility
from store.querying.query import LookupKey
from store.repository import Repository, Snapshot, WriteKey

from .folder_target import FolderTarget
from .group_commit import GroupCommit, Prepare
from .import_batch import TOO_MANY_DOCUMENTS, ImportDocuments
from .targets import StoreTarget, WriteTarget
from .write_preparation import WritePreparer
from .write_set import Notice, WriteSet

_ATTEMPTS = 5


class WriteResult(msgspec.Struct, frozen=True):
    """The result of a write.

    Attributes:
        revision: The revision after the write.
        articles: The articles as they are now.
        diagnostics: Warnings of the written documents.
        notices: Side effects on their files.
    """

    revision: int
    articles: tuple[Article, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    notices: tuple[Notice, ...] = ()


class _AlreadyAppliedError(Exception):
    """A write with the same idempotency key was applied before, with these changes."""

    def __init__(self, changes: Sequence[Change]) -> None:
        super().__init__()
        self.revision = max(change.revision for change in changes)
        self.ids = [change.id for change in changes if change.kind is ChangeKind.PUT]


class DocumentWriter:
    """Writes documents into a repository, and into the folder that it is loaded from.

    A write with an idempotency `key` is applied once, as far back as the history goes: a retry
    returns the stored revision and the articles as they are now, also after a crash and also if
    the write was a no-op. A key is a `WriteKey` as text. `expected_revision` is a precondition:
    the article's current revision, or None for any. A write that has begun is completed even if
    its caller is cancelled.

    Every method raises:
        RefusedError: the documents are invalid.
        ConflictError: the precondition fails.
        KeyReusedError: another request has used the key's name.
        StoreUnavailableError: the folder or the store cannot be written.
        OutcomeUnknownError: it may have been written. In all other cases nothing has changed.
    """

    def __init__(
        self,
        repository: Repository,
        folder: Path | None = None,
        options: LoadOptions = DEFAULT_OPTIONS,
        *,
        max_documents: int = 100,
        lock_timeout_s: float = LOCK_TIMEOUT_S,
    ) -> None:
        self._repository = repository
        self._max_documents = max_documents
        target: WriteTarget = StoreTarget(repository)
        if folder is not None:
            loader = FolderLoader(repository, folder, options)
            target = FolderTarget(repository, folder, loader, lock_timeout_s)
        self._preparer = WritePreparer(repository, target, folder, options)
        self._group_commit = GroupCommit(target)

    async def snapshot(self) -> Snapshot:
        """Return a snapshot of the store's newest state."""
        return await self._repository.snapshot()

    async def import_documents(
        self, documents: ImportDocuments, *, key: str | None = None
    ) -> WriteResult:
        """Write whole documents, atomically. Each replaces the document at its path."""
        if len(documents) > self._max_documents:
            message = f"{len(documents)} documents are too many; send at most {self._max_documents}"
            raise RefusedError(Refusal(TOO_MANY_DOCUMENTS, f"{message} at once.", ("documents",)))
        try:
            return await self._submit(partial(self._preparer.prepare_import, documents), key=key)
        except _AlreadyAppliedError as applied:
            return await self._build_result(
                await self._preparer.parse_documents(documents), applied.revision
            )

    async def put(
        self,
        fields: Mapping[str, Any],
        *,
        id: str | None = None,
        slug: str | None = None,
        expected_revision: int | None = None,
        key: str | None = None,
    ) -> WriteResult:
        """Change fields of an article, or create one if no article has this slug and locale.

        `fields` are values of `store.model` by the document's keys; None removes a field, and
        other fields stay. Other keys are metadata, with JSON values; the key `ALL_METADATA` with
        None removes all that are not given.
        """
        put = partial(self._preparer.prepare_put, fields, id, slug, expected_revision)
        try:
            return await self._submit(put, id or slug, expected_revision, key)
        except _AlreadyAppliedError as applied:
            return await self._read_result(applied.ids, applied.revision)

    async def find_id(self, slug: str, locale: str | None = None) -> str | None:
        """Find the id of the article that `put` changes; None for a new one."""
        return await self._preparer.find_id(slug, locale)

    async def set_published(
        self, id: str, published: bool, expected_revision: int | None = None, key: str | None = None
    ) -> WriteResult:
        """Publish an article or make it a draft."""
        return await self.put(
            {"published": published}, id=id, expected_revision=expected_revision, key=key
        )

    async def delete(
        self, id: str, expected_revision: int | None = None, key: str | None = None
    ) -> int:
        """Delete an article with its document; return the revision after it."""
        try:
            result = await self._submit(
                partial(self._preparer.prepare_delete, id, expected_revision),
                id,
                expected_revision,
                key,
            )
        except _AlreadyAppliedError as applied:
            return applied.revision
        return result.revision

    async def _submit(
        self,
        prepare: Prepare,
        conflict_key: str | None = None,
        expected_revision: int | None = None,
        key: str | None = None,
    ) -> WriteResult:
        """Submit a write; without an expected revision, retry after a conflict.

        Raises: _AlreadyAppliedError.
        """
        prepare_once = partial(self._prepare_once, prepare, key)
        attempts = _ATTEMPTS if expected_revision is None else 1
        while True:
            attempts -= 1
            try:
                write, revision = await self._group_commit.submit(prepare_once, conflict_key)
            except ConflictError:
                if not attempts:
                    raise
            else:
                return await self._build_result(write, revision)

    async def _prepare_once(self, prepare: Prepare, key: str | None) -> WriteSet:
        """Prepare a write, unless its idempotency key was used before.

        Raises: _AlreadyAppliedError. KeyReusedError.
        """
        if key is None:
            return await prepare()
        write_key = WriteKey.parse(key)
        changes = await self._repository.changes_of(write_key.name)
        request = _without_step(write_key.request_step)
        if any(_without_step(change.request_step) != request for change in changes):
            raise KeyReusedError("This key was used for another request. Nothing was done.")
        if applied := [c for c in changes if c.request_step == write_key.request_step]:
            raise _AlreadyAppliedError(applied)
        write = await prepare()
        keys = {article.id: write_key for article in write.all_articles}
        return msgspec.structs.replace(write, keys=keys)

    async def _build_result(self, write: WriteSet, revision: int) -> WriteResult:
        """Build the result of a write whose group commit ended at `revision`.

        An article that was deleted since is returned as it was written.
        """
        diagnostics = (parse_result.diagnostics for parse_result in write.parse_results.values())
        result = await self._read_result([article.id for article in write.articles], revision)
        current = {article.id: article for article in result.articles}
        return msgspec.structs.replace(
            result,
            articles=tuple(
                current.get(article.id) or msgspec.structs.replace(article, revision=revision)
                for article in write.articles
            ),
            diagnostics=tuple(chain.from_iterable(diagnostics)),
            notices=tuple(chain.from_iterable(write.notices.values())),
        )

    async def _read_result(self, ids: Sequence[str], revision: int) -> WriteResult:
        """Read the current articles, for a result with at most this revision."""
        snapshot = await self.snapshot()
        articles = [a for a in await snapshot.get_many(LookupKey.ID, ids, Visibility.ALL) if a]
        newest = max((article.revision for article in articles), default=revision)
        return WriteResult(min(newest, revision), tuple(articles))


def _without_step(request: str) -> str:
    """Return REQUEST of `REQUEST.STEP`, which is the same for all writes of one request."""
    return request.rpartition(".")[0]
