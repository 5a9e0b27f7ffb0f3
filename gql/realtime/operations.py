"""Operations with many answers: a selection executed anew for each event.

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
from gql.http import CostLimit, Executor, GraphQLRequest, Result
from gql.http.documents import tree_bytes
from gql.http.execution.results import result_of
from gql.http.execution.sliced_executor import SlicedExecutor
from gql.http.protocol.json_encoding import held_bytes
from gql.http.protocol.messages import failed

from .shared_answers import SharedAnswers, selection_key


class Told(Protocol):
    """What a source of events gives: the event, in which context to execute, where to go on."""

    @property
    def event(self) -> Any:
        """The root of the selection; hashable."""
        ...

    @property
    def context(self) -> Any:
        """The context of its execution; `rights` and `version` tell what it shows."""
        ...

    @property
    def cursor(self) -> str:
        """Where to go on from after it."""
        ...


class Answer(NamedTuple):
    """One of many answers: the JSON of the response, and where to go on from after it."""

    body: bytes
    cursor: str


Answers = AsyncGenerator[Answer, None]

_VARIABLES = 2
"""Variables are held as they were sent, and as the filter that was made of them."""
_BYTES_OF_A_UNIT = 256
"""To go through a filter takes about a microsecond for so many bytes of it."""


class Operations:
    """Executes whatever a client sends: queries and mutations by `execute`, subscriptions here.

    `limit` knows the documents, and what they may cost.
    """

    def __init__(self, limit: CostLimit, execute: Executor) -> None:
        self.execute = execute
        self._limit = limit
        self.shared = SharedAnswers()
        self._reference = limit.reference

    @property
    def max_cost(self) -> int:
        """The most that an operation may cost."""
        return self._limit.settings.maximum

    def event_cost(self, request: GraphQLRequest, max_bytes: int) -> int:
        """What one event costs for a subscription, in units of `CostSettings`: its values, and its
        filter; 0 where the operation is not valid, which `subscribe` tells.

        `max_bytes`: what it may take in memory. Raises: SubscriptionTooLargeError: it takes more.
        """
        document = self._reference.get_document(request.query)
        if document.errors:
            return 0
        operation_bytes = tree_bytes(request.query, document)
        size_bytes = operation_bytes + _VARIABLES * held_bytes(request.variables)
        if size_bytes > max_bytes:
            raise SubscriptionTooLargeError(
                f"The subscription would take about {size_bytes} bytes of memory as long as it "
                f"lasts, {operation_bytes} of them for its operation; at most {max_bytes} are "
                "allowed. Select fewer fields, or filter by fewer or shorter values."
            )
        cost = self._limit.estimate_cost(request) + size_bytes // _BYTES_OF_A_UNIT
        return min(cost, self.max_cost)

    async def kind(self, request: GraphQLRequest) -> OperationType | None:
        """What a request asks to execute; None where that cannot be told."""
        await self._reference.load_document(request)
        operation = self._reference.get_document(request.query).find_operation(
            request.operation_name
        )
        return operation.operation if operation else None

    async def subscribe(
        self, request: GraphQLRequest, context: Any, turn: asyncio.Lock
    ) -> Answers | Result:
        """The answers to a subscription, which has begun when this returns; or why it has not.

        `turn` is held from before an answer is made until the next one is asked for: a client that
        reads slowly has one answer held for it, however many subscriptions share the lock.
        """
        document = self._reference.get_document(request.query)
        if document.errors:
            return failed(*document.errors)
        cost = self._limit.estimate_cost(request)
        if cost > self._limit.settings.maximum:
            return failed(self._limit.refusal(request, cost))
        executor = self._executor(request, context)
        if isinstance(executor, list):
            return failed(*(format_request_error(error, BAD_USER_INPUT) for error in executor))
        begun = create_source_event_stream(executor)
        stream = await begun if inspect.isawaitable(begun) else begun
        if isinstance(stream, ExecutionResult):
            return failed(*format_field_errors(stream.errors or ()))
        assert document.ast is not None  # noqa: S101  # it has no errors
        return self._answers(executor, stream, selection_key(request, document.ast), turn)

    async def _answers(
        self,
        executor: SlicedExecutor,
        stream: AsyncIterable[Told],
        selection: bytes,
        turn: asyncio.Lock,
    ) -> Answers:
        async with aclosing(stream):  # type: ignore[type-var]  # a generator, as `follow` is one
            async for told in stream:
                await told.context.job.pause()  # a write is news to all subscribers at once
                # All that a body depends on, and nothing of who is the first to ask for it.
                key = (selection, told.context.rights, told.context.version, told.event)
                async with turn:
                    body = await self.shared.get(key, partial(_body, executor, told))
                    yield Answer(body, told.cursor)

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


async def _body(executor: SlicedExecutor, told: Told) -> bytes:
    """The response to one event."""
    of_event: Any = executor.build_per_event_executor(told.event)
    of_event.use_context(told.context)
    executed: Any = execute_subscription_event(of_event)
    result = await executed if inspect.isawaitable(executed) else executed
    return result_of(result, None).body
