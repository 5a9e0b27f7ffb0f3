"""The generated function for one selection on a document, and the links that it needs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Protocol

from graphql import (
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
)

from gql.adapters.strawberry import resolver_of, strawberry_field
from gql.executor.planning.arguments import Arguments, VariableReader
from gql.executor.planning.field_collection import Collector, Selected, UnsupportedError
from gql.executor.planning.plan import ConnectionPlan, LinkPlan, ObjectPlan
from gql.schema.context import PageSizes
from gql.schema.graph import resolve_revision, resolve_secured
from gql.schema.images import resolve_images
from gql.schema.links import Link, link_of

from .writer import Writer, is_leaf, leaf

Sources = Callable[[Any], Sequence[Any]] | None
"""From a document to the objects inside it that a field is on; None: too deep for a link."""


_UNASKED: dict[Callable[..., Any], str] = {resolve_images: "images"}
"""The attribute that a resolver gives where the field has no arguments."""


def itself(document: Any) -> tuple[Any]:
    """The only source of a field that is on the document's own object."""
    return (document,)


class Work(Protocol):
    """What a body needs of the compilation around it: plans for what is below."""

    collector: Collector
    may_read_secured: bool
    reader: VariableReader
    sizes: PageSizes

    def below(self, selected: Selected, type: GraphQLOutputType) -> dict[str, ObjectPlan]:
        """The plans of a selection, by the type that a document turns out to have."""
        ...

    def connection(self, selected: Selected, type: GraphQLObjectType) -> ConnectionPlan:
        """The plan of a selection on a connection."""
        ...

    def nodes(self, selected: Selected, type: GraphQLObjectType) -> ObjectPlan:
        """The plan of the items of a connection's `nodes`."""
        ...

    def edges(self, selected: Selected, type: GraphQLObjectType) -> ObjectPlan:
        """The plan of the items of a connection's `edges`."""
        ...


