"""What a whole operation is compiled into, and for how long it is tried."""

from __future__ import annotations

from collections.abc import Sequence

from gql.executor.rows.rows_by_ordinal import Buffer

from .arguments import VariableReader, Variables
from .plan import LinkPlan

MAX_FAILURES = 10
"""A plan that has left more than these, and more than half of its requests, to graphql-core is
disabled.
"""


class OperationPlan:
    """A whole query.

    Attributes:
        links: the fields at its root.
        envelope: the JSON around their values: n links -> n + 1 pieces.
        runs: how often it was to be used; each user counts it.
        failures: how often it had no answer.
    """

    __slots__ = (
        "__weakref__",
        "_reader",
        "envelope",
        "failures",
        "links",
        "runs",
    )

    def __init__(
        self,
        links: Sequence[LinkPlan],
        envelope: Sequence[bytes],
        reader: VariableReader,
    ) -> None:
        self.links = tuple(links)
        self.envelope = tuple(envelope)
        self.runs = 0
        self.failures = 0
        self._reader = reader

    @property
    def is_disabled(self) -> bool:
        """Whether to leave requests to graphql-core, for they mostly end there.

        Runs are counted in any case, so that a disabled plan is tried again some day: somebody's
        wrong cursors must not slow it down for everyone and for good.
        """
        return self.failures > MAX_FAILURES and self.failures * 2 > self.runs

    def assemble(self, values: Sequence[Sequence[Buffer]]) -> Sequence[Buffer]:
        """The JSON of an answer, given that of each field at the root, in pieces."""
        envelope = self.envelope
        if len(values) == 1:
            return [envelope[0], *values[0], envelope[1]]
        pieces: list[Buffer] = [envelope[0]]
        for value, after in zip(values, envelope[1:], strict=True):
            pieces += value
            pieces.append(after)
        return pieces

    def check(self, variables: Variables) -> None:
        """See that all variables fit the operation. Raises: FallbackError: they do not.

        Fields that a request leaves out do not coerce their variables, and graphql-core does.
        """
        if not variables.are_checked:
            self._reader.check(variables)
            variables.are_checked = True
