"""Write preparation: from what a client sends to a validated write set."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from store.documents.frontmatter import ParseOptions
from store.errors import ConflictError, Refusal, RefusedError
from store.folder.loader import LoadOptions
from store.folder.paths import crosses_link, find_path_problem
from store.folder.scanner import Scanner
from store.locales import is_language_tag
from store.model import Article, Visibility
from store.names import article_key, locale_key
from store.querying.query import LookupKey
from store.repository import Repository

from .article_patch import (
    BAD_SLUG,
    REQUIRED_CODES,
    PatchedDocument,
    create_document,
    find_slug_problem,
    patch_document,
)
from .import_batch import (
    BAD_PATH,
    ImportDocuments,
    encode_document,
    read_import_batch,
    slug_taken_refusal,
)
from .named_articles import choose_named, find_by_slug
from .targets import WriteTarget
from .write_set import WriteSet

NOT_FOUND = "NOT_FOUND"


class WritePreparer:
    """Prepares write sets from the present state of a target, which must be locked.

    A write set is prepared anew for each attempt. All methods raise RefusedError and ConflictError.
    """

    def __init__(
        self,
        repository: Repository,
        target: WriteTarget,
        folder: Path | None,
        options: LoadOptions,
    ) -> None:
        self._repository = repository
        self._target = target
        self._folder = folder
        self._parsing = options.parsing
        self._scanner = Scanner(
            folder or Path(),
            options.include,
            options.parsing.mapping.collections if options.parsing.mapping else (),
        )

    @property
    def _parse_options(self) -> ParseOptions:
        return msgspec.structs.replace(self._parsing, commits=self._target.commits)

    async def prepare_import(self, documents: ImportDocuments) -> WriteSet:
        """Prepare an import; every slug must be free or belong to the document at the same path."""
        write = await self.parse_documents(documents)
        refusals = []
        await self._target.refresh([article.key for article in write.articles], write.texts)
        for i, path in enumerate(write.texts):
            if refusal := self._target.find_write_refusal(path):
                refusals.append(refusal._replace(input_path=("documents", str(i), "path")))
        for i, article in enumerate(write.articles):
            if other_path := await self._target.find_other_path(article.key, write.texts):
                refusals.append(
                    slug_taken_refusal(article.slug, other_path, ("documents", str(i), "path"))
                )
        if refusals:
            raise RefusedError(*refusals)
        return write

    async def parse_documents(self, documents: ImportDocuments) -> WriteSet:
        """Parse the documents of an import, without a look at the target."""
        batch = await asyncio.to_thread(
            read_import_batch, documents, self._parse_options, self._find_path_problem
        )
        return WriteSet(texts=batch.texts, parse_results=batch.parse_results)

    async def prepare_put(
        self,
        fields: Mapping[str, Any],
        id: str | None,
        slug: str | None,
        expected_revision: int | None,
    ) -> WriteSet:
        """Prepare a patch of an article, or a new article."""
        article = await self._find_article(id, slug, fields.get("locale"))
        _check_revision(article, expected_revision)
        if article is None:
            return await self._prepare_creation(slug, fields)
        return await self._prepare_patch(article, fields)

    async def _prepare_creation(self, slug: str | None, fields: Mapping[str, Any]) -> WriteSet:
        try:
            new = await asyncio.to_thread(create_document, slug, fields, self._parse_options)
        except RefusedError as error:
            if slug is None or REQUIRED_CODES.isdisjoint(r.code for r in error.refusals):
                raise
            message = _missing_message(slug, fields.get("locale"))
            missing = Refusal(NOT_FOUND, message, ("slug",))
            raise RefusedError(missing, *error.refusals) from None
        await self._target.refresh([new.article.key])
        others = await find_by_slug(await self._repository.snapshot(), new.article.slug)
        if others and new.article.identity_locale is None:
            new = await self._create_in_locale(new, slug, fields, others)
        if await self._get_article(new.article.id):
            raise RefusedError(slug_taken_refusal(new.article.slug, "another article", ("slug",)))
        return await self._build_write_set(new, None, None, {new.article.id: None})

    async def _create_in_locale(
        self,
        new: PatchedDocument,
        slug: str | None,
        fields: Mapping[str, Any],
        others: Sequence[Article],
    ) -> PatchedDocument:
        """Make the locale a part of the identity, if articles in other locales have the slug."""
        locale = new.article.locale
        is_default = locale is not None and self._is_default(locale)
        is_taken = any(other.id == new.article.id for other in others)
        if locale is None or not is_language_tag(locale) or (is_default and not is_taken):
            return new
        if any(locale_key(other.locale or "") == locale_key(locale) for other in others):
            return new
        create = partial(create_document, slug, fields, self._parse_options, needs_locale=True)
        new = await asyncio.to_thread(create)
        await self._target.refresh([new.article.key])
        return new

    def _is_default(self, locale: str) -> bool:
        mapping = self._parse_options.mapping
        return mapping is not None and locale_key(mapping.default_locale) == locale_key(locale)

    async def _prepare_patch(self, article: Article, fields: Mapping[str, Any]) -> WriteSet:
        path = await self._target.path_of(article)

        def patch() -> tuple[str | None, PatchedDocument]:
            text = self._target.read_text(path)
            return text, patch_document(article, path, text, fields, self._parse_options)

        base, patched = await asyncio.to_thread(patch)
        old_path = path if patched.path != path else None
        return await self._build_write_set(patched, base, old_path, {article.id: article.revision})

    async def _build_write_set(
        self,
        document: PatchedDocument,
        base: str | None,
        old_path: str | None,
        expected: Mapping[str, int | None],
    ) -> WriteSet:
        """Build the write set of one document.

        `base` is the present text of its file, if it has one; `old_path` its present path, if that
        changes.
        """
        present = None if base is None else old_path or document.path
        for path in (document.path, old_path):
            if path and (problem := self._find_path_problem(path, is_present=path == present)):
                raise RefusedError(Refusal(BAD_PATH, f"The path {path} {problem}.", ("slug",)))
        if refusal := self._target.find_write_refusal(old_path or document.path):
            raise RefusedError(refusal)
        if not await self._target.is_path_free(document.path, document.article.key):
            message = f"The file at {document.path} belongs to another article."
            raise RefusedError(Refusal(BAD_PATH, message, ("slug",)))
        return WriteSet(
            texts={document.path: encode_document(document.text)},
            parse_results={document.path: document.parse_result},
            base_texts={} if base is None else {document.path: encode_document(base)},
            renamed={document.path: old_path} if old_path else {},
            notices={document.path: document.notices} if document.notices else {},
            expected=expected,
        )

    async def find_id(self, slug: str, locale: str | None) -> str | None:
        """Find the id of the article with this slug; None if there is none."""
        articles = await find_by_slug(await self._repository.snapshot(), slug)
        article = choose_named(articles, slug, locale)
        return article.id if article else None

    async def prepare_delete(self, id: str, expected_revision: int | None) -> WriteSet:
        """Prepare the removal of an article and its document."""
        article = await self._find_article(id, None)
        if article is None:  # impossible without a slug; for the type checker
            raise RefusedError(_not_found_refusal(id))
        _check_revision(article, expected_revision)
        path = await self._target.path_of(article)
        if other_path := await self._target.find_other_path(article.key, [path]):
            raise RefusedError(slug_taken_refusal(article.slug, f"{other_path}, too", ("id",)))
        if expected_revision is not None and self._target.is_unreadable(path):
            raise ConflictError(
                f"The file {path} was changed by hand and cannot be read now. Correct it, or "
                "delete the article without an expected revision.",
                current=None,
            )
        if refusal := self._target.find_write_refusal(path, removes=True):
            raise RefusedError(refusal)
        return WriteSet(removed={path: article}, expected={article.id: article.revision})

    async def _find_article(
        self, id: str | None, slug: str | None, locale: str | None = None
    ) -> Article | None:
        """Find the article to change, after a refresh of its document; None for a new one.

        Raises: RefusedError: no article has the id, or its slug differs, or several have the slug.
        """
        if slug is not None and (problem := find_slug_problem(slug)):
            raise RefusedError(Refusal(BAD_SLUG, problem, ("slug",)))
        if id is None:
            if slug is None:
                return None
            return await self._find_named(slug, locale)
        article = await self._get_article(id)
        if article is not None:
            await self._target.refresh([article.key])
            article = await self._get_article(id)
        if article is None:
            raise RefusedError(_not_found_refusal(id))
        if slug not in (None, article.slug):
            message = f"The article {id} has the slug {article.slug!r}; a slug never changes."
            raise RefusedError(Refusal(BAD_SLUG, message, ("slug",)))
        return article

    async def _find_named(self, slug: str, locale: str | None) -> Article | None:
        others = await find_by_slug(await self._repository.snapshot(), slug)
        keys = {slug, article_key(slug, locale), *(article.key for article in others)}
        await self._target.refresh(sorted(keys))
        articles = await find_by_slug(await self._repository.snapshot(), slug)
        return choose_named(articles, slug, locale)

    async def _get_article(self, id: str) -> Article | None:
        snapshot = await self._repository.snapshot()
        [article] = await snapshot.get_many(LookupKey.ID, [id], Visibility.ALL)
        return article

    def _find_path_problem(self, path: str, *, is_present: bool = False) -> str | None:
        problem = find_path_problem(path, self._scanner, is_present=is_present)
        if problem is None and self._folder is not None and crosses_link(self._folder, path):
            return "contains a link, or something that is no folder"
        return problem


def _missing_message(slug: str, locale: str | None) -> str:
    if not locale:
        return f"There is no article with the slug {slug!r}, and a new one needs more fields."
    return (
        f"There is no article with the slug {slug!r} in the locale {locale!r}, and a new one needs "
        "more fields. To change the locale of an article, send its `id`."
    )


def _check_revision(article: Article | None, expected_revision: int | None) -> None:
    current = article.revision if article else None
    if expected_revision is not None and current != expected_revision:
        now = f"is at revision {current}, not at the expected one" if article else "does not exist"
        raise ConflictError(
            f"The article {now}. Read it again and retry.",
            current=current,
            id=article.id if article else None,
        )


def _not_found_refusal(id: str) -> Refusal:
    return Refusal(NOT_FOUND, f"There is no article with the id {id!r}.", ("id",))
