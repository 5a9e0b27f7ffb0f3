"""Code generation for objects: the function for one selection on a document, and its links."""

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
    get_nullable_type,
)

from gql.adapters.strawberry import resolver_of, strawberry_field
from gql.executor.errors import UnsupportedError
from gql.executor.planning.arguments import ArgumentCoercer, FieldArguments
from gql.executor.planning.field_collection import CollectedField, FieldCollector
from gql.executor.planning.plan import ConnectionPlan, LinkPlan, ObjectPlan
from gql.schema.content import SLOW_RESOLVERS
from gql.schema.context import PageSizes
from gql.schema.graph import resolve_revision, resolve_secured
from gql.schema.images import resolve_images
from gql.schema.links import Link, link_of

from .leaves import LEAF_GLOBALS, is_leaf, write_leaf
from .writer import FunctionWriter

Sources = Callable[[Any], Sequence[Any]] | None
"""Gives the objects in a document that have a field; None: nested too deeply for a link."""


_PLAIN_ATTRIBUTES: dict[Callable[..., Any], str] = {resolve_images: "images"}
"""The attribute that a resolver returns where its field has no arguments."""


def itself(document: Any) -> tuple[Any]:
    """The sources of a field that the document itself has."""
    return (document,)


class CompilationContext(Protocol):
    """The compilation of an operation, which compiles the plans of nested selections.

    Attributes:
        collector: Collects the operation's fields.
        may_read_secured: Whether the viewer may read secured text.
        coercer: Coerces the operation's arguments.
        sizes: The page sizes.
    """

    collector: FieldCollector
    may_read_secured: bool
    coercer: ArgumentCoercer
    sizes: PageSizes

    def object_plans(self, field: CollectedField, type: GraphQLOutputType) -> dict[str, ObjectPlan]:
        """The plans of a field's selection, by the name of the object type."""
        ...

    def connection_plan(self, field: CollectedField, type: GraphQLObjectType) -> ConnectionPlan:
        """The plan of a field's selection on a connection."""
        ...

    def nodes_plan(self, field: CollectedField, type: GraphQLObjectType) -> ObjectPlan:
        """The plan of the items of a connection's `nodes`."""
        ...

    def edges_plan(self, field: CollectedField, type: GraphQLObjectType) -> ObjectPlan:
        """The plan of the items of a connection's `edges`."""
        ...


