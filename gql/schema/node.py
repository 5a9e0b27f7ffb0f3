"""Relay's object identification: an object with an id can be fetched by it.

https://relay.dev/graphql/objectidentification.htm
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import strawberry
from graphql import GraphQLAbstractType, GraphQLResolveInfo

from store import model

_TYPE_NAMES: dict[type, str] = {
    model.Article: "Article",
    model.Provider: "Provider",
    model.Topic: "Topic",
}


@strawberry.interface(description="An object that can be fetched by its id.")
class Node:
    id: strawberry.ID = strawberry.field(description="Opaque, and the same after every reload.")

    @classmethod
    def resolve_type(
        cls, value: Any, _info: GraphQLResolveInfo[Any], _type: GraphQLAbstractType
    ) -> str:
        """The GraphQL type of a value of the store."""
        return _TYPE_NAMES[type(value)]


def resolved(
    resolver: Callable[..., Any], description: str, directives: Sequence[object] = ()
) -> Any:
    """A field with a resolver that returns a value of the store.

    Its GraphQL type is the annotation of the field. The annotations of the resolver are types of
    the store, which Strawberry ignores.
    """
    return strawberry.field(resolver=resolver, description=description, directives=directives)
