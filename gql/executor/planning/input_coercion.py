"""Compiled input coercion: from values as they were sent to those that a resolver gets.

graphql-core coerces and Strawberry converts each value anew, which takes longer than the rest of a
request. Here a function is made once for each input type. It takes plain values only; whatever it
does not take is left to graphql-core, which also explains what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING
from typing import Any

import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    ValueNode,
    VariableNode,
    type_from_ast,
    value_from_ast_untyped,
)

from gql.adapters.strawberry import (
    convert_enum_member,
    graphql_schema,
    input_definition,
    python_field_names,
)

from .field_collection import names_in

MAX_INT = 2_147_483_647


class UnusualError(Exception):
    """A value that graphql-core has to judge."""


Coerce = Callable[[Any], Any]
"""From a value as it was sent to what a resolver gets. Raises: UnusualError."""

Read = Callable[[Mapping[str, Any]], Any]
"""From the values of variables to that of an argument, or `ABSENT`. Raises: UnusualError."""

ABSENT = object()


def _string(value: Any) -> str:
    if type(value) is str:
        return value
    raise UnusualError


def _int(value: Any) -> int:
    if type(value) is int and -MAX_INT - 1 <= value <= MAX_INT:
        return value
    raise UnusualError


def _boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise UnusualError


_BUILT_IN: dict[str, Coerce] = {"String": _string, "ID": _string, "Int": _int, "Boolean": _boolean}


class InputCoercers:
    """The coercing functions of one schema, made when first needed."""

    def __init__(self, schema: strawberry.Schema) -> None:
        self.graphql = graphql_schema(schema)
        self._schema = schema
        self._named: dict[str, Coerce] = {}

    def of(self, type: GraphQLInputType) -> Coerce:
        """The function for a type."""
        if isinstance(type, GraphQLNonNull):
            return self._non_null(type.of_type)
        coerce = self._non_null(type)
        return lambda value: None if value is None else coerce(value)

    def _non_null(self, type: Any) -> Coerce:
        if isinstance(type, GraphQLList):
            return _list_of(self.of(type.of_type))
        found = self._named.get(type.name)
        if found is None:
            found = self._named[type.name] = self._made(type)
        return found

    def _made(self, type: Any) -> Coerce:
        if type.name in _BUILT_IN:
            return _BUILT_IN[type.name]
        if isinstance(type, GraphQLEnumType):
            return self._enum(type)
        if isinstance(type, GraphQLInputObjectType):
            return _InputObject(self, type)
        assert isinstance(type, GraphQLScalarType)  # noqa: S101  # there is no other input type
        return _scalar(type)

    def _enum(self, type: GraphQLEnumType) -> Coerce:
        members = {name: convert_enum_member(self._schema, type, name) for name in type.values}

        def coerce(value: Any) -> Any:
            try:
                return members[value]
            except (KeyError, TypeError):
                raise UnusualError from None

        return coerce

    def python_names(self, type: GraphQLInputObjectType) -> dict[str, str]:
        """The names of an input object's fields in Python, by those in GraphQL."""
        return python_field_names(self._schema, type)

    def literal(self, node: ValueNode, type: GraphQLInputType) -> Read:
        """How a value in a document is read, with the variables in it. Raises: UnusualError."""
        if isinstance(node, VariableNode):
            return _variable(node.name.value, is_required=isinstance(type, GraphQLNonNull))
        if not names_in(node):
            value = self.of(type)(value_from_ast_untyped(node))
            return lambda _: value
        inner: Any = type.of_type if isinstance(type, GraphQLNonNull) else type
        if isinstance(node, ListValueNode) and isinstance(inner, GraphQLList):
            return _items([self.literal(each, inner.of_type) for each in node.values])
        if isinstance(node, ObjectValueNode) and isinstance(inner, GraphQLInputObjectType):
            return self._object_literal(node, inner)
        raise UnusualError

    def _object_literal(self, node: ObjectValueNode, type: GraphQLInputObjectType) -> Read:
        shape = InputShape(self, type)
        given = {each.name.value: each.value for each in node.fields}
        if not given.keys() >= shape.required:
            raise UnusualError
        fields = [
            (shape.names[name], name in shape.required, self.literal(value, type.fields[name].type))
            for name, value in given.items()
        ]

        def read(variables: Mapping[str, Any]) -> Any:
            values = {}
            for name, is_required, read_field in fields:
                value = read_field(variables)
                if value is not ABSENT:
                    values[name] = value
                elif is_required:
                    raise UnusualError
            return shape.make(values)

        return read


