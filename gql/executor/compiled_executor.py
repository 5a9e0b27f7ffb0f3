"""The compiled executor: executes compiled plans, and falls back to the reference executor."""

from __future__ import annotations

from types import EllipsisType

import structlog
from graphql import GraphQLError, OperationDefinitionNode, OperationType

from gql.gc_tuning import freeing_cycles
from gql.http import GraphQLRequest, ReferenceExecutor, Result, SyncQuery
from gql.http.documents import GraphQLDocument
from gql.http.execution.executor_interface import COMPILED
from gql.http.request_memo import PreparedQuery
from gql.identity.viewer import Viewer
from gql.schema.context import Context, PageSizes
from store import StoreError, Visibility
from store.errors import clear_tracebacks

from .compiled_query import CompiledQuery
from .compiler import PlanCompiler
from .errors import FallbackError, PlanDisabledError, UnsupportedError
from .planning.arguments import RequestVariables
from .planning.field_collection import directive_variables
from .planning.operation_plan import OperationPlan
from .rows.row_cache import RowCache

PLAN_BYTES, PLAN_NODE_BYTES = 8_000, 320
"""The size of a plan, and the maximum for each node of its document, as measured."""

LONG_COST = 20_000
"""Operations of a higher cost, in microseconds, are executed in time slices."""

SLOW_COST = 1_000
"""The same for operations that render content: one document may take many milliseconds."""

log = structlog.get_logger(__name__)


class CompiledExecutor:
    """Executes queries with compiled plans, and all other requests by the reference executor.

    Its results are those of the reference executor, byte for byte. Where they could differ, above
    all in errors, the reference executor executes the request from the start. Queries have no side
    effects, so this is safe.

    Attributes:
        reference: The reference executor, which also has the document cache.
        row_cache: The row cache.
        compiler: The plan compiler.
        counts: See `SyncExecutor`.
    """

    def __init__(
        self,
        reference: ReferenceExecutor,
        sizes: PageSizes,
        *,
        row_cache_bytes: int,
    ) -> None:
        self.reference = reference
        self.row_cache = RowCache(row_cache_bytes)
        self.compiler = PlanCompiler(reference.schema, sizes, self.row_cache)
        self.counts = dict.fromkeys((COMPILED, "unsupported", "fallback", "disabled", "fault"), 0)

    async def __call__(
        self, request: GraphQLRequest, context: Context, *, read_only: bool = False
    ) -> Result:
        """See `Executor`."""
        prepared = self.prepare(request, context.viewer)
        if prepared is None:
            self.counts["unsupported"] += 1
        else:
            try:
                pieces = await prepared.run(context.snapshot, context.job)
            except Exception as error:  # noqa: BLE001  # the reference executor reports it
                self.count_failure(error)
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
        prepared = self.prepare(request, viewer)
        return None if prepared is None else SyncQuery(prepared.run_sync, prepared.operation_name)

    def prepare(self, request: GraphQLRequest, viewer: Viewer) -> PreparedQuery | None:
        """The compiled query of a request, memoized by permission key; None if unsupported."""
        memo, key = request.memo.prepared, viewer.permission_key
        prepared: PreparedQuery | EllipsisType | None = memo.get(key, ...)
        if prepared is ... or not (prepared is None or prepared.is_valid):
            prepared = memo[key] = self.compiled_query(request, viewer)
        return prepared

    def compiled_query(self, request: GraphQLRequest, viewer: Viewer) -> CompiledQuery | None:
        """A new compiled query; None if only the reference executor can execute the request.

        A preview has no rows in the row cache, which all viewers of one visibility share.
        """
        if viewer.preview is not None:
            return None
        document, operation = self.reference.find_operation(request)
        if operation is None or operation.operation is not OperationType.QUERY:
            return None
        variables = RequestVariables(request.variables or {})
        try:
            plan = self.plan(request.query, document, operation, variables, viewer)
        except FallbackError:
            return None
        except Exception as error:  # noqa: BLE001  # a bug here must not fail the request
            self.count_failure(error)
            return None
        if plan is None:
            return None
        return CompiledQuery(
            self.reference.cache_of(request.query).get,
            request.query,
            plan,
            variables,
            viewer.visibility,
            self.counts,
            operation.name.value if operation.name else None,
            is_long=(request.memo.cost or 0) > (SLOW_COST if plan.is_slow else LONG_COST),
        )

    def count_failure(self, error: Exception) -> None:
        """Count a failure by its kind: an expected fallback, or a fault, which is logged."""
        if isinstance(error, PlanDisabledError):
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
        variables: RequestVariables,
        viewer: Viewer,
    ) -> OperationPlan | None:
        """The plan of an operation, from its document or compiled; None: it is unsupported."""
        if document.errors or document.ast is None:
            return None
        if document.directive_variables is None:
            document.directive_variables = directive_variables(document.ast)
        key = (
            self,  # the plans of another executor use another row cache
            id(operation),
            viewer.visibility is Visibility.ALL,
            viewer.may_read_secured,
            variables.key(document.directive_variables),
        )
        plan: OperationPlan | EllipsisType | None = document.plans.get(key, ...)
        if plan is ...:
            plan = self.compile(document, operation, variables, viewer)
            document.add_plan(key, plan, PLAN_BYTES + PLAN_NODE_BYTES * document.nodes)
            self.reference.cache_of(text).resize(text, document)
        return plan

    def compile(
        self,
        document: GraphQLDocument,
        operation: OperationDefinitionNode,
        variables: RequestVariables,
        viewer: Viewer,
    ) -> OperationPlan | None:
        """Compile a plan; None: the operation is unsupported.

        Raises: FallbackError: the variables of directives are invalid.
        """
        assert document.ast is not None  # noqa: S101  # see `plan`
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
