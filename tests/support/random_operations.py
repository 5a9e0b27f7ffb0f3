"""Random GraphQL documents that cover the whole schema, unusual ones too.

A document is grown selection by selection from the schema itself, so that new fields are tried as
soon as they are there. Fields with arguments get aliases of their own, which keeps most documents
valid; the same field often comes twice, with selections that have to be merged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
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
    parse_type,
    specified_directives,
    type_from_ast,
)

from gql.adapters.strawberry import graphql_schema
from tests.support import random_values as values
from tests.support.graph_client import SCHEMA
from tests.support.random_store import StoreModel

MAX_DEPTH = 8

GRAPHQL = graphql_schema(SCHEMA)
"""The schema that the documents are written for."""

_BOOLEAN: Any = specified_directives[0].args["if"].type


class Variable(NamedTuple):
    """A variable as the document declares it, and a value that fits it."""

    declaration: str
    value: Any


class Fragment(NamedTuple):
    """A named fragment; `depth` is the depth of its first spread."""

    name: str
    on: str
    depth: int
    selection: str


WITHOUT_PLAN = {"changes", "diagnostics", "secured"}
"""The fields that the compiled executor leaves to the reference, with all of their operation."""


class RandomOperation(NamedTuple):
    """A random document with variables.

    Attributes:
        text: The document.
        names: The operation names to execute it under.
        variables: Some sets of variables for it.
        draw: Draws a set of variables that fits the articles of a model.
    """

    text: str
    names: Sequence[str | None]
    variables: Sequence[Mapping[str, Any]]
    draw: Callable[[Random, StoreModel], Mapping[str, Any]]


class _DocumentGenerator:
    """Generates a document with about this number of fields."""

    def __init__(self, rng: Random, model: StoreModel, fields: int) -> None:
        self.rng = rng
        self.model = model
        self.fields = fields
        self.variables: dict[str, Variable] = {}
        self.fragments: list[Fragment] = []
        self.aliases = 0

    def selection(self, type: GraphQLNamedType, depth: int = 1) -> str:
        """A selection set on an object or an interface."""
        size = self.rng.choice([1, 2, 3, 3, 4] if self.fields > 0 else [1, 1, 2])
        parts = [self.part(type, depth) for _ in range(size)]
        return "{ " + " ".join(parts) + " }"

    def part(self, type: GraphQLNamedType, depth: int) -> str:
        """A member of a selection set."""
        kinds = self.rng.random()
        if kinds < 0.75:
            return self.field(type, depth)
        if kinds < 0.85:
            condition = self.rng.choice(["", *_conditions(type)])
            inner = GRAPHQL.type_map[condition] if condition else type
            on = f" on {condition}" if condition else ""
            return f"...{on}{self.directive()} {self.selection(inner, depth)}"
        if kinds < 0.95:
            return f"...{self.fragment(type, depth)}{self.directive()}"
        return f"__typename{self.directive()}"

    def fragment(self, type: GraphQLNamedType, depth: int) -> str:
        """The name of a fragment that may be spread here, an existing or a new one.

        A fragment from a smaller depth would nest too deeply.
        """
        fitting = _conditions(type)
        known = [f.name for f in self.fragments if f.on in fitting and f.depth >= depth]
        if known and self.chance(0.5):
            return self.rng.choice(known)
        on = self.rng.choice(fitting)
        selection = self.selection(GRAPHQL.type_map[on], depth)
        name = f"F{len(self.fragments)}"
        self.fragments.append(Fragment(name, on, depth, selection))
        return name

    def field(self, type: GraphQLNamedType, depth: int) -> str:
        """A field with its arguments and selection; sometimes twice."""
        assert isinstance(type, GraphQLObjectType | GraphQLInterfaceType)
        ends = depth >= MAX_DEPTH or self.fields <= 0
        names = [name for name, field in type.fields.items() if not ends or is_leaf(field)]
        names = [name for name in names if name not in WITHOUT_PLAN or self.chance(0.3)]
        if ends and type.name == "Query":
            names = []  # its only leaf has no plan, and would be in every second operation
        if not names:
            return "__typename"
        self.fields -= 1
        branches = [name for name in names if not is_leaf(type.fields[name])]
        branches += ["translations"] * (3 * ("translations" in names))  # few articles have any
        name = self.rng.choice(branches if branches and self.chance(0.4) else names)
        definition = type.fields[name]
        given = self.arguments(definition)
        alias = ""
        if given:  # its own, so that it never meets the same field with other arguments
            self.aliases += 1
            alias = f"a{self.aliases}: "
        elif self.chance(0.1):
            alias = f"{name}_: "
        return " ".join(
            f"{alias}{name}{given}{self.directive()}{self.below(definition, depth)}"
            for _ in range(1 + self.chance(0.15))
        )

    def below(self, definition: GraphQLField, depth: int) -> str:
        """The selection set of a field, if it needs one."""
        if is_leaf(definition):
            return ""
        return " " + self.selection(get_named_type(definition.type), depth + 1)

    def directive(self) -> str:
        """`@skip` or `@include`, or neither."""
        if not self.chance(0.1):
            return ""
        name, is_true = self.rng.choice([("skip", False), ("include", True)] * 2 + [("skip", True)])
        return f" @{name}(if: {self.value(is_true, _BOOLEAN)})"

    def arguments(self, definition: GraphQLField) -> str:
        """Arguments in parentheses; nothing where none is given."""
        required = any(isinstance(each.type, GraphQLNonNull) for each in definition.args.values())
        if not definition.args or (not required and self.chance(0.3)):
            return ""
        given = values.field_arguments(self.rng, self.model, definition)
        written = (
            f"{name}: {self.value(value, definition.args[name].type)}"
            for name, value in given.items()
        )
        return f"({', '.join(written)})" if given else ""

    def value(self, value: Any, type: GraphQLInputType) -> str:
        """A value as a literal or as a variable, whole or in parts."""
        if self.chance(0.45):
            return self.variable(value, type)
        return literal(value, type, self.value)

    def variable(self, value: Any, type: GraphQLInputType) -> str:
        """A variable that may stand in a place of this type, known or new."""
        default = f" = {literal(value, type)}"
        if isinstance(type, GraphQLNonNull):
            types = [*[f"{type}"] * 8, f"{type}{default}", f"{type.of_type}{default}"]
        else:
            types = [f"{type}", f"{type}", f"{type}!" if value is not None else f"{type}"]
            types.append(f"{type}{default}")
        declaration = self.rng.choice(types)
        for name, known in self.variables.items():
            if known.declaration == declaration and self.chance(0.5):
                return name
        name = f"$v{len(self.variables)}"
        self.variables[name] = Variable(declaration, value)
        return name

    def chance(self, share: float) -> bool:
        """True in this share of the cases."""
        return self.rng.random() < share


def literal(
    value: Any, type: GraphQLInputType, inner: Callable[[Any, GraphQLInputType], str] | None = None
) -> str:
    """A JSON value of a type in GraphQL's own language; `inner` writes what is inside it."""
    inner = inner or literal
    type = type.of_type if isinstance(type, GraphQLNonNull) else type
    if isinstance(value, list) and isinstance(type, GraphQLList):
        return "[" + ", ".join(inner(each, type.of_type) for each in value) + "]"
    if isinstance(value, dict) and isinstance(type, GraphQLInputObjectType):
        members = (f"{name}: {inner(each, _member(type, name))}" for name, each in value.items())
        return "{" + ", ".join(members) + "}"
    is_enum = isinstance(type, GraphQLEnumType) and isinstance(value, str)
    return value if is_enum else json.dumps(value)