class InputShape:
    """How the values of one input object type are made.

    Attributes:
        names: its fields' names in Python, by those in GraphQL.
        required: the fields that have to be there.
    """

    __slots__ = ("_absent", "_is_one_of", "_origin", "names", "required")

    def __init__(self, coercers: InputCoercers, type: GraphQLInputObjectType) -> None:
        definition = input_definition(type)
        if definition.from_input is not None:
            raise UnusualError
        self.names = coercers.python_names(type)
        self._origin = definition.origin
        self._is_one_of = bool(type.is_one_of)
        # Other defaults are those of the class.
        self._absent = {
            field.python_name: None
            for field in definition.fields
            if field.default is MISSING and field.default_factory is MISSING
        }
        self.required = frozenset(
            name
            for name, field in type.fields.items()
            if isinstance(field.type, GraphQLNonNull) and self.names[name] in self._absent
        )

    def make(self, values: dict[str, Any]) -> Any:
        """The value with these fields, by their names in Python. Raises: UnusualError."""
        if self._is_one_of and (len(values) != 1 or None in values.values()):
            raise UnusualError
        return self._origin(**(self._absent | values if self._absent else values))


class _InputObject:
    """Coerces one input object type, whose fields may be of this type again."""

    __slots__ = ("_coercers", "_fields", "_shape", "_type")

    def __init__(self, coercers: InputCoercers, type: GraphQLInputObjectType) -> None:
        self._coercers = coercers
        self._type = type
        self._shape = InputShape(coercers, type)
        self._fields: dict[str, tuple[str, Coerce]] = {}

    def __call__(self, value: Any) -> Any:
        if type(value) is not dict or not value.keys() >= self._shape.required:
            raise UnusualError
        if not self._fields:
            names = self._shape.names
            self._fields = {
                name: (names[name], self._coercers.of(field.type))
                for name, field in self._type.fields.items()
            }
        values = {}
        for name, member in value.items():
            field = self._fields.get(name)
            if field is None:
                raise UnusualError
            values[field[0]] = field[1](member)
        return self._shape.make(values)


class OperationVariables:
    """Coerces all variables of one operation."""

    __slots__ = ("_declared",)

    def __init__(self, coercers: InputCoercers, operation: OperationDefinitionNode) -> None:
        self._declared: list[tuple[str, Coerce, Any]] = []
        for definition in operation.variable_definitions or ():
            type: Any = type_from_ast(coercers.graphql, definition.type)
            default: Any = ABSENT
            if definition.default_value is not None:
                default = value_from_ast_untyped(definition.default_value)
            elif isinstance(type, GraphQLNonNull):
                default = None  # which it does not take
            self._declared.append((definition.variable.name.value, coercers.of(type), default))

    def __call__(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """The values by name, without those that are absent. Raises: UnusualError."""
        values = {}
        for name, coerce, default in self._declared:
            value = sent.get(name, default)
            if value is not ABSENT:
                values[name] = coerce(value)
        return values


def _list_of(coerce: Coerce) -> Coerce:
    def coerce_list(value: Any) -> list[Any]:
        if type(value) is list:
            return [coerce(item) for item in value]
        return [coerce(value)]  # GraphQL takes one item for a list of it

    return coerce_list


def _scalar(type: GraphQLScalarType) -> Coerce:
    parse = type.coerce_input_value

    def coerce(value: Any) -> Any:
        try:
            return parse(value)
        except Exception:  # noqa: BLE001  # graphql-core meets it again, and has the words for it
            raise UnusualError from None

    return coerce


def _variable(name: str, *, is_required: bool) -> Read:
    def read(variables: Mapping[str, Any]) -> Any:
        value = variables.get(name, ABSENT)
        if is_required and (value is None or value is ABSENT):
            raise UnusualError
        return value

    return read


def _items(reads: list[Read]) -> Read:
    def read(variables: Mapping[str, Any]) -> list[Any]:
        values = [each(variables) for each in reads]
        if ABSENT in values:
            raise UnusualError
        return values

    return read
