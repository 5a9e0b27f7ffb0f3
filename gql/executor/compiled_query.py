"""Compiled queries: a plan bound to the variables and the permissions of one request."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence

from gql.http.documents import GraphQLDocument
from gql.http.execution.executor_interface import COMPILED
from gql.scheduler import Job
from store import QueryError, Snapshot, Visibility

from .errors import FallbackError, PlanDisabledError
from .execution import PlanExecution, run_sync
from .planning.arguments import RequestVariables
from .planning.operation_plan import OperationPlan
from .rows.rows_by_ordinal import Buffer

LOOKUP_INTERVAL = 8
"""One in so many runs also looks the document up. A look-up takes as long as that of a row."""


class CompiledQuery:
    """A `PreparedQuery`: a plan bound to one request's variables and one set of permissions.

    Attributes:
        find_document: A look-up in the document cache, which keeps the document from eviction.
        text: The document's text.
        variables: The variables of the request.
        visibility: The documents that the viewer may see.
        counts: Counts runs by outcome.
        operation_name: The operation's name, if it has one.
        is_long: Whether it is executed in time slices, unless all of it is cached.
    """

    __slots__ = (
        "_plan",
        "counts",
        "find_document",
        "is_long",
        "operation_name",
        "text",
        "variables",
        "visibility",
    )

    def __init__(  # noqa: PLR0913, PLR0917  # see the attributes
        self,
        find_document: Callable[[str], GraphQLDocument | None],
        text: str,
        plan: OperationPlan,
        variables: RequestVariables,
        visibility: Visibility,
        counts: dict[str, int],
        operation_name: str | None,
        *,
        is_long: bool = False,
    ) -> None:
        self.is_long = is_long
        self.find_document = find_document
        self.text = text
        self._plan = weakref.ref(plan)  # the plan belongs to its document
        self.variables = variables
        self.visibility = visibility
        self.counts = counts
        self.operation_name = operation_name

    @property
    def is_valid(self) -> bool:
        """Whether its plan is still cached."""
        return self._plan() is not None

    def run_sync(self, snapshot: Snapshot) -> Sequence[Buffer] | None:
        """The JSON of the response in pieces, without waiting; see `SyncQuery`."""
        plan, variables = self._plan(), self.variables
        cached, state = variables.cached_values, variables.cached_state
        if (
            plan is not None
            and cached
            and state in (snapshot.edits.structure_version, snapshot.version)
        ):
            values = []
            for each in cached:
                pieces = each.read(snapshot, self.visibility)
                if pieces is None:
                    break
                values.append(pieces)
            else:
                self.counts[COMPILED] += 1
                self._record_run(plan)
                return plan.assemble(values)
        if self.is_long:
            return None
        try:
            return run_sync(self.run(snapshot))
        except Exception:  # noqa: BLE001  # the caller executes it again, which counts and explains it
            return None

    def _record_run(self, plan: OperationPlan) -> None:
        """Count a run, and look the document up in one of several runs."""
        plan.runs += 1
        if plan.runs % LOOKUP_INTERVAL == 1:
            self.find_document(self.text)

    async def run(self, snapshot: Snapshot, job: Job | None = None) -> Sequence[Buffer]:
        """The JSON of the response, in pieces. Raises: FallbackError, or any other error."""
        plan, variables = self._plan(), self.variables
        if plan is None:
            raise FallbackError("evicted")
        if variables.failed_version == snapshot.version:
            raise FallbackError("again")  # it would fail for the same reason
        self._record_run(plan)
        if plan.is_disabled:
            raise PlanDisabledError
        try:
            plan.check(variables)
            execution = PlanExecution(snapshot, self.visibility, variables, job)
            pieces = await execution.run(plan)
        except Exception as error:
            plan.failures += 1
            if isinstance(error, FallbackError | QueryError):
                variables.failed_version = snapshot.version
            raise
        finally:
            variables.release()
        self.counts[COMPILED] += 1
        return pieces
