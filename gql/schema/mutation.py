"""The root of all writing. Expected failures are part of the answer, as `userErrors`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

import strawberry
from strawberry import UNSET

from gql.identity.viewer import Permission
from store import (
    ConflictError,
    DocumentWriter,
    RefusedError,
    StoreUnavailableError,
    WriteResult,
    model,
)
from store.errors import clear_tracebacks
from store.names import article_id

from .change_events import Reader
from .connection import given
from .context import Info
from .diagnostics import Diagnostic
from .graph import Article
from .node import resolved
from .put_article import PutArticleInput
from .user_errors import UserError, user_errors

_EXPECTED = (
    "The revision that you last saw. Where it is another by now, nothing changes and the user "
    "error CONFLICT tells it."
)
_CURSOR = (
    "The place of this write in `changes` without a filter: what happened later comes after it. "
    "Null where nothing was written."
)
NO_REVISION = -1
"""What no article is ever at."""

_ERRORS = "Why nothing was written; empty where it was."


@strawberry.input(description="A whole document, as a file would hold it.")
class DocumentInput:
    path: str = strawberry.field(
        description="Where the document goes, relative to the folder, such as "
        "`_news/2020-06-11-title.md`. What is there is replaced."
    )
    text: str = strawberry.field(description="YAML front matter and, below it, the content.")


@strawberry.input(description="Documents to take, all or none of them.")
class ImportDocumentsInput:
    documents: list[DocumentInput] = strawberry.field(description="The documents.")


@strawberry.input(description="Which article to publish, or to make a draft.")
class SetPublishedInput:
    id: strawberry.ID = strawberry.field(description="The article's id.")
    published: bool = strawberry.field(description="False makes it a draft.")
    expected_revision: str | None = strawberry.field(default=UNSET, description=_EXPECTED)


@strawberry.input(description="Which article to remove, with its document.")
class DeleteArticleInput:
    id: strawberry.ID = strawberry.field(description="The article's id.")
    expected_revision: str | None = strawberry.field(default=UNSET, description=_EXPECTED)


@strawberry.type(description="What an import did.")
class ImportDocumentsPayload:
    articles: list[Article] = strawberry.field(
        description="The articles of the documents, in their order, as they are now."
    )
    diagnostics: list[Diagnostic] = strawberry.field(
        description="What might be better about the documents that were taken."
    )
    user_errors: list[UserError] = strawberry.field(description=_ERRORS)
    cursor: str | None = strawberry.field(description=_CURSOR)


@strawberry.type(description="What a write did to an article.")
class ArticlePayload:
    article: Article | None = strawberry.field(
        description="The article as it is now; null where nothing was written."
    )
    user_errors: list[UserError] = strawberry.field(description=_ERRORS)
    cursor: str | None = strawberry.field(description=_CURSOR)


@strawberry.type(description="What a removal did.")
class DeleteArticlePayload:
    deleted_id: strawberry.ID | None = strawberry.field(
        description="The id of the article that is gone; null where none is."
    )
    user_errors: list[UserError] = strawberry.field(description=_ERRORS)
    cursor: str | None = strawberry.field(description=_CURSOR)


class Outcome:
    """What the payloads resolve from: what was written, or why nothing was."""

    def __init__(
        self,
        written: WriteResult | None = None,
        cursor: str | None = None,
        errors: Sequence[UserError] = (),
        deleted_id: str | None = None,
    ) -> None:
        self.articles: Sequence[model.Article] = written.articles if written else ()
        self.article = self.articles[0] if self.articles else None
        self.diagnostics = written.diagnostics if written else ()
        self.cursor = cursor
        self.user_errors = errors
        self.deleted_id = deleted_id


Write = Callable[[DocumentWriter, str | None], Awaitable[WriteResult]]
"""Writes with a writer, under the key that it is given."""


async def outcome(info: Info, write: Write, deletes: str | None = None) -> Outcome:
    """Do a write; what is read after it sees it. `deletes`: the article that it removes.

    Raises: ForbiddenError. KeyReusedError. StoreUnavailableError.
    """
    info.context.viewer.require(Permission.WRITE, f"Mutation.{info.field_name}")
    writer = info.context.writer
    if writer is None:
        raise StoreUnavailableError("Nothing can be written here.")
    try:
        written = await write(writer, key_of(info))
        info.context.has_written = True
    except (RefusedError, ConflictError) as error:
        clear_tracebacks(error)
        return Outcome(errors=user_errors(error, info.context.snapshot.cursors))
    finally:
        await info.context.renew()
    snapshot = info.context.snapshot
    place = await snapshot.bookmark(written.revision)
    cursor = Reader(info.context.viewer).cursor(place, snapshot)
    return Outcome(written, cursor, deleted_id=deletes)


def key_of(info: Info) -> str | None:
    """What a write is found by when its request is sent again: of each field, by its name there."""
    key = info.context.write_key
    return None if key is None else f"{key}.{info.path.key}"


def revision(info: Info, id: str | None, expected: str | None) -> int | None:
    """An article's revision as the store counts; one that is not its own is never the present."""
    text = given(expected)
    if text is None:
        return None
    found = info.context.snapshot.cursors.decode_revision(id or "", text)
    return NO_REVISION if found is None else found


async def resolve_import(
    info: Info,
    input: Annotated[ImportDocumentsInput, strawberry.argument(description="The documents.")],
) -> Outcome:
    """`Mutation.importDocuments`."""
    documents = [(document.path, document.text) for document in input.documents]
    return await outcome(info, lambda writer, key: writer.import_documents(documents, key=key))


async def resolve_put(
    info: Info,
    input: Annotated[PutArticleInput, strawberry.argument(description="The article's fields.")],
) -> Outcome:
    """`Mutation.putArticle`."""

    async def put(writer: DocumentWriter, key: str | None) -> WriteResult:
        fields, id, slug = input.fields(), given(input.id), given(input.slug)
        named = article_id(slug) if id is None and slug is not None else id
        expected = revision(info, named, input.expected_revision)
        return await writer.put(fields, id=id, slug=slug, expected_revision=expected, key=key)

    return await outcome(info, put)


async def resolve_set_published(
    info: Info,
    input: Annotated[SetPublishedInput, strawberry.argument(description="Which one, and how.")],
) -> Outcome:
    """`Mutation.setPublished`."""
    expected = revision(info, input.id, input.expected_revision)
    return await outcome(
        info, lambda writer, key: writer.set_published(input.id, input.published, expected, key)
    )


async def resolve_delete(
    info: Info, input: Annotated[DeleteArticleInput, strawberry.argument(description="Which one.")]
) -> Outcome:
    """`Mutation.deleteArticle`."""

    async def delete(writer: DocumentWriter, key: str | None) -> WriteResult:
        expected = revision(info, input.id, input.expected_revision)
        return WriteResult(await writer.delete(input.id, expected, key))

    return await outcome(info, delete, deletes=input.id)


@strawberry.type(
    description="Everything that can be written. An answer means that it is on the disk. Needs the "
    "scope WRITE."
)
class Mutation:
    import_documents: ImportDocumentsPayload = resolved(
        resolve_import,
        "Take whole documents, checked as files are; all of them or, where one has an error, none.",
    )
    put_article: ArticlePayload = resolved(
        resolve_put, "Change an article's fields, or make a new article of them."
    )
    set_published: ArticlePayload = resolved(
        resolve_set_published, "Publish an article, or make it a draft."
    )
    delete_article: DeleteArticlePayload = resolved(
        resolve_delete, "Remove an article with its document."
    )
