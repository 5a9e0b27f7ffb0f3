"""From a request to its result, on graphql-core: the reference way to execute an operation."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import strawberry
from graphql import ExecutionResult, GraphQLError, OperationDefinitionNode, OperationType, execute
from strawberry.execution import optimized_is_awaitable

from gql.cache import ByteCache
from gql.errors import (
    BAD_USER_INPUT,
    Headers,
    MethodNotAllowedError,
    RequestError,
    SubscriptionError,
    field_errors,
    refusal,
    request_error,
    retry_headers,
    root_cause,
)
from gql.garbage import cycles_freed

from .documents import Document, declare_one_of, document_bytes, prepare_document
from .encoding import encode
from .limits import Limits
from .protocol import GraphQLRequest, Result, error_codes, failed
from .sliced_executor import SlicedExecutor

DOCUMENT_CACHE_BYTES = 1 << 24
LONG_TEXT = 2_000
"""From how many characters on a document is prepared in a thread: so many may take 20 ms."""

COMPILED = "compiled"
"""The way of what is ready."""

NO_STORE = ((b"cache-control", b"no-store"),)
"""For answers to mutations, which nobody may give again in place of doing what they say."""


class Execute(Protocol):
    """Whatever answers operations: the pipeline below, or something faster in front of it."""

    async def __call__(
        self, request: GraphQLRequest, context: Any, *, read_only: bool = False
    ) -> Result:
        """Execute the request for a context; `read_only` refuses everything but queries."""
        ...


Run = Callable[[Any], Sequence[bytes | memoryview] | None]
"""Gives the JSON of an answer without errors, in pieces, for a snapshot of the store that is read
without waiting; None where this takes the long way of `Execute`."""


class Ready(msgspec.Struct, frozen=True):
    """A query made ready, for a viewer, to be answered as often as it is asked. `headers` go with
    the answer.
    """

    run: Run
    operation_name: str | None
    headers: Headers = ()


class ExecuteReady(Execute, Protocol):
    """What answers operations, and some of them without waiting."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many queries it has answered in which of its ways."""
        ...

    def knows(self, request: GraphQLRequest) -> bool:
        """Whether the request's document need not be parsed and validated any more."""
        ...

    async def load(self, request: GraphQLRequest) -> None:
        """Parse and validate the request's document, if that takes long, without holding others."""
        ...

    def ready(self, request: GraphQLRequest, viewer: Any) -> Ready | None:
        """The request made ready for those with this viewer's rights; None where it cannot be."""
        ...


