"""The metrics of GraphQL operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter

from .http import OTHER
from .pending import PendingCounts

MAX_OPERATIONS = 100
"""The maximum number of operation names with a label of their own, since clients make them up.

It holds for authenticated clients, and again for anonymous ones, who cannot use up the others'.
"""
MAX_NAME_LENGTH = 200
"""The maximum length of such a name."""
UNNAMED = "anonymous"
"""The label of operations without a name."""


class OperationLabels:
    """The operation names that have a label of their own."""

    def __init__(self) -> None:
        self._anonymous: set[str | None] = set()
        self._authenticated: set[str | None] = set()

    def label(self, name: str | None, *, is_authenticated: bool) -> str | None:
        """The label of an operation name; OTHER if there are too many names, or it is too long."""
        if name not in self._anonymous and name not in self._authenticated:
            names = self._authenticated if is_authenticated else self._anonymous
            if len(names) >= MAX_OPERATIONS or len(name or "") > MAX_NAME_LENGTH:
                name = OTHER
            names.add(name)
        return name


class GraphQLMetrics:
    """Counters of GraphQL operations, errors and executors.

    `executions`: the number of queries by executor, which the executor counts.
    """

    def __init__(self, registry: CollectorRegistry, executions: Mapping[str, int]) -> None:
        self._operations = Counter(
            "newsgraph_graphql_operations",
            f"GraphQL operations by name, at most {MAX_OPERATIONS} names of anonymous clients and "
            "as many of clients with a key.",
            ("operation",),
            registry=registry,
        )
        self._operation_seconds = Counter(
            "newsgraph_graphql_operation_seconds",
            "The total duration of GraphQL operations, by name.",
            ("operation",),
            registry=registry,
        )
        self._errors = Counter(
            "newsgraph_graphql_errors",
            "GraphQL responses with an error of this code.",
            ("code",),
            registry=registry,
        )
        self._executions = Counter(
            "newsgraph_graphql_executions",
            "Queries by executor: compiled, or the reason for the fallback to graphql-core.",
            ("way",),
            registry=registry,
        )
        self._execution_counts = executions
        self._exported = dict.fromkeys(executions, 0)

    def count_errors(self, codes: Iterable[str]) -> None:
        """Count the error codes of a response."""
        for code in codes:
            self._errors.labels(code).inc()

    def add(self, name: str | None, pending: PendingCounts) -> None:
        """Add pending counts of requests with an operation of this name."""
        if pending.operations:
            label = UNNAMED if name is None else name
            self._operations.labels(label).inc(pending.operations)
            self._operation_seconds.labels(label).inc(pending.duration_s)

    def flush(self) -> None:
        """Add the executions since the last flush."""
        for executor, count in self._execution_counts.items():
            if count > self._exported[executor]:
                self._executions.labels(executor).inc(count - self._exported[executor])
                self._exported[executor] = count
