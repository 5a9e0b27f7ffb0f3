"""The root type of mutations. Expected failures are part of the payload, as `userErrors`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

import strawberry
from strawberry import UNSET

from gql.identity.viewer import Permission
from store import (
    NEWEST_FIRST,
    ConflictError,
    CursorCodec,
    DocumentWriter,
    RefusedError,
    StoreUnavailableError,
    WriteResult,
    model,
)
from store.errors import clear_tracebacks

from .change_events import ChangeReader
from .connection import Edge, EdgeValue, value_or_none
from .context import Info
from .diagnostics import Diagnostic
from .graph import Article
from .node import resolved
from .nullability import NULL_ON_ERROR
from .preview_link import CreatePreviewLinkPayload, resolve_create_preview_link
from .put_article import PutArticleInput
from .query import Query
from .user_errors import UserError, user_errors

_EXPECTED = (
    "The revision that you last read. If the article has changed since, nothing is written, and "
    "the user error is CONFLICT."
)
_CURSOR = (
    "The position of this write in `changes` without a filter: later changes come after it. Null "
    "if nothing was written."
)
NO_REVISION = -1
"""A revision that no article has."""

_EDGE = "with its cursor in the list of all articles, newest first: insert it there"
_QUERY = "All queries, on the state after this write."
_ERRORS = "The reasons why nothing was written; empty after a write."


@strawberry.input(description="A whole document, as in a file.")
class DocumentInput:
    path: str = strawberry.field(
        description="The path of the document, relative to the folder, such as "
        "`_news/2020-06-11-title.md`. A document at this path is replaced."
    )
    text: str = strawberry.field(description="YAML front matter, followed by the content.")


@strawberry.input(description="Documents to import: all or none of them.")
class ImportDocumentsInput:
    documents: list[DocumentInput] = strawberry.field(description="The documents.")


@strawberry.input(description="An article to publish, or to make a draft.")
class SetPublishedInput:
    id: strawberry.ID = strawberry.field(description="The article's id.")
    published: bool = strawberry.field(description="False makes it a draft.")
    expected_revision: str | None = strawberry.field(default=UNSET, description=_EXPECTED)


@strawberry.input(description="An article to delete, with its document.")
class DeleteArticleInput:
    id: strawberry.ID = strawberry.field(description="The article's id.")
    expected_revision: str | None = strawberry.field(default=UNSET, description=_EXPECTED)


@strawberry.type(description="The result of an import.")
class ImportDocumentsPayload:
    articles: list[Article] = strawberry.field(
        description="The articles of the documents, in the same order, as they are now."
    )
    article_edges: list[Edge[Article]] = strawberry.field(
        description=f"Each of the articles {_EDGE}."
    )
    query: Query = strawberry.field(description=_QUERY)
    diagnostics: list[Diagnostic] = strawberry.field(
        description="Warnings about the imported documents."
    )
    user_errors: list[UserError] = strawberry.field(description=_ERRORS)
    cursor: str | None = strawberry.field(description=_CURSOR)


@strawberry.type(description="A side effect of a write on the document's file.")
class Notice:
    code: str = strawberry.field(
        description="A stable code: DOCUMENT_REWRITTEN if lines of other fields changed, "
        "FILE_RENAMED if the file has a new name."
    )
    message: str = strawberry.field(description="What changed.")


@strawberry.type(description="The result of a write to an article.")
class ArticlePayload:
    article: Article | None = strawberry.field(
        description="The article as it is now; null if nothing was written."
    )
    article_edge: Edge[Article] | None = strawberry.field(
        description=f"The article {_EDGE}. Null if nothing was written."
    )
    query: Query = strawberry.field(description=_QUERY)
    user_errors: list[UserError] = strawberry.field(description=_ERRORS)
    notices: list[Notice] = strawberry.field(
        description="Side effects on the document's file; empty if only the lines of the changed "
        "fields differ."
    )
    cursor: str | None = strawberry.field(description=_CURSOR)


@strawberry.type(description="The result of a deletion.")
class DeleteArticlePayload:
    deleted_id: strawberry.ID | None = strawberry.field(
        description="The id of the deleted article; null if none was deleted."
    )
    query: Query = strawberry.field(description=_QUERY)
    user_errors: list[UserError] = strawberry.field(description=_ERRORS)
    cursor: str | None = strawberry.field(description=_CURSOR)


class MutationResult:
    """The value that payloads resolve from: what was written, or the user errors."""

    query = Query()

    def __init__(
        self,
        cursors: CursorCodec,
        written: WriteResult | None = None,
        cursor: str | None = None,
        errors: Sequence[UserError] = (),
        deleted_id: str | None = None,
    ) -> None:
        self.articles: Sequence[model.Article] = written.articles if written else ()
        self.article = self.articles[0] if self.articles else None
        self.diagnostics = written.diagnostics if written else ()
        self.notices = written.notices if written else ()
        self.cursor = cursor
        self._cursor_of = cursors.encoder_for(NEWEST_FIRST)
        self.user_errors = errors
        self.deleted_id = deleted_id

    @property
    def article_edges(self) -> list[EdgeValue[model.Article]]:
        """The articles with their cursors in the default order."""
        return [EdgeValue(article, self._cursor_of(article)) for article in self.articles]

    @property
    def article_edge(self) -> EdgeValue[model.Article] | None:
        """The article with its cursor in the default order."""
        return self.article_edges[0] if self.articles else None


Write = Callable[[DocumentWriter, str | None], Awaitable[WriteResult]]
"""A write: writer, key -> its result."""


async def execute_write(info: Info, write: Write, deletes: str | None = None) -> MutationResult:
    """Execute a write; later fields of the request see it. `deletes`: the article that it deletes.

    Raises: ForbiddenError. KeyReusedError. StoreUnavailableError.
    """
    info.context.viewer.require(Permission.WRITE, f"Mutation.{info.field_name}")
    writer = info.context.writer
    if writer is None:
        raise StoreUnavailableError("This server has no writer.")
    try:
        written = await write(writer, write_key(info))
        info.context.has_written = True
    except (RefusedError, ConflictError) as error:
        clear_tracebacks(error)
        cursors = info.context.snapshot.cursors
        return MutationResult(cursors, errors=user_errors(error, cursors))
    finally:
        await info.context.reload_snapshot()
    snapshot = info.context.snapshot
    position = await snapshot.bookmark(written.revision)
    cursor = ChangeReader(info.context.viewer).cursor(position, snapshot)
    return MutationResult(snapshot.cursors, written, cursor, deleted_id=deletes)


def write_key(info: Info) -> str | None:
    """The key of a field's write, under which a retry of the request finds it."""
    key = info.context.write_key
    return None if key is None else f"{key}.{info.path.key}"


