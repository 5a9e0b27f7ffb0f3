"""Strategies for GraphQL documents over the schema: what clients write, and what nobody should.

A document is grown selection by selection from the schema itself, so that new fields are tried
as soon as they are there. Fields whose arguments differ get aliases that differ, which keeps most
documents valid; the same field often comes twice, with selections that have to be merged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
)
from hypothesis import strategies as st

from . import argument_strategies as arguments
from .graph import SCHEMA

Draw = Callable[[st.SearchStrategy[Any]], Any]

MAX_DEPTH = 7
MAX_FIELDS = 40

_GRAPHQL = SCHEMA._schema
_sizes = st.integers(1, 4)
_kinds = st.sampled_from(["field"] * 7 + ["__typename", "inline", "spread"])
_rarely = st.integers(0, 7).map(lambda n: n == 0)
_often = st.integers(0, 2).map(bool)
_booleans = st.booleans()


class Variable(NamedTuple):
    """A variable as the document declares it, and a value that fits it."""

    declaration: str
    value: Any


class Fragment(NamedTuple):
    """A named fragment; `depth`: how far from the root it was first spread."""

    name: str
    on: str
    depth: int
    selection: str


class Operation(NamedTuple):
    """A document, the names it may be asked under, and some sets of variables for it."""

    text: str
    names: tuple[str | None, ...]
    variables: tuple[Mapping[str, Any], ...]


class _Document:
    """A document in the making."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.variables: dict[str, Variable] = {}
        self.fragments: list[Fragment] = []
        self.fields = 0
        self.aliases = 0

    def selection(self, type: GraphQLNamedType, depth: int = 1) -> str:
        """A selection on an object or an interface, braces and all."""
        parts = [self.part(type, depth) for _ in range(self.draw(_sizes))]
        return "{ " + " ".join(parts) + " }"

    def part(self, type: GraphQLNamedType, depth: int) -> str:
        """One member of a selection."""
        match self.draw(_kinds):
            case "field":
                return self.field(type, depth)
            case "inline":
                condition = self.draw(st.sampled_from(["", *_conditions(type)]))
                inner = _GRAPHQL.type_map[condition] if condition else type
                on = f" on {condition}" if condition else ""
                return f"...{on}{self.directive()} {self.selection(inner, depth)}"
            case "spread":
                return f"...{self.fragment(type, depth)}{self.directive()}"
        return f"__typename{self.directive()}"

    def fragment(self, type: GraphQLNamedType, depth: int) -> str:
        """The name of a fragment that may be spread here, known or new.

        One that was made nearer to the root would nest too deeply.
        """
        fitting = _conditions(type)
        known = [f.name for f in self.fragments if f.on in fitting and f.depth >= depth]
        if known and self.draw(_booleans):
            return str(self.draw(st.sampled_from(known)))
        on = self.draw(st.sampled_from(fitting))
        selection = self.selection(_GRAPHQL.type_map[on], depth)
        name = f"F{len(self.fragments)}"
        self.fragments.append(Fragment(name, on, depth, selection))
        return name

    def field(self, type: GraphQLNamedType, depth: int) -> str:
        """A field with all that belongs to it; now and then twice."""
        assert isinstance(type, GraphQLObjectType | GraphQLInterfaceType)
        deep_enough = depth >= MAX_DEPTH or self.fields >= MAX_FIELDS
        names = [n for n, f in type.fields.items() if not deep_enough or is_leaf(f)]
        if not names:
            return "__typename"
        self.fields += 1
        name = self.draw(st.sampled_from(names))
        definition = type.fields[name]
        given = self.arguments(definition)
        alias = ""
        if given:  # its own, so that it never meets the same field with other arguments
            self.aliases += 1
            alias = f"a{self.aliases}: "
        elif self.draw(_rarely):
            alias = f"{name}_: "
        twice = self.draw(_rarely)
        return " ".join(
            f"{alias}{name}{given}{self.directive()}{self.below(definition, depth)}"
            for _ in range(1 + twice)
        )

    def below(self, definition: GraphQLField, depth: int) -> str:
        """The selection that a field needs, or none."""
        if is_leaf(definition):
            return ""
        return " " + self.selection(get_named_type(definition.type), depth + 1)

    def directive(self) -> str:
        """`@skip` or `@include`, or neither."""
        if not self.draw(_rarely):
            return ""
        name = self.draw(st.sampled_from(["skip", "include"]))
        boolean = GraphQLNonNull(_GRAPHQL.type_map["Boolean"])  # type: ignore[type-var]
        return f" @{name}(if: {self.value(self.draw(_booleans), boolean)})"  # type: ignore[arg-type]

    def arguments(self, definition: GraphQLField) -> str:
        """Arguments in parentheses; nothing where none is given."""
        if not definition.args:
            return ""
        required = any(isinstance(each.type, GraphQLNonNull) for each in definition.args.values())
        if not required and self.draw(_booleans):
            return ""
        values = self.draw(arguments.of_field(definition))
        written = (
            f"{name}: {self.value(value, definition.args[name].type)}"
            for name, value in values.items()
        )
        return f"({', '.join(written)})" if values else ""

    def value(self, value: Any, type: GraphQLInputType) -> str:
        """A value as a literal or as a variable, whole or in parts."""
        if self.draw(_rarely) or (isinstance(value, dict | list) and self.draw(_booleans)):
            return self.variable(value, type)
        inner: Any = type.of_type if isinstance(type, GraphQLNonNull) else type
        if isinstance(value, list) and isinstance(inner, GraphQLList):
            return "[" + ", ".join(self.value(each, inner.of_type) for each in value) + "]"
        if isinstance(value, dict) and isinstance(inner, GraphQLInputObjectType):
            return "{" + ", ".join(self.member(inner, *each) for each in value.items()) + "}"
        is_enum = isinstance(inner, GraphQLEnumType) and isinstance(value, str)
        return value if is_enum else json.dumps(value)

    def member(self, type: GraphQLInputObjectType, name: str, value: Any) -> str:
        """A member of an input object."""
        member: Any = type.fields[name].type
        return f"{name}: {self.value(value, GraphQLNonNull(member) if type.is_one_of else member)}"

    def variable(self, value: Any, type: GraphQLInputType) -> str:
        """A variable that may stand in a place of this type, known or new."""
        if isinstance(type, GraphQLNonNull):
            types = [f"{type}", f"{type}", f"{type.of_type} = {self.default(value, type)}"]
        else:
            types = [f"{type}", f"{type}!", f"{type} = {self.default(value, type)}"]
        declaration = self.draw(st.sampled_from(types))
        for name, known in self.variables.items():
            if known.declaration == declaration:
                return name
        name = f"$v{len(self.variables)}"
        self.variables[name] = Variable(declaration, value)
        return name

    def default(self, value: Any, type: GraphQLInputType) -> str:
        """A default, in which no variables are allowed."""
        return _Literals().value(value, type)


