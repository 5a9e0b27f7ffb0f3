"""Compiled input coercion: from values as they were sent to those that a resolver gets.

graphql-core coerces and Strawberry converts each value in every request, which takes longer than
the rest of a request. Here each input type has one function, made once. It accepts plain values
only. For all others it raises CoercionError, and graphql-core coerces or refuses them.
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
from gql.executor.errors import CoercionError

from .field_collection import variables_in

MAX_INT = 2_147_483_647


Coerce = Callable[[Any], Any]
"""Coerces a value as it was sent to what a resolver gets. Raises: CoercionError."""

ReadValue = Callable[[Mapping[str, Any]], Any]
"""Reads an argument's value, or `ABSENT`, given the values of variables. Raises: CoercionError."""

ABSENT = object()
"""Stands for a variable that was not sent, or an argument that was not given."""


def _string(value: Any) -> str:
    if type(value) is str:
        return value
    raise CoercionError


def _int(value: Any) -> int:
    if type(value) is int and -MAX_INT - 1 <= value <= MAX_INT:
        return value
    raise CoercionError


def _boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise CoercionError


_BUILT_IN: dict[str, Coerce] = {"String": _string, "ID": _string, "Int": _int, "Boolean": _boolean}


class InputCoercers:
    """The coercion functions of one schema's input types, made on first use."""

    def __init__(self, schema: strawberry.Schema) -> None:
        self.graphql = graphql_schema(schema)
        self._schema = schema
        self._by_name: dict[str, Coerce] = {}

    def of(self, type: GraphQLInputType) -> Coerce:
        """The coercion function of a type."""
        if isinstance(type, GraphQLNonNull):
            return self._non_null(type.of_type)
        coerce = self._non_null(type)
        return lambda value: None if value is None else coerce(value)

    def _non_null(self, type: Any) -> Coerce:
        if isinstance(type, GraphQLList):
            return _list_coercer(self.of(type.of_type))
        coerce = self._by_name.get(type.name)
        if coerce is None:
            coerce = self._by_name[type.name] = self._make(type)
        return coerce

    def _make(self, type: Any) -> Coerce:
        if type.name in _BUILT_IN:
            return _BUILT_IN[type.name]
        if isinstance(type, GraphQLEnumType):
            return self._enum_coercer(type)
        if isinstance(type, GraphQLInputObjectType):
            return _InputObjectCoercer(self, type)
        assert isinstance(type, GraphQLScalarType)  # noqa: S101  # there is no other input type
        return _scalar_coercer(type)

    def _enum_coercer(self, type: GraphQLEnumType) -> Coerce:
        members = {name: convert_enum_member(self._schema, type, name) for name in type.values}

        def coerce(value: Any) -> Any:
            try:
                return members[value]
            except (KeyError, TypeError):
                raise CoercionError from None

        return coerce

    def python_names(self, type: GraphQLInputObjectType) -> dict[str, str]:
        """The Python names of an input object's fields, by GraphQL name."""
        return python_field_names(self._schema, type)

    def literal(self, node: ValueNode, type: GraphQLInputType) -> ReadValue:
        """Compile a value in a document, which may contain variables. Raises: CoercionError."""
        if isinstance(node, VariableNode):
            return _read_variable(node.name.value, is_required=isinstance(type, GraphQLNonNull))
        if not variables_in(node):
            value = self.of(type)(value_from_ast_untyped(node))
            return lambda _: value
        inner: Any = type.of_type if isinstance(type, GraphQLNonNull) else type
        if isinstance(node, ListValueNode) and isinstance(inner, GraphQLList):
            return _read_list([self.literal(each, inner.of_type) for each in node.values])
        if isinstance(node, ObjectValueNode) and isinstance(inner, GraphQLInputObjectType):
            return self._object_literal(node, inner)
        raise CoercionError

    def _object_literal(self, node: ObjectValueNode, type: GraphQLInputObjectType) -> ReadValue:
        builder = InputObjectBuilder(self, type)
        given = {each.name.value: each.value for each in node.fields}
        if not given.keys() >= builder.required:
            raise CoercionError
        fields = [
            (
                builder.names[name],
                name in builder.required,
                self.literal(value, type.fields[name].type),
            )
            for name, value in given.items()
        ]

        def read(variables: Mapping[str, Any]) -> Any:
            values = {}
            for name, is_required, read_field in fields:
                value = read_field(variables)
                if value is not ABSENT:
                    values[name] = value
                elif is_required:
                    raise CoercionError
            return builder.make(values)

        return read


