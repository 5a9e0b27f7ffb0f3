"""The budget of operations: refuses what costs too much, and tells what the rest costs.

The cost is in the header X-Newsgraph-Cost of every answer, and in `extensions.cost` where the
request has `"extensions": {"cost": true}`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gql.adapters.strawberry import graphql_schema
from gql.error_formatting import FormattedError
from gql.http.limits.cost import BoundOperation, CostSettings
from gql.http.limits.cost_estimator import max_passing_list_size
from gql.http.protocol.json_encoding import encode
from gql.http.protocol.messages import GraphQLRequest, Result, error_result

from .executor_interface import SyncExecutor, SyncQuery
from .reference_executor import ReferenceExecutor

HEADER = b"x-newsgraph-cost"


class CostLimit:
    """Lets `execute` answer what is within the budget. `reference` knows the documents."""

    def __init__(
        self, execute: SyncExecutor, reference: ReferenceExecutor, settings: CostSettings
    ) -> None:
        self.execute = execute
        self.counts = execute.counts
        self.reference = reference
        self.settings = settings

    async def __call__(
        self, request: GraphQLRequest, context: Any, *, read_only: bool = False
    ) -> Result:
        """The result of a request, or the reason why it is not executed."""
        await self.load_document(request)
        cost = self.cached_cost(request)
        if cost > self.settings.maximum:
            error = self.refusal(request, cost)
            return _telling(error_result(error), request, cost, self.settings.maximum)
        result = await self.execute(request, context, read_only=read_only)
        return _telling(result, request, cost, self.settings.maximum) if cost else result

    def has_document(self, request: GraphQLRequest) -> bool:
        """See `SyncExecutor`."""
        return self.reference.has_document(request)

    async def load_document(self, request: GraphQLRequest) -> None:
        """See `SyncExecutor`."""
        await self.reference.load_document(request)

    def sync_query(self, request: GraphQLRequest, viewer: Any) -> SyncQuery | None:
        """See `SyncExecutor`. None, too, for what is refused, or wants its cost in the body."""
        cost = self.cached_cost(request)
        if cost > self.settings.maximum or _wants_cost(request):
            return None
        ready = self.execute.sync_query(request, viewer)
        if ready is None:
            return None
        return SyncQuery(ready.run, ready.operation_name, (*ready.headers, _header(cost)))

    def cached_cost(self, request: GraphQLRequest) -> int:
        """What a request costs, counted when it comes for the first time."""
        cost = request.memo.cost
        if cost is None:
            cost = request.memo.cost = self.estimate_cost(request)
        return cost

    def estimate_cost(self, request: GraphQLRequest) -> int:
        """What a request costs; 0 where nothing can be executed, for a reason that others tell."""
        asked = self.bound_operation(request)
        if asked is None:
            return 0
        document, _ = self.reference.find_operation(request)
        before = document.costs.size_bytes
        cost = document.costs.cost(asked, self.settings)
        if document.costs.size_bytes != before:
            self.reference.documents.resize(request.query, document)
        return cost

    def bound_operation(self, request: GraphQLRequest) -> BoundOperation | None:
        """What a request asks, if that can be executed."""
        document, operation = self.reference.find_operation(request)
        if document.errors or document.ast is None or operation is None:
            return None
        schema = graphql_schema(self.reference.schema)
        return BoundOperation(schema, document.ast, operation, request.variables or {})

    def refusal(self, request: GraphQLRequest, cost: int) -> FormattedError:
        """The error that says what was found, what is allowed, and what would pass."""
        asked = self.bound_operation(request)
        first = max_passing_list_size(asked, self.settings) if asked else 0
        remedy = (
            f"It would pass if no list asked for more than {first} items (first: {first})."
            if first
            else "Ask for fewer fields: with one item in each list it would still cost too much."
        )
        found = {"cost": cost, "limit": self.settings.maximum, "first": first or None}
        return {
            "message": f"The operation may cost up to {cost}, counting each field as often as the "
            f"lists around it have items; at most {self.settings.maximum} is allowed. {remedy}",
            "extensions": {"code": "QUERY_TOO_EXPENSIVE", **found},
        }


def _wants_cost(request: GraphQLRequest) -> bool:
    return request.extensions is not None and request.extensions.get("cost") is True


def _header(cost: int) -> tuple[bytes, bytes]:
    return HEADER, b"%d" % cost


def _telling(result: Result, request: GraphQLRequest, cost: int, maximum: int) -> Result:
    """The result with its cost in a header, and in the body if the request wants that."""
    headers = (*result.headers, _header(cost))
    body = result.body
    if _wants_cost(request):
        told = encode({"cost": {"found": cost, "limit": maximum}})
        body = body[:-1] + b',"extensions":' + told + b"}"
    return msgspec.structs.replace(result, body=body, headers=headers)
