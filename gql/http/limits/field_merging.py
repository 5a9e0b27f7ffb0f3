"""Field selection merging, validated in time proportional to the size of the document.

https://spec.graphql.org/draft/#sec-Field-Selection-Merging

The specification compares each pair of fields that have the same response key. Here each field is
compared with the first one of its key: if all are equal to that one, all pairs are equal. The
selection sets of equal fields are merged and compared in the same way, each combination once. So a
document that repeats fields in many fragments costs no more than another of its size.

This check is conservative: it proves that fields can be merged. Without a proof, graphql-core's own
rule decides, with a budget for its comparisons.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLError,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    SchemaMetaFieldDef,
    SelectionSetNode,
    TypeMetaFieldDef,
    TypeNameMetaFieldDef,
    ValidationContext,
    get_named_type,
    is_leaf_type,
    print_ast,
    validate,
)

from gql.adapters.graphql_core import is_aborted_validation, set_comparison_budget

MAX_MERGED = 20_000
"""The bound of fields compared for one document; usual documents need a tenth."""

PAIR_BUDGET = 10_000
"""The budget of graphql-core's rule; a unit takes about a microsecond."""

_META_FIELDS = {
    "__schema": SchemaMetaFieldDef,
    "__type": TypeMetaFieldDef,
    "__typename": TypeNameMetaFieldDef,
}


class _TypedSelections(NamedTuple):
    """A selection set, and the name of its parent type."""

    selection_set: SelectionSetNode
    parent: str


class _Field(NamedTuple):
    """A field of a selection set.

    Attributes:
        node: Its node.
        parent: Its parent type.
        type: Its type.
        call: Its name and arguments as a text, which have to be equal.
        shape: Its type as far as types have to be equal, as a text.
    """

    node: FieldNode
    parent: GraphQLCompositeType
    type: GraphQLOutputType
    call: str
    shape: str


class _Selections(NamedTuple):
    """The fields of a selection set with their response keys, and its fragment spreads."""

    fields: list[tuple[str, _Field]]
    spreads: list[str]


class TooManyFieldsError(Exception):
    """A document has more fields to compare than are allowed."""


def merge_errors(schema: GraphQLSchema, document: DocumentNode) -> list[GraphQLError]:
    """The conflicts of fields in a document that is valid by all other rules."""
    try:
        if _MergeCheck(schema, document).is_mergeable():
            return []
    except TooManyFieldsError:
        return [_too_complex()]
    errors = validate(schema, document, [_PairsRule])
    is_aborted = any(map(is_aborted_validation, errors))
    return [_too_complex()] if is_aborted else errors


def _too_complex() -> GraphQLError:
    return GraphQLError(
        "The document repeats fields so often that it would take too long to tell whether they "
        "can be merged. Repeat fewer fields, or ask in several requests.",
        extensions={"code": "QUERY_TOO_COMPLEX"},
    )


class _PairsRule(OverlappingFieldsCanBeMergedRule):
    """The rule of graphql-core, with a smaller budget."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        set_comparison_budget(self, PAIR_BUDGET)


class _MergeCheck:
    """The check of one document."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._operations = [
            node for node in document.definitions if isinstance(node, OperationDefinitionNode)
        ]
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._collected: dict[tuple[int, str], _Selections] = {}
        self._left = MAX_MERGED

    def is_mergeable(self) -> bool:
        """Whether this can prove that all fields can be merged. Raises: TooManyFieldsError.

        Only operations are checked: a valid document spreads each fragment in one of them.
        """
        pending: list[list[_TypedSelections]] = []
        for operation in self._operations:
            root = self._schema.get_root_type(operation.operation)
            assert root is not None  # noqa: S101  # the document is valid by other rules
            pending.append([_TypedSelections(operation.selection_set, root.name)])
        seen: set[frozenset[tuple[int, str]]] = set()
        while pending:
            merged = pending.pop()
            key = frozenset((id(each.selection_set), each.parent) for each in merged)
            if key in seen:
                continue
            seen.add(key)
            for group in self._groups(merged):
                if len(group) > 1 and not _are_equal(group):
                    return False
                below = [
                    _TypedSelections(field.node.selection_set, get_named_type(field.type).name)
                    for field in group
                    if field.node.selection_set
                ]
                if below:
                    pending.append(below)
        return True

    def _groups(self, merged: Iterable[_TypedSelections]) -> Iterable[list[_Field]]:
        """The fields of merged selection sets, with those of spread fragments, by response key."""
        groups: dict[str, list[_Field]] = {}
        spread: set[str] = set()
        pending = list(merged)
        while pending:
            collected = self._collect(pending.pop())
            self._left -= 1 + len(collected.fields) + len(collected.spreads)
            if self._left < 0:
                raise TooManyFieldsError
            for name, field in collected.fields:
                groups.setdefault(name, []).append(field)
            for name in collected.spreads:
                if name not in spread:
                    spread.add(name)
                    node = self._fragments[name]
                    pending.append(
                        _TypedSelections(node.selection_set, node.type_condition.name.value)
                    )
        return groups.values()

    def _collect(self, selected: _TypedSelections) -> _Selections:
        """The selections of a selection set, with those of inline fragments; memoized."""
        key = id(selected.selection_set), selected.parent
        cached = self._collected.get(key)
        if cached is not None:
            return cached
        selections = self._collected[key] = _Selections([], [])
        pending = [selected]
        while pending:
            selection_set, parent = pending.pop()
            type: Any = self._schema.type_map[parent]
            for node in selection_set.selections:
                if isinstance(node, FieldNode):
                    selections.fields.append(_field(node, type))
                elif isinstance(node, FragmentSpreadNode):
                    selections.spreads.append(node.name.value)
                else:
                    inner: Any = node
                    condition = inner.type_condition
                    below = condition.name.value if condition else parent
                    pending.append(_TypedSelections(inner.selection_set, below))
        return selections


def _field(node: FieldNode, parent: Any) -> tuple[str, _Field]:
    name = node.name.value
    definition = _META_FIELDS.get(name) or parent.fields[name]
    arguments = sorted(map(print_ast, node.arguments)) if node.arguments else []
    call = f"{name}({', '.join(arguments)})"
    shape = "".join(_shape(definition.type))
    return (node.alias or node.name).value, _Field(node, parent, definition.type, call, shape)


def _shape(type: GraphQLOutputType) -> Iterator[str]:
    """The parts of a type that have to be equal for all fields of one response key."""
    inner: Any = type
    while isinstance(inner, GraphQLList | GraphQLNonNull):
        yield "[" if isinstance(inner, GraphQLList) else "!"
        inner = inner.of_type
    if is_leaf_type(inner):
        yield inner.name


def _are_equal(group: list[_Field]) -> bool:
    """Whether fields of one response key are equal, as far as this can prove it."""
    first = group[0]
    if any(field.shape != first.shape for field in group):
        return False
    if all(field.call == first.call for field in group):
        return True
    # Leaves of different object types may differ: no object has both types.
    if first.node.selection_set or not all(
        isinstance(field.parent, GraphQLObjectType) for field in group
    ):
        return False
    calls: dict[str, str] = {}
    return all(calls.setdefault(field.parent.name, field.call) == field.call for field in group)