class InputObjectBuilder:
    """Builds the values of one input object type.

    Attributes:
        names: The Python names of its fields, by GraphQL name.
        required: The fields that must be given.
    """

    __slots__ = ("_class", "_is_one_of", "_nulls", "names", "required")

    def __init__(self, coercers: InputCoercers, type: GraphQLInputObjectType) -> None:
        definition = input_definition(type)
        if definition.from_input is not None:
            raise CoercionError
        self.names = coercers.python_names(type)
        self._class = definition.origin
        self._is_one_of = bool(type.is_one_of)
        # A field without a default is null where it is left out; other defaults are the class's.
        self._nulls = {
            field.python_name: None
            for field in definition.fields
            if field.default is MISSING and field.default_factory is MISSING
        }
        self.required = frozenset(
            name
            for name, field in type.fields.items()
            if isinstance(field.type, GraphQLNonNull) and self.names[name] in self._nulls
        )

    def make(self, values: dict[str, Any]) -> Any:
        """The value with these fields, by Python name. Raises: CoercionError."""
        if self._is_one_of and (len(values) != 1 or None in values.values()):
            raise CoercionError
        return self._class(**(self._nulls | values if self._nulls else values))


class _InputObjectCoercer:
    """Coerces the values of one input object type, which may be recursive."""

    __slots__ = ("_builder", "_coercers", "_fields", "_type")

    def __init__(self, coercers: InputCoercers, type: GraphQLInputObjectType) -> None:
        self._coercers = coercers
        self._type = type
        self._builder = InputObjectBuilder(coercers, type)
        self._fields: dict[str, tuple[str, Coerce]] = {}

    def __call__(self, value: Any) -> Any:
        if type(value) is not dict or not value.keys() >= self._builder.required:
            raise CoercionError
        if not self._fields:
            names = self._builder.names
            self._fields = {
                name: (names[name], self._coercers.of(field.type))
                for name, field in self._type.fields.items()
            }
        values = {}
        for name, member in value.items():
            field = self._fields.get(name)
            if field is None:
                raise CoercionError
            values[field[0]] = field[1](member)
        return self._builder.make(values)


class VariableCoercer:
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
                default = None  # which is refused
            self._declared.append((definition.variable.name.value, coercers.of(type), default))

    def __call__(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """The coerced values by name, without absent ones. Raises: CoercionError."""
        values = {}
        for name, coerce, default in self._declared:
            value = sent.get(name, default)
            if value is not ABSENT:
                values[name] = coerce(value)
        return values


def _list_coercer(coerce: Coerce) -> Coerce:
    def coerce_list(value: Any) -> list[Any]:
        if type(value) is list:
            return [coerce(item) for item in value]
        return [coerce(value)]  # a single value is coerced to a list of it

    return coerce_list


def _scalar_coercer(type: GraphQLScalarType) -> Coerce:
    parse = type.coerce_input_value

    def coerce(value: Any) -> Any:
        try:
            return parse(value)
        except Exception:  # noqa: BLE001  # graphql-core fails again, and explains it
            raise CoercionError from None

    return coerce


def _read_variable(name: str, *, is_required: bool) -> ReadValue:
    def read(variables: Mapping[str, Any]) -> Any:
        value = variables.get(name, ABSENT)
        if is_required and (value is None or value is ABSENT):
            raise CoercionError
        return value

    return read


def _read_list(reads: list[ReadValue]) -> ReadValue:
    def read(variables: Mapping[str, Any]) -> list[Any]:
        values = [each(variables) for each in reads]
        if ABSENT in values:
            raise CoercionError
        return values

    return read
