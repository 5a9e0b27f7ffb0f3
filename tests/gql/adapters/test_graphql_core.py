"""The private interfaces of graphql-core that `gql.adapters.graphql_core` uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from graphql import (
    Executor,
    GraphQLError,
    OverlappingFieldsCanBeMergedRule,
    build_schema,
    execute,
    parse,
    validate,
)
from graphql.execution import collect_fields

from gql.adapters import graphql_core as adapter
from gql.adapters.strawberry import ExecutionContext
from tests.gql.adapters.signatures import fail, parameters

SCHEMA = build_schema("type Query { a(x: Int): Query  b: Int }")


def changed(what: str, look_at: str) -> None:
    """Fail: an interface has changed."""
    fail("graphql-core", adapter.WRITTEN_FOR, f"graphql-core's {what}", look_at)


@pytest.mark.parametrize("name", adapter.EXECUTOR_METHODS)
def test_executor_methods_have_the_parameters_of_the_sliced_executor(name: str) -> None:
    """The sliced executor overrides and calls methods that graphql-core does not document."""
    expected = adapter.EXECUTOR_METHODS[name]
    methods = [getattr(each, name, None) for each in (Executor, ExecutionContext)]
    if any(each is None or parameters(each) != expected for each in methods):
        changed(
            f"method Executor.{name}",
            "gql/http/execution/sliced_executor.py and the method in graphql/execution/executor.py",
        )


FUNCTIONS: dict[str, tuple[Callable[..., Any], str]] = {
    "collect_fields": (
        collect_fields.collect_fields,
        "schema fragments variable_values runtime_type operation",
    ),
    "collect_subfields": (
        collect_fields.collect_subfields,
        "schema fragments variable_values operation return_type field_details_list",
    ),
    "FragmentDetails": (collect_fields.FragmentDetails, "definition"),
    "collect_iterator_awaitables": (adapter.collect_iterator_awaitables, "iterator is_awaitable"),
    "gather_with_cancel": (adapter.gather_with_cancel, "awaitables"),
    "Executor.build": (
        Executor.build,
        "schema document root_value context_value raw_variable_values operation_name",
    ),
    "execute": (execute, "schema document root_value context_value variable_values operation_name"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_begin_with_the_parameters_that_are_given(name: str) -> None:
    """Private functions are called with these parameters; new ones behind them do no harm."""
    function, expected = FUNCTIONS[name]
    given = parameters(function).split()
    if given[: len(expected.split())] != expected.split():
        changed(f"function {name}", "gql/adapters/graphql_core.py")


def test_collected_fields_have_a_node_each() -> None:
    """A grouped field set has, by response key, details of which each has the field's node."""
    document = parse(
        "query { k: a { b } k: a { c: b } ...F } fragment F on Query { k: a { d: b } }"
    )
    operation: Any = document.definitions[0]
    query: Any = SCHEMA.query_type
    fragments = adapter.fragments_by_name(document)
    variables: Any = None
    try:
        root = adapter.collect_root_fields(SCHEMA, fragments, variables, operation, query)
        children = adapter.collect_child_fields(
            SCHEMA,
            fragments,
            variables,
            operation,
            query,
            root["k"],
        )
        found = [details.node.name.value for details in root["k"]], list(children)
    except (AttributeError, TypeError, KeyError):
        found = [], []
    if found != (["a", "a", "a"], ["b", "c", "d"]):
        changed("grouped field set", "gql/adapters/graphql_core.py and gql/executor")


def test_comparison_budget_is_obeyed() -> None:
    """A rule whose budget is spent aborts validation, and its message says so."""

    class Rule(OverlappingFieldsCanBeMergedRule):
        def __init__(self, context: Any) -> None:
            super().__init__(context)
            adapter.set_comparison_budget(self, 3)

    document = parse("{ " + " ".join(f"a(x: {n}) {{ b }}" for n in range(9)) + " }")
    if not any(map(adapter.is_aborted_validation, validate(SCHEMA, document, [Rule]))):
        changed(
            "budget of OverlappingFieldsCanBeMergedRule",
            "set_comparison_budget and is_aborted_validation in gql/adapters/graphql_core.py",
        )


def test_limits_of_the_parser_are_recognized() -> None:
    """The parser tells only by its messages that it stopped at a limit."""
    errors = []
    for text, options in [
        ("{ b b b b }", {"max_lexical_tokens": 3}),
        ("{ a " * 5_000 + "}" * 5_000, {}),
    ]:
        with pytest.raises(GraphQLError) as caught:
            parse(text, **options)  # type: ignore[arg-type]
        errors.append(caught.value)
    tokens, nesting = errors
    if not (
        adapter.is_aborted_parsing(tokens)
        and not adapter.is_nesting_error(tokens)
        and adapter.is_nesting_error(nesting)
    ):
        changed(
            "messages of the parser",
            "is_aborted_parsing and is_nesting_error in gql/adapters/graphql_core.py",
        )


def test_tree_without_tokens_still_tells_locations() -> None:
    """A tree needs its tokens for nothing once it is parsed."""
    document = parse("{\n  b\n}")
    try:
        count = adapter.drop_tokens(document)
        operation: Any = document.definitions[0]
        [field] = operation.selection_set.selections
        location = (GraphQLError("x", field).locations or [])[0]
        found = count, location.line, location.column, hasattr(field.loc, "start_token")
    except (AttributeError, IndexError):
        found = (0, 0, 0, True)
    if found != (5, 2, 3, False):
        changed("syntax tree", "drop_tokens in gql/adapters/graphql_core.py")
