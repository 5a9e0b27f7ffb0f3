"""The interface of executors: from a request and its context to a result.

Its implementations stand around each other: cost limit, idempotency, compiled plans, graphql-core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from gql.errors import Headers
from gql.http.protocol.messages import GraphQLRequest, Result

COMPILED = "compiled"
"""The way of what is ready."""


class Executor(Protocol):
    """Whatever executes operations: the pipeline on graphql-core, or something around it."""

    async def __call__(
        self, request: GraphQLRequest, context: Any, *, read_only: bool = False
    ) -> Result:
        """Execute the request for a context; `read_only` refuses everything but queries."""
        ...


Run = Callable[[Any], Sequence[bytes | memoryview] | None]
"""Gives the JSON of an answer without errors, in pieces, for a snapshot of the store that is read
without waiting; None where this takes the long way of `Executor`."""


class SyncQuery(msgspec.Struct, frozen=True):
    """A query made ready, for a viewer, to be answered as often as it is asked. `headers` go with
    the answer.
    """

    run: Run
    operation_name: str | None
    headers: Headers = ()


class SyncExecutor(Executor, Protocol):
    """What answers operations, and some of them without waiting."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many queries it has answered in which of its ways."""
        ...

    def has_document(self, request: GraphQLRequest) -> bool:
        """Whether the request's document need not be parsed and validated any more."""
        ...

    async def load_document(self, request: GraphQLRequest) -> None:
        """Parse and validate the request's document, if that takes long, without holding others."""
        ...

    def sync_query(self, request: GraphQLRequest, viewer: Any) -> SyncQuery | None:
        """The request made ready for those with this viewer's rights; None where it cannot be."""
        ...
