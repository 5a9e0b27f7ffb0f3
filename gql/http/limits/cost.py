"""The cost of an operation, estimated before it is executed: list sizes times fields.

Each value that a response may contain costs 1. So a field costs as much as the lists around it have
items, and each item of a list of objects costs 1, too. A connection costs 30 and another object 5,
for the look-up. A connection has the size that `first` or `last` asks for, else the default page
size. A list by ids has as many items as ids. Other lists have an assumed size. A field is counted
for each of its nodes in the document, also where graphql merges them.

A list with a filter or an order costs a search, for each time that its field is counted. The cost
of a search depends on the values of the filter and on the number of articles. A unit is about a
microsecond of a search, or a value. A computed leaf may have a cost of its own
(`CostSettings.fields`). Introspection is counted by the sizes of the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from graphql import (
    DocumentNode,
    GraphQLSchema,
    OperationDefinitionNode,
    ValueNode,
    value_from_ast_untyped,
)

ASSUMED_ITEMS = 5
"""The assumed size of lists whose size is unknown: images, related stories, topics."""

CONNECTION, OBJECT = 30, 5
"""The cost of the look-up of a page, and of an object that is no item of a list. graphql-core takes
about so many times as long for them as for a value.
"""

EstimateSearches = Callable[[Iterable[tuple[int, Mapping[str, Any]]]], int]
"""Estimates the cost of searches. Each is given as its count and the arguments of the list that
filter and order it, as they were sent. The values of one variable are one object.
"""


class CostSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The limit of the cost, and what the cost depends on.

    Attributes:
        maximum: The largest cost of an operation.
        page_size: The default size of connections.
        max_page_size: The largest size of connections.
        search: Estimates the cost of searches.
        fields: The costs of leaf fields that cost more than a value, such as `Article.contentHtml`.
        list_sizes: The assumed sizes of lists that may be longer than others of unknown size, such
            as `Article.translations`.
    """

    maximum: int = 50_000
    page_size: int = 20
    max_page_size: int = 100
    search: EstimateSearches = lambda _: 0
    fields: Mapping[str, int] = {}
    list_sizes: Mapping[str, int] = {}


class BoundOperation(NamedTuple):
    """A valid operation with the variables of a request.

    Attributes:
        schema: The schema.
        document: The operation's document, which has its fragments.
        operation: The operation.
        variables: The variables as they were sent.
    """

    schema: GraphQLSchema
    document: DocumentNode
    operation: OperationDefinitionNode
    variables: Mapping[str, Any]

    def variables_with_defaults(self) -> dict[str, Any]:
        """The variables, with the default values of those that were not sent."""
        defaults = {
            definition.variable.name.value: value_from_ast_untyped(definition.default_value)
            for definition in self.operation.variable_definitions or ()
            if definition.default_value is not None
        }
        return {**defaults, **self.variables}


SearchArguments = Mapping[str, ValueNode]
"""The arguments that filter and order a list."""


class SelectionCost(NamedTuple):
    """The cost of a selection.

    Attributes:
        values: The number of values in the response.
        searches: How often each search runs, by its number.
    """

    values: int
    searches: Mapping[int, int] = {}  # never changed

    def plus(self, other: SelectionCost) -> SelectionCost:
        """The sum of both costs."""
        return sum_costs([self, other])

    def times(self, count: int) -> SelectionCost:
        """The cost of so many of the selection."""
        searches = {number: times * count for number, times in self.searches.items()}
        return SelectionCost(self.values * count, searches)


def sum_costs(costs: Sequence[SelectionCost]) -> SelectionCost:
    """The sum of costs."""
    searches: dict[int, int] = {}
    for cost in costs:
        for number, times in cost.searches.items():
            searches[number] = searches.get(number, 0) + times
    return SelectionCost(sum(cost.values for cost in costs), searches)


ZERO_COST, UNIT_COST = SelectionCost(0), SelectionCost(1)


def estimate_searches(
    searches: Iterable[tuple[int, SearchArguments]],
    variables: dict[str, Any],
    settings: CostSettings,
) -> int:
    """The cost of searches, each given as its count and its arguments."""
    return settings.search(
        (times, {name: value_from_ast_untyped(node, variables) for name, node in search.items()})
        for times, search in searches
    )
