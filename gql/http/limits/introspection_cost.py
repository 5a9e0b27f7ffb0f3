"""What introspection costs: as many values as the schema has at each place of the answer.

A list of introspection, such as `types { fields { args } }`, has the same items in every answer. So
they are counted in the schema itself, by the resolvers that answer the query.
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
"""The fields of the root that lead to introspection."""


class Level(NamedTuple):
    """The objects of the schema at one place of an answer.

    Attributes:
        objects: Each object by its identity, and how often the answer has it.
        type: Their type, such as `__Type`.
        size: How many objects the answer has there.
        below: The levels that fields of theirs lead to, as far as they were counted.
    """

    objects: Mapping[int, tuple[Any, int]]
    type: GraphQLObjectType
    size: int
    below: dict[str, Level]


class IntrospectionSizes:
    """Counts the objects at each place of introspection in one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._info: Any = SimpleNamespace(schema=schema)
        self._children: dict[tuple[int, str], list[Any]] = {}

    def root(self, field: str, type_name: Any) -> Level:
        """The level at a field of the root; at `__type` empty where there is no such type."""
        if field == SCHEMA_FIELD:
            return _level([(self._schema, 1)], _named(SchemaMetaFieldDef))
        type = self._schema.type_map.get(type_name) if isinstance(type_name, str) else None
        return _level([] if type is None else [(type, 1)], _named(TypeMetaFieldDef))

    def below(self, level: Level, name: str) -> Level:
        """The level that a field leads to, deprecated items included."""
        known = level.below.get(name)
        if known is None:
            field = level.type.fields[name]
            known = level.below[name] = _level(
                (
                    (child, count)
                    for source, count in level.objects.values()
                    for child in self._children_of(source, name, field)
                ),
                _named(field),
            )
        return known

    def _children_of(self, source: Any, name: str, field: GraphQLField) -> list[Any]:
        """The objects that a field of an object gives."""
        key = _identity(source), name
        if key not in self._children:
            assert field.resolve is not None  # noqa: S101  # all of introspection's have one
            options = {"includeDeprecated": True} if "includeDeprecated" in field.args else {}
            given = field.resolve(source, self._info, **options)
            items = given if is_list(field) else [given]
            self._children[key] = [] if given is None else list(items)
        return self._children[key]


@lru_cache(maxsize=8)
def introspection_sizes(schema: GraphQLSchema) -> IntrospectionSizes:
    """The sizes of a schema, made once."""
    return IntrospectionSizes(schema)


def is_list(field: GraphQLField) -> bool:
    """Whether a field gives a list."""
    type = field.type
    return isinstance(type.of_type if isinstance(type, GraphQLNonNull) else type, GraphQLList)


def _level(found: Iterable[tuple[Any, int]], type: GraphQLObjectType) -> Level:
    objects: dict[int, tuple[Any, int]] = {}
    total = 0
    for each, count in found:
        key = _identity(each)
        before = objects[key][1] if key in objects else 0
        objects[key] = each, before + count
        total += count
    return Level(objects, type, total, {})


def _identity(each: Any) -> int:
    """What tells objects apart: a field or an argument is a new pair with its name each time."""
    return id(each[1]) if isinstance(each, tuple) else id(each)


def _named(field: GraphQLField) -> GraphQLObjectType:
    type: Any = get_named_type(field.type)
    return type  # type: ignore[no-any-return]  # objects only lead to objects here
