"""The compiled way in front of the reference: takes what it can, hands on the rest."""

from __future__ import annotations

from typing import NamedTuple

import structlog
from graphql import GraphQLError, OperationDefinitionNode, OperationType

from store import StoreError

from ..http import GraphQLRequest, Pipeline, Result
from ..http.documents import Document
from ..schema.context import Context, PageSizes
from ..viewer import Scope
from .arguments import SurpriseError, Variables
from .cache import FragmentCache
from .collect import UnsupportedError, directive_variables
from .compile import Compiler
from .plan import OperationPlan
from .render import to_json
from .run import Run

MAX_PLANS = 64
"""How many plans a document may have: operations, times outcomes of directives, times rights."""

log = structlog.get_logger(__name__)


class Prepared(NamedTuple):
    """What a request was found to ask: of which plan, with which variables."""

    plan: OperationPlan
    variables: Variables
    operation_name: str | None


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
        self.compiler = Compiler(reference.schema, sizes)
        self.cache = FragmentCache(fragment_cache_bytes)
        self.counts: dict[str, int] = {"compiled": 0, "unsupported": 0, "surprise": 0, "fault": 0}

    async def __call__(
        self, request: GraphQLRequest, context: Context, *, read_only: bool = False
    ) -> Result:
        """The result of a request."""
        rights = context.viewer.mark
        try:
            prepared: Prepared | None = request.memo[rights]
        except KeyError:
            prepared = request.memo[rights] = self.prepare(request, context)
        if prepared is None:
            self.counts["unsupported"] += 1
        elif prepared.plan.takes_request():
            body = await self.compiled(prepared, context)
            if body is not None:
                return Result(
                    body=body,
                    has_data=True,
                    operation_name=prepared.operation_name,
                    way="compiled",
                )
        return await self.reference(request, context, read_only=read_only)

    async def compiled(self, prepared: Prepared, context: Context) -> bytes | None:
        """The compiled way's answer; None where it has none."""
        plan, variables, _ = prepared
        try:
            plan.check(variables)
            run = Run(context.snapshot, context.viewer.visibility, variables, self.cache)
            body = to_json({"data": await run.root(plan.root)})
        except Exception as error:  # noqa: BLE001  # the reference has the words for it
            plan.bails += 1
            self.count(error)
            return None
        self.counts["compiled"] += 1
        return body

    def prepare(self, request: GraphQLRequest, context: Context) -> Prepared | None:
        """What a request asks; None where the compiled way does not take it."""
        document = self.reference.prepare(request.query)
        operation = document.find(request.operation_name)
        if operation is None or operation.operation is not OperationType.QUERY:
            return None
        variables = Variables(self.compiler.graphql, operation, request.variables or {})
        try:
            plan = self.plan(document, operation, variables, context)
        except SurpriseError:
            return None
        except Exception as error:  # noqa: BLE001  # a fault here must not be the client's
            self.count(error)
            return None
        if plan is None:
            return None
        return Prepared(plan, variables, operation.name.value if operation.name else None)

    def count(self, error: Exception) -> None:
        """Count what stopped the compiled way: something to be expected, or a fault of ours."""
        if isinstance(error, SurpriseError | StoreError):
            self.counts["surprise"] += 1
        else:
            self.counts["fault"] += 1
            log.warning("compiled_execution_failed", exc_info=error)

    def plan(
        self,
        document: Document,
        operation: OperationDefinitionNode,
        variables: Variables,
        context: Context,
    ) -> OperationPlan | None:
        """The plan for a request, compiled if it is the first of its kind; None: unsupported."""
        if document.errors or document.ast is None:
            return None
        if document.directive_variables is None:
            document.directive_variables = directive_variables(document.ast)
        key = (
            id(operation),
            context.viewer.visibility,
            Scope.READ_SECURED in context.viewer.scopes,
            variables.key(document.directive_variables),
        )
        try:
            plan: OperationPlan | None = document.plans[key]
        except KeyError:
            if len(document.plans) >= MAX_PLANS:
                document.plans.clear()
            plan = document.plans[key] = self.first_plan(document, operation, variables, context)
        return plan

    def first_plan(
        self,
        document: Document,
        operation: OperationDefinitionNode,
        variables: Variables,
        context: Context,
    ) -> OperationPlan | None:
        """A new plan. Raises: SurpriseError: the variables that directives need do not fit."""
        assert document.ast is not None  # noqa: S101  # see above
        try:
            return self.compiler.compile(
                document.ast,
                operation,
                variables.coerced,
                may_read_secured=Scope.READ_SECURED in context.viewer.scopes,
            )
        except UnsupportedError:
            return None
        except GraphQLError as error:
            raise SurpriseError(str(error)) from error