class Pipeline:
    """Executes operations on a Strawberry schema: prepare, find the operation, execute, write.

    Strawberry's own entry point is not used: it parses and validates each time and gives errors
    that this transport could not tell apart. Its extensions would not run, so none are taken.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        limits: Limits | None = None,
        cache_bytes: int = DOCUMENT_CACHE_BYTES,
    ) -> None:
        if schema.extensions or schema.directives:
            raise TypeError("The schema has Strawberry extensions; this pipeline runs none.")
        self.schema = schema
        declare_one_of(schema._schema)
        self.limits = limits or Limits()
        self.counts: Mapping[str, int] = {}
        self.documents: ByteCache[str, Document] = ByteCache(
            "documents", cache_bytes, document_bytes
        )
        self._refused: tuple[str, Document] | None = None
        self._loading = asyncio.Lock()

    async def __call__(
        self, request: GraphQLRequest, context: Any, *, read_only: bool = False
    ) -> Result:
        """The result of a request, whatever happens to it short of a fault in this pipeline."""
        document, operation = self.find(request)
        # Only a name that is in the document: logs are no place for whatever a client makes up.
        name = operation.name.value if operation and operation.name else None
        # The method is judged before the document's faults: a GET of a mutation is refused as such
        # even if the mutation could not be executed anyhow.
        try:
            check_transport(operation, read_only=read_only)
        except RequestError as error:
            status, headers = error.status, error.headers
            return failed(refusal(error), status=status, headers=headers, operation_name=name)
        if document.errors:
            return failed(*document.errors, operation_name=name)
        if operation is None:
            return failed(document.unresolved(request.operation_name))
        if operation.operation is OperationType.MUTATION:
            context.job.let_finish()
        executed = await self.execute(document, operation, request, context)
        result = result_of(executed, name)
        if operation.operation is OperationType.MUTATION:
            result = msgspec.structs.replace(result, headers=(*result.headers, *NO_STORE))
            headers = retry_of(executed)
            if headers and not context.has_written:
                headers = (*result.headers, *headers)
                return msgspec.structs.replace(result, status=503, headers=headers)
        return result

    def knows(self, request: GraphQLRequest) -> bool:
        """See `ExecuteReady`."""
        return request.memo.document is not None or request.query in self.documents

    async def load(self, request: GraphQLRequest) -> None:
        """See `ExecuteReady`. In a thread, which gives way to the event loop again and again; one
        document at a time, so that no number of them takes more than half of the interpreter.
        """
        text = request.query
        if len(text) >= LONG_TEXT and not self.knows(request):
            async with self._loading:
                if not self.knows(request):
                    document = await asyncio.to_thread(self._prepared, text)
                    request.memo.document = self._keep(text, document)

    def ready(self, _request: GraphQLRequest, _viewer: Any) -> None:
        """Nothing: graphql-core looks at an operation anew each time."""

    def find(self, request: GraphQLRequest) -> tuple[Document, OperationDefinitionNode | None]:
        """The document of a request, and which of its operations it asks for, if it has that."""
        memo = request.memo
        if memo.document is None:
            memo.document = self.prepare(request.query)
        return memo.document, memo.document.find(request.operation_name)

    def prepare(self, text: str) -> Document:
        """The document of a text, from the cache where it is known and valid.

        The newest that is not valid is known, too: several ask for it while they refuse a request.
        """
        document = self.documents.get(text)
        if document is None and self._refused is not None and self._refused[0] == text:
            return self._refused[1]
        return self._keep(text, self._prepared(text)) if document is None else document

    def _prepared(self, text: str) -> Document:
        # Tokens, rules with their visitors, and errors with their frames are cycles. This frame
        # must not be one of those, so the collector looks from here.
        with cycles_freed():
            return prepare_document(self.schema._schema, text, self.limits)

    def _keep(self, text: str, document: Document) -> Document:
        if document.errors:
            self._refused = text, document
        else:
            self.documents.put(text, document)
        return document

    async def execute(
        self,
        document: Document,
        operation: OperationDefinitionNode,
        request: GraphQLRequest,
        context: Any,
    ) -> ExecutionResult:
        """Execute one operation of a valid document."""
        assert document.ast is not None, "a document without errors has been parsed"  # noqa: S101
        executed = execute(
            self.schema._schema,
            document.ast,
            context_value=context,
            variable_values=request.variables,
            operation_name=operation.name.value if operation.name else None,
            max_coercion_errors=self.limits.errors,
            executor_class=SlicedExecutor,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]  # typed as bool
            operation_extensions=request.extensions,
        )
        return await executed if inspect.isawaitable(executed) else executed


def check_transport(operation: OperationDefinitionNode | None, *, read_only: bool) -> None:
    """Refuse an operation that cannot travel this way. Raises: RequestError.

    https://graphql.github.io/graphql-over-http/draft/#sec-GET
    """
    if operation is None or operation.operation is OperationType.QUERY:
        return
    if operation.operation is OperationType.SUBSCRIPTION:
        raise SubscriptionError(
            "A subscription has many answers, and this request has one. Subscribe over WebSocket "
            "(protocol graphql-transport-ws) or server-sent events (protocol graphql-sse)."
        )
    if read_only:
        raise MethodNotAllowedError(
            "A mutation has to be sent by POST; GET only reads.", headers=((b"allow", b"POST"),)
        )


def _place(error: GraphQLError) -> tuple[Any, ...]:
    """Where an error stands in the document, then in the data: in which order they came depends on
    how long each part took, and the same request should have the same answer.
    """
    lines = [(location.line, location.column) for location in error.locations or ()]
    keys = [(key, "") if isinstance(key, int) else (-1, key) for key in error.path or ()]
    return lines, keys


def retry_of(executed: ExecutionResult) -> Headers:
    """When a request that came to nothing can be sent again; nothing where that would not help."""
    if executed.data is None:
        for error in executed.errors or ():
            if headers := retry_headers(root_cause(error)):
                return headers
    return ()


def result_of(executed: ExecutionResult, operation_name: str | None) -> Result:
    """An execution as a result: formatted errors first, then data.

    graphql-core gives `data: None` in two cases. Where a null came up to the root, each error has a
    path, and null is the data. Where the variables did not fit, none has, and there is no data.
    """
    errors = sorted(executed.errors or (), key=_place)
    if executed.data is None and all(error.path is None for error in errors):
        reported = (request_error(error, BAD_USER_INPUT) for error in errors)
        return failed(*reported, operation_name=operation_name)
    formatted = field_errors(errors)
    response = {"errors": formatted, "data": executed.data} if errors else {"data": executed.data}
    return Result(
        body=encode(response),
        has_data=True,
        operation_name=operation_name,
        error_codes=error_codes(formatted),
    )
