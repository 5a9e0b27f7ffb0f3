"""The plan of a whole operation, and when it is disabled."""

from __future__ import annotations

from collections.abc import Sequence

from gql.executor.rows.rows_by_ordinal import Buffer

from .arguments import ArgumentCoercer, RequestVariables
from .plan import LinkPlan

MAX_FAILURES = 10
"""A plan with more failures than these, and in more than half of its runs, is disabled."""


class OperationPlan:
    """The plan of a query.

    Attributes:
        links: The plans of its root fields.
        envelope: The JSON around their values: n links -> n + 1 pieces.
        is_slow: Whether it calls a resolver that may take milliseconds.
        runs: How often a request was to run it. Its users count them.
        failures: How often it fell back to the reference executor.
    """

    __slots__ = (
        "__weakref__",
        "_coercer",
        "envelope",
        "failures",
        "is_slow",
        "links",
        "runs",
    )

    def __init__(
        self,
        links: Sequence[LinkPlan],
        envelope: Sequence[bytes],
        coercer: ArgumentCoercer,
        *,
        is_slow: bool = False,
    ) -> None:
        self.is_slow = is_slow
        self.links = tuple(links)
        self.envelope = tuple(envelope)
        self.runs = 0
        self.failures = 0
        self._coercer = coercer

    @property
    def is_disabled(self) -> bool:
        """Whether requests go to the reference executor at once, because most end there.

        Runs of a disabled plan are counted, too, so it is tried again later: one client's invalid
        cursors must not disable it for all clients and for good.
        """
        return self.failures > MAX_FAILURES and self.failures * 2 > self.runs

    def assemble(self, values: Sequence[Sequence[Buffer]]) -> Sequence[Buffer]:
        """The JSON of a response in pieces, given that of each root field."""
        envelope = self.envelope
        if len(values) == 1:
            return [envelope[0], *values[0], envelope[1]]
        pieces: list[Buffer] = [envelope[0]]
        for value, after in zip(values, envelope[1:], strict=True):
            pieces += value
            pieces.append(after)
        return pieces

    def check(self, variables: RequestVariables) -> None:
        """Check that all variables fit the operation. Raises: FallbackError: they do not.

        graphql-core coerces all variables. A plan coerces only those of fields that are executed.
        """
        if not variables.are_checked:
            self._coercer.check(variables)
            variables.are_checked = True
