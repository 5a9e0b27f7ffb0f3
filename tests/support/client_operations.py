"""Random GraphQL documents in the styles of client libraries: lists, look-ups, topic trees.

Each document has a style: Apollo's `__typename` everywhere, Relay's fragments, variables or
literals. Its variables can be drawn anew for every request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any, NamedTuple

from graphql import GraphQLInputType, GraphQLNonNull, GraphQLObjectType, get_named_type

from tests.support import random_values as values
from tests.support.random_operations import GRAPHQL, RandomOperation, input_type, is_leaf, literal
from tests.support.random_store import StoreModel

Draw = Callable[[Random, StoreModel, Mapping[str, Any]], Any]
"""Draws the value of a variable, given the values drawn before."""

ArgumentValue = Callable[[Mapping[str, Any]], Any]
"""Gives the value of an argument, given the values of the variables."""

_MAX_LISTS_DEEP = 2
_NESTED_SIZES = [1, 2, 3]
_SHAPES = {
    ("nodes",): 30,
    ("node",): 15,
    ("cursor node",): 20,
    ("node cursor",): 15,
    ("cursor",): 4,
    ("cursor node", "nodes"): 5,
    ("cursor", "node"): 5,  # the same field twice, to be merged
    ("totalCount",): 3,
    ("pageInfo",): 3,
}
"""The shapes of lists, as members of their edges or other fields, with their weights."""


class _Variable(NamedTuple):
    """A variable: its declaration in the document, and the generator of its values."""

    declaration: str
    draw: Draw


class _ClientDocumentGenerator:
    """Generates a document in one style.

    Attributes:
        rng: The source of randomness.
        model: The articles of the store.
        has_typename: Whether every selection has `__typename`.
        has_fragments: Whether selections are put into named fragments.
        literal_share: The share of arguments that are literals.
        variables: The variables so far, by name.
        fragments: The definitions of its fragments.
        is_single: Whether the root has one field.
    """

    def __init__(self, rng: Random, model: StoreModel) -> None:
        self.rng = rng
        self.model = model
        self.has_typename = self.chance(0.3)
        self.has_fragments = self.chance(0.35)
        self.literal_share = rng.choice([0.0, 0.1, 0.4, 1.0])
        self.variables: dict[str, _Variable] = {}
        self.fragments: list[str] = []
        self.is_single = True
        self._aliases = 0

    def chance(self, share: float) -> bool:
        """True with this probability."""
        return self.rng.random() < share

    # Selections

    def selection(self, type: str, parts: Sequence[str]) -> str:
        """A selection set of these parts, some of them in fragments if the style has fragments."""
        if self.has_fragments and self.chance(0.5):
            cut = self.rng.randint(0, len(parts))
            again = [part for part in parts[:cut] if "(" not in part and self.chance(0.3)]
            parts = [*parts[:cut], self.fragment(type, [*parts[cut:], *again])]
        names = ["__typename"] if self.has_typename else []
        return "{ " + " ".join([*names, *parts]) + " }"

    def fragment(self, type: str, parts: Sequence[str]) -> str:
        """The spread of a new fragment, named or inline."""
        body = "{ " + " ".join(parts or ["__typename"]) + " }"
        if self.chance(0.15):
            return f"... on {type}{self.directive()} {body}"
        name = f"F{len(self.fragments)}"
        self.fragments.append(f"fragment {name} on {type} {body}")
        return f"...{name}{self.directive()}"

    def directive(self) -> str:
        """Rarely `@skip` or `@include`."""
        if not self.chance(0.06):
            return ""
        name = self.rng.choice(["skip", "include"])
        condition, _ = self.argument("if", input_type("Boolean!"), _one_of([True, False]))
        return f" @{name}({condition})"

    def leaves(self, type: str, most: int) -> list[str]:
        """Some leaf fields of a type, without arguments."""
        definition = GRAPHQL.type_map[type]
        assert isinstance(definition, GraphQLObjectType)
        names = [
            name
            for name, field in definition.fields.items()
            if is_leaf(field) and not field.args and (name != "secured" or self.chance(0.05))
        ]
        chosen = self.rng.sample(names, min(len(names), self.rng.randint(1, most)))
        return [f"{name}{self.directive()}" for name in chosen]

    def article(self, lists: int = 0) -> str:
        """A selection set on an article, of few or of many fields."""
        parts = self.leaves("Article", self.rng.choice([2, 5, 20]))
        for share, part in (
            (0.3, self.provider),
            (0.3, self.topics),
            (0.2, self.images),
            (0.15, self.image),
            (0.2, lambda: self.related(lists)),
            (0.15, self.translations),
            (0.1, lambda: self.connection("Article", "referencedBy", lists)),
        ):
            if self.chance(share):
                parts.append(part())
        return self.selection("Article", parts)

    def provider(self) -> str:
        """A selection of the provider."""
        return f"provider {self.selection('Provider', self.leaves('Provider', 4))}"

    def topics(self) -> str:
        """A selection of the topics, sometimes with their parents."""
        parts = self.leaves("Topic", 4)
        if self.chance(0.3):
            parts.append(f"parent {self.selection('Topic', self.leaves('Topic', 2))}")
        return f"topics {self.selection('Topic', parts)}"

    def images(self) -> str:
        """A selection of the images, sometimes with arguments."""
        given = self.some_arguments("Article", "images") if self.chance(0.4) else ""
        return (
            f"{self.alias(given)}images{given} {self.selection('Image', self.leaves('Image', 3))}"
        )

    def image(self) -> str:
        """A selection of one image."""
        given = self.some_arguments("Article", "image") if self.chance(0.7) else ""
        return f"{self.alias(given)}image{given} {self.selection('Image', self.leaves('Image', 3))}"

    def related(self, lists: int) -> str:
        """A selection of the related stories."""
        parts = self.leaves("RelatedArticle", 4)
        if self.chance(0.3):
            parts.append(self.provider())
        if self.chance(0.5):
            below = self.article(lists) if self.chance(0.2) else "{ id title }"
            parts.append(f"article {below}")
        return f"related {self.selection('RelatedArticle', parts)}"

    def translations(self) -> str:
        """A selection of the translations."""
        return f"translations {self.selection('Article', self.leaves('Article', 4))}"

    def alias(self, given: str, *, is_alone: bool = True) -> str:
        """An alias for a field with arguments, which must not merge with other arguments."""
        if not given or (is_alone and self.chance(0.7)):
            return ""
        self._aliases += 1
        return f"a{self._aliases}: "

    # Lists

    def connection(self, parent: str, field: str, lists: int, *, is_alone: bool = True) -> str:
        """A connection: its arguments and its selection set.

        `is_alone`: the selection set has this field only once.
        """
        owner: Any = GRAPHQL.type_map[parent]
        definition = owner.fields[field]
        given = self.list_arguments(definition, lists)
        type = get_named_type(definition.type).name
        item = type.removesuffix("Connection")
        alias = self.alias(given, is_alone=is_alone)
        if lists >= _MAX_LISTS_DEEP:
            return f"{alias}{field}{given} {self.selection(type, ['totalCount'])}"
        parts = self.shape(item, lists)
        if self.chance(0.4):
            parts.insert(self.rng.randint(0, len(parts)), "totalCount")
        if self.chance(0.45):
            parts.append(f"pageInfo {self.selection('PageInfo', self.leaves('PageInfo', 4))}")
        return f"{alias}{field}{given} {self.selection(type, parts)}"

    def shape(self, item: str, lists: int) -> list[str]:
        """The selection of a connection's items: nodes, edges, both or neither."""
        [shape] = self.rng.choices(list(_SHAPES), list(_SHAPES.values()))
        parts = []
        for members in shape:
            if members == "nodes":
                parts.append(f"nodes {self.item(item, lists)}")
            elif members in ("totalCount", "pageInfo"):
                parts.append(members if members == "totalCount" else "pageInfo { endCursor }")
            else:
                node = f"node {self.item(item, lists)}" if "node" in members else ""
                chosen = [node if each == "node" else "cursor" for each in members.split()]
                parts.append(self.edges(item, chosen))
        return parts

    def edges(self, item: str, parts: Sequence[str]) -> str:
        """A selection of edges."""
        return f"edges {self.selection(f'{item}Edge', parts)}"

    def item(self, item: str, lists: int) -> str:
        """A selection set on an item of a list."""
        if item == "Article":
            return self.article(lists + 1)
        parts = self.leaves(item, 4)
        if item in ("Provider", "Topic") and self.chance(0.3):
            parts.append(self.connection(item, "articles", lists + 1))
        if item == "Topic" and self.chance(0.4):
            parts.append(self.tree(2))
        return self.selection(item, parts)

    def tree(self, depth: int) -> str:
        """A selection of the topics above or below."""
        field = self.rng.choice(["children", "children", "parent"])
        parts = self.leaves("Topic", 3)
        if depth and self.chance(0.6):
            parts.append(self.tree(depth - 1))
        return f"{field} {self.selection('Topic', parts)}"

    # Arguments

    def argument(
        self, name: str, type: GraphQLInputType, draw: Draw, *, is_literal: bool | None = None
    ) -> tuple[str, ArgumentValue]:
        """An argument in GraphQL, and a function that gives its value."""
        if is_literal is None:
            is_literal = self.chance(self.literal_share)
        if not is_literal:
            variable = self.variable(type, draw)
            return f"{name}: ${variable}", lambda drawn: drawn.get(variable)
        value = draw(self.rng, self.model, {})
        return f"{name}: {literal(value, type)}", lambda _drawn: value

    def variable(self, type: GraphQLInputType, draw: Draw) -> str:
        """The name of a new variable."""
        name = f"v{len(self.variables)}"
        declaration = str(type)
        if self.chance(0.08):
            declaration += f" = {literal(draw(self.rng, self.model, {}), type)}"
        elif not declaration.endswith("!") and self.chance(0.08):
            declaration += "!"
        self.variables[name] = _Variable(declaration, draw)
        return name

    def list_arguments(self, definition: Any, lists: int) -> str:
        """The arguments of a list in parentheses; empty if there are none."""
        given: list[str] = []
        order: ArgumentValue = _nothing
        if "filter" in definition.args and self.chance(0.6):
            given.append(f"filter: {self.filter()}")
        if "orderBy" in definition.args and self.chance(0.55):
            text, order = self.order()
            given.append(text)
        given += self.window(definition, order, lists)
        self.rng.shuffle(given)
        return f"({', '.join(given)})" if given else ""

    def window(self, definition: Any, order: ArgumentValue, lists: int) -> list[str]:
        """The arguments of pagination, mostly a valid combination."""
        pairs = [("first", "after")] * 3 + [("last", "before")] * 2
        size, cursor = self.rng.choice([pair for pair in pairs if pair[0] in definition.args])
        is_nested = lists and self.chance(0.8)
        sizes = _one_of(_NESTED_SIZES) if is_nested else _by(values.size)
        cursors = _cursors(str(definition.type), order)
        other = "before" if cursor == "after" else "after"
        wanted = [(0.75, size, sizes), (0.5, cursor, cursors), (0.04, other, cursors)]
        # A cursor fits the order: where that is a variable, the cursor has to be one, too.
        is_literal = None if order is _nothing or self.literal_share == 1 else False
        return [
            self.argument(name, definition.args[name].type, draw, is_literal=is_literal)[0]
            for share, name, draw in wanted
            if name in definition.args and self.chance(share)
        ]

    def order(self) -> tuple[str, ArgumentValue]:
        """The argument `orderBy`, whole or with variables for its field and direction."""
        type = input_type("[ArticleOrder!]")
        if self.chance(0.75):
            return self.argument("orderBy", type, _by(values.article_order))
        members = [
            ("field", "ArticleOrderField!", ["PUBLISHED_DATE_TIME", "HEAT", "QUALITY", "TITLE"]),
            ("direction", "OrderDirection!", ["ASC", "DESC"]),
        ]
        step = {
            name: self.argument(name, input_type(type), _one_of(names))
            for name, type, names in members
        }
        written = ", ".join(text for text, _ in step.values())

        def known(drawn: Mapping[str, Any]) -> list[dict[str, Any]]:
            return [{name: value(drawn) for name, (_, value) in step.items()}]

        return f"orderBy: [{{{written}}}]", known

    def filter(self) -> str:
        """A filter: one variable, or an object with variables as operands."""
        if self.chance(0.35 * (1 - self.literal_share)):
            return "$" + self.variable(input_type("ArticleFilter"), _by(values.article_filter))
        return self.filter_tree(values.article_filter(self.rng, self.model))

    def filter_tree(self, given: Mapping[str, Any]) -> str:
        """A filter with the members of this one, some with other operands."""
        return "{" + ", ".join(f"{n}: {self.member(n, each)}" for n, each in given.items()) + "}"

    def member(self, name: str, given: Any) -> str:
        if given is None:
            return "null"
        if isinstance(given, list):
            return "[" + ", ".join(map(self.filter_tree, given)) + "]"
        if name == "not":
            return self.filter_tree(given)
        type = input_type("ArticleFilter", name)
        if not isinstance(given, dict) or self.chance(0.4):
            text, _ = self.argument(name, type, _by(partial(_condition, name)))
            return text.partition(": ")[2]
        return "{" + ", ".join(self.operand(name, type, each) for each in given) + "}"

    def operand(self, member: str, type: GraphQLInputType, operator: str) -> str:
        """An operator with its operand."""
        draw = _by(partial(_operand, member, operator))
        return self.argument(operator, input_type(str(type), operator), draw)[0]

    def some_arguments(self, parent: str, field: str) -> str:
        """The required arguments of a field and some others, in parentheses."""
        owner: Any = GRAPHQL.type_map[parent]
        parts = []
        for name, argument in owner.fields[field].args.items():
            make = values.BY_NAME.get(name) or values.BY_TYPE[str(argument.type)]
            if isinstance(argument.type, GraphQLNonNull) or self.chance(0.6):
                parts.append(self.argument(name, argument.type, _by(make))[0])
        return f"({', '.join(parts)})" if parts else ""

    # Fields of the root

    def entity(self, type: str) -> str:
        """A look-up of an article, provider or topic, with its lists."""
        field = type.lower()
        given = self.some_arguments("Query", field)
        if type == "Article":
            return f"{self.root_alias(given)}{field}{given} {self.article()}"
        parts = self.leaves(type, 4)
        lists = self.rng.choice([0, 1, 1, 2])
        parts += [self.connection(type, "articles", 0, is_alone=lists == 1) for _ in range(lists)]
        if type == "Topic" and self.chance(0.5):
            parts.append(self.tree(2))
        return f"{self.root_alias(given)}{field}{given} {self.selection(type, parts)}"

    def nodes(self, field: str) -> str:
        """A look-up of nodes by their ids."""
        given = self.some_arguments("Query", field)
        parts = ["__typename", "id"][: self.rng.randint(0, 2)] or ["id"]
        for type in self.rng.sample(["Article", "Provider", "Topic"], self.rng.randint(1, 3)):
            inner = self.article() if type == "Article" else self.item(type, 1)
            parts.append(f"... on {type} {inner}")
        return f"{self.root_alias(given)}{field}{given} {{ {' '.join(parts)} }}"

    def root_alias(self, given: str) -> str:
        """An alias for a root field with arguments."""
        return self.alias(given, is_alone=self.is_single)

    def roots(self) -> Sequence[str]:
        """The root fields."""
        count = self.rng.choice([1, 1, 1, 1, 2, 2, 3, 4])
        self.is_single = count == 1
        return [part(self) for part in self.rng.choices(_PARTS, _WEIGHTS, k=count)]


