"""The cost of introspection: the number of values that the schema has at each level of a response.

A list of introspection, such as `types { fields { args } }`, has the same items in every response.
So they are counted in the schema itself, by graphql-core's resolvers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, NamedTuple

from graphql import (
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
    get_named_type,
)

SCHEMA_FIELD, TYPE_FIELD = "__schema", "__type"
"""The root fields of introspection."""


class Level(NamedTuple):
    """The objects at one level of an introspection response.

    Attributes:
        objects: Each object by its identity, and how often it occurs.
        type: The type of the objects, such as `__Type`.
        size: The number of objects, repeated ones included.
        children: The levels of their fields, memoized by field name.
    """

    objects: Mapping[int, tuple[Any, int]]
    type: GraphQLObjectType
    size: int
    children: dict[str, Level]


class IntrospectionSizes:
    """Counts the objects at each level of introspection in one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._info: Any = SimpleNamespace(schema=schema)
        self._values: dict[tuple[int, str], list[Any]] = {}

    def root(self, field: str, type_name: Any) -> Level:
        """The level of a root field; empty where `__type` names no type."""
        if field == SCHEMA_FIELD:
            return _level([(self._schema, 1)], _named(SchemaMetaFieldDef))
        type = self._schema.type_map.get(type_name) if isinstance(type_name, str) else None
        return _level([] if type is None else [(type, 1)], _named(TypeMetaFieldDef))

    def child(self, level: Level, name: str) -> Level:
        """The level of a field, deprecated items included."""
        child = level.children.get(name)
        if child is None:
            field = level.type.fields[name]
            child = level.children[name] = _level(
                (
                    (value, count)
                    for source, count in level.objects.values()
                    for value in self._values_of(source, name, field)
                ),
                _named(field),
            )
        return child

    def _values_of(self, source: Any, name: str, field: GraphQLField) -> list[Any]:
        """The values of an object's field."""
        key = _identity(source), name
        if key not in self._values:
            assert field.resolve is not None  # noqa: S101  # all of introspection's have one
            options = {"includeDeprecated": True} if "includeDeprecated" in field.args else {}
            value = field.resolve(source, self._info, **options)
            items = value if is_list(field) else [value]
            self._values[key] = [] if value is None else list(items)
        return self._values[key]


@lru_cache(maxsize=8)
def introspection_sizes(schema: GraphQLSchema) -> IntrospectionSizes:
    """The sizes of a schema, cached."""
    return IntrospectionSizes(schema)


def is_list(field: GraphQLField) -> bool:
    """Whether the type of a field is a list."""
    type = field.type
    return isinstance(type.of_type if isinstance(type, GraphQLNonNull) else type, GraphQLList)


def _level(values: Iterable[tuple[Any, int]], type: GraphQLObjectType) -> Level:
    objects: dict[int, tuple[Any, int]] = {}
    total = 0
    for each, count in values:
        key = _identity(each)
        before = objects[key][1] if key in objects else 0
        objects[key] = each, before + count
        total += count
    return Level(objects, type, total, {})


def _identity(each: Any) -> int:
    """The identity of an object. A field or an argument is a new pair with its name each time."""
    return id(each[1]) if isinstance(each, tuple) else id(each)


def _named(field: GraphQLField) -> GraphQLObjectType:
    type: Any = get_named_type(field.type)
    return type  # type: ignore[no-any-return]  # all composite types of introspection are objects
