"""Whether the fields of a document can be merged, told in time proportional to what it says.

https://spec.graphql.org/draft/#sec-Field-Selection-Merging

The specification compares each pair of fields that have the same name in the answer. Here each is
compared with the first of them: where all are equal to that one, all pairs are. Selections of equal
fields are merged and looked at in the same way, each set of them once. So a document that repeats
fields in many fragments costs no more than another of its size.

This errs on one side: where it finds no proof, graphql-core's own rule has to find the conflict, or
none, with a budget that is enough for the words.
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
"""So many fields are looked at for one document; those that clients send come to a tenth."""

PAIR_BUDGET = 10_000
"""What graphql-core may spend on comparing pairs, in its own unit of about a microsecond."""

_META_FIELDS = {
    "__schema": SchemaMetaFieldDef,
    "__type": TypeMetaFieldDef,
    "__typename": TypeNameMetaFieldDef,
}


class _Selected(NamedTuple):
    """A set of selections, and the name of the type that it selects from."""

    selection_set: SelectionSetNode
    parent: str


class _Field(NamedTuple):
    """A field: its node, the type it is selected from, its type, and what has to be equal."""

    node: FieldNode
    parent: GraphQLCompositeType
    type: GraphQLOutputType
    call: str
    shape: str


class _Collected(NamedTuple):
    """What a set of selections has itself: fields by their names in the answer, and spreads."""

    fields: list[tuple[str, _Field]]
    spreads: list[str]


class TooManyMergedError(Exception):
    """More fields have to be looked at than one document may have."""


def merge_errors(schema: GraphQLSchema, document: DocumentNode) -> list[GraphQLError]:
    """The fields of a document that cannot be merged; other rules have found no fault in it."""
    try:
        if _MergeCheck(schema, document).is_mergeable():
            return []
    except TooManyMergedError:
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
    """The rule of graphql-core, with less to spend."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        set_comparison_budget(self, PAIR_BUDGET)


class _MergeCheck:
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
        self._collected: dict[tuple[int, str], _Collected] = {}
        self._left = MAX_MERGED

    def is_mergeable(self) -> bool:
        """Whether it is proven that all fields can be merged. Raises: TooManyMergedError.

        Operations are enough: each fragment is spread in one, with all of its fields.
        """
        pending: list[list[_Selected]] = []
        for operation in self._operations:
            root = self._schema.get_root_type(operation.operation)
            assert root is not None  # noqa: S101  # other rules have seen to it
            pending.append([_Selected(operation.selection_set, root.name)])
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
                    _Selected(field.node.selection_set, get_named_type(field.type).name)
                    for field in group
                    if field.node.selection_set
                ]
                if below:
                    pending.append(below)
        return True

    def _groups(self, merged: Iterable[_Selected]) -> Iterable[list[_Field]]:
        """The fields of some selections with all that they spread, by name in the answer."""
        groups: dict[str, list[_Field]] = {}
        spread: set[str] = set()
        pending = list(merged)
        while pending:
            collected = self._collect(pending.pop())
            self._left -= 1 + len(collected.fields) + len(collected.spreads)
            if self._left < 0:
                raise TooManyMergedError
            for name, field in collected.fields:
                groups.setdefault(name, []).append(field)
            for name in collected.spreads:
                if name not in spread:
                    spread.add(name)
                    node = self._fragments[name]
                    pending.append(_Selected(node.selection_set, node.type_condition.name.value))
        return groups.values()

    def _collect(self, selected: _Selected) -> _Collected:
        """What a set of selections has, inline fragments included."""
        key = id(selected.selection_set), selected.parent
        known = self._collected.get(key)
        if known is not None:
            return known
        found = self._collected[key] = _Collected([], [])
        pending = [selected]
        while pending:
            selection_set, parent = pending.pop()
            type: Any = self._schema.type_map[parent]
            for node in selection_set.selections:
                if isinstance(node, FieldNode):
                    found.fields.append(_field(node, type))
                elif isinstance(node, FragmentSpreadNode):
                    found.spreads.append(node.name.value)
                else:
                    inner: Any = node
                    condition = inner.type_condition
                    below = condition.name.value if condition else parent
                    pending.append(_Selected(inner.selection_set, below))
        return found


def _field(node: FieldNode, parent: Any) -> tuple[str, _Field]:
    name = node.name.value
    definition = _META_FIELDS.get(name) or parent.fields[name]
    arguments = sorted(map(print_ast, node.arguments)) if node.arguments else []
    call = f"{name}({', '.join(arguments)})"
    shape = "".join(_shape(definition.type))
    return (node.alias or node.name).value, _Field(node, parent, definition.type, call, shape)


def _shape(type: GraphQLOutputType) -> Iterator[str]:
    """What has to be equal of types wherever their values may stand at one place."""
    inner: Any = type
    while isinstance(inner, GraphQLList | GraphQLNonNull):
        yield "[" if isinstance(inner, GraphQLList) else "!"
        inner = inner.of_type
    if is_leaf_type(inner):
        yield inner.name


def _are_equal(group: list[_Field]) -> bool:
    """Whether fields with the same name in the answer are proven to agree."""
    first = group[0]
    if any(field.shape != first.shape for field in group):
        return False
    if all(field.call == first.call for field in group):
        return True
    # Leaves of different objects may differ: no object is both.
    if first.node.selection_set or not all(
        isinstance(field.parent, GraphQLObjectType) for field in group
    ):
        return False
    calls: dict[str, str] = {}
    return all(calls.setdefault(field.parent.name, field.call) == field.call for field in group)
