"""Limits of a document's depth, aliases and directives, checked on its syntax before validation."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import msgspec
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
)

_INTROSPECTION = ("__schema", "__type")


class DocumentLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one document. A fragment counts for each of its spreads.

    Attributes:
        depth: The nesting of fields, leaves included. Introspection is not counted: its limit is
            graphql-core's MaxIntrospectionDepthRule.
        tokens: The number of tokens, and also of comments.
        characters: The length of the text.
        aliases: The number of aliases.
        directives: The number of directives.
        errors: How many errors are reported for a document, or for its variables.
    """

    depth: int = 16
    tokens: int = 4_000
    characters: int = 100_000
    aliases: int = 100
    directives: int = 100
    errors: int = 20


class LimitError(GraphQLError):
    """A document exceeds a limit."""


class DefinitionSize(msgspec.Struct):
    """The size of an operation or a fragment.

    Attributes:
        depth: The nesting of its fields.
        aliases: The number of its aliases.
        directives: The number of its directives.
        spreads: The name and the depth of each fragment spread.
    """

    depth: int = 0
    aliases: int = 0
    directives: int = 0
    spreads: list[tuple[str, int]] = []


def check_limits(document: DocumentNode, limits: DocumentLimits) -> list[GraphQLError]:
    """An error for each limit that an operation of the document exceeds."""
    fragments = _total_sizes(document)
    return [
        error
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
        for error in _excesses(definition, _with_spreads(_own_size(definition), fragments), limits)
    ]


def _excesses(
    operation: OperationDefinitionNode, size: DefinitionSize, limits: DocumentLimits
) -> Iterator[GraphQLError]:
    for code, what, count, limit in (
        ("QUERY_TOO_DEEP", "levels of fields", size.depth, limits.depth),
        ("TOO_MANY_ALIASES", "aliases", size.aliases, limits.aliases),
        ("TOO_MANY_DIRECTIVES", "directives", size.directives, limits.directives),
    ):
        if count > limit:
            yield LimitError(
                f"The operation has {count} {what}, counting fragments wherever they are spread; "
                f"at most {limit} are allowed.",
                operation,
                extensions={"code": code, "limit": limit, "found": count},
            )


def _total_sizes(document: DocumentNode) -> dict[str, DefinitionSize]:
    """The size of each fragment, with the fragments that it spreads.

    Fragments that spread each other in a cycle have no size: validation refuses those.
    """
    own = {
        definition.name.value: _own_size(definition)
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    graph = {name: {spread for spread, _ in size.spreads} for name, size in own.items()}
    totals: dict[str, DefinitionSize] = {}
    try:
        for name in TopologicalSorter(graph).static_order():
            totals[name] = _with_spreads(own.get(name, DefinitionSize()), totals)
    except CycleError:
        return {}
    return totals


def _with_spreads(size: DefinitionSize, fragments: dict[str, DefinitionSize]) -> DefinitionSize:
    spread = [(fragments.get(name, DefinitionSize()), depth) for name, depth in size.spreads]
    return DefinitionSize(
        depth=max([size.depth, *(depth + fragment.depth for fragment, depth in spread)]),
        aliases=size.aliases + sum(fragment.aliases for fragment, _ in spread),
        directives=size.directives + sum(fragment.directives for fragment, _ in spread),
    )


def _own_size(definition: OperationDefinitionNode | FragmentDefinitionNode) -> DefinitionSize:
    """A definition's size without spreads. No recursion, because clients choose the nesting."""
    size = DefinitionSize(directives=len(definition.directives or ()))
    pending: list[tuple[SelectionSetNode, int]] = [(definition.selection_set, 0)]
    while pending:
        selection_set, depth = pending.pop()
        for node in selection_set.selections:
            size.directives += len(node.directives or ())
            if isinstance(node, FragmentSpreadNode):
                size.spreads.append((node.name.value, depth))
                continue
            inner = depth
            if isinstance(node, FieldNode):
                size.aliases += node.alias is not None
                if node.name.value in _INTROSPECTION:
                    continue
                inner = depth + 1
                size.depth = max(size.depth, inner)
            selections = node.selection_set  # type: ignore[attr-defined]  # each of them has it
            if selections:
                pending.append((selections, inner))
    return size
