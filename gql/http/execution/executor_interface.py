"""The interface of executors: from a request and its context to a result.

Executors are chained: idempotency, cost limit, compiled plans, graphql-core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from gql.errors import Headers
from gql.http.protocol.messages import GraphQLRequest, Result

COMPILED = "compiled"
"""The name of the compiled executor in results and metrics."""


class Executor(Protocol):
    """Executes operations."""

    async def __call__(
        self, request: GraphQLRequest, context: Any, *, read_only: bool = False
    ) -> Result:
        """Execute a request in a context; `read_only` refuses mutations."""
        ...


RunSync = Callable[[Any], Sequence[bytes | memoryview] | None]
"""Runs a query on a snapshot of the store without waiting: the JSON of its response in pieces. None
where the response has errors or the query has to wait, so that `Executor` has to be called."""


class SyncQuery(msgspec.Struct, frozen=True):
    """A query that is prepared for synchronous execution, for one set of permissions.

    Attributes:
        run: Runs it.
        operation_name: The operation's name, if it has one.
        headers: Header fields of its responses.
    """

    run: RunSync
    operation_name: str | None
    headers: Headers = ()


class SyncExecutor(Executor, Protocol):
    """An executor that executes some queries synchronously, without a task."""

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of queries by outcome: compiled, unsupported, fallback, disabled, fault."""
        ...

    def has_document(self, request: GraphQLRequest) -> bool:
        """Whether the request's document is cached, or was just refused."""
        ...

    async def load_document(self, request: GraphQLRequest) -> None:
        """Parse and validate the request's document in a thread, if it is long and not cached."""
        ...

    def sync_query(self, request: GraphQLRequest, viewer: Any) -> SyncQuery | None:
        """The request, prepared for the viewer's permissions; None where it cannot run sync."""
        ...
