"""From an operation to its plan: collects fields, finds links, generates functions.

A plan is made for one outcome of `@skip` and `@include` and for one set of rights, and then serves
every request that shares them, whatever its other variables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import strawberry
from graphql import (
    DocumentNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLOutputType,
    OperationDefinitionNode,
    get_named_type,
)
from graphql.execution.values import VariableValues
from strawberry.types.arguments import convert_arguments

from ..schema.context import PageSizes
from .arguments import text_variables
from .cache import FragmentCache
from .collect import Collector, Selected, UnsupportedError
from .connection_body import ConnectionBody
from .object_body import ObjectBody, itself, strawberry_field
from .operation_plan import OperationPlan
from .plan import ConnectionPlan, ObjectPlan, TextLookup


class Compiler:
    """Compiles the operations of one schema."""

    def __init__(self, schema: strawberry.Schema, sizes: PageSizes, cache: FragmentCache) -> None:
        self.schema = schema
        self.graphql = schema._schema
        self.sizes = sizes
        self.cache = cache
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
        return OperationPlan(plan, _checked_variables(operation, plan), work.texts)

    def convert(self, definition: GraphQLField, values: dict[str, Any]) -> dict[str, Any]:
        """Argument values as Strawberry would hand them to a resolver."""
        field = strawberry_field(definition)
        return convert_arguments(
            values,
            field.arguments,
            scalar_registry=self._converter.scalar_registry,
            config=self.schema.config,
        )


def _checked_variables(operation: OperationDefinitionNode, root: ObjectPlan) -> tuple[str, ...]:
    """All variables but those that are looked up as they were sent, which need no check."""
    texts = {link.arguments.name for link in root.links if isinstance(link.arguments, TextLookup)}
    names = (each.variable.name.value for each in operation.variable_definitions or ())
    return tuple(sorted(name for name in names if name not in texts))


class _Compilation:
    """One operation being compiled."""

    def __init__(self, compiler: Compiler, collector: Collector, may_read_secured: bool) -> None:
        self.schema = compiler.graphql
        self.sizes = compiler.sizes
        self.cache = compiler.cache
        self.convert = compiler.convert
        self.collector = collector
        self.texts = text_variables(collector.operation)
        self.may_read_secured = may_read_secured

    def object(self, type: GraphQLObjectType, fields: Sequence[Selected]) -> ObjectPlan:
        """The plan of a selection on documents or on the root."""
        body = ObjectBody(self)
        body.writer.line(0, "results = []")
        body.writer.line(0, "for o in documents:")
        answer = body.object(type, fields, "o", 1, itself)
        body.writer.line(1, f"results.append({answer})")
        body.writer.line(0, "return results")
        parameters = ["documents", *body.link_names, *body.argument_names]
        render = body.writer.function(parameters)
        return ObjectPlan(type.name, body.links, body.arguments, render, self.cache)

    def below(self, selected: Selected, type: GraphQLOutputType) -> dict[str, ObjectPlan]:
        """The plans of a selection, by the type that a document turns out to have."""
        named = get_named_type(type)
        types = (
            self.schema.get_possible_types(named)
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
        body = ConnectionBody(self, type)
        fields = self.collector.below(selected, type)
        answer = body.connection(fields)
        body.writer.line(0, f"return {answer}")
        return ConnectionPlan(
            body.items,
            body.writer.function(["p", "cursor_of", *body.item_names]),
            self.cache,
            with_total=any(field.name == "totalCount" for field in fields),
        )
