"""Step 1: field collection, from a selection set to its merged fields in response order.

graphql-core's own functions do it, so fragments, type conditions, `@skip` and `@include` mean the
same as in the reference executor. They are called when a plan is compiled, not when it is run.
"""

from __future__ import annotations

from typing import NamedTuple

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    ValueNode,
    VariableNode,
    VariableValues,
    Visitor,
    visit,
)

from gql.adapters.graphql_core import (
    FieldDetailsList,
    GroupedFieldSet,
    collect_child_fields,
    collect_root_fields,
    fragments_by_name,
)
from gql.executor.errors import UnsupportedError


class CollectedField(NamedTuple):
    """A collected field: one response key, with all its field nodes.

    Attributes:
        key: Its response key.
        name: Its name in the schema.
        definition: Its definition in the schema; None for `__typename`.
        details: The nodes of the document that were merged into it.
    """

    key: str
    name: str
    definition: GraphQLField | None
    details: FieldDetailsList

    @property
    def node(self) -> FieldNode:
        """The first of the merged nodes. Validation ensures that all have equal arguments."""
        return self.details[0].node


class FieldCollector:
    """Collects the fields of one operation, for one outcome of its `@skip` and `@include`."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: VariableValues,
    ) -> None:
        self.schema = schema
        self.operation = operation
        self.variables = variables
        self.fragments = fragments_by_name(document)

    def root_fields(self, type: GraphQLObjectType) -> list[CollectedField]:
        """The fields of the operation's root type. Raises: UnsupportedError."""
        collected = collect_root_fields(
            self.schema, self.fragments, self.variables, self.operation, type
        )
        return _fields_of(type, collected)

    def subfields(self, field: CollectedField, type: GraphQLObjectType) -> list[CollectedField]:
        """The fields selected on a field's value of this object type. Raises: UnsupportedError."""
        collected = collect_child_fields(
            self.schema, self.fragments, self.variables, self.operation, type, field.details
        )
        return _fields_of(type, collected)


def _fields_of(type: GraphQLObjectType, fields: GroupedFieldSet) -> list[CollectedField]:
    result = []
    for key, details in fields.items():
        name = details[0].node.name.value
        definition = type.fields.get(name)
        if definition is None and name != "__typename":
            raise UnsupportedError(f"the field {name}")
        result.append(CollectedField(key, name, definition, details))
    return result


def directive_variables(document: DocumentNode) -> tuple[str, ...]:
    """The variables on which `@skip` and `@include` of a document depend, sorted."""
    names: set[str] = set()

    class DirectiveVisitor(Visitor):
        def enter_directive(self, node: object, *_: object) -> None:
            visit(node, _VariableVisitor(names))  # type: ignore[arg-type]

    visit(document, DirectiveVisitor())
    return tuple(sorted(names))


def argument_variables(*arguments: ArgumentNode) -> tuple[str, ...]:
    """The variables in arguments, sorted."""
    return tuple(sorted({name for argument in arguments for name in variables_in(argument)}))


def variables_in(node: ArgumentNode | ValueNode) -> set[str]:
    """The variables in a part of a document."""
    names: set[str] = set()
    visit(node, _VariableVisitor(names))
    return names


class _VariableVisitor(Visitor):
    """Adds the variables that it visits to a set of names."""

    def __init__(self, names: set[str]) -> None:
        super().__init__()
        self.names = names

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.names.add(node.name.value)
