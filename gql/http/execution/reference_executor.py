"""The reference executor: executes every request on graphql-core."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec
import strawberry
from graphql import ExecutionResult, OperationDefinitionNode, OperationType, execute

from gql.adapters.strawberry import declare_one_of, graphql_schema, is_awaitable
from gql.cache import ByteCache
from gql.error_formatting import format_expected_error
from gql.errors import RequestError
from gql.gc_tuning import freeing_cycles
from gql.http.documents import GraphQLDocument, document_bytes, prepare_document
from gql.http.limits.document_limits import DocumentLimits
from gql.http.protocol.messages import GraphQLRequest, Result
from gql.http.protocol.response_builder import error_result

from .results import retry_headers_of, to_result
from .sliced_executor import SlicedExecutor
from .transport_check import check_transport

DOCUMENT_CACHE_BYTES = 1 << 24
DocumentCache = ByteCache[str, GraphQLDocument]
LONG_TEXT = 2_000
"""Documents of at least so many characters are prepared in a thread. One may take 20 ms."""


class ReferenceExecutor:
    """Executes operations of a Strawberry schema on graphql-core.

    Strawberry's `Schema.execute` is not used. It parses and validates in every request, and its
    errors do not say at which step they occurred. Strawberry's extensions would not run, so a
    schema with extensions is refused.

    Attributes:
        schema: The schema.
        limits: The limits of documents.
        counts: See `SyncExecutor`.
        documents: The document cache: valid documents by their text.
        trusted_texts: The texts of trusted documents, which have a cache of their own. So clients
            that send other documents evict none of them.
        trusted_documents: The cache of trusted documents.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        limits: DocumentLimits | None = None,
        cache_bytes: int = DOCUMENT_CACHE_BYTES,
        trusted_texts: AbstractSet[str] = frozenset(),
    ) -> None:
        if schema.extensions or schema.directives:
            raise TypeError("The schema has Strawberry extensions; this executor runs none.")
        self.schema = schema
        declare_one_of(graphql_schema(schema))
        self.limits = limits or DocumentLimits()
        self.counts: Mapping[str, int] = {}
        if trusted_texts:
            cache_bytes //= 2
        self.documents: DocumentCache = ByteCache("documents", cache_bytes, document_bytes)
        self.trusted_texts = trusted_texts
        self.trusted_documents: DocumentCache = ByteCache(
            "trusted_documents", cache_bytes if trusted_texts else 0, document_bytes
        )
        self._refused: tuple[str, GraphQLDocument] | None = None
        self._loading = asyncio.Lock()

    async def __call__(
        self, request: GraphQLRequest, context: Any, *, read_only: bool = False
    ) -> Result:
        """See `Executor`."""
        document, operation = self.find_operation(request)
        # Only a name from the document: clients must not write other texts into logs.
        name = operation.name.value if operation and operation.name else None
        # The HTTP method is checked first: a GET of an invalid mutation is refused as a mutation.
        try:
            check_transport(operation, read_only=read_only)
        except RequestError as error:
            status, headers = error.status, error.headers
            return error_result(
                format_expected_error(error), status=status, headers=headers, operation_name=name
            )
        if document.errors:
            return error_result(*document.errors, operation_name=name)
        if operation is None:
            return error_result(document.operation_error(request.operation_name))
        if operation.operation is OperationType.MUTATION:
            context.job.ignore_disconnect()
        executed = await self.execute(document, operation, request, context)
        is_mutation = operation.operation is OperationType.MUTATION
        if is_mutation and not context.has_written and (headers := retry_headers_of(executed)):
            # A status other than 2xx requires null as the data, not a null in each field.
            result = to_result(ExecutionResult(None, executed.errors), name)
            return msgspec.structs.replace(result, status=503, headers=headers)
        return to_result(executed, name)

    def has_document(self, request: GraphQLRequest) -> bool:
        """See `SyncExecutor`."""
        text = request.query
        if request.memo.document is not None or text in self.cache_of(text):
            return True
        return self._refused is not None and self._refused[0] == request.query

    async def load_document(self, request: GraphQLRequest) -> None:
        """See `SyncExecutor`.

        The thread shares the interpreter with the event loop. One document is prepared at a time,
        so that threads get half of the time at most.
        """
        text = request.query
        if len(text) >= LONG_TEXT and not self.has_document(request):
            async with self._loading:
                if not self.has_document(request):
                    document = await asyncio.to_thread(self.prepare, text)
                    request.memo.document = self._store(text, document)

    def sync_query(self, _request: GraphQLRequest, _viewer: Any) -> None:
        """None: graphql-core may always have to wait."""

    def find_operation(
        self, request: GraphQLRequest
    ) -> tuple[GraphQLDocument, OperationDefinitionNode | None]:
        """The document of a request, and the operation to execute; None: the document has none."""
        memo = request.memo
        if memo.document is None:
            memo.document = self.get_document(request.query)
        return memo.document, memo.document.find_operation(request.operation_name)

    def get_document(self, text: str) -> GraphQLDocument:
        """The document of a text, from the cache or prepared.

        The newest invalid document is also kept: a refused request looks it up several times.
        """
        document = self.cache_of(text).get(text)
        if document is None and self._refused is not None and self._refused[0] == text:
            return self._refused[1]
        return self._store(text, self.prepare(text)) if document is None else document

    def prepare(self, text: str) -> GraphQLDocument:
        """A document that is not cached: parsed, validated, and with its errors."""
        # Tokens, rules with their visitors, and errors with their frames are reference cycles. The
        # collection is here, in a frame that belongs to none of them.
        with freeing_cycles():
            return prepare_document(graphql_schema(self.schema), text, self.limits)

    def _store(self, text: str, document: GraphQLDocument) -> GraphQLDocument:
        if document.errors:
            self._refused = text, document
        else:
            self.cache_of(text).put(text, document)
        return document

    def cache_of(self, text: str) -> DocumentCache:
        """The cache of the document with a text."""
        return self.trusted_documents if text in self.trusted_texts else self.documents

    async def execute(
        self,
        document: GraphQLDocument,
        operation: OperationDefinitionNode,
        request: GraphQLRequest,
        context: Any,
    ) -> ExecutionResult:
        """Execute one operation of a valid document."""
        assert document.ast is not None, "a document without errors has a tree"  # noqa: S101
        executed = execute(
            graphql_schema(self.schema),
            document.ast,
            context_value=context,
            variable_values=request.variables,
            operation_name=operation.name.value if operation.name else None,
            max_coercion_errors=self.limits.errors,
            executor_class=SlicedExecutor,
            is_awaitable=is_awaitable,
            operation_extensions=request.extensions,
        )
        return await executed if inspect.isawaitable(executed) else executed
