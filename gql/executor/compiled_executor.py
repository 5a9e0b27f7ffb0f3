"""The compiled way in front of the reference: takes what it can, hands on the rest."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from types import EllipsisType

import structlog
from graphql import GraphQLError, OperationDefinitionNode, OperationType

from gql.gc_tuning import freeing_cycles
from gql.http import GraphQLRequest, ReferenceExecutor, Result, SyncQuery
from gql.http.documents import GraphQLDocument
from gql.http.execution.executor_interface import COMPILED
from gql.http.request_memo import PreparedQuery
from gql.identity.viewer import Viewer
from gql.scheduler import Job
from gql.schema.context import Context, PageSizes
from store import QueryError, Snapshot, StoreError, Visibility
from store.errors import clear_tracebacks

from .compiler import Compiler
from .execution import PlanExecution, without_waiting
from .planning.arguments import FallbackError, Variables
from .planning.field_collection import UnsupportedError, directive_variables
from .planning.operation_plan import OperationPlan
from .rows.row_cache import RowCache
from .rows.rows_by_ordinal import Buffer

PLAN_BYTES, PLAN_NODE_BYTES = 8_000, 320
"""What a plan takes, and how much more for each node of its document at most; measured."""

USES = 8
"""Of how many runs one is a look-up of the document: each takes as long as one of a row."""

LONG = 20_000
"""From which cost on, in microseconds, an operation is executed in time slices."""

log = structlog.get_logger(__name__)


class DisabledError(Exception):
    """The plan has failed too often to be tried for this request."""


class Prepared:
    """A `PreparedQuery`: the plan of a request, its variables, its viewer's rights.

    Attributes:
        find_document: a look-up in the document cache: an execution is a use of its document.
        text: the document's text.
        variables: those of the request.
        visibility: the documents that the viewer may see.
        counts: where its answers are counted.
        operation_name: of the operation, if it has one.
        is_long: whether it is executed in time slices, unless all of it is cached.
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

    def __init__(  # noqa: PLR0913, PLR0917  # what they are is above
        self,
        find_document: Callable[[str], GraphQLDocument | None],
        text: str,
        plan: OperationPlan,
        variables: Variables,
        visibility: Visibility,
        counts: dict[str, int],
        operation_name: str | None,
        *,
        is_long: bool = False,
    ) -> None:
        self.is_long = is_long
        self.find_document = find_document
        self.text = text
        self._plan = weakref.ref(plan)  # which belongs to its document
        self.variables = variables
        self.visibility = visibility
        self.counts = counts
        self.operation_name = operation_name

    @property
    def is_valid(self) -> bool:
        """Whether its plan is still cached."""
        return self._plan() is not None

    def run_sync(self, snapshot: Snapshot) -> Sequence[Buffer] | None:
        """The answer without waiting; see `SyncQuery`."""
        plan, variables = self._plan(), self.variables
        located, state = variables.located, variables.located_state
        if (
            plan is not None
            and located
            and state in (snapshot.edits.structure_version, snapshot.version)
        ):
            values = []
            for each in located:
                pieces = each.pieces(snapshot, self.visibility)
                if pieces is None:
                    break
                values.append(pieces)
            else:
                self.counts[COMPILED] += 1
                self._note_use(plan)
                return plan.assemble(values)
        if self.is_long:
            return None
        try:
            return without_waiting(self.run(snapshot))
        except Exception:  # noqa: BLE001  # asked again, it is counted and explained
            return None

    def _note_use(self, plan: OperationPlan) -> None:
        """Count a run, and one in a few as a use of the document, which keeps it in its cache."""
        plan.runs += 1
        if plan.runs % USES == 1:
            self.find_document(self.text)

    async def run(self, snapshot: Snapshot, job: Job | None = None) -> Sequence[Buffer]:
        """The JSON of the answer, in pieces. Raises: FallbackError, or anything: there is none."""
        plan, variables = self._plan(), self.variables
        if plan is None:
            raise FallbackError("evicted")
        if variables.failed_version == snapshot.version:
            raise FallbackError("again")  # nothing is different from the last time
        self._note_use(plan)
        if plan.is_disabled:
            raise DisabledError
        try:
            plan.check(variables)
            execution = PlanExecution(snapshot, self.visibility, variables, job)
            pieces = await execution.answer(plan)
        except Exception as error:
            plan.failures += 1
            if isinstance(error, FallbackError | QueryError):
                variables.failed_version = snapshot.version
            raise
        finally:
            variables.release()
        self.counts[COMPILED] += 1
        return pieces


