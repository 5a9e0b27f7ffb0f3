"""From an operation to its plan: collects fields, finds links, generates functions.

A plan is made for one outcome of `@skip` and `@include` and for one set of rights, and then serves
every request that shares them, whatever its other variables.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import strawberry
from graphql import (
    DocumentNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    OperationDefinitionNode,
    get_named_type,
)
from graphql.execution.values import VariableValues
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from ..schema.context import PageSizes
from ..schema.graph import resolve_secured
from .arguments import Arguments, text_variable
from .collect import Collector, Selected, UnsupportedError
from .links import LINKS, Link
from .plan import ConnectionPlan, LinkPlan, ObjectPlan, OperationPlan, TextLookup
from .render import Writer, is_leaf, leaf

Sources = Callable[[Any], Sequence[Any]] | None
"""From a document to the objects inside it that a field is on; None: too deep for a link."""


def itself(document: Any) -> tuple[Any]:
    """The only source of a field that is on the document's own object."""
    return (document,)


class Compiler:
    """Compiles the operations of one schema."""

    def __init__(self, schema: strawberry.Schema, sizes: PageSizes) -> None:
        self.schema = schema
        self.graphql = schema._schema
        self.sizes = sizes
        self._converter = schema.schema_converter

    def compile(
        self,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: VariableValues,
        *,
        may_read_secured: bool,
    ) -> OperationPlan:
        """The plan of a query. Raises: UnsupportedError: it has something no plan takes."""
        collector = Collector(self.graphql, document, operation, variables)
        root = self.graphql.query_type
        if root is None:
            raise UnsupportedError("a schema without queries")
        work = _Compilation(self, collector, may_read_secured)
        plan = work.object(root, collector.root(root))
        return OperationPlan(plan, _checked_variables(operation, plan))

    def convert(self, definition: GraphQLField, values: dict[str, Any]) -> dict[str, Any]:
        """Argument values as Strawberry would hand them to a resolver."""
        field = strawberry_field(definition)
        return convert_arguments(
            values,
            field.arguments,
            scalar_registry=self._converter.scalar_registry,
            config=self.schema.config,
        )


def strawberry_field(definition: GraphQLField) -> StrawberryField:
    """The Strawberry field that a field of the schema was made from."""
    field: StrawberryField = definition.extensions["strawberry-definition"]
    return field


def _checked_variables(operation: OperationDefinitionNode, root: ObjectPlan) -> tuple[str, ...]:
    """All variables but those that are looked up as they were sent, which need no check."""
    texts = {link.arguments.name for link in root.links if isinstance(link.arguments, TextLookup)}
    names = (each.variable.name.value for each in operation.variable_definitions or ())
    return tuple(sorted(name for name in names if name not in texts))


def _may_be_null(type: GraphQLOutputType, *, in_list: bool) -> bool:
    """Whether a value of this type, or one in a list of this type, may be null."""
    if in_list:
        type = getattr(type, "of_type", type).of_type  # type: ignore[union-attr]
    return not isinstance(type, GraphQLNonNull)


class _Compilation:
    """One operation being compiled."""

    def __init__(self, compiler: Compiler, collector: Collector, may_read_secured: bool) -> None:
        self.compiler = compiler
        self.collector = collector
        self.may_read_secured = may_read_secured

    def object(self, type: GraphQLObjectType, fields: Sequence[Selected]) -> ObjectPlan:
        """The plan of a selection on a document or on the root."""
        body = _ObjectBody(self)
        answer = body.object(type, fields, "o", 0, itself)
        body.writer.line(0, f"return {answer}")
        parameters = ["o", *body.link_names, *body.argument_names]
        return ObjectPlan(type.name, body.links, body.arguments, body.writer.function(parameters))

    def below(self, selected: Selected, type: GraphQLOutputType) -> dict[str, ObjectPlan]:
        """The plans of a selection, by the type that a document turns out to have."""
        named = get_named_type(type)
        types = (
            self.compiler.graphql.get_possible_types(named)
            if isinstance(named, GraphQLInterfaceType)
            else [named]
        )
        return {
            each.name: self.object(each, self.collector.below(selected, each))
            for each in types
            if isinstance(each, GraphQLObjectType)
        }

    def connection(self, selected: Selected, type: GraphQLObjectType) -> ConnectionPlan:
        """The plan of a selection on a connection."""
        body = _ConnectionBody(self, type)
        fields = self.collector.below(selected, type)
        answer = body.connection(fields)
        body.writer.line(0, f"return {answer}")
        return ConnectionPlan(
            body.items,
            body.writer.function(["p", "cursor_of", *body.item_names]),
            with_total=any(field.name == "totalCount" for field in fields),
        )