class _Literals(_Document):
    """Writes values without variables."""

    def __init__(self) -> None:
        super().__init__(lambda _: False)


def is_leaf(definition: GraphQLField) -> bool:
    """Whether a field has no selection."""
    return is_leaf_type(get_named_type(definition.type))


def _conditions(type: GraphQLNamedType) -> Sequence[str]:
    """The types that a value of this one may be of."""
    if isinstance(type, GraphQLInterfaceType):
        return [type.name, *(each.name for each in _GRAPHQL.get_possible_types(type))]
    assert isinstance(type, GraphQLObjectType)
    return [type.name, *(each.name for each in type.interfaces)]


_spoilings = st.sampled_from(
    [
        lambda text: text.replace(" __typename", " __typo", 1),
        lambda text: text.replace("{ ", "{ nonsense ", 1),
        lambda text: text.replace(" id", " id { id }", 1),
        lambda text: text.removesuffix("}"),
        lambda text: text.replace(": $v0", ": $v9", 1),
        lambda text: text.replace("@skip", "@leap", 1),
        lambda text: text.replace("... on Article", "... on Image", 1),
        lambda text: text.replace("first: ", "frist: ", 1),
        lambda text: text + " fragment Unused on Topic { id }",
        lambda text: text.replace("query", "mutation", 1),
        lambda text: "{ __schema { queryType { name } } }",
        lambda text: "query M { a: __typename } query M { b: __typename }",
    ]
)
_names: st.SearchStrategy[tuple[str | None, ...]] = st.sampled_from(
    [(None,), ("Main",), ("Main", "Other"), (None, "Main", "Other", "Nobody", "")]
)


@st.composite
def operations(draw: Draw) -> Operation:
    """An operation as clients write them, or, one in a dozen, one that cannot be executed."""
    document = _Document(draw)
    selection = document.selection(_GRAPHQL.type_map["Query"])
    declared = ", ".join(f"{n}: {v.declaration}" for n, v in document.variables.items())
    names = draw(_names)
    head = "query" + (" Main" if "Main" in names else "") + (f"({declared})" if declared else "")
    text = f"{head} {selection}"
    if "Other" in names:
        text += " query Other { topics(first: 1) { nodes { slug } } }"
    text += "".join(f" fragment {f.name} on {f.on} {f.selection}" for f in document.fragments)
    if draw(st.integers(0, 11)) == 0:
        text = draw(_spoilings)(text)
    values = {name[1:]: variable.value for name, variable in document.variables.items()}
    spoilt = {name: arguments.confused(value) for name, value in values.items()}
    sets = [values] + ([draw(st.fixed_dictionaries({}, optional=spoilt))] if values else [])
    return Operation(text, names, tuple(sets))