class CompiledExecutor:
    """Executes queries by compiled plans; what it does not take goes to the reference.

    Its answers are those of the reference, byte for byte: whatever could make them differ, errors
    first of all, is left to the reference, which is asked again from the start. Queries have no
    effects, so nothing happens twice.
    """

    def __init__(
        self,
        reference: ReferenceExecutor,
        sizes: PageSizes,
        *,
        fragment_cache_bytes: int,
    ) -> None:
        self.reference = reference
        self.rows = RowCache(fragment_cache_bytes)
        self.compiler = Compiler(reference.schema, sizes, self.rows)
        self.counts = dict.fromkeys((COMPILED, "unsupported", "fallback", "disabled", "fault"), 0)

    async def __call__(
        self, request: GraphQLRequest, context: Context, *, read_only: bool = False
    ) -> Result:
        """The result of a request."""
        prepared = self.prepared(request, context.viewer)
        if prepared is None:
            self.counts["unsupported"] += 1
        else:
            try:
                pieces = await prepared.run(context.snapshot, context.job)
            except Exception as error:  # noqa: BLE001  # the reference has the words for it
                self.count(error)
            else:
                return Result(
                    body=b"".join(pieces),
                    has_data=True,
                    operation_name=prepared.operation_name,
                    executor=COMPILED,
                )
        return await self.reference(request, context, read_only=read_only)

    def has_document(self, request: GraphQLRequest) -> bool:
        """See `SyncExecutor`."""
        return self.reference.has_document(request)

    async def load_document(self, request: GraphQLRequest) -> None:
        """See `SyncExecutor`."""
        await self.reference.load_document(request)

    def sync_query(self, request: GraphQLRequest, viewer: Viewer) -> SyncQuery | None:
        """See `SyncExecutor`."""
        prepared = self.prepared(request, viewer)
        return None if prepared is None else SyncQuery(prepared.run_sync, prepared.operation_name)

    def prepared(self, request: GraphQLRequest, viewer: Viewer) -> PreparedQuery | None:
        """What a request asks, found out when it comes for the first time with these rights."""
        by_rights = request.memo.prepared
        prepared: PreparedQuery | EllipsisType | None = by_rights.get(viewer.permission_key, ...)
        if prepared is ... or not (prepared is None or prepared.is_valid):
            prepared = by_rights[viewer.permission_key] = self.prepare(request, viewer)
        return prepared

    def prepare(self, request: GraphQLRequest, viewer: Viewer) -> Prepared | None:
        """What a request asks; None where the compiled way does not take it."""
        document, operation = self.reference.find_operation(request)
        if operation is None or operation.operation is not OperationType.QUERY:
            return None
        variables = Variables(request.variables or {})
        try:
            plan = self.plan(request.query, document, operation, variables, viewer)
        except FallbackError:
            return None
        except Exception as error:  # noqa: BLE001  # a fault here must not be the client's
            self.count(error)
            return None
        if plan is None:
            return None
        name = operation.name.value if operation.name else None
        find, text = self.reference.documents.get, request.query
        is_long = (request.memo.cost or 0) > LONG
        return Prepared(
            find, text, plan, variables, viewer.visibility, self.counts, name, is_long=is_long
        )

    def count(self, error: Exception) -> None:
        """Count what stopped the compiled way: something to be expected, or a fault of ours."""
        if isinstance(error, DisabledError):
            self.counts["disabled"] += 1
        elif isinstance(error, FallbackError | StoreError):
            self.counts["fallback"] += 1
        else:
            self.counts["fault"] += 1
            log.warning("compiled_execution_failed", exc_info=error)

    def plan(
        self,
        text: str,
        document: GraphQLDocument,
        operation: OperationDefinitionNode,
        variables: Variables,
        viewer: Viewer,
    ) -> OperationPlan | None:
        """The plan for a request, compiled if it is the first of its kind; None: unsupported."""
        if document.errors or document.ast is None:
            return None
        if document.directive_variables is None:
            document.directive_variables = directive_variables(document.ast)
        key = (
            self,  # another pipeline's plans keep their results in another cache
            id(operation),
            viewer.visibility is Visibility.ALL,
            viewer.may_read_secured,
            variables.key(document.directive_variables),
        )
        plan: OperationPlan | EllipsisType | None = document.plans.get(key, ...)
        if plan is ...:
            plan = self.first_plan(document, operation, variables, viewer)
            document.add_plan(key, plan, PLAN_BYTES + PLAN_NODE_BYTES * document.nodes)
            self.reference.documents.resize(text, document)
        return plan

    def first_plan(
        self,
        document: GraphQLDocument,
        operation: OperationDefinitionNode,
        variables: Variables,
        viewer: Viewer,
    ) -> OperationPlan | None:
        """A new plan. Raises: FallbackError: the variables that directives need do not fit."""
        assert document.ast is not None  # noqa: S101  # see above
        try:
            with freeing_cycles():
                return self.compiler.compile(
                    document.ast,
                    operation,
                    variables,
                    may_read_secured=viewer.may_read_secured,
                )
        except UnsupportedError:
            return None
        except GraphQLError as error:
            clear_tracebacks(error)
            raise FallbackError(str(error)) from None
