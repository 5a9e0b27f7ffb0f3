"""Adapter of graphql-core: its private and undocumented interfaces, and nothing else.

All other modules use only what the package `graphql` exports. What is here may change in any
release. `tests/gql/adapters/test_graphql_core.py` fails when it does, and says what to look at.

The one interface that cannot be wrapped is the executor class, whose methods
`gql.http.execution.sliced_executor` overrides. Their signatures are in `EXECUTOR_METHODS`.
"""

from __future__ import annotations

import weakref
from typing import Any

from graphql import (
    DocumentNode,
    Executor,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfoHelpers,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    VariableValues,
)
from graphql.execution.collect_fields import (
    FieldDetailsList,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.executor import collect_iterator_awaitables
from graphql.pyutils import gather_with_cancel

__all__ = [
    "EXECUTOR_METHODS",
    "WRITTEN_FOR",
    "FieldDetailsList",
    "FragmentDetails",
    "GroupedFieldSet",
    "break_executor_cycle",
    "collect_child_fields",
    "collect_iterator_awaitables",
    "collect_root_fields",
    "drop_tokens",
    "fragments_by_name",
    "gather_with_cancel",
    "is_aborted_parsing",
    "is_aborted_validation",
    "is_nesting_error",
    "set_comparison_budget",
]

WRITTEN_FOR = "3.3.2"
"""The version of graphql-core that this module was written for."""

EXECUTOR_METHODS = {
    "execute_fields": "parent_type source_value path grouped_field_set position_context",
    "complete_value": "return_type field_details_list info path result position_context",
    "complete_awaitable_value": "return_type field_details_list info path result position_context",
    "complete_iterable_value": "item_type field_details_list info path items position_context",
    "complete_list_item_value": (
        "item complete_results item_type field_details_list info item_path position_context"
    ),
    "complete_awaitable_list_item_value": (
        "item item_type field_details_list info item_path position_context"
    ),
    "handle_field_error": "raw_error return_type field_details_list path",
    "settle_in_background": "awaitables",
    "gather_async_work": "values",
    "track_async_work": "values",
    "build_per_event_executor": "payload",
}
"""The methods of the executor class that are overridden or called, with their parameters."""


def fragments_by_name(document: DocumentNode) -> dict[str, FragmentDetails]:
    """The fragments of a document, as field collection needs them."""
    return {
        node.name.value: FragmentDetails(node)
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }


def collect_root_fields(
    schema: GraphQLSchema,
    fragments: dict[str, FragmentDetails],
    variables: VariableValues,
    operation: OperationDefinitionNode,
    type: GraphQLObjectType,
) -> GroupedFieldSet:
    """The merged fields of an operation's root, by response key.

    https://spec.graphql.org/draft/#CollectFields()
    """
    return collect_fields(schema, fragments, variables, type, operation).grouped_field_set


def collect_child_fields(  # noqa: PLR0913, PLR0917  # the context of field collection
    schema: GraphQLSchema,
    fragments: dict[str, FragmentDetails],
    variables: VariableValues,
    operation: OperationDefinitionNode,
    type: GraphQLObjectType,
    parents: FieldDetailsList,
) -> GroupedFieldSet:
    """The merged fields of an object, by response key.

    Args:
        schema: The schema.
        fragments: See `fragments_by_name`.
        variables: The coerced variables, for `@skip` and `@include`.
        operation: The operation.
        type: The type of the object.
        parents: The merged fields whose value the object is.

    https://spec.graphql.org/draft/#CollectSubfields()
    """
    collected = collect_subfields(schema, fragments, variables, operation, type, parents)
    return collected.grouped_field_set


def break_executor_cycle(executor: Executor[Any]) -> None:
    """Let an executor's helpers refer to it weakly.

    The base class makes a reference cycle, which would keep the request until the garbage collector
    runs.
    """
    weak: Executor[Any] = weakref.proxy(executor)
    executor.async_helpers = GraphQLResolveInfoHelpers(
        gather=lambda values: weak.gather_async_work(values),  # noqa: PLW0108  # a method holds it
        track=lambda values: weak.track_async_work(values),  # noqa: PLW0108
    )


def set_comparison_budget(rule: OverlappingFieldsCanBeMergedRule, budget: int) -> None:
    """Bound what a rule spends on comparing pairs of fields; a unit takes about a microsecond."""
    rule.rule_context.remaining_complexity_budget = budget


def drop_tokens(ast: DocumentNode) -> int:
    """Delete the lexer tokens of a tree, a quarter of its size; return the number of its nodes.

    Errors find their locations without tokens.
    """
    fields: dict[type[Node], tuple[str, ...]] = {}
    pending: list[Node] = [ast]
    count = 0
    while pending:
        node = pending.pop()
        count += 1
        if node.loc is not None:
            del node.loc.start_token, node.loc.end_token
        kind = type(node)
        if kind not in fields:
            fields[kind] = tuple(name for name in node.keys if name != "loc")
        for name in fields[kind]:
            value = getattr(node, name)
            if isinstance(value, Node):
                pending.append(value)
            elif type(value) is tuple:
                pending.extend(value)
    return count


def is_aborted_validation(error: GraphQLError) -> bool:
    """Whether validation stopped because its budget was spent."""
    return error.message.endswith("Validation aborted.")


def is_aborted_parsing(error: GraphQLError) -> bool:
    """Whether the parser stopped at one of its limits."""
    return error.message.endswith("Parsing aborted.")


def is_nesting_error(error: GraphQLError) -> bool:
    """Whether the parser stopped because the document is nested too deeply."""
    return error.message.endswith("nested too deeply. Parsing aborted.")
