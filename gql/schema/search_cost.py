"""What it costs to find a list of articles, by its arguments as they were sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from store import (
    NEWEST_FIRST,
    And,
    ArticleQuery,
    Condition,
    Field,
    Operator,
    Order,
    OrderField,
    Window,
    query_cost,
)

from .filters import MAX_CONDITIONS, MAX_VALUES, filter_fields

_COMBINED = ("and", "or", "not")
_OPERATORS = {operator.value: operator for operator in Operator}
_FLAG = Condition(Field.PUBLISHED, Operator.EQ, True)  # its value


def search_cost(arguments: Mapping[str, Any], articles: int) -> int:
    """The most that it costs to find a list with these arguments among so many articles.

    `arguments`: `filter` and `orderBy`. They were not looked at yet: what is not as the schema says
    costs nothing, since it will be refused.
    """
    conditions = tuple(_conditions(arguments.get("filter"), MAX_CONDITIONS))
    order = tuple(_order(arguments.get("orderBy"))) or NEWEST_FIRST
    window = Window(first=0)
    query = ArticleQuery(window, And(conditions), order, with_total=True)
    return query_cost(query, articles) if conditions or order != NEWEST_FIRST else 0


def _conditions(given: Any, limit: int) -> Iterator[Condition]:
    """The conditions of a filter, however they are combined; no more than are allowed."""
    waiting = [given]
    while waiting and limit > 0:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part[:limit]
        elif isinstance(part, dict):
            for name, value in part.items():
                if name in _COMBINED:
                    waiting.append(value)
                    continue
                for condition in _of_field(name, value):
                    limit -= 1
                    yield condition


def _of_field(name: str, value: Any) -> Iterator[Condition]:
    field = filter_fields().get(name)
    if field is None:
        yield _FLAG
    elif isinstance(value, dict):
        for operator, operand in value.items():
            if operator in _OPERATORS:
                values = tuple(operand[:MAX_VALUES]) if isinstance(operand, list) else operand
                yield Condition(field, _OPERATORS[operator], values)


def _order(given: Any) -> Iterator[Order]:
    for step in given if isinstance(given, list) else [given]:
        field = step.get("field") if isinstance(step, dict) else None
        if isinstance(field, str) and field in OrderField.__members__:
            yield Order(OrderField[field], step.get("direction") != "ASC")
