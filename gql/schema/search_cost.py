"""The cost of searches: an estimate from the raw arguments of article lists."""

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
    """The worst-case cost of lists, each executed `times` times, among so many articles.

    The arguments `filter` and `orderBy` are not validated yet. Invalid ones cost nothing, since
    they will be refused.
    """
    filters = _Filters(articles)
    total = 0
    for times, arguments in searches:
        order = _order_estimate(arguments.get("orderBy"), articles)
        total += filters.estimate(arguments.get("filter")).plus(order).total(times)
    return total


class _Filters:
    """Estimates of filters. One object, such as the value of a variable, is estimated once."""

    def __init__(self, articles: int) -> None:
        self._articles = articles
        self._estimates: dict[int, tuple[SearchCost, int]] = {}
        self._references: list[Any] = []  # keep ids unique: a freed object's id could come again

    def estimate(self, given: Any) -> SearchCost:
        """The estimate of a filter."""
        return self._part(given)[0]

    def _part(self, given: Any) -> tuple[SearchCost, int]:
        """The estimate of a part, and its number of conditions, counted up to the limit."""
        if not isinstance(given, dict | list):
            return NO_SEARCH_COST, 0
        estimate = self._estimates.get(id(given))
        if estimate is None:
            estimate = self._estimates[id(given)] = self._sum(given)
            self._references.append(given)
        return estimate

    def _sum(self, given: dict[str, Any] | list[Any]) -> tuple[SearchCost, int]:
        total, count = NO_SEARCH_COST, 0
        members = given.items() if isinstance(given, dict) else zip(repeat("and"), given)
        for name, value in members:
            is_combined = name in _COMBINED
            part, conditions = self._part(value) if is_combined else self._field(name, value)
            total, count = total.plus(part), count + max(1, conditions)
            if count > MAX_CONDITIONS:  # refused at its execution
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
                ignore_accents = value.get("ignoreAccents") is True
                condition = Condition(field, _OPERATORS[operator], values, ignore_accents)
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
