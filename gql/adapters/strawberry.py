"""Adapter of Strawberry: its private and undocumented interfaces, and nothing else.

All other modules use only Strawberry's documented interface: types, fields, inputs, scalars, the
data loader and `Schema`. What is here may change in any release.
`tests/gql/adapters/test_strawberry.py` fails when it does, and says what to look at.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeGuard, cast

import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLType,
)
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext as ExecutionContext
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.types import arguments as _arguments
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField
from strawberry.types.scalar import ScalarDefinition

__all__ = [
    "WRITTEN_FOR",
    "DescribedSchema",
    "ExecutionContext",
    "MaybeNullValidationRule",
    "ScalarDefinition",
    "StrawberryArgument",
    "StrawberryField",
    "argument_name",
    "convert_arguments",
    "convert_enum_member",
    "declare_one_of",
    "graphql_schema",
    "input_definition",
    "is_awaitable",
    "python_field_names",
    "resolve_info",
    "resolver_of",
    "strawberry_field",
]

WRITTEN_FOR = "0.341.2"
"""The version of Strawberry that this module was written for."""

_DEFINITION = "strawberry-definition"
"""The extension under which types and fields of graphql-core have those of Strawberry."""

_ONE_OF = "directive @oneOf on INPUT_OBJECT"


class DescribedSchema(strawberry.Schema):
    """A schema with a description, in introspection and in its text."""

    def describe(self, description: str) -> None:
        """Set the description. Strawberry has no parameter for it."""
        self._schema.description = description

    def remove(self, fields: Sequence[str], types: Sequence[str]) -> None:
        """Remove fields of the query root, and types that only they lead to.

        One class declares the root for every schema: payloads of mutations refer to it.
        """
        query = self._schema.query_type
        assert query is not None  # noqa: S101  # every schema has one
        for name in fields:
            del query.fields[name]
        for name in types:
            del self._schema.type_map[name]

    def as_str(self) -> str:
        """The text of the schema (SDL): its description, directives and types."""
        operations = "".join(
            f"  {operation}: {type.name}\n"
            for operation, type in (
                ("query", self._schema.query_type),
                ("mutation", self._schema.mutation_type),
                ("subscription", self._schema.subscription_type),
            )
            if type is not None
        )
        text = super().as_str()
        described = f'"""Exactly one member of the input is given."""\n{_ONE_OF}'
        return (
            f'"""\n{self._schema.description}\n"""\nschema {{\n{operations}}}\n\n'
            f"{text.replace(_ONE_OF, described)}"
        )

    __str__ = as_str


is_awaitable = cast("Callable[[Any], TypeGuard[Awaitable[Any]]]", optimized_is_awaitable)
"""Whether a value has to be awaited: faster than graphql-core's function, with the same result."""


def graphql_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """graphql-core's schema of a Strawberry schema."""
    return schema._schema


def resolve_info(info: strawberry.Info[Any, Any]) -> GraphQLResolveInfo[Any]:
    """graphql-core's resolve info of Strawberry's, which gives the nodes of a field."""
    return info._raw_info


def strawberry_field(field: GraphQLField) -> StrawberryField:
    """The Strawberry field of a field of graphql-core."""
    definition: StrawberryField = field.extensions[_DEFINITION]
    return definition


def resolver_of(field: StrawberryField) -> Callable[..., Any] | None:
    """The function that resolves a field; None where the field is an attribute of its object."""
    function: Any = field.base_resolver.wrapped_func if field.base_resolver else None
    return function  # type: ignore[no-any-return]  # a class method resolves no field of ours


def input_definition(type: GraphQLInputObjectType) -> Any:
    """The Strawberry definition of an input type.

    Its attributes: `fields` (dataclass fields with `python_name`), `origin` (the class),
    `from_input` (a user's conversion, or None), `is_one_of`.
    """
    return type.extensions[_DEFINITION]


def python_field_names(schema: strawberry.Schema, type: GraphQLInputObjectType) -> dict[str, str]:
    """The Python names of an input type's fields, by GraphQL name."""
    from_field = schema.config.name_converter.from_field
    return {from_field(each): each.python_name for each in input_definition(type).fields}


def argument_name(schema: strawberry.Schema, argument: StrawberryArgument) -> str:
    """The GraphQL name of a field's argument."""
    return schema.config.name_converter.from_argument(argument)


def convert_arguments(
    schema: strawberry.Schema, field: StrawberryField, values: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of a resolver by Python name, from those that graphql-core has coerced."""
    return _arguments.convert_arguments(
        values,
        field.arguments,
        scalar_registry=schema.schema_converter.scalar_registry,
        config=schema.config,
    )


def convert_enum_member(schema: strawberry.Schema, type: GraphQLEnumType, name: str) -> Any:
    """The Python value of an enum's member, by GraphQL name."""
    return _arguments.convert_argument(
        type.coerce_input_value(name),
        type.extensions[_DEFINITION],
        schema.schema_converter.scalar_registry,
        schema.config,
    )


def declare_one_of(schema: GraphQLSchema) -> None:
    """Declare in graphql-core's schema which input types are `@oneOf`, also for introspection.

    Strawberry does not. Its own rule for them fails where a variable is used in a fragment of a
    document with several operations. Its resolver of `isOneOf` fails for types in a list or
    non-null, and for those of introspection itself.
    """
    for type in schema.type_map.values():
        if isinstance(type, GraphQLInputObjectType):
            type.is_one_of = input_definition(type).is_one_of
    introspected = schema.type_map["__Type"]
    assert isinstance(introspected, GraphQLObjectType)  # noqa: S101  # as the specification says
    introspected.fields["isOneOf"].resolve = _resolve_is_one_of


def _resolve_is_one_of(type: GraphQLType, _info: GraphQLResolveInfo[Any]) -> bool | None:
    """Whether an input object is `@oneOf`; null for every other kind of type.

    https://spec.graphql.org/draft/#sec-The-__Type-Type
    """
    return type.is_one_of if isinstance(type, GraphQLInputObjectType) else None