def _root_list(field: str) -> Callable[[_ClientDocumentGenerator], str]:
    return lambda document: document.connection("Query", field, 0, is_alone=document.is_single)


_PARTS, _WEIGHTS = zip(
    (_root_list("articles"), 45),
    (_root_list("providers"), 5),
    (_root_list("topics"), 8),
    (_root_list("diagnostics"), 1),
    (lambda document: document.entity("Article"), 12),
    (lambda document: document.entity("Provider"), 8),
    (lambda document: document.entity("Topic"), 10),
    (lambda document: document.nodes("node"), 4),
    (lambda document: document.nodes("nodes"), 7),
    strict=True,
)


def _nothing(_drawn: Mapping[str, Any]) -> None:
    """The value of an argument that is absent."""


def _by(make: values.Maker) -> Draw:
    return lambda rng, model, _drawn: make(rng, model)


def _condition(member: str, rng: Random, model: StoreModel) -> Any:
    return values.condition(rng, model, member)


def _operand(member: str, operator: str, rng: Random, model: StoreModel) -> Any:
    return values.operand(rng, model, member, operator)


def _cursors(type: str, order: ArgumentValue) -> Draw:
    """Draws cursors of a list of this type, in the order that the other variables give."""

    def draw(rng: Random, model: StoreModel, drawn: Mapping[str, Any]) -> Any:
        return None if rng.random() < 0.25 else values.cursor(rng, model, type, order(drawn))

    return draw


