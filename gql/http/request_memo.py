"""What those who execute a request remember of it, for when the same request comes again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from gql.scheduler import Job

from .documents import GraphQLDocument


class PreparedQuery(Protocol):
    """A query that the compiled executor has a plan for, with its variables and rights.

    The plan belongs to the query's document: when the document cache evicts that, the plan is gone,
    and `is_valid` false.
    """

    @property
    def operation_name(self) -> str | None:
        """The operation's name, if it has one."""
        ...

    @property
    def is_valid(self) -> bool:
        """Whether its plan is still kept."""
        ...

    def run_sync(self, snapshot: Any) -> Sequence[bytes | memoryview] | None:
        """The JSON of the answer in pieces, without waiting; None: execute it the long way."""
        ...

    async def run(self, snapshot: Any, job: Job | None = None) -> Sequence[bytes | memoryview]:
        """The same, in the time slices of a job. Raises: anything: there is no answer."""
        ...


class RequestMemo:
    """What is remembered of one request.

    Attributes:
        document: The request's document, while it is being executed; see `release`.
        cost: What it may cost.
        prepared: By scope key, what the compiled executor takes; None for what it does not take.
    """

    __slots__ = ("cost", "document", "prepared")

    def __init__(self) -> None:
        self.document: GraphQLDocument | None = None
        self.cost: int | None = None
        self.prepared: dict[bytes, PreparedQuery | None] = {}

    def release(self) -> None:
        """Let go of the document, which the document cache alone keeps for longer."""
        self.document = None