def revision(info: Info, id: str | None, expected: str | None) -> int | None:
    """An expected revision as the store's number; `NO_REVISION` for a code of another article."""
    text = value_or_none(expected)
    if text is None:
        return None
    number = info.context.snapshot.cursors.decode_revision(id or "", text)
    return NO_REVISION if number is None else number


async def resolve_import(
    info: Info,
    input: Annotated[ImportDocumentsInput, strawberry.argument(description="The documents.")],
) -> MutationResult:
    """`Mutation.importDocuments`."""
    documents = [(document.path, document.text) for document in input.documents]
    return await execute_write(
        info, lambda writer, key: writer.import_documents(documents, key=key)
    )


async def resolve_put(
    info: Info,
    input: Annotated[PutArticleInput, strawberry.argument(description="The article's fields.")],
) -> MutationResult:
    """`Mutation.putArticle`."""

    async def put(writer: DocumentWriter, key: str | None) -> WriteResult:
        fields, id, slug = input.fields(), value_or_none(input.id), value_or_none(input.slug)
        named: str | None = id
        if id is None and slug is not None and value_or_none(input.expected_revision) is not None:
            named = await writer.find_id(slug, value_or_none(input.locale))
        expected = revision(info, named, input.expected_revision)
        return await writer.put(fields, id=id, slug=slug, expected_revision=expected, key=key)

    return await execute_write(info, put)


async def resolve_set_published(
    info: Info,
    input: Annotated[SetPublishedInput, strawberry.argument(description="Which one, and how.")],
) -> MutationResult:
    """`Mutation.setPublished`."""
    expected = revision(info, input.id, input.expected_revision)
    return await execute_write(
        info, lambda writer, key: writer.set_published(input.id, input.published, expected, key)
    )


async def resolve_delete(
    info: Info, input: Annotated[DeleteArticleInput, strawberry.argument(description="Which one.")]
) -> MutationResult:
    """`Mutation.deleteArticle`."""

    async def delete(writer: DocumentWriter, key: str | None) -> WriteResult:
        expected = revision(info, input.id, input.expected_revision)
        return WriteResult(await writer.delete(input.id, expected, key))

    return await execute_write(info, delete, deletes=input.id)


@strawberry.type(
    description="All mutations. A payload without user errors means that the write is on the disk. "
    "They need the scope WRITE. A field that fails is null, with an error, and the others keep "
    "their payloads."
)
class Mutation:
    import_documents: ImportDocumentsPayload | None = resolved(
        resolve_import,
        "Import whole documents. They are checked like files: if one has an error, none is "
        "imported.",
        NULL_ON_ERROR,
    )
    put_article: ArticlePayload | None = resolved(
        resolve_put, "Change fields of an article, or create an article.", NULL_ON_ERROR
    )
    set_published: ArticlePayload | None = resolved(
        resolve_set_published, "Publish an article, or make it a draft.", NULL_ON_ERROR
    )
    delete_article: DeleteArticlePayload | None = resolved(
        resolve_delete, "Delete an article with its document.", NULL_ON_ERROR
    )
    create_preview_link: CreatePreviewLinkPayload | None = resolved(
        resolve_create_preview_link,
        "Make a link to one draft, for readers without a key. It writes nothing.",
        NULL_ON_ERROR,
    )