class ObjectCodegen:
    """Writes the function for a selection on documents, and collects its links and arguments.

    Methods named `write_...` add lines to the function. They return the expression of the value.

    Attributes:
        writer: The function's text.
        links: The links of the selection.
        link_names: Their parameters in the function.
        arguments: The arguments of fields that only read the object.
        argument_names: Their parameters in the function.
        has_cursor: Whether cursors are selected.
        has_revision: Whether revisions are selected.
        is_slow: Whether a resolver is called that may take milliseconds.
    """

    def __init__(self, context: CompilationContext) -> None:
        self.context = context
        self.writer = FunctionWriter(LEAF_GLOBALS)
        self.links: list[LinkPlan] = []
        self.link_names: list[str] = []
        self.arguments: list[FieldArguments[dict[str, Any]]] = []
        self.argument_names: list[str] = []
        self.has_cursor = False
        self.has_revision = False
        self.is_slow = False

    def write_object(
        self,
        type: GraphQLObjectType,
        fields: Sequence[CollectedField],
        source: str,
        depth: int,
        sources: Sources,
    ) -> str:
        """Write a response object; return its expression."""
        entries = []
        for field in fields:
            value = (
                repr(type.name)
                if field.definition is None
                else self.write_field(field, field.definition, source, depth, sources)
            )
            entries.append(f"{field.key!r}: {value}")
        return "{" + ", ".join(entries) + "}"

    def write_edge(
        self, type: GraphQLObjectType, fields: Sequence[CollectedField], source: str
    ) -> str:
        """Write an edge around an object; return its expression."""
        entries = []
        for field in fields:
            if field.definition is None:
                value = repr(type.name)
            elif field.name == "cursor":
                self.has_cursor = True
                value = f"encode_cursor({source})"
            elif field.name == "node":
                node = get_named_type(field.definition.type)
                assert isinstance(node, GraphQLObjectType)  # noqa: S101  # by the schema
                subfields = self.context.collector.subfields(field, node)
                value = self.write_object(node, subfields, source, 1, itself)
            else:
                raise UnsupportedError(f"the field {field.name}")
            entries.append(f"{field.key!r}: {value}")
        return "{" + ", ".join(entries) + "}"

    def write_field(
        self,
        field: CollectedField,
        definition: GraphQLField,
        source: str,
        depth: int,
        sources: Sources,
    ) -> str:
        """Write a field; return the expression of its value."""
        origin = strawberry_field(definition)
        resolver = resolver_of(origin)
        link = link_of(resolver)
        if link is not None:
            return self.write_link(field, definition, link, sources)
        read = self.read_expression(field, origin.python_name, resolver, source)
        if is_leaf(definition.type):
            return write_leaf(self.writer, depth, read, definition.type)
        return self.write_embedded(field, definition.type, read, depth, origin.python_name, sources)

    def read_expression(
        self,
        field: CollectedField,
        attribute: str,
        resolver: Callable[..., Any] | None,
        source: str,
    ) -> str:
        """The expression that reads a field of its object, as its resolver does."""
        if resolver is None or (resolver is resolve_secured and self.context.may_read_secured):
            return f"{source}.{attribute}"
        if resolver is resolve_revision:
            self.has_revision = True
            return f"encode_revision({source})"
        if (
            inspect.iscoroutinefunction(resolver)
            or "info" in inspect.signature(resolver).parameters
        ):
            raise UnsupportedError(f"the field {field.name}")
        if not field.node.arguments and resolver in _PLAIN_ATTRIBUTES:
            return f"{source}.{_PLAIN_ATTRIBUTES[resolver]}"
        self.is_slow = self.is_slow or resolver in SLOW_RESOLVERS
        function = self.writer.new_name("f", resolver)
        if not field.node.arguments:
            return f"{function}({source})"
        name = f"a{len(self.arguments)}"
        self.argument_names.append(name)
        self.arguments.append(FieldArguments(field, self.context.coercer, dict))
        return f"{function}({source}, **{name})"

    def write_embedded(  # noqa: PLR0913, PLR0917  # the context of the expression
        self,
        field: CollectedField,
        type: GraphQLOutputType,
        read: str,
        depth: int,
        attribute: str,
        sources: Sources,
    ) -> str:
        """Write objects embedded in the document: a list of them, or one or none."""
        nullable = not isinstance(type, GraphQLNonNull)
        inner = type if nullable else type.of_type  # type: ignore[union-attr]
        named = get_named_type(type)
        if not isinstance(named, GraphQLObjectType):
            raise UnsupportedError(f"the type {named}")
        fields = self.context.collector.subfields(field, named)
        result, item = self.writer.new_name("r"), self.writer.new_name("e")
        if isinstance(inner, GraphQLList):
            if nullable:
                raise UnsupportedError(f"the field {field.name}")
            nested_sources = attrgetter(attribute) if sources is itself else None
            self.writer.line(depth, f"{result} = []")
            self.writer.line(depth, f"for {item} in {read}:")
            value = self.write_object(named, fields, item, depth + 1, nested_sources)
            self.writer.line(depth + 1, f"{result}.append({value})")
        else:
            self.writer.line(depth, f"{result} = None")
            self.writer.line(depth, f"{item} = {read}")
            self.writer.line(depth, f"if {item} is not None:")
            value = self.write_object(named, fields, item, depth + 1, None)
            self.writer.line(depth + 1, f"{result} = {value}")
            if not nullable:
                return f"check_non_null({result})"
        return result

    def write_link(
        self, field: CollectedField, definition: GraphQLField, link: Link, sources: Sources
    ) -> str:
        """Add a link; return the expression of its value, which is a parameter."""
        if sources is None:
            raise UnsupportedError(f"the field {field.name}")
        name = f"c{len(self.links)}"
        self.link_names.append(name)
        self.links.append(
            self.link_plan(field, definition, link, None if sources is itself else sources)
        )
        # Its column has one value for each source, in the order of the documents.
        self.writer.lines.insert(0, f"    {name} = iter({name})")
        return f"next({name})"

    def root_link(self, field: CollectedField, definition: GraphQLField) -> LinkPlan:
        """The plan of a root field, which is always a link. Raises: UnsupportedError."""
        link = link_of(resolver_of(strawberry_field(definition)))
        if link is None:
            raise UnsupportedError(f"the field {field.name}")
        return self.link_plan(field, definition, link, None)

    def link_plan(
        self, field: CollectedField, definition: GraphQLField, link: Link, sources: Sources
    ) -> LinkPlan:
        """The plan of a link."""
        named = get_named_type(definition.type)
        target: ConnectionPlan | dict[str, ObjectPlan]
        if link.cursors is not None and isinstance(named, GraphQLObjectType):
            target = self.context.connection_plan(field, named)
        else:
            target = self.context.object_plans(field, definition.type)
        return LinkPlan(
            link,
            sources,
            self.link_arguments(field, link),
            target,
            is_nullable=_may_be_null(definition.type, in_list=link.is_list),
        )

    def link_arguments(self, field: CollectedField, link: Link) -> FieldArguments[Any] | None:
        """The prepared arguments of a link; None where it takes none."""
        if link.prepare is None:
            return None
        prepare, sizes = link.prepare, self.context.sizes
        if link.by_rights:
            rights = self.context.may_read_secured, None  # requests with a preview have no plan
            return FieldArguments(
                field, self.context.coercer, lambda **given: (prepare(sizes, **given), *rights)
            )
        return FieldArguments(field, self.context.coercer, lambda **given: prepare(sizes, **given))


def _may_be_null(type: GraphQLOutputType, *, in_list: bool) -> bool:
    """Whether a value of this type, or one in a list of this type, may be null."""
    if in_list:
        type = get_nullable_type(type).of_type  # type: ignore[union-attr]
    return not isinstance(type, GraphQLNonNull)
