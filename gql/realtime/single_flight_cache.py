"""A single-flight cache: an event for many subscribers is rendered once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from hashlib import blake2b
from typing import Any

from graphql import (
    SKIP,
    DocumentNode,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    VisitorAction,
    visit,
)

from gql.cache import ByteCache
from gql.http import GraphQLRequest
from gql.http.protocol.json_encoding import encode

SHARED_BYTES = 8 << 20
"""The size of the cache. It can be small: most subscribers follow the newest change."""
_KEY_BYTES = 1_000  # a digest, rights, a version and an event
_ROOT_ARGUMENT_DEPTH = len(("definitions", 0, "selection_set", "selections", 0, "arguments", 0))


class SingleFlightCache:
    """A cache of response bodies; concurrent misses of a key make its body once.

    Attributes:
        cache: The bodies.
    """

    def __init__(self, capacity_bytes: int = SHARED_BYTES) -> None:
        self.cache: ByteCache[Hashable, bytes] = ByteCache(
            "subscription_events", capacity_bytes, lambda _, body: len(body) + _KEY_BYTES
        )
        self._in_flight: dict[Hashable, asyncio.Task[bytes]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """The body of a key; a miss awaits `make`, or the call of `make` in flight.

        A cancelled caller does not cancel it for the others. Raises: what `make` raises, to all
        callers.
        """
        body = self.cache.get(key)
        if body is not None:
            return body
        task = self._in_flight.get(key)
        if task is None:
            task = self._in_flight[key] = asyncio.create_task(self._make(key, make))
        return await asyncio.shield(task)

    async def _make(self, key: Hashable, make: Callable[[], Awaitable[bytes]]) -> bytes:
        try:
            body = await make()
        finally:
            del self._in_flight[key]
        self.cache.put(key, body)
        return body


def selection_key(request: GraphQLRequest, document: DocumentNode) -> bytes:
    """A digest of the selection and its variables: equal for requests that render events alike.

    Variables that only select the events, such as each subscriber's cursor, are left out.
    """
    visitor = _SelectionVariables()
    visit(document, visitor)
    variables = request.variables or {}
    used = {name: variables[name] for name in sorted(visitor.names & variables.keys())}
    key = encode([request.query, request.operation_name, used])
    return blake2b(key, digest_size=16).digest()


class _SelectionVariables(Visitor):
    """Collects the variables of a document, except in the arguments of its root fields."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_variable_definition(self, *_: Any) -> VisitorAction:
        """Skip a definition: it is no use of the variable."""
        return SKIP

    def enter_argument(self, _node: Any, _key: Any, _parent: Any, path: Any, ancestors: Any) -> Any:
        """Skip the arguments of root fields: `subscription { field(here) }`."""
        is_root = len(path) == _ROOT_ARGUMENT_DEPTH and isinstance(
            ancestors[2], OperationDefinitionNode
        )
        return SKIP if is_root else None

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        """Collect a use."""
        self.names.add(node.name.value)
