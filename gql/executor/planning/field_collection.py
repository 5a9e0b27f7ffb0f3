"""Step 1: from a selection to the fields it asks for, merged and in the order of the answer.

graphql-core's own functions do it, so that fragments, type conditions, `@skip` and `@include` mean
here what they mean in the reference. They are asked when a plan is compiled, not when it runs.
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


class UnsupportedError(Exception):
    """The compiled way does not take this; the reference does."""


class Selected(NamedTuple):
    """One field of an answer: its key there, its name and definition, and where it is asked for."""

    key: str
    name: str
    definition: GraphQLField | None  # None for __typename
    details: FieldDetailsList

    @property
    def node(self) -> FieldNode:
        """The first of the merged fields; validation has seen to it that all agree."""
        return self.details[0].node


class Collector:
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

    def root(self, type: GraphQLObjectType) -> list[Selected]:
        """The fields at the operation's root."""
        collected = collect_root_fields(
            self.schema, self.fragments, self.variables, self.operation, type
        )
        return _selected(type, collected)

    def below(self, selected: Selected, type: GraphQLObjectType) -> list[Selected]:
        """The fields that a field asks of a value that is of this very type."""
        collected = collect_child_fields(
            self.schema, self.fragments, self.variables, self.operation, type, selected.details
        )
        return _selected(type, collected)


def _selected(type: GraphQLObjectType, fields: GroupedFieldSet) -> list[Selected]:
    result = []
    for key, details in fields.items():
        name = details[0].node.name.value
        definition = type.fields.get(name)
        if definition is None and name != "__typename":
            raise UnsupportedError(f"the field {name}")
        result.append(Selected(key, name, definition, details))
    return result


def directive_variables(document: DocumentNode) -> tuple[str, ...]:
    """The variables on which `@skip` and `@include` of a document depend, sorted."""
    names: set[str] = set()

    class Finder(Visitor):
        def enter_directive(self, node: object, *_: object) -> None:
            visit(node, _Variables(names))  # type: ignore[arg-type]

    visit(document, Finder())
    return tuple(sorted(names))


def variables_of(*arguments: ArgumentNode) -> tuple[str, ...]:
    """The variables in arguments, sorted."""
    return tuple(sorted({name for argument in arguments for name in names_in(argument)}))


def names_in(node: ArgumentNode | ValueNode) -> set[str]:
    """The variables in a part of a document."""
    names: set[str] = set()
    visit(node, _Variables(names))
    return names


class _Variables(Visitor):
    def __init__(self, names: set[str]) -> None:
        super().__init__()
        self.names = names

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.names.add(node.name.value)