def _one_of(choices: Sequence[Any]) -> Draw:
    return lambda rng, _model, _drawn: rng.choice(choices)


def client_operation(rng: Random, model: StoreModel) -> RandomOperation:
    """A random operation in the style of a client library."""
    document = _ClientDocumentGenerator(rng, model)
    selection = document.selection("Query", document.roots())
    declared = ", ".join(f"${n}: {v.declaration}" for n, v in document.variables.items())
    name = rng.choice([None, "Main"])
    head = f"query {name or ''}" + (f"({declared})" if declared else "")
    text = " ".join([head, selection, *document.fragments])
    draw = _drawer(document.variables)
    return RandomOperation(text, (name,), [draw(rng, model) for _ in range(3)], draw)


def _drawer(
    variables: Mapping[str, _Variable],
) -> Callable[[Random, StoreModel], Mapping[str, Any]]:
    def draw(rng: Random, model: StoreModel) -> Mapping[str, Any]:
        drawn: dict[str, Any] = {}
        for name, variable in variables.items():
            drawn[name] = variable.draw(rng, model, drawn)
        if not drawn:
            return drawn
        name = rng.choice(list(drawn))
        chance = rng.random()
        if chance < 0.07:
            drawn[name] = values.mutate_value(rng, drawn[name])
        elif chance < 0.12:
            del drawn[name]
        elif chance < 0.14:
            drawn["unknown"] = 1
        return drawn

    return draw
