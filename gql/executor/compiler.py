"""The plan compiler: collects fields, resolves links and generates functions.

A plan is compiled for one outcome of `@skip` and `@include` and for one set of permissions. It then
serves every request with the same ones, whatever its other variables.
"""

from __future__ import annotations

from collections.abc import Callable

import strawberry
from graphql import (
    DocumentNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLUnionType,
    OperationDefinitionNode,
    get_named_type,
)

from gql.adapters.strawberry import graphql_schema
from gql.schema.context import PageSizes

from .codegen.connection import ConnectionCodegen
from .codegen.object import ObjectCodegen, itself
from .errors import UnsupportedError
from .planning.arguments import ArgumentCoercer, RequestVariables
from .planning.field_collection import CollectedField, FieldCollector
from .planning.input_coercion import InputCoercers
from .planning.operation_plan import OperationPlan
from .planning.plan import ConnectionPlan, LinkPlan, ObjectPlan
from .rows.row_cache import RowCache

MAX_FUNCTIONS = 64
"""The bound of generated functions for an operation. One takes 0.3 to 0.6 ms to compile, without a
pause between them. A fragment that is spread a hundred times is compiled as often."""


class PlanCompiler:
    """Compiles the operations of one schema.

    Attributes:
        graphql: graphql-core's schema.
        sizes: The page sizes.
        row_cache: The row cache of the plans.
    """

    def __init__(self, schema: strawberry.Schema, sizes: PageSizes, row_cache: RowCache) -> None:
        self.schema = schema
        self.graphql = graphql_schema(schema)
        self.sizes = sizes
        self.row_cache = row_cache
        self._coercers = InputCoercers(schema)

    def compile(
        self,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: RequestVariables,
        *,
        may_read_secured: bool,
    ) -> OperationPlan:
        """Compile the plan of a query.

        Raises: UnsupportedError: it has a part that no plan supports. FallbackError: the variables
            are invalid.
        """
        coercer = ArgumentCoercer(self.schema, self._coercers, operation)
        collector = FieldCollector(self.graphql, document, operation, coercer.coerced(variables))
        root = self.graphql.query_type
        if root is None:
            raise UnsupportedError("a schema without queries")
        return _Compilation(self, collector, coercer, may_read_secured).operation_plan(root)


class _Compilation:
    """The compilation of one operation; see `CompilationContext`."""

    def __init__(
        self,
        compiler: PlanCompiler,
        collector: FieldCollector,
        coercer: ArgumentCoercer,
        may_read_secured: bool,
    ) -> None:
        self.schema = compiler.graphql
        self.sizes = compiler.sizes
        self.row_cache = compiler.row_cache
        self.collector = collector
        self.coercer = coercer
        self.may_read_secured = may_read_secured
        self._functions = 0
        self._is_slow = False

    def operation_plan(self, root: GraphQLObjectType) -> OperationPlan:
        """The plan of the whole operation."""
        codegen = ObjectCodegen(self)
        links: list[LinkPlan] = []
        envelope = [b'{"data":{']
        for number, field in enumerate(self.collector.root_fields(root)):
            envelope[-1] += b'%b"%b":' % (b"," if number else b"", field.key.encode())
            if field.definition is None:
                envelope[-1] += b'"%b"' % root.name.encode()
            else:
                links.append(codegen.root_link(field, field.definition))
                envelope.append(b"")
        envelope[-1] += b"}}"
        return OperationPlan(links, envelope, self.coercer, is_slow=self._is_slow)

    def nodes_plan(self, field: CollectedField, type: GraphQLObjectType) -> ObjectPlan:
        """The plan of the items of a connection's `nodes`, or of documents of one type."""
        fields = self.collector.subfields(field, type)
        codegen = ObjectCodegen(self)
        return self.object_plan(
            type.name, codegen, lambda: codegen.write_object(type, fields, "o", 1, itself)
        )

    def edges_plan(self, field: CollectedField, type: GraphQLObjectType) -> ObjectPlan:
        """The plan of the items of a connection's `edges`."""
        fields = self.collector.subfields(field, type)
        codegen = ObjectCodegen(self)
        return self.object_plan(type.name, codegen, lambda: codegen.write_edge(type, fields, "o"))

    def object_plan(
        self, type_name: str, codegen: ObjectCodegen, write_item: Callable[[], str]
    ) -> ObjectPlan:
        """Generate the function that loops over documents, and make the plan.

        `write_item` writes the loop's body and returns the expression of the response object.
        Raises: UnsupportedError: the operation has too many functions.
        """
        self._functions += 1
        if self._functions > MAX_FUNCTIONS:
            raise UnsupportedError("an operation of so many objects")
        writer = codegen.writer
        writer.line(0, "results = []")
        writer.line(0, "for o in documents:")
        item = write_item()
        writer.line(1, f"results.append({item})")
        writer.line(0, "return results")
        self._is_slow = self._is_slow or codegen.is_slow
        parameters = ["documents", *codegen.link_names, *codegen.argument_names]
        if codegen.has_cursor:
            parameters.append("encode_cursor")
        if codegen.has_revision:
            parameters.append("encode_revision")
        return ObjectPlan(
            type_name,
            codegen.links,
            codegen.arguments,
            writer.compile(parameters),
            self.row_cache,
            has_cursor=codegen.has_cursor,
            has_revision=codegen.has_revision,
            is_slow=codegen.is_slow,
        )

    def object_plans(self, field: CollectedField, type: GraphQLOutputType) -> dict[str, ObjectPlan]:
        """The plans of a field's selection, by the name of the object type."""
        named = get_named_type(type)
        types = (
            self.schema.get_possible_types(named)
            if isinstance(named, GraphQLInterfaceType | GraphQLUnionType)
            else [named]
        )
        return {
            each.name: self.nodes_plan(field, each)
            for each in types
            if isinstance(each, GraphQLObjectType)
        }

    def connection_plan(self, field: CollectedField, type: GraphQLObjectType) -> ConnectionPlan:
        """The plan of a field's selection on a connection."""
        codegen = ConnectionCodegen(self, type)
        fields = self.collector.subfields(field, type)
        pieces = codegen.write_connection(fields)
        codegen.writer.line(0, f"return {pieces}")
        return ConnectionPlan(
            codegen.items,
            codegen.writer.compile(["p", "encode_cursor"]),
            with_total=any(field.name == "totalCount" for field in fields),
        )
