"""The compiled way in front of the reference: takes what it can, hands on the rest."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from types import EllipsisType

import structlog
from graphql import GraphQLError, OperationDefinitionNode, OperationType

from store import QueryError, Snapshot, StoreError, Visibility

from ..garbage import cycles_freed
from ..http import GraphQLRequest, Pipeline, Ready, Result
from ..http.documents import Document
from ..http.execution import COMPILED
from ..http.request_memo import PreparedQuery
from ..schema.context import Context, PageSizes
from ..viewer import Viewer
from .alongside import Buffer
from .arguments import SurpriseError, Variables
from .cache import FragmentCache
from .collect import UnsupportedError, directive_variables
from .compile import Compiler
from .operation_plan import OperationPlan
from .run import Run, without_waiting

PLAN_BYTES, PLAN_NODE_BYTES = 8_000, 320
"""What a plan takes, and how much more for each node of its document at most; measured."""

log = structlog.get_logger(__name__)


class GivenUpError(Exception):
    """The plan has failed too often to be tried for this request."""


class Prepared:
    """A `PreparedQuery`: the plan that a request asks for, its variables, and its rights.

    Attributes:
        reference: Has the document cache, where each execution counts as a use of the document.
        text: The document's text.
        variables: The request's variables.
        visibility: Which articles the viewer may see.
        counts: Where answers are counted.
        operation_name: The operation's name, if it has one.
    """

    __slots__ = (
        "_plan",
        "counts",
        "operation_name",
        "reference",
        "text",
        "variables",
        "visibility",
    )

    def __init__(  # noqa: PLR0913, PLR0917  # what they are is above
        self,
        reference: Pipeline,
        text: str,
        plan: OperationPlan,
        variables: Variables,
        visibility: Visibility,
        counts: dict[str, int],
        operation_name: str | None,
    ) -> None:
        self.reference = reference
        self.text = text
        self._plan = weakref.ref(plan)  # its document keeps it
        self.variables = variables
        self.visibility = visibility
        self.counts = counts
        self.operation_name = operation_name

    @property
    def is_valid(self) -> bool:
        """Whether the plan is still kept."""
        return self._plan() is not None

    def at_once(self, snapshot: Snapshot) -> Sequence[Buffer] | None:
        """The answer without waiting; see `Ready`."""
        plan = self._plan()
        if plan is None:
            return None
        found = self.variables.found  # by the same request
        if found is not None and found.version == snapshot.version:
            pieces = found.pieces()
            if pieces is not None and plan.around is not None:
                self.reference.documents.get(self.text)
                self.counts[COMPILED] += 1
                before, after = plan.around
                return before, *pieces, after
        try:
            return without_waiting(self.answer(snapshot))
        except Exception:  # noqa: BLE001  # asked again, it is counted and explained
            return None

    async def answer(self, snapshot: Snapshot) -> Sequence[Buffer]:
        """The compiled way's answer, in pieces. Raises: SurpriseError, or anything: it has none."""
        plan, variables = self._plan(), self.variables
        if plan is None:
            raise SurpriseError("evicted")
        self.reference.documents.get(self.text)
        if variables.surprised == snapshot.version:
            raise SurpriseError("again")  # nothing is different from the last time
        if not plan.takes_request():
            raise GivenUpError
        try:
            plan.check(variables)
            pieces = await Run(snapshot, self.visibility, variables).answer(plan)
        except Exception as error:
            plan.bails += 1
            if isinstance(error, SurpriseError | QueryError):
                variables.surprised = snapshot.version
            raise
        self.counts[COMPILED] += 1
        return pieces


class CompiledPipeline:
    """Executes queries by compiled plans; what it does not take goes to the reference.

    Its answers are those of the reference, byte for byte: whatever could make them differ, errors
    first of all, is left to the reference, which is asked again from the start. Queries have no
    effects, so nothing happens twice.
    """

    def __init__(
        self,
        reference: Pipeline,
        sizes: PageSizes,
        *,
        fragment_cache_bytes: int,
    ) -> None:
        self.reference = reference
        self.cache = FragmentCache(fragment_cache_bytes)
        self.compiler = Compiler(reference.schema, sizes, self.cache)
        self.counts = dict.fromkeys((COMPILED, "unsupported", "surprise", "given up", "fault"), 0)

    async def __call__(
        self, request: GraphQLRequest, context: Context, *, read_only: bool = False
    ) -> Result:
        """The result of a request."""
        prepared = self.prepared(request, context.viewer)
        if prepared is None:
            self.counts["unsupported"] += 1
        else:
            try:
                pieces = await prepared.answer(context.snapshot)
            except Exception as error:  # noqa: BLE001  # the reference has the words for it
                self.count(error)
            else:
                return Result(
                    body=b"".join(pieces),
                    has_data=True,
                    operation_name=prepared.operation_name,
                    way=COMPILED,
                )
        return await self.reference(request, context, read_only=read_only)

    def ready(self, request: GraphQLRequest, viewer: Viewer) -> Ready | None:
        """See `ExecuteReady`."""
        prepared = self.prepared(request, viewer)
        return None if prepared is None else Ready(prepared.at_once, prepared.operation_name)

    def prepared(self, request: GraphQLRequest, viewer: Viewer) -> PreparedQuery | None:
        """What a request asks, found out when it comes for the first time with these rights."""
        by_rights = request.memo.prepared
        prepared: PreparedQuery | EllipsisType | None = by_rights.get(viewer.mark, ...)
        if prepared is ... or not (prepared is None or prepared.is_valid):
            prepared = by_rights[viewer.mark] = self.prepare(request, viewer)
        return prepared

    def prepare(self, request: GraphQLRequest, viewer: Viewer) -> Prepared | None:
        """What a request asks; None where the compiled way does not take it."""
        document, operation = self.reference.find(request)
        if operation is None or operation.operation is not OperationType.QUERY:
            return None
        variables = Variables(self.compiler.graphql, operation, request.variables or {})
        try:
            plan = self.plan(request.query, document, operation, variables, viewer)
        except SurpriseError:
            return None
        except Exception as error:  # noqa: BLE001  # a fault here must not be the client's
            self.count(error)
            return None
        if plan is None:
            return None
        name = operation.name.value if operation.name else None
        return Prepared(
            self.reference, request.query, plan, variables, viewer.visibility, self.counts, name
        )

    def count(self, error: Exception) -> None:
        """Count what stopped the compiled way: something to be expected, or a fault of ours."""
        if isinstance(error, GivenUpError):
            self.counts["given up"] += 1
        elif isinstance(error, SurpriseError | StoreError):
            self.counts["surprise"] += 1
        else:
            self.counts["fault"] += 1
            log.warning("compiled_execution_failed", exc_info=error)

    def plan(
        self,
        text: str,
        document: Document,
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
        document: Document,
        operation: OperationDefinitionNode,
        variables: Variables,
        viewer: Viewer,
    ) -> OperationPlan | None:
        """A new plan. Raises: SurpriseError: the variables that directives need do not fit."""
        assert document.ast is not None  # noqa: S101  # see above
        try:
            with cycles_freed():
                return self.compiler.compile(
                    document.ast,
                    operation,
                    variables.coerced,
                    may_read_secured=viewer.may_read_secured,
                )
        except UnsupportedError:
            return None
        except GraphQLError as error:
            raise SurpriseError(str(error)) from error
