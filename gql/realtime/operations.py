"""Subscriptions: from a source event stream to a stream of results.

https://spec.graphql.org/draft/#sec-Subscription
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from functools import partial
from typing import Any, NamedTuple, Protocol

from graphql import (
    ExecutionResult,
    OperationType,
    create_source_event_stream,
    execute_subscription_event,
)

from gql.adapters.strawberry import graphql_schema, is_awaitable
from gql.error_formatting import format_field_errors, format_request_error
from gql.errors import BAD_USER_INPUT, SubscriptionTooLargeError
from gql.http import CostLimitExecutor, Executor, GraphQLRequest, QueryRegistry, Result
from gql.http.documents import tree_bytes
from gql.http.execution.results import to_result
from gql.http.execution.sliced_executor import SlicedExecutor
from gql.http.protocol.json_encoding import memory_bytes
from gql.http.protocol.response_builder import error_result

from .single_flight_cache import SingleFlightCache, selection_key


class SourceEvent(Protocol):
    """A source event, with the context of its execution and its cursor."""

    @property
    def event(self) -> Any:
        """The root of the selection; hashable."""
        ...

    @property
    def context(self) -> Any:
        """The context of its execution; `rights` and `version` determine the result."""
        ...

    @property
    def cursor(self) -> str:
        """The cursor to resume after it."""
        ...


class StreamedResult(NamedTuple):
    """The result of one event.

    Attributes:
        body: The JSON of the response.
        cursor: The cursor to resume after it.
    """

    body: bytes
    cursor: str


ResultStream = AsyncGenerator[StreamedResult, None]

_VARIABLE_COPIES = 2
"""Variables are held as sent, and as the filter made of them."""
_BYTES_PER_COST_UNIT = 256
"""Applying a filter takes about a microsecond for each 256 bytes of it."""


class Operations:
    """The executor of all operations: queries and mutations by `execute`, subscriptions here.

    Attributes:
        execute: The executor of queries and mutations.
        registry: The registry of automatic persisted queries; None if it is disabled.
        shared: The cache of rendered events.
    """

    def __init__(
        self,
        limit: CostLimitExecutor,
        execute: Executor,
        registry: QueryRegistry | None = None,
    ) -> None:
        self.execute = execute
        self.registry = registry
        self._limit = limit
        self.shared = SingleFlightCache()
        self._reference = limit.reference

    @property
    def max_cost(self) -> int:
        """The cost limit of an operation."""
        return self._limit.settings.maximum

    def event_cost(self, request: GraphQLRequest, max_bytes: int) -> int:
        """The cost of one event for a subscription, in units of `CostSettings`: its values and its
        filter.

        0 for an invalid operation, which `subscribe` refuses. `max_bytes`: its memory limit.
        Raises: SubscriptionTooLargeError: it needs more.
        """
        document = self._reference.get_document(request.query)
        if document.errors:
            return 0
        operation_bytes = tree_bytes(request.query, document)
        size_bytes = operation_bytes + _VARIABLE_COPIES * memory_bytes(request.variables)
        if size_bytes > max_bytes:
            raise SubscriptionTooLargeError(
                f"The subscription would take about {size_bytes} bytes of memory as long as it "
                f"lasts, {operation_bytes} of them for its operation; at most {max_bytes} are "
                "allowed. Select fewer fields, or filter by fewer or shorter values."
            )
        cost = self._limit.estimate_cost(request) + size_bytes // _BYTES_PER_COST_UNIT
        return min(cost, self.max_cost)

    async def kind(self, request: GraphQLRequest) -> OperationType | None:
        """The type of a request's operation; None if it cannot be found."""
        await self._reference.load_document(request)
        operation = self._reference.get_document(request.query).find_operation(
            request.operation_name
        )
        return operation.operation if operation else None

    async def subscribe(
        self, request: GraphQLRequest, context: Any, delivery_lock: asyncio.Lock
    ) -> ResultStream | Result:
        """The results of a subscription, which is active when this returns; or its errors.

        `delivery_lock` is held from before a result is computed until the next one is requested. So
        a slow client has one result in memory, however many subscriptions share the lock.
        """
        document = self._reference.get_document(request.query)
        if document.errors:
            return error_result(*document.errors)
        cost = self._limit.estimate_cost(request)
        if cost > self._limit.settings.maximum:
            return error_result(self._limit.limit_error(request, cost))
        executor = self._executor(request, context)
        if isinstance(executor, list):
            return error_result(
                *(format_request_error(error, BAD_USER_INPUT) for error in executor)
            )
        source = create_source_event_stream(executor)
        stream = await source if inspect.isawaitable(source) else source
        if isinstance(stream, ExecutionResult):
            return error_result(*format_field_errors(stream.errors or ()))
        if request.is_new and self.registry is not None:
            await self.registry.register(request.query)
        assert document.ast is not None  # noqa: S101  # it has no errors
        return self._results(executor, stream, selection_key(request, document.ast), delivery_lock)

    async def _results(
        self,
        executor: SlicedExecutor,
        stream: AsyncIterable[SourceEvent],
        selection: bytes,
        delivery_lock: asyncio.Lock,
    ) -> ResultStream:
        async with aclosing(stream):  # type: ignore[type-var]  # a generator, as `follow` is one
            async for event in stream:
                await event.context.job.pause()  # a write wakes all subscribers at once
                # Everything that the body depends on.
                key = (selection, event.context.rights, event.context.version, event.event)
                async with delivery_lock:
                    body = await self.shared.get(key, partial(_body, executor, event))
                    yield StreamedResult(body, event.cursor)

    def _executor(self, request: GraphQLRequest, context: Any) -> SlicedExecutor | list[Any]:
        reference = self._reference
        document = reference.get_document(request.query)
        assert document.ast is not None  # noqa: S101  # it has no errors
        executor: Any = SlicedExecutor.build(
            graphql_schema(reference.schema),
            document.ast,
            context_value=context,
            raw_variable_values=request.variables,
            operation_name=request.operation_name,
            max_coercion_errors=reference.limits.errors,
            is_awaitable=is_awaitable,
        )
        return executor  # type: ignore[no-any-return]  # of the class that builds it, or errors


async def _body(executor: SlicedExecutor, event: SourceEvent) -> bytes:
    """The response to one event."""
    event_executor: Any = executor.build_per_event_executor(event.event)
    event_executor.use_context(event.context)
    executed: Any = execute_subscription_event(event_executor)
    result = await executed if inspect.isawaitable(executed) else executed
    return to_result(result, None).body
