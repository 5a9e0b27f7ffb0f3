"""Answers that many subscribers get, rendered once for all of them."""

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
"""Room for rendered answers: those who follow are at the same place, or soon will be."""
_KEY_BYTES = 1_000  # a digest, rights, a version and an event
_DEPTH_OF_OWN = len(("definitions", 0, "selection_set", "selections", 0, "arguments", 0))


class SharedAnswers:
    """Bodies by what they depend on, each made once, for whoever comes first.

    Attributes:
        cache: The bodies that were made.
    """

    def __init__(self, capacity_bytes: int = SHARED_BYTES) -> None:
        self.cache: ByteCache[Hashable, bytes] = ByteCache(
            "subscription_events", capacity_bytes, lambda _, body: len(body) + _KEY_BYTES
        )
        self._making: dict[Hashable, asyncio.Task[bytes]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """The body under a key; `make` is awaited where nobody has made it, or does so now.

        Who stops waiting takes it from nobody else. Raises: whatever `make` does, to all.
        """
        body = self.cache.get(key)
        if body is not None:
            return body
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(key, make))
        return await asyncio.shield(task)

    async def _make(self, key: Hashable, make: Callable[[], Awaitable[bytes]]) -> bytes:
        try:
            body = await make()
        finally:
            del self._making[key]
        self.cache.put(key, body)
        return body


def selection_key(request: GraphQLRequest, document: DocumentNode) -> bytes:
    """A digest that is the same for requests that show the same of each event.

    Variables that only say which events there are, such as where each subscriber goes on from, are
    left out.
    """
    used = _VariablesShown()
    visit(document, used)
    given = request.variables or {}
    shown = {name: given[name] for name in sorted(used.names & given.keys())}
    said = encode([request.query, request.operation_name, shown])
    return blake2b(said, digest_size=16).digest()


class _VariablesShown(Visitor):
    """Gathers the variables of a document, but for the arguments of its operations' own fields."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_variable_definition(self, *_: Any) -> VisitorAction:
        """A definition is no use."""
        return SKIP

    def enter_argument(
        self, _node: Any, _key: Any, _parent: Any, path: Any, on_the_way: Any
    ) -> Any:
        """Pass over what stands in `subscription { field(here) }`."""
        is_own = len(path) == _DEPTH_OF_OWN and isinstance(on_the_way[2], OperationDefinitionNode)
        return SKIP if is_own else None

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        """Gather a use."""
        self.names.add(node.name.value)
