"""The registration of automatic persisted queries: after the execution, never before."""

from __future__ import annotations

from typing import Any

from gql.http.persisted.query_registry import QueryRegistry
from gql.http.protocol.messages import GraphQLRequest, Result

from .executor_interface import Executor


class RegisteringExecutor:
    """An executor that registers the document of a request that asks for it.

    A result has data only if the document was parsed and valid, its cost allowed and its variables
    right. So the registry holds no other documents.

    Attributes:
        execute: The executor inside.
        registry: The registry.
    """

    def __init__(self, execute: Executor, registry: QueryRegistry) -> None:
        self.execute = execute
        self.registry = registry

    async def __call__(
        self, request: GraphQLRequest, context: Any, *, read_only: bool = False
    ) -> Result:
        """See `Executor`."""
        result = await self.execute(request, context, read_only=read_only)
        if request.is_new and result.has_data:
            await self.registry.register(request.query)
        return result
