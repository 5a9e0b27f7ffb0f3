"""Writing documents: what a client may change, checked by the rules that files are read by.

Every document is read from its text, as a load would read it, before anything is written; what
stops a load from taking it, refuses it here. What is refused has changed nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from store.errors import ConflictError, KeyReusedError, Refusal, RefusedError
from store.filesystem.file_lock import LOCK_TIMEOUT_S
from store.folder.loader import DEFAULT_OPTIONS, FolderLoader, LoadOptions
from store.folder.paths import crosses_link, find_path_problem
from store.folder.scanner import Scanner
from store.model import Article, Change, ChangeKind, Diagnostic, Visibility
from store.names import article_id
from store.querying.query import LookupKey
from store.repository import Repository, Snapshot

from .article_patch import Changed, bad_slug, changed_document, new_document
from .group_commit import Prepare, WriteGroups
from .import_batch import BAD_PATH, Documents, encoded, read_incoming, slug_taken
from .targets import FolderPlace, Place, StorePlace, Write

BAD_SLUG = "BAD_SLUG"
NOT_FOUND = "NOT_FOUND"
TOO_MANY_DOCUMENTS = "TOO_MANY_DOCUMENTS"
_ATTEMPTS = 5


class Written(msgspec.Struct, frozen=True):
    """What a write left behind: the revision after it, the articles as they are now, and what
    might be better about their documents.
    """

    revision: int
    articles: tuple[Article, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


class _DoneError(Exception):
    """A write was done before, when it made these changes."""

    def __init__(self, changes: Sequence[Change]) -> None:
        super().__init__()
        self.revision = max(change.revision for change in changes)
        self.ids = [change.id for change in changes if change.kind is ChangeKind.PUT]


class DocumentWriter:
    """Writes documents into a repository, and into the folder that it is loaded from.

    `expected` is the revision that the caller last saw; None: whatever it is now. What was written
    under a `key` is not written under it again, as far back as the history is kept: the articles as
    they are now and the revision of then are given once more, also after a crash, and also where
    nothing had to change. A key is `NAME.REQUEST.STEP`: the caller's name for a request, what the
    request says, and which write of it this is. What a method has begun it finishes, even if nobody
    waits for it any more.
    All raise: RefusedError: it cannot be taken. ConflictError: `expected` does not hold.
    KeyReusedError: another request has written under the key's name. StoreUnavailableError: it
    cannot be written. In all these cases nothing has changed. OutcomeUnknownError: it may have been
    written.
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
        self._folder = folder
        self._limits = options.limits
        self._max_documents = max_documents
        self._scanner = Scanner(folder or Path(), options.include)
        self._place: Place = StorePlace(repository)
        if folder is not None:
            loader = FolderLoader(repository, folder, options)
            self._place = FolderPlace(repository, folder, loader, lock_timeout_s)
        self._groups = WriteGroups(self._place)

    async def snapshot(self) -> Snapshot:
        """The store's newest state, with all that was written."""
        return await self._repository.snapshot()

    async def import_documents(self, documents: Documents, *, key: str | None = None) -> Written:
        """Take whole documents, each in place of what was at its path: all or none of them."""
        if len(documents) > self._max_documents:
            message = f"{len(documents)} documents are too many; send at most {self._max_documents}"
            raise RefusedError(Refusal(TOO_MANY_DOCUMENTS, f"{message} at once.", ("documents",)))
        try:
            return await self._write(partial(self._import, documents), key=key)
        except _DoneError as done:
            return await self._written(await self._read(documents), done.revision)

    async def put(
        self,
        fields: Mapping[str, Any],
        *,
        id: str | None = None,
        slug: str | None = None,
        expected: int | None = None,
        key: str | None = None,
    ) -> Written:
        """Change fields of an article, or make a new one where there is none with this slug.

        `fields` are values of `store.model` by the document's keys; those not given stay as they
        are, None removes one. Other keys are metadata, with JSON values.
        """
        put = partial(self._put, fields, id, slug, expected)
        try:
            return await self._write(put, id or slug, expected, key)
        except _DoneError as done:
            return await self._found(done.ids, done.revision)

    async def set_published(
        self, id: str, published: bool, expected: int | None = None, key: str | None = None
    ) -> Written:
        """Publish an article, or make it a draft."""
        return await self.put({"published": published}, id=id, expected=expected, key=key)

    async def delete(self, id: str, expected: int | None = None, key: str | None = None) -> int:
        """Remove an article with its document; return the revision after it."""
        try:
            written = await self._write(partial(self._delete, id, expected), id, expected, key)
        except _DoneError as done:
            return done.revision
        return written.revision

    async def _write(
        self,
        prepare: Prepare,
        about: str | None = None,
        expected: int | None = None,
        key: str | None = None,
    ) -> Written:
        """Write; where the caller expects nothing, that somebody was faster is no conflict.

        Raises: _DoneError.
        """
        once = partial(self._once, prepare, key)
        attempts = _ATTEMPTS if expected is None else 1
        while True:
            attempts -= 1
            try:
                write, revision = await self._groups.do(once, about)
            except ConflictError:
                if not attempts:
                    raise
            else:
                return await self._written(write, revision)

    async def _once(self, prepare: Prepare, key: str | None) -> Write:
        """The write, unless it was done before. Raises: _DoneError. KeyReusedError."""
        if key is None:
            return await prepare()
        name, _, asked = key.partition(".")
        changes = await self._repository.changes_of(name)
        if any(_request(change.asked) != _request(asked) for change in changes):
            raise KeyReusedError("This key was used for another request. Nothing was done.")
        if done := [change for change in changes if change.asked == asked]:
            raise _DoneError(done)
        write = await prepare()
        keys = {article.id: key for article in write.changed}
        return msgspec.structs.replace(write, keys=keys)

    async def _import(self, documents: Documents) -> Write:
        write = await self._read(documents)
        refusals = []
        await self._place.catch_up([article.slug for article in write.articles], write.texts)
        for i, article in enumerate(write.articles):
            if holder := await self._place.holder_of(article.slug, write.texts):
                refusals.append(slug_taken(article.slug, holder, ("documents", str(i), "path")))
        if refusals:
            raise RefusedError(*refusals)
        return write

    async def _read(self, documents: Documents) -> Write:
        new = await asyncio.to_thread(read_incoming, documents, self._limits, self._path_problem)
        return Write(texts=new.texts, parse_results=new.parse_results)

    async def _put(
        self, fields: Mapping[str, Any], id: str | None, slug: str | None, expected: int | None
    ) -> Write:
        article = await self._addressed(id, slug)
        _check_expected(article, expected)
        if article is None:
            return await self._creation(slug, fields)
        return await self._change(article, fields)

    async def _creation(self, slug: str | None, fields: Mapping[str, Any]) -> Write:
        new = await asyncio.to_thread(new_document, slug, fields, self._limits)
        if slug is None:
            await self._place.catch_up([new.article.slug])
            if await self._find(new.article.id):
                raise RefusedError(slug_taken(new.article.slug, "another article", ("slug",)))
        return await self._of(new, None, None, {new.article.id: None})

    async def _change(self, article: Article, fields: Mapping[str, Any]) -> Write:
        path = await self._place.path_of(article)

        def change() -> tuple[str | None, Changed]:
            text = self._place.text_of(path)
            return text, changed_document(article, path, text, fields, self._limits)

        base, changed = await asyncio.to_thread(change)
        former = path if changed.path != path else None
        return await self._of(changed, base, former, {article.id: article.revision})

    async def _of(
        self,
        document: Changed,
        base: str | None,
        former: str | None,
        expected: Mapping[str, int | None],
    ) -> Write:
        """The write of one document, made from the text `base` of its file, if it has one.

        `former` is where this file is up to now, if that is another path.
        """
        for path in (document.path, former):
            if path and (problem := self._path_problem(path)):
                raise RefusedError(Refusal(BAD_PATH, f"The path {path} {problem}.", ("slug",)))
        if not await self._place.is_free(document.path, document.article.slug):
            message = f"The path {document.path} has a file that is not this article's."
            raise RefusedError(Refusal(BAD_PATH, message, ("slug",)))
        return Write(
            texts={document.path: encoded(document.text)},
            parse_results={document.path: document.parse_result},
            bases={} if base is None else {document.path: encoded(base)},
            renamed={document.path: former} if former else {},
            expected=expected,
        )

    async def _delete(self, id: str, expected: int | None) -> Write:
        article = await self._addressed(id, None)
        if article is None:  # cannot be: without a slug there is one, or an error
            raise RefusedError(_not_found(id))
        _check_expected(article, expected)
        path = await self._place.path_of(article)
        if holder := await self._place.holder_of(article.slug, [path]):
            raise RefusedError(slug_taken(article.slug, f"{holder}, too", ("id",)))
        return Write(removed={path: article}, expected={article.id: article.revision})

    async def _addressed(self, id: str | None, slug: str | None) -> Article | None:
        """The article to change, as its document says it now; None for a new one.

        Raises: RefusedError: the id names none, or another than the slug.
        """
        if slug is not None and (problem := bad_slug(slug)):
            raise RefusedError(Refusal(BAD_SLUG, problem, ("slug",)))
        if id is None:
            if slug is None:
                return None
            await self._place.catch_up([slug])
            return await self._find(article_id(slug))
        article = await self._find(id)
        if article is not None:
            await self._place.catch_up([article.slug])
            article = await self._find(id)
        if article is None:
            raise RefusedError(_not_found(id))
        if slug not in (None, article.slug):
            message = f"The article {id} has the slug {article.slug!r}; a slug never changes."
            raise RefusedError(Refusal(BAD_SLUG, message, ("slug",)))
        return article

    async def _find(self, id: str) -> Article | None:
        snapshot = await self.snapshot()
        [article] = await snapshot.get_many(LookupKey.ID, [id], Visibility.ALL)
        return article

    async def _written(self, write: Write, revision: int) -> Written:
        """What is there after a group with this write, which brought the store to `revision`.

        An article that somebody has removed since is given as it was written.
        """
        problems = (parse_result.diagnostics for parse_result in write.parse_results.values())
        found = await self._found([article.id for article in write.articles], revision)
        present = {article.id: article for article in found.articles}
        return msgspec.structs.replace(
            found,
            articles=tuple(
                present.get(article.id) or msgspec.structs.replace(article, revision=revision)
                for article in write.articles
            ),
            diagnostics=tuple(chain.from_iterable(problems)),
        )

    async def _found(self, ids: Sequence[str], revision: int) -> Written:
        snapshot = await self.snapshot()
        articles = [a for a in await snapshot.get_many(LookupKey.ID, ids, Visibility.ALL) if a]
        newest = max((article.revision for article in articles), default=revision)
        return Written(min(newest, revision), tuple(articles))

    def _path_problem(self, path: str) -> str | None:
        problem = find_path_problem(path, self._scanner)
        if problem is None and self._folder is not None and crosses_link(self._folder, path):
            return "leads over a link, or over something that is no folder"
        return problem


def _request(asked: str) -> str:
    """Without the step: the same for all that one request writes."""
    return asked.rpartition(".")[0]


def _check_expected(article: Article | None, expected: int | None) -> None:
    current = article.revision if article else None
    if expected is not None and current != expected:
        now = f"is at revision {current}" if article else "is not there"
        raise ConflictError(
            f"The article {now}, not at the expected one. Read it again and retry.",
            current=current,
            id=article.id if article else None,
        )


def _not_found(id: str) -> Refusal:
    return Refusal(NOT_FOUND, f"There is no article with the id {id!r}.", ("id",))
