"""The private interfaces of Strawberry that `gql.adapters.strawberry` uses."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest
import strawberry
from graphql import GraphQLObjectType, GraphQLSchema
from strawberry.types import arguments

from gql.adapters import strawberry as adapter
from tests.gql.adapters.signatures import fail, parameters

LOOK_AT = "gql/adapters/strawberry.py"


class Color(Enum):
    """A type with members that are not texts."""

    RED = 1


strawberry.enum(Color)


@strawberry.input(one_of=True)
class Choice:
    """One of two values."""

    first_one: int | None = strawberry.UNSET
    second: str | None = strawberry.UNSET


def resolve_it(info: strawberry.Info, some_choice: Choice, color: Color = Color.RED) -> str:
    """The text of both arguments, and of what the resolve info says of the field."""
    raw = adapter.resolve_info(info)
    [node] = raw.field_nodes
    return f"{some_choice.first_one} {color.value} {node.name.value} {list(raw.fragments)}"


@strawberry.type
class Query:
    """An attribute and a resolver."""

    plain: int = 1
    it: str = strawberry.field(resolver=resolve_it)


SCHEMA = strawberry.Schema(Query)


def changed(what: str, look_at: str = LOOK_AT) -> None:
    """Fail: an interface has changed."""
    fail("strawberry-graphql", adapter.WRITTEN_FOR, f"Strawberry's {what}", look_at)


def read(what: str, function: Callable[[], Any]) -> Any:
    """What a function of the adapter gives; fails with the message where it cannot."""
    try:
        return function()
    except (AttributeError, KeyError, TypeError) as error:
        changed(f"{what} ({error!r})")


def field(name: str) -> Any:
    """A field of graphql-core's schema."""
    query: Any = adapter.graphql_schema(SCHEMA).query_type
    assert isinstance(query, GraphQLObjectType)
    return query.fields[name]


def test_schema_of_graphql_core_is_an_attribute() -> None:
    """`Schema._schema` is the schema that is executed."""
    if not isinstance(
        read("Schema._schema", lambda: adapter.graphql_schema(SCHEMA)), GraphQLSchema
    ):
        changed("Schema._schema")


def test_fields_of_graphql_core_lead_to_those_of_strawberry() -> None:
    """A field's extension is Strawberry's field, which has the resolver and its arguments."""
    plain = read("field extension", lambda: adapter.strawberry_field(field("plain")))
    it = read("field extension", lambda: adapter.strawberry_field(field("it")))
    resolvers = read("base_resolver", lambda: [adapter.resolver_of(each) for each in (plain, it)])
    if resolvers != [None, resolve_it]:
        changed("StrawberryField.base_resolver")
    names = read(
        "name converter", lambda: [adapter.argument_name(SCHEMA, each) for each in it.arguments]
    )
    if (plain.python_name, names) != ("plain", ["someChoice", "color"]):
        changed("StrawberryField")


def test_input_types_lead_to_their_definitions() -> None:
    """An input type's extension has what is needed to make its values."""
    type: Any = adapter.graphql_schema(SCHEMA).type_map["Choice"]
    definition = read("input definition", lambda: adapter.input_definition(type))
    names = read("name converter", lambda: adapter.python_field_names(SCHEMA, type))
    values = read(
        "input definition",
        lambda: (definition.origin, definition.from_input, definition.is_one_of),
    )
    if names != {"firstOne": "first_one", "second": "second"} or values != (Choice, None, True):
        changed("definition of input types", f"{LOOK_AT} and gql/executor/input_coercion.py")


def test_arguments_and_enums_are_converted() -> None:
    """Coerced values become those that a resolver gets."""
    enum: Any = adapter.graphql_schema(SCHEMA).type_map["Color"]
    member = read("convert_argument", lambda: adapter.convert_enum_member(SCHEMA, enum, "RED"))
    it = adapter.strawberry_field(field("it"))
    values = {"someChoice": {"firstOne": 3}}
    converted = read("convert_arguments", lambda: adapter.convert_arguments(SCHEMA, it, values))
    if member is not Color.RED or converted["some_choice"].first_one != 3:
        changed("conversion of arguments", f"{LOOK_AT} and strawberry/types/arguments.py")
    expected = "value arguments scalar_registry config info"
    if parameters(arguments.convert_arguments) != expected:
        changed("convert_arguments", f"{LOOK_AT} and strawberry/types/arguments.py")


def test_one_of_is_declared_for_introspection() -> None:
    """graphql-core knows which inputs are `@oneOf` only by `declare_one_of`."""
    read("input definition", lambda: adapter.declare_one_of(adapter.graphql_schema(SCHEMA)))
    result = SCHEMA.execute_sync('{ __type(name: "Choice") { isOneOf } }')
    if result.data != {"__type": {"isOneOf": True}}:
        changed("@oneOf", f"declare_one_of in {LOOK_AT}")


def test_resolve_info_is_that_of_graphql_core() -> None:
    """`Info._raw_info` is what resolvers read selections from."""
    result = SCHEMA.execute_sync("{ ...F } fragment F on Query { it(someChoice: {firstOne: 3}) }")
    if result.errors or result.data != {"it": "3 1 it ['F']"}:
        changed("Info._raw_info", f"resolve_info in {LOOK_AT}")


def test_execution_context_is_an_executor_that_takes_extensions() -> None:
    """The class that the sliced executor extends has methods of its own only where expected."""
    own = {
        name for name, value in vars(adapter.ExecutionContext).items() if inspect.isfunction(value)
    }
    if own != {"__init__", "build_resolve_info"}:
        changed(
            f"execution context, which now defines {', '.join(sorted(own))},",
            f"{LOOK_AT} and gql/http/execution/sliced_executor.py",
        )
    if "operation_extensions" not in inspect.getsource(adapter.ExecutionContext.__init__):
        changed("execution context", "gql/http/execution/reference_executor.py")


@pytest.mark.parametrize(("value", "expected"), [(1, False), ("text", False), (None, False)])
def test_is_awaitable_judges_values(value: object, expected: bool) -> None:
    """Plain values are not awaited; coroutines are."""

    async def wait() -> None:
        """Wait for nothing."""

    coroutine = wait()
    try:
        if (
            adapter.is_awaitable(value) is not expected
            or adapter.is_awaitable(coroutine) is not True
        ):
            changed("optimized_is_awaitable")
    finally:
        coroutine.close()


def test_rule_of_maybe_null_is_a_validation_rule() -> None:
    """Strawberry's own rule about nulls in `Maybe` inputs runs after those of the specification."""
    if parameters(adapter.MaybeNullValidationRule.__init__) not in (
        "context",
        "validation_context",
    ):
        changed("MaybeNullValidationRule", f"{LOOK_AT} and gql/http/execution/documents.py")