def _member(type: GraphQLInputObjectType, name: str) -> GraphQLInputType:
    member: Any = type.fields[name].type
    return GraphQLNonNull(member) if type.name.endswith("By") else member


def input_type(name: str, member: str | None = None) -> GraphQLInputType:
    """The input type of this name as GraphQL writes it, or that of one of its members."""
    type: Any = type_from_ast(GRAPHQL, parse_type(name))
    return type if member is None else _member(get_named_type(type), member)


def is_leaf(definition: GraphQLField) -> bool:
    """Whether a field has no selection."""
    return is_leaf_type(get_named_type(definition.type))


def _conditions(type: GraphQLNamedType) -> list[str]:
    """The types that a value of this one may be of."""
    if isinstance(type, GraphQLInterfaceType):
        return [type.name, *(each.name for each in GRAPHQL.get_possible_types(type))]
    assert isinstance(type, GraphQLObjectType)
    return [type.name, *(each.name for each in type.interfaces)]


_SPOILINGS: list[Callable[[str], str]] = [
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
    lambda _: "query M { a: __typename } query M { b: __typename }",
]
_NAMES: list[tuple[str | None, ...]] = [
    (None,),
    (None,),
    (None, "Main"),
    (*["Main"] * 5, "Other", None, "Nobody", ""),
]


def random_operation(seed: int, fields: int, model: StoreModel | None = None) -> RandomOperation:
    """An operation of about so many fields; one in twenty cannot be executed."""
    rng = Random(seed)
    document = _DocumentGenerator(rng, model or StoreModel(), fields)
    selection = document.selection(GRAPHQL.type_map["Query"])
    declared = ", ".join(f"{n}: {v.declaration}" for n, v in document.variables.items())
    names = rng.choice(_NAMES)
    head = "query" + (" Main" if "Main" in names else "") + (f"({declared})" if declared else "")
    text = f"{head} {selection}"
    if "Other" in names:
        text += " query Other { topics(first: 1) { nodes { slug } } }"
    text += "".join(f" fragment {f.name} on {f.on} {f.selection}" for f in document.fragments)
    if rng.random() < 0.05:
        text = rng.choice(_SPOILINGS)(text)
    sets = _variables(rng, document)
    return RandomOperation(text, names, sets, lambda rng, _model: rng.choice(sets))


def _variables(rng: Random, document: _DocumentGenerator) -> list[dict[str, Any]]:
    """Values for the variables: those that fit, and then one or several of them changed."""
    fitting = {name[1:]: variable.value for name, variable in document.variables.items()}
    sets = [fitting, fitting]
    for _ in range(3 * bool(fitting)):
        share = rng.choice([0.2, 0.6])
        changed = {
            name: values.mutate_value(rng, value) if rng.random() < share else value
            for name, value in fitting.items()
        }
        if rng.random() < 0.3:
            del changed[rng.choice(list(changed))]
        sets.append(changed)
    return sets
