"""Relay's object identification: everything with an id can be fetched again by it.

https://relay.dev/graphql/objectidentification.htm
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import strawberry
from graphql import GraphQLAbstractType, GraphQLResolveInfo

from store import model

_TYPE_NAMES: dict[type, str] = {
    model.Article: "Article",
    model.Provider: "Provider",
    model.Topic: "Topic",
}


@strawberry.interface(description="Anything that can be fetched again by its id.")
class Node:
    id: strawberry.ID = strawberry.field(
        description="Opaque, and the same after every reload and on every engine."
    )

    @classmethod
    def resolve_type(
        cls, value: Any, _info: GraphQLResolveInfo[Any], _type: GraphQLAbstractType
    ) -> str:
        """The GraphQL type of a value of the store."""
        return _TYPE_NAMES[type(value)]


def resolved(resolver: Callable[..., Any], description: str) -> Any:
    """A field that a function resolves to a value of the store.

    Its GraphQL type is the field's annotation; the function's own annotations are those of the
    store's values, which Strawberry need not know.
    """
    return strawberry.field(resolver=resolver, description=description)
