"""The cost limit: refuses operations that cost too much, and reports the cost of all others.

The cost is in the header X-Newsgraph-Cost of every response, and in `extensions.cost` if the
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
from gql.http.protocol.messages import GraphQLRequest, Result
from gql.http.protocol.response_builder import error_result

from .executor_interface import SyncExecutor, SyncQuery
from .reference_executor import ReferenceExecutor

HEADER = b"x-newsgraph-cost"


class CostLimitExecutor:
    """An executor that refuses operations above the limit, and passes others on.

    Attributes:
        execute: The next executor.
        counts: See `SyncExecutor`.
        reference: The reference executor, which has the document cache.
        settings: The limit.
    """

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
        """See `Executor`."""
        await self.load_document(request)
        cost = self.cached_cost(request)
        if cost > self.settings.maximum:
            error = self.limit_error(request, cost)
            return _with_cost(error_result(error), request, cost, self.settings.maximum)
        result = await self.execute(request, context, read_only=read_only)
        return _with_cost(result, request, cost, self.settings.maximum) if cost else result

    def has_document(self, request: GraphQLRequest) -> bool:
        """See `SyncExecutor`."""
        return self.reference.has_document(request)

    async def load_document(self, request: GraphQLRequest) -> None:
        """See `SyncExecutor`."""
        await self.reference.load_document(request)

    def sync_query(self, request: GraphQLRequest, viewer: Any) -> SyncQuery | None:
        """See `SyncExecutor`. None, too, for a cost above the limit or in the body."""
        cost = self.cached_cost(request)
        if cost > self.settings.maximum or _wants_cost(request):
            return None
        query = self.execute.sync_query(request, viewer)
        if query is None:
            return None
        return SyncQuery(query.run, query.operation_name, (*query.headers, _header(cost)))

    def cached_cost(self, request: GraphQLRequest) -> int:
        """The cost of a request, memoized."""
        cost = request.memo.cost
        if cost is None:
            cost = request.memo.cost = self.estimate_cost(request)
        return cost

    def estimate_cost(self, request: GraphQLRequest) -> int:
        """The cost of a request; 0 where it is invalid, which the next executor explains."""
        bound = self.bound_operation(request)
        if bound is None:
            return 0
        document, _ = self.reference.find_operation(request)
        before = document.costs.size_bytes
        cost = document.costs.cost(bound, self.settings)
        if document.costs.size_bytes != before:
            self.reference.cache_of(request.query).resize(request.query, document)
        return cost

    def bound_operation(self, request: GraphQLRequest) -> BoundOperation | None:
        """The operation of a request with its variables; None where it is invalid."""
        document, operation = self.reference.find_operation(request)
        if document.errors or document.ast is None or operation is None:
            return None
        schema = graphql_schema(self.reference.schema)
        return BoundOperation(schema, document.ast, operation, request.variables or {})

    def limit_error(self, request: GraphQLRequest, cost: int) -> FormattedError:
        """The error of an operation above the limit, with list sizes that would pass."""
        bound = self.bound_operation(request)
        first = max_passing_list_size(bound, self.settings) if bound else 0
        remedy = (
            f"It would pass if no list asked for more than {first} items (first: {first})."
            if first
            else "Ask for fewer fields: with one item in each list it would still cost too much."
        )
        details = {"cost": cost, "limit": self.settings.maximum, "first": first or None}
        return {
            "message": f"The operation may cost up to {cost}, counting each field as often as the "
            f"lists around it have items; at most {self.settings.maximum} is allowed. {remedy}",
            "extensions": {"code": "QUERY_TOO_EXPENSIVE", **details},
        }


def _wants_cost(request: GraphQLRequest) -> bool:
    return request.extensions is not None and request.extensions.get("cost") is True


def _header(cost: int) -> tuple[bytes, bytes]:
    return HEADER, b"%d" % cost


def _with_cost(result: Result, request: GraphQLRequest, cost: int, maximum: int) -> Result:
    """The result with its cost in a header, and in the body if the request wants it there."""
    headers = (*result.headers, _header(cost))
    body = result.body
    if _wants_cost(request):
        extensions = encode({"cost": {"found": cost, "limit": maximum}})
        body = body[:-1] + b',"extensions":' + extensions + b"}"
    return msgspec.structs.replace(result, body=body, headers=headers)
