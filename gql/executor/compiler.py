"""From an operation to its plan: collects fields, finds links, generates functions.

A plan is made for one outcome of `@skip` and `@include` and for one set of rights, and then serves
every request that shares them, whatever its other variables.
"""

from __future__ import annotations

from collections.abc import Callable

import strawberry
from graphql import (
    DocumentNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLOutputType,
    OperationDefinitionNode,
    get_named_type,
)

from gql.adapters.strawberry import graphql_schema
from gql.schema.context import PageSizes

from .codegen.connection import ConnectionBody
from .codegen.object import ObjectBody, itself
from .planning.arguments import VariableReader, Variables
from .planning.field_collection import Collector, Selected, UnsupportedError
from .planning.input_coercion import InputCoercers
from .planning.operation_plan import OperationPlan
from .planning.plan import ConnectionPlan, LinkPlan, ObjectPlan
from .rows.row_cache import RowCache

MAX_FUNCTIONS = 64
"""How many functions an operation is compiled to at most: one takes 0.3 to 0.6 ms, and no turn of
others comes between. A fragment that is spread a hundred times is compiled as often."""


class Compiler:
    """Compiles the operations of one schema.

    Attributes:
        graphql: the schema as graphql-core has it.
        sizes: of pages.
        rows: the cache of what plans render.
    """

    def __init__(self, schema: strawberry.Schema, sizes: PageSizes, rows: RowCache) -> None:
        self.schema = schema
        self.graphql = graphql_schema(schema)
        self.sizes = sizes
        self.rows = rows
        self._coercers = InputCoercers(schema)

    def compile(
        self,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Variables,
        *,
        may_read_secured: bool,
    ) -> OperationPlan:
        """The plan of a query.

        Raises: UnsupportedError: it has something no plan takes. FallbackError: the variables do
            not fit.
        """
        reader = VariableReader(self.schema, self._coercers, operation)
        collector = Collector(self.graphql, document, operation, reader.coerced(variables))
        root = self.graphql.query_type
        if root is None:
            raise UnsupportedError("a schema without queries")
        return _Compilation(self, collector, reader, may_read_secured).operation(root)


class _Compilation:
    """One operation being compiled."""

    def __init__(
        self,
        compiler: Compiler,
        collector: Collector,
        reader: VariableReader,
        may_read_secured: bool,
    ) -> None:
        self.schema = compiler.graphql
        self.sizes = compiler.sizes
        self.rows = compiler.rows
        self.collector = collector
        self.reader = reader
        self.may_read_secured = may_read_secured
        self._functions = 0

    def operation(self, root: GraphQLObjectType) -> OperationPlan:
        """The plan of the whole operation."""
        body = ObjectBody(self)
        links: list[LinkPlan] = []
        envelope = [b'{"data":{']
        for number, field in enumerate(self.collector.root(root)):
            envelope[-1] += b'%b"%b":' % (b"," if number else b"", field.key.encode())
            if field.definition is None:
                envelope[-1] += b'"%b"' % root.name.encode()
            else:
                links.append(body.root_link(field, field.definition))
                envelope.append(b"")
        envelope[-1] += b"}}"
        return OperationPlan(links, envelope, self.reader)

    def nodes(self, selected: Selected, type: GraphQLObjectType) -> ObjectPlan:
        """The plan of the items of a connection's `nodes`, or of documents of one type."""
        fields = self.collector.below(selected, type)
        body = ObjectBody(self)
        return self.items(type.name, body, lambda: body.object(type, fields, "o", 1, itself))

    def edges(self, selected: Selected, type: GraphQLObjectType) -> ObjectPlan:
        """The plan of the items of a connection's `edges`."""
        fields = self.collector.below(selected, type)
        body = ObjectBody(self)
        return self.items(type.name, body, lambda: body.edge(type, fields, "o"))

    def items(self, type_name: str, body: ObjectBody, write: Callable[[], str]) -> ObjectPlan:
        """The plan whose function goes over documents, and does with each what `write` writes.

        Raises: UnsupportedError: the operation would become too many functions.
        """
        self._functions += 1
        if self._functions > MAX_FUNCTIONS:
            raise UnsupportedError("an operation of so many objects")
        body.writer.line(0, "results = []")
        body.writer.line(0, "for o in documents:")
        answer = write()
        body.writer.line(1, f"results.append({answer})")
        body.writer.line(0, "return results")
        parameters = ["documents", *body.link_names, *body.argument_names]
        if body.has_cursor:
            parameters.append("cursor_of")
        if body.has_revision:
            parameters.append("revision_of")
        return ObjectPlan(
            type_name,
            body.links,
            body.arguments,
            body.writer.function(parameters),
            self.rows,
            has_cursor=body.has_cursor,
            has_revision=body.has_revision,
        )

    def below(self, selected: Selected, type: GraphQLOutputType) -> dict[str, ObjectPlan]:
        """The plans of a selection, by the type that a document turns out to have."""
        named = get_named_type(type)
        types = (
            self.schema.get_possible_types(named)
            if isinstance(named, GraphQLInterfaceType)
            else [named]
        )
        return {
            each.name: self.nodes(selected, each)
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
            body.writer.function(["p", "cursor_of"]),
            with_total=any(field.name == "totalCount" for field in fields),
        )
