"""The pipeline from a request to its result, on graphql-core: the reference executor."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
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
from gql.http.protocol.messages import GraphQLRequest, Result, error_result

from .results import result_of, retry_of
from .sliced_executor import SlicedExecutor
from .transport_check import check_transport

DOCUMENT_CACHE_BYTES = 1 << 24
LONG_TEXT = 2_000
"""From how many characters on a document is prepared in a thread: so many may take 20 ms."""

NO_STORE = ((b"cache-control", b"no-store"),)
"""For answers to mutations, which nobody may give again in place of doing what they say."""


class ReferenceExecutor:
    """Executes operations on a Strawberry schema: prepare, find the operation, execute, write.

    Strawberry's own entry point is not used: it parses and validates each time and gives errors
    that this transport could not tell apart. Its extensions would not run, so none are taken.

    Attributes:
        schema: The schema that is executed.
        limits: What documents are held to.
        counts: See `SyncExecutor`.
        documents: The cache of valid documents, by their text.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        limits: DocumentLimits | None = None,
        cache_bytes: int = DOCUMENT_CACHE_BYTES,
    ) -> None:
        if schema.extensions or schema.directives:
            raise TypeError("The schema has Strawberry extensions; this pipeline runs none.")
        self.schema = schema
        declare_one_of(graphql_schema(schema))
        self.limits = limits or DocumentLimits()
        self.counts: Mapping[str, int] = {}
        self.documents: ByteCache[str, GraphQLDocument] = ByteCache(
            "documents", cache_bytes, document_bytes
        )
        self._refused: tuple[str, GraphQLDocument] | None = None
        self._loading = asyncio.Lock()

    async def __call__(
        self, request: GraphQLRequest, context: Any, *, read_only: bool = False
    ) -> Result:
        """The result of a request, whatever happens to it short of a fault in this pipeline."""
        document, operation = self.find_operation(request)
        # Only a name that is in the document: logs are no place for whatever a client makes up.
        name = operation.name.value if operation and operation.name else None
        # The method is judged before the document's faults: a GET of a mutation is refused as such
        # even if the mutation could not be executed anyhow.
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
        result = result_of(executed, name)
        if operation.operation is OperationType.MUTATION:
            result = msgspec.structs.replace(result, headers=(*result.headers, *NO_STORE))
            headers = retry_of(executed)
            if headers and not context.has_written:
                headers = (*result.headers, *headers)
                return msgspec.structs.replace(result, status=503, headers=headers)
        return result

    def has_document(self, request: GraphQLRequest) -> bool:
        """See `SyncExecutor`."""
        if request.memo.document is not None or request.query in self.documents:
            return True
        return self._refused is not None and self._refused[0] == request.query

    async def load_document(self, request: GraphQLRequest) -> None:
        """See `SyncExecutor`. In a thread, which gives way to the event loop again and again; one
        document at a time, so that no number of them takes more than half of the interpreter.
        """
        text = request.query
        if len(text) >= LONG_TEXT and not self.has_document(request):
            async with self._loading:
                if not self.has_document(request):
                    document = await asyncio.to_thread(self._prepared, text)
                    request.memo.document = self._keep(text, document)

    def sync_query(self, _request: GraphQLRequest, _viewer: Any) -> None:
        """Nothing: graphql-core looks at an operation anew each time."""

    def find_operation(
        self, request: GraphQLRequest
    ) -> tuple[GraphQLDocument, OperationDefinitionNode | None]:
        """The document of a request, and which of its operations it asks for, if it has that."""
        memo = request.memo
        if memo.document is None:
            memo.document = self.get_document(request.query)
        return memo.document, memo.document.find_operation(request.operation_name)

    def get_document(self, text: str) -> GraphQLDocument:
        """The document of a text, from the cache where it is known and valid.

        The newest that is not valid is known, too: several ask for it while they refuse a request.
        """
        document = self.documents.get(text)
        if document is None and self._refused is not None and self._refused[0] == text:
            return self._refused[1]
        return self._keep(text, self._prepared(text)) if document is None else document

    def _prepared(self, text: str) -> GraphQLDocument:
        # Tokens, rules with their visitors, and errors with their frames are cycles. This frame
        # must not be one of those, so the collector looks from here.
        with freeing_cycles():
            return prepare_document(graphql_schema(self.schema), text, self.limits)

    def _keep(self, text: str, document: GraphQLDocument) -> GraphQLDocument:
        if document.errors:
            self._refused = text, document
        else:
            self.documents.put(text, document)
        return document

    async def execute(
        self,
        document: GraphQLDocument,
        operation: OperationDefinitionNode,
        request: GraphQLRequest,
        context: Any,
    ) -> ExecutionResult:
        """Execute one operation of a valid document."""
        assert document.ast is not None, "a document without errors has been parsed"  # noqa: S101
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