class _ObjectBody:
    """The body of the function for one document, and the links and arguments it needs."""

    def __init__(self, work: _Compilation) -> None:
        self.work = work
        self.writer = Writer()
        self.links: list[LinkPlan] = []
        self.link_names: list[str] = []
        self.arguments: list[Arguments[dict[str, Any]]] = []
        self.argument_names: list[str] = []

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

    def field(
        self, field: Selected, definition: GraphQLField, source: str, depth: int, sources: Sources
    ) -> str:
        """Write the reading of a field; the expression of its value."""
        origin = strawberry_field(definition)
        resolver: Any = origin.base_resolver.wrapped_func if origin.base_resolver else None
        if resolver in LINKS:
            return self.link(field, definition, LINKS[resolver], sources)
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
        if (
            inspect.iscoroutinefunction(resolver)
            or "info" in inspect.signature(resolver).parameters
        ):
            raise UnsupportedError(f"the field {field.name}")
        function = self.writer.name("f", resolver)
        if not field.node.arguments:
            return f"{function}({source})"
        name = f"a{len(self.arguments)}"
        self.argument_names.append(name)
        self.arguments.append(Arguments(field, self.work.compiler.convert, dict))
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
                return f"present({result})"
        return result

    def link(self, field: Selected, definition: GraphQLField, link: Link, sources: Sources) -> str:
        """Add a link; the expression of its value, which the caller of the function hands in."""
        if sources is None:
            raise UnsupportedError(f"the field {field.name}")
        name = f"c{len(self.links)}"
        self.link_names.append(name)
        named = get_named_type(definition.type)
        below: ConnectionPlan | dict[str, ObjectPlan]
        if link.cursors is not None and isinstance(named, GraphQLObjectType):
            below = self.work.connection(field, named)
        else:
            below = self.work.below(field, definition.type)
        plan = LinkPlan(
            link,
            sources,
            self.link_arguments(field, link),
            below,
            is_nullable=_may_be_null(definition.type, in_list=link.is_list),
            single=sources is itself,
        )
        self.links.append(plan)
        if plan.single:
            return name
        # Inside a loop over embedded objects: one value for each of them, in their order.
        self.writer.lines.insert(0, f"    {name} = iter({name})")
        return f"next({name})"

    def link_arguments(self, field: Selected, link: Link) -> Arguments[Any] | TextLookup | None:
        """What makes a link's arguments into what it asks; None where it takes none."""
        if link.prepare is None:
            return None
        prepare, sizes = link.prepare, self.work.compiler.sizes
        arguments: Arguments[Any] = Arguments(
            field, self.work.compiler.convert, lambda **given: prepare(sizes, **given)
        )
        if link.names is not None:
            direct = text_variable(field, self.work.collector.operation)
            if direct is not None:
                return TextLookup(direct[1], link, direct[0], arguments)
        return arguments


class _ConnectionBody:
    """The body of the function for a page, and the plans of the items that it needs."""

    def __init__(self, work: _Compilation, type: GraphQLObjectType) -> None:
        self.work = work
        self.type = type
        self.writer = Writer()
        self.items: list[ObjectPlan] = []
        self.item_names: list[str] = []

    def connection(self, fields: Sequence[Selected]) -> str:
        """Write the reading of a page; the expression that makes its answer."""
        return self.answer(self.type.name, fields, self.of_connection)

    def answer(
        self, type_name: str, fields: Sequence[Selected], value: Callable[[Selected], str]
    ) -> str:
        """The expression of an object with these fields."""
        entries = (
            f"{field.key!r}: {repr(type_name) if field.definition is None else value(field)}"
            for field in fields
        )
        return "{" + ", ".join(entries) + "}"

    def of_connection(self, field: Selected) -> str:
        """The expression of a connection's field."""
        match field.name:
            case "nodes":
                return self.add_items(field)
            case "totalCount":
                return "whole(p.total)"
            case "pageInfo":
                type = self.object_type(field)
                return self.answer(
                    type.name, self.work.collector.below(field, type), self.of_page_info
                )
            case "edges":
                return self.edges(field)
        raise UnsupportedError(f"the field {field.name}")

    def edges(self, field: Selected) -> str:
        """Write the loop over the edges; the name of their list."""
        type = self.object_type(field)
        selected = self.work.collector.below(field, type)
        result, item = self.writer.name("r"), self.writer.name("e")
        names: list[str] = []

        def of_edge(each: Selected) -> str:
            if each.name == "cursor":
                return f"cursor_of({item})"
            names.append(self.add_items(each))
            return f"n{names[-1]}"

        answer = self.answer(type.name, selected, of_edge)
        loop = ", ".join([item, *(f"n{name}" for name in names)])
        lists = ", ".join(["p.items", *names])
        self.writer.line(0, f"{result} = []")
        self.writer.line(0, f"for {loop}, in zip({lists}):")
        self.writer.line(1, f"{result}.append({answer})")
        return result

    def of_page_info(self, field: Selected) -> str:
        """The expression of a field of PageInfo."""
        match field.name:
            case "hasNextPage":
                return "p.has_next"
            case "hasPreviousPage":
                return "p.has_previous"
            case "startCursor":
                return "(cursor_of(p.items[0]) if p.items else None)"
            case "endCursor":
                return "(cursor_of(p.items[-1]) if p.items else None)"
        raise UnsupportedError(f"the field {field.name}")

    def object_type(self, field: Selected) -> GraphQLObjectType:
        """The object type of a field, lists and non-null apart."""
        if field.definition is None:
            raise UnsupportedError("__typename has no fields")
        named = get_named_type(field.definition.type)
        if not isinstance(named, GraphQLObjectType):
            raise UnsupportedError(f"the type {named}")
        return named

    def add_items(self, field: Selected) -> str:
        """Add a plan for the items; the name of the list of their results."""
        type = self.object_type(field)
        name = f"n{len(self.items)}"
        self.item_names.append(name)
        self.items.append(self.work.object(type, self.work.collector.below(field, type)))
        return name
