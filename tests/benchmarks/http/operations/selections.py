"""Selections on articles, providers and topics, in the styles of client libraries.

A style changes the whole document: Apollo adds `__typename` everywhere, Relay makes a fragment for
each component, others use a named or an inline fragment.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    InlineFragmentNode,
    NamedTypeNode,
    NameNode,
    OperationDefinitionNode,
    SelectionSetNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    parse,
    print_ast,
    visit,
)

from gql.adapters.strawberry import graphql_schema
from gql.schema import build_schema

SCHEMA = build_schema()
_GRAPHQL = graphql_schema(SCHEMA)

_SCALARS = (
    "slug excerpt category type publishedDateTime updatedDateTime url webUrl originalUrl "
    "ampWebUrl cdnAmpWebUrl quality heat published locale tags featuredContent revision"
).split()
_LINKS = (
    "provider { id name images { url } }",
    "provider { id domain name articleCount image(width: 50) { url } }",
    "topics { id name }",
    "topics { id slug name parent { id name } }",
    "images { url width height }",
    "image(width: 640) { url width height title attribution }",
)
FULL = (
    "id slug title excerpt category type publishedDateTime updatedDateTime url webUrl originalUrl "
    "ampWebUrl cdnAmpWebUrl quality heat published locale tags featuredContent metadata revision "
    "provider { id domain name images { url width height } } topics { id slug name } "
    "images { url width height title attribution isCached } image { url width height } "
    "related { title excerpt type publishedDateTime url webUrl quality provider { id name } "
    "images { url width height } article { id title } }"
)
STORY = (
    "id slug title excerpt content publishedDateTime updatedDateTime url "
    "provider { id name domain images { url width height } } topics { id slug name } "
    "images { url width height title attribution } "
    "related { title excerpt publishedDateTime url provider { id name } image: images { url } "
    "article { id slug title excerpt publishedDateTime provider { id name domain } "
    "topics { id name } image(width: 320) { url width height } } }"
)
TOPIC = "id slug name"
PROVIDER = "id domain name images { url width height }"

STYLES = ("plain", "plain", "named", "inline", "relay")
_COMPONENTS = {"Article", "Provider", "Topic", "Image", "RelatedArticle"}
_NODES = {"Article", "Provider", "Topic"}


def headline(rng: Random) -> str:
    """A few scalars."""
    return " ".join(["id title", *rng.sample(_SCALARS, rng.randrange(1, 3))])


def card(rng: Random) -> str:
    """A card: scalars, and two or three links."""
    scalars = rng.sample(_SCALARS, rng.randrange(3, 7))
    links = {link.split()[0]: link for link in rng.sample(_LINKS, len(_LINKS))}
    chosen = rng.sample(list(links.values()), rng.randrange(2, 4))
    return " ".join(["id title", *scalars, *chosen])


def styled(text: str, style: str, *, typename: bool) -> tuple[str, str]:
    """The root selection and the fragments of a document in a style."""
    document = parse(text)
    if style != "plain":
        fragments: list[FragmentDefinitionNode] = []
        document = _visit(document, _Fragments(style, fragments))
        document = DocumentNode(definitions=(*document.definitions, *fragments))
    if typename:
        document = visit(document, _Typenames())
    operation, *rest = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    return print_ast(operation.selection_set), "\n\n".join(map(print_ast, rest))


def _visit(document: DocumentNode, visitor: Visitor) -> DocumentNode:
    types = TypeInfo(_GRAPHQL)
    bound = visitor.bind(types) if isinstance(visitor, _Fragments) else visitor
    changed: DocumentNode = visit(document, TypeInfoVisitor(types, bound))
    return changed


class _Typenames(Visitor):
    """Adds `__typename` to every selection set except the root, as Apollo Client does."""

    def leave_field(self, node: FieldNode, *_: Any) -> FieldNode:
        """Add it to the selection set of a field."""
        typed: FieldNode = _with_selections(node, _typed) if node.selection_set else node
        return typed

    def leave_fragment_definition(
        self, node: FragmentDefinitionNode, *_: Any
    ) -> FragmentDefinitionNode:
        """Add it to a fragment."""
        typed: FragmentDefinitionNode = _with_selections(node, _typed)
        return typed


class _Fragments(Visitor):
    """Replaces selection sets by fragments, inner ones first."""

    def __init__(self, style: str, fragments: list[FragmentDefinitionNode]) -> None:
        super().__init__()
        self._style = style
        self._fragments = fragments
        self._types: TypeInfo | None = None

    def bind(self, types: TypeInfo) -> _Fragments:
        """Set the source of the fields' types."""
        self._types = types
        return self

    def leave_field(self, node: FieldNode, *_: Any) -> FieldNode | None:
        """Replace the selection, where the style has a fragment for this type."""
        assert self._types is not None
        type = get_named_type(self._types.get_type())
        if node.selection_set is None or not isinstance(type, GraphQLObjectType):
            return None
        wanted = _COMPONENTS if self._style == "relay" else {"Article"}
        if type.name not in wanted:
            return None
        changed: FieldNode = _with_selections(node, partial(self._fragment, type.name))
        return changed

    def _fragment(self, type: str, inner: SelectionSetNode) -> SelectionSetNode:
        on = NamedTypeNode(name=NameNode(value=type))
        if self._style == "inline":
            node = parse("{ ... on Node { id } }").definitions[0]
            assert isinstance(node, OperationDefinitionNode)
            spread = InlineFragmentNode(type_condition=on, selection_set=inner, directives=())
            return SelectionSetNode(selections=(*node.selection_set.selections, spread))
        name = NameNode(
            value=f"{type}{'Component_' if self._style == 'relay' else 'Fields_'}"
            f"{len(self._fragments) + 1}"
        )
        self._fragments.append(
            FragmentDefinitionNode(name=name, type_condition=on, selection_set=inner, directives=())
        )
        spread_node = FragmentSpreadNode(name=name, directives=())
        own = (_leaf("id"),) if self._style == "relay" and type in _NODES else ()
        return SelectionSetNode(selections=(*own, spread_node))


def _typed(inner: SelectionSetNode) -> SelectionSetNode:
    return SelectionSetNode(selections=(*inner.selections, _leaf("__typename")))


def _leaf(name: str) -> FieldNode:
    return FieldNode(name=NameNode(value=name), arguments=(), directives=())


def _with_selections(node: Any, change: Callable[[SelectionSetNode], SelectionSetNode]) -> Any:
    """The node with another selection set."""
    values = {key: getattr(node, key) for key in node.keys}
    return type(node)(**{**values, "selection_set": change(node.selection_set)})
