"""What it costs to find lists of articles, by their arguments as they were sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import repeat
from typing import Any

from store import (
    NO_SEARCH_COST,
    Condition,
    Field,
    Operator,
    OrderField,
    SearchCost,
    condition_cost,
    order_cost,
)

from .filters import MAX_CONDITIONS, MAX_VALUES, filter_fields

_COMBINED = ("and", "or", "not")
_OPERATORS = {operator.value: operator for operator in Operator}
_FLAG = Condition(Field.PUBLISHED, Operator.EQ, True)  # its value


def search_cost(searches: Iterable[tuple[int, Mapping[str, Any]]], articles: int) -> int:
    """The most that it costs to find lists, each so many times, among so many articles.

    Each has the arguments `filter` and `orderBy`. They were not looked at yet: what is not as the
    schema says costs nothing, since it will be refused.
    """
    filters = _Filters(articles)
    total = 0
    for times, arguments in searches:
        order = _order_estimate(arguments.get("orderBy"), articles)
        total += filters.estimate(arguments.get("filter")).plus(order).total(times)
    return total


class _Filters:
    """Estimates filters; one object, such as the value of a variable, is looked at once."""

    def __init__(self, articles: int) -> None:
        self._articles = articles
        self._known: dict[int, tuple[SearchCost, int]] = {}
        self._kept: list[Any] = []  # so that no other object gets the identity of one of these

    def estimate(self, given: Any) -> SearchCost:
        """The estimate of a filter."""
        return self._part(given)[0]

    def _part(self, given: Any) -> tuple[SearchCost, int]:
        """The estimate of a part, and how many conditions it has, or more than are allowed."""
        if not isinstance(given, dict | list):
            return NO_SEARCH_COST, 0
        known = self._known.get(id(given))
        if known is None:
            known = self._known[id(given)] = self._sum(given)
            self._kept.append(given)
        return known

    def _sum(self, given: dict[str, Any] | list[Any]) -> tuple[SearchCost, int]:
        total, count = NO_SEARCH_COST, 0
        members = given.items() if isinstance(given, dict) else zip(repeat("and"), given)
        for name, value in members:
            is_combined = name in _COMBINED
            part, conditions = self._part(value) if is_combined else self._field(name, value)
            total, count = total.plus(part), count + max(1, conditions)
            if count > MAX_CONDITIONS:  # refused when it is executed
                break
        return total, count

    def _field(self, name: str, value: Any) -> tuple[SearchCost, int]:
        field = filter_fields().get(name)
        if field is None:
            return condition_cost(_FLAG, self._articles), 1
        if not isinstance(value, dict):
            return NO_SEARCH_COST, 0
        total, count = NO_SEARCH_COST, 0
        for operator, operand in value.items():
            if operator in _OPERATORS:
                values = tuple(operand[:MAX_VALUES]) if isinstance(operand, list) else operand
                condition = Condition(field, _OPERATORS[operator], values)
                total = total.plus(condition_cost(condition, self._articles))
                count += 1
        return total, count


def _order_estimate(given: Any, articles: int) -> SearchCost:
    total = NO_SEARCH_COST
    for step in given[: len(OrderField)] if isinstance(given, list) else [given]:
        field = step.get("field") if isinstance(step, dict) else None
        if isinstance(field, str) and field in OrderField.__members__:
            total = total.plus(order_cost(OrderField[field], articles))
    return total
