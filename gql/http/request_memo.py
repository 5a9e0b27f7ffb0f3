"""The memo of a cached request: what executors can reuse when the request is repeated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from gql.scheduler import Job

from .documents import GraphQLDocument


class PreparedQuery(Protocol):
    """A prepared query: a plan with the values of its variables, for one set of permissions.

    The query's document owns the plan. When the document cache evicts the document, the plan is
    freed, and `is_valid` is false.
    """

    @property
    def operation_name(self) -> str | None:
        """The name of the operation; None if it has none."""
        ...

    @property
    def is_valid(self) -> bool:
        """Whether the plan still exists."""
        ...

    def run_sync(self, snapshot: Any) -> Sequence[bytes | memoryview] | None:
        """The JSON of the response in pieces, without waiting; None: use another executor."""
        ...

    async def run(self, snapshot: Any, job: Job | None = None) -> Sequence[bytes | memoryview]:
        """The JSON of the response in pieces, in the time slices of a job.

        Raises: any exception: use another executor.
        """
        ...


class RequestMemo:
    """The memo of one cached request.

    Attributes:
        document: The document, during execution only; see `release`.
        cost: The estimated cost; None if not computed yet.
        prepared: The prepared queries by permission key; None for one that cannot be compiled.
    """

    __slots__ = ("cost", "document", "prepared")

    def __init__(self) -> None:
        self.document: GraphQLDocument | None = None
        self.cost: int | None = None
        self.prepared: dict[bytes, PreparedQuery | None] = {}

    def release(self) -> None:
        """Drop the reference to the document, which only the document cache may own for longer."""
        self.document = None