class ObjectBody:
    """The body of the function for documents, and the links and arguments it needs."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.writer = Writer()
        self.links: list[LinkPlan] = []
        self.link_names: list[str] = []
        self.arguments: list[Arguments[dict[str, Any]]] = []
        self.argument_names: list[str] = []
        self.has_cursor = False
        self.has_revision = False

    def object(
        self,
        type: GraphQLObjectType,
        fields: Sequence[Selected],
        source: str,
        depth: int,
        sources: Sources,
    ) -> str:
        """Write the reading of an object; the expression that makes its answer."""
        entries = []
        for field in fields:
            value = (
                repr(type.name)
                if field.definition is None
                else self.field(field, field.definition, source, depth, sources)
            )
            entries.append(f"{field.key!r}: {value}")
        return "{" + ", ".join(entries) + "}"

    def edge(self, type: GraphQLObjectType, fields: Sequence[Selected], source: str) -> str:
        """Write the reading of an edge around an object; the expression that makes its answer."""
        entries = []
        for field in fields:
            if field.definition is None:
                value = repr(type.name)
            elif field.name == "cursor":
                self.has_cursor = True
                value = f"cursor_of({source})"
            elif field.name == "node":
                node = get_named_type(field.definition.type)
                assert isinstance(node, GraphQLObjectType)  # noqa: S101  # by the schema
                selected = self.work.collector.below(field, node)
                value = self.object(node, selected, source, 1, itself)
            else:
                raise UnsupportedError(f"the field {field.name}")
            entries.append(f"{field.key!r}: {value}")
        return "{" + ", ".join(entries) + "}"

    def field(
        self, field: Selected, definition: GraphQLField, source: str, depth: int, sources: Sources
    ) -> str:
        """Write the reading of a field; the expression of its value."""
        origin = strawberry_field(definition)
        resolver = resolver_of(origin)
        link = link_of(resolver)
        if link is not None:
            return self.link(field, definition, link, sources)
        read = self.read(field, origin.python_name, resolver, source)
        if is_leaf(definition.type):
            return leaf(self.writer, depth, read, definition.type)
        return self.embedded(field, definition.type, read, depth, origin.python_name, sources)

    def read(
        self, field: Selected, attribute: str, resolver: Callable[..., Any] | None, source: str
    ) -> str:
        """The expression that reads a field off its object, as the reference would."""
        if resolver is None or (resolver is resolve_secured and self.work.may_read_secured):
            return f"{source}.{attribute}"
        if resolver is resolve_revision:
            self.has_revision = True
            return f"revision_of({source})"
        if (
            inspect.iscoroutinefunction(resolver)
            or "info" in inspect.signature(resolver).parameters
        ):
            raise UnsupportedError(f"the field {field.name}")
        if not field.node.arguments and resolver in _UNASKED:
            return f"{source}.{_UNASKED[resolver]}"
        function = self.writer.name("f", resolver)
        if not field.node.arguments:
            return f"{function}({source})"
        name = f"a{len(self.arguments)}"
        self.argument_names.append(name)
        self.arguments.append(Arguments(field, self.work.reader, dict))
        return f"{function}({source}, **{name})"

    def embedded(  # noqa: PLR0913, PLR0917  # what is known of the place where it writes
        self,
        field: Selected,
        type: GraphQLOutputType,
        read: str,
        depth: int,
        attribute: str,
        sources: Sources,
    ) -> str:
        """Write the reading of objects inside the document: a list of them, or one or none."""
        nullable = not isinstance(type, GraphQLNonNull)
        inner = type if nullable else type.of_type  # type: ignore[union-attr]
        named = get_named_type(type)
        if not isinstance(named, GraphQLObjectType):
            raise UnsupportedError(f"the type {named}")
        fields = self.work.collector.below(field, named)
        result, item = self.writer.name("r"), self.writer.name("e")
        if isinstance(inner, GraphQLList):
            if nullable:
                raise UnsupportedError(f"the field {field.name}")
            inside = attrgetter(attribute) if sources is itself else None
            self.writer.line(depth, f"{result} = []")
            self.writer.line(depth, f"for {item} in {read}:")
            answer = self.object(named, fields, item, depth + 1, inside)
            self.writer.line(depth + 1, f"{result}.append({answer})")
        else:
            self.writer.line(depth, f"{result} = None")
            self.writer.line(depth, f"{item} = {read}")
            self.writer.line(depth, f"if {item} is not None:")
            answer = self.object(named, fields, item, depth + 1, None)
            self.writer.line(depth + 1, f"{result} = {answer}")
            if not nullable:
                return f"check_non_null({result})"
        return result

    def link(self, field: Selected, definition: GraphQLField, link: Link, sources: Sources) -> str:
        """Add a link; the expression of its value, which the caller of the function hands in."""
        if sources is None:
            raise UnsupportedError(f"the field {field.name}")
        name = f"c{len(self.links)}"
        self.link_names.append(name)
        self.links.append(
            self.link_plan(field, definition, link, None if sources is itself else sources)
        )
        # One value for each document, or for each of the objects inside it, in their order.
        self.writer.lines.insert(0, f"    {name} = iter({name})")
        return f"next({name})"

    def root_link(self, field: Selected, definition: GraphQLField) -> LinkPlan:
        """The plan of a field at the root, which has no document to be read off."""
        link = link_of(resolver_of(strawberry_field(definition)))
        if link is None:
            raise UnsupportedError(f"the field {field.name}")
        return self.link_plan(field, definition, link, None)

    def link_plan(
        self, field: Selected, definition: GraphQLField, link: Link, sources: Sources
    ) -> LinkPlan:
        """The plan of a link."""
        named = get_named_type(definition.type)
        below: ConnectionPlan | dict[str, ObjectPlan]
        if link.cursors is not None and isinstance(named, GraphQLObjectType):
            below = self.work.connection(field, named)
        else:
            below = self.work.below(field, definition.type)
        return LinkPlan(
            link,
            sources,
            self.link_arguments(field, link),
            below,
            is_nullable=_may_be_null(definition.type, in_list=link.is_list),
        )

    def link_arguments(self, field: Selected, link: Link) -> Arguments[Any] | None:
        """What makes a link's arguments into what it loads; None where it takes none."""
        if link.prepare is None:
            return None
        prepare, sizes = link.prepare, self.work.sizes
        return Arguments(field, self.work.reader, lambda **given: prepare(sizes, **given))


def _may_be_null(type: GraphQLOutputType, *, in_list: bool) -> bool:
    """Whether a value of this type, or one in a list of this type, may be null."""
    if in_list:
        type = getattr(type, "of_type", type).of_type  # type: ignore[union-attr]
    return not isinstance(type, GraphQLNonNull)
