"""Which parts of an index a condition allows: where to look for what matches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from .cursors import micros
from .entries import Entries, place
from .index import DATE, Family, Index
from .query import Condition, Field, Operator, OrderField
from .terms import unaliased

_FAMILIES = {
    Field.TOPICS: Family.TOPIC,
    Field.PROVIDER_DOMAIN: Family.PROVIDER,
    Field.CATEGORY: Family.CATEGORY,
    Field.TYPE: Family.TYPE,
    Field.RELATED_URLS: Family.RELATED_URL,
}
_RANGES = {
    Field.PUBLISHED_DATE_TIME: DATE,
    Field.HEAT: OrderField.HEAT,
    Field.QUALITY: OrderField.QUALITY,
}
_ANY_OF = {Operator.EQ, Operator.IN, Operator.SOME}
_BOUNDS = {Operator.EQ, Operator.GT, Operator.GTE, Operator.LT, Operator.LTE}


class Choice(NamedTuple):
    """A part of an index outside of which nothing can match.

    `covers` are the conditions that all of it meets; `order` is how `take` gives it, ascending.
    It can be taken of any index with the same aliases.
    """

    size: int
    covers: Sequence[Condition]
    order: OrderField
    take: Callable[[Index], Entries]


def choices(index: Index, conditions: Sequence[Condition]) -> Iterator[Choice]:
    """The parts of an index that each of these and-ed conditions allows."""
    for condition in conditions:
        if condition.field in _FAMILIES and condition.operator in _ANY_OF:
            yield _by_terms(index, condition)
    for field, order in _RANGES.items():
        bounds = [c for c in conditions if c.field is field and c.operator in _BOUNDS]
        if bounds:
            yield _by_range(index, order, bounds)


def _by_terms(index: Index, condition: Condition) -> Choice:
    value: Any = condition.value
    terms: Iterable[Any] = value if isinstance(value, tuple) else (value,)
    if condition.field is Field.TOPICS:
        terms = unaliased(terms, index.aliases)
    family, distinct = _FAMILIES[condition.field], tuple(dict.fromkeys(terms))
    size = sum(len(index.posting(family, term)) for term in distinct)
    return Choice(size, (condition,), DATE, partial(_union, family=family, terms=distinct))


def _union(index: Index, family: Family, terms: Sequence[str]) -> Entries:
    postings = [index.posting(family, term) for term in terms]
    if len(postings) == 1:
        return postings[0]
    return tuple(sorted(set(chain(*postings))))


def _by_range(index: Index, field: OrderField, bounds: Sequence[Condition]) -> Choice:
    low, high = _places(index, field, bounds)
    take = partial(_between, field=field, bounds=bounds)
    return Choice(max(0, high - low), bounds, field, take)


def _between(index: Index, field: OrderField, bounds: Sequence[Condition]) -> Entries:
    low, high = _places(index, field, bounds)
    return index.orders[field][low:high]


def _places(index: Index, field: OrderField, bounds: Sequence[Condition]) -> tuple[int, int]:
    """Where in an order that begins and ends which is within all bounds."""
    order = index.orders[field]
    low, high = 0, len(order)
    for bound in bounds:
        value: Any = bound.value
        key = micros(value) if field is DATE else value
        # Keys are whole numbers: those over n are those from n + 1.
        if bound.operator in (Operator.EQ, Operator.GTE, Operator.GT):
            low = max(low, place(order, (key + (bound.operator is Operator.GT),)))
        if bound.operator in (Operator.EQ, Operator.LTE, Operator.LT):
            high = min(high, place(order, (key + (bound.operator is not Operator.LT),)))
    return low, high
