"""Writing documents: what a client may change, checked by the rules that files are read by.

Every document is read from its text, as a load would read it, before anything is written; what
stops a load from taking it, refuses it here. What is refused has changed nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from .errors import ConflictError, Refusal, RefusedError
from .incoming import BAD_PATH, Documents, encoded, read_incoming, slug_taken
from .loader import DEFAULTS, FolderLoader, LoadOptions
from .model import Article, Diagnostic, Visibility
from .names import article_id
from .paths import link_on_the_way, path_problem
from .places import FolderPlace, Place, StorePlace, Write
from .put import Changed, bad_slug, changed_document, new_document
from .query import Key
from .repository import Repository, Snapshot
from .scan import Scanner

T = TypeVar("T")

BAD_SLUG = "BAD_SLUG"
NOT_FOUND = "NOT_FOUND"
TOO_MANY_DOCUMENTS = "TOO_MANY_DOCUMENTS"
_ATTEMPTS = 5


class Written(msgspec.Struct, frozen=True):
    """What a write left behind: the store's revision, the articles as they are now, and what might
    be better about their documents.
    """

    revision: int
    articles: tuple[Article, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


class DocumentWriter:
    """Writes documents into a repository, and into the folder that it is loaded from.

    `expected` is the revision that the caller last saw; None: whatever it is now. What a method
    has begun it finishes, even if nobody waits for it any more.
    All raise: RefusedError: it cannot be taken. ConflictError: `expected` does not hold.
    StoreUnavailableError: it cannot be written. In all these cases nothing has changed.
    """

    def __init__(
        self,
        repository: Repository,
        folder: Path | None = None,
        options: LoadOptions = DEFAULTS,
        *,
        max_documents: int = 100,
    ) -> None:
        self._repository = repository
        self._folder = folder
        self._limits = options.limits
        self._max_documents = max_documents
        self._scanner = Scanner(folder or Path(), options.include)
        self._running: set[asyncio.Task[Any]] = set()  # the event loop itself forgets tasks
        self._place: Place = StorePlace(repository)
        if folder is not None:
            loader = FolderLoader(repository, folder, options)
            self._place = FolderPlace(repository, folder, loader)

    async def snapshot(self) -> Snapshot:
        """The store's newest state, with all that was written."""
        return await self._repository.snapshot()

    async def import_documents(self, documents: Documents) -> Written:
        """Take whole documents, each in place of what was at its path: all or none of them."""
        if len(documents) > self._max_documents:
            message = f"{len(documents)} documents are too many; send at most {self._max_documents}"
            raise RefusedError(Refusal(TOO_MANY_DOCUMENTS, f"{message} at once.", ("documents",)))
        return await self._again_if_late(None, lambda: self._import(documents))

    async def put(
        self,
        fields: Mapping[str, Any],
        *,
        id: str | None = None,
        slug: str | None = None,
        expected: int | None = None,
    ) -> Written:
        """Change fields of an article, or make a new one where there is none with this slug.

        `fields` are values of `store.model` by the document's keys; those not given stay as they
        are, None removes one. Other keys are metadata, with JSON values.
        """
        return await self._again_if_late(expected, lambda: self._put(fields, id, slug, expected))

    async def set_published(self, id: str, published: bool, expected: int | None = None) -> Written:
        """Publish an article, or make it a draft."""
        return await self.put({"published": published}, id=id, expected=expected)

    async def delete(self, id: str, expected: int | None = None) -> int:
        """Remove an article with its document; return the store's revision."""
        return await self._again_if_late(expected, lambda: self._delete(id, expected))

    async def _again_if_late(
        self, expected: int | None, write: Callable[[], Coroutine[Any, Any, T]]
    ) -> T:
        """Write; where the caller expects nothing, that somebody was faster is no conflict."""
        attempts = _ATTEMPTS if expected is None else 1
        while True:
            attempts -= 1
            try:
                # A write that is given up half-way would leave folder and store different.
                task = asyncio.create_task(write())
                self._running.add(task)
                task.add_done_callback(self._running.discard)
                return await asyncio.shield(task)
            except ConflictError:
                if not attempts:
                    raise

    async def _import(self, documents: Documents) -> Written:
        async with self._place.turn():
            new = await asyncio.to_thread(
                read_incoming, documents, self._limits, self._path_problem
            )
            refusals = []
            for i, article in enumerate(new.articles.values()):
                await self._place.catch_up(article.slug)
                if holder := await self._place.holder_of(article.slug, new.articles):
                    place = ("documents", str(i), "path")
                    refusals.append(slug_taken(article.slug, holder, place))
            if refusals:
                raise RefusedError(*refusals)
            revision = await self._place.keep(Write(new.articles, new.texts))
        ids = [article.id for article in new.articles.values()]
        return await self._written(revision, ids, new.diagnostics)

    async def _put(
        self, fields: Mapping[str, Any], id: str | None, slug: str | None, expected: int | None
    ) -> Written:
        async with self._place.turn():
            article = await self._addressed(id, slug)
            _check_expected(article, expected)
            if article is None:
                write = await self._creation(slug, fields)
            else:
                write = await self._change(article, fields)
            revision = await self._place.keep(write)
        return await self._written(revision, [a.id for a in write.articles.values()])

    async def _creation(self, slug: str | None, fields: Mapping[str, Any]) -> Write:
        new = await asyncio.to_thread(new_document, slug, fields, self._limits)
        if slug is None:
            await self._place.catch_up(new.article.slug)
            if await self._find(new.article.id):
                raise RefusedError(slug_taken(new.article.slug, "another article", ("slug",)))
        return await self._write(new, None, {new.article.id: None})

    async def _change(self, article: Article, fields: Mapping[str, Any]) -> Write:
        path = await self._place.path_of(article)
        text = await self._place.text_of(path, article)
        changed = await asyncio.to_thread(
            changed_document, article, path, text, fields, self._limits
        )
        former = path if changed.path != path else None
        return await self._write(changed, former, {article.id: article.revision})

    async def _write(
        self, document: Changed, former: str | None, expected: Mapping[str, int | None]
    ) -> Write:
        for path in (document.path, former):
            if path and (problem := self._path_problem(path)):
                raise RefusedError(Refusal(BAD_PATH, f"The path {path} {problem}.", ("slug",)))
        if not await self._place.is_free(document.path, document.article.slug):
            message = f"The path {document.path} has a file that is not this article's."
            raise RefusedError(Refusal(BAD_PATH, message, ("slug",)))
        return Write(
            articles={document.path: document.article},
            texts={document.path: encoded(document.text)},
            renamed=former,
            expected=expected,
        )

    async def _delete(self, id: str, expected: int | None) -> int:
        async with self._place.turn():
            article = await self._addressed(id, None)
            if article is None:  # cannot be: without a slug there is one, or an error
                raise RefusedError(_not_found(id))
            _check_expected(article, expected)
            path = await self._place.path_of(article)
            if holder := await self._place.holder_of(article.slug, [path]):
                raise RefusedError(slug_taken(article.slug, f"{holder}, too", ("id",)))
            return await self._place.keep(
                Write(removed=article, expected={article.id: article.revision})
            )

    async def _addressed(self, id: str | None, slug: str | None) -> Article | None:
        """The article to change, as its document says it now; None for a new one.

        Raises: RefusedError: the id names none, or another than the slug.
        """
        if slug is not None and (problem := bad_slug(slug)):
            raise RefusedError(Refusal(BAD_SLUG, problem, ("slug",)))
        if id is None:
            if slug is None:
                return None
            await self._place.catch_up(slug)
            return await self._find(article_id(slug))
        article = await self._find(id)
        if article is not None:
            await self._place.catch_up(article.slug)
            article = await self._find(id)
        if article is None:
            raise RefusedError(_not_found(id))
        if slug not in (None, article.slug):
            message = f"The article {id} has the slug {article.slug!r}; a slug never changes."
            raise RefusedError(Refusal(BAD_SLUG, message, ("slug",)))
        return article

    async def _find(self, id: str) -> Article | None:
        snapshot = await self.snapshot()
        [article] = await snapshot.get_many(Key.ID, [id], Visibility.ALL)
        return article

    async def _written(
        self, revision: int, ids: list[str], diagnostics: tuple[Diagnostic, ...] = ()
    ) -> Written:
        snapshot = await self.snapshot()
        found = await snapshot.get_many(Key.ID, ids, Visibility.ALL)
        return Written(revision, tuple(article for article in found if article), diagnostics)

    def _path_problem(self, path: str) -> str | None:
        problem = path_problem(path, self._scanner)
        if problem is None and self._folder is not None and link_on_the_way(self._folder, path):
            return "leads over a link, or over something that is no folder"
        return problem


def _check_expected(article: Article | None, expected: int | None) -> None:
    current = article.revision if article else None
    if expected is not None and current != expected:
        now = f"is at revision {current}" if article else "is not there"
        raise ConflictError(
            f"The article {now}, not at the expected one. Read it again and retry.",
            current=current,
        )


def _not_found(id: str) -> Refusal:
    return Refusal(NOT_FOUND, f"There is no article with the id {id!r}.", ("id",))
