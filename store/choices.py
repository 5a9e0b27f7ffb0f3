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
    """

    size: int
    covers: Sequence[Condition]
    order: OrderField
    take: Callable[[], Entries]


def choices(index: Index, conditions: Sequence[Condition]) -> Iterator[Choice]:
    """The parts of an index that each of these and-ed conditions allows."""
    for condition in conditions:
        if condition.field in _FAMILIES and condition.operator in _ANY_OF:
            yield _by_terms(index, condition)
    for field, order in _RANGES.items():
        bounds = [c for c in conditions if c.field is field and c.operator in _BOUNDS]
        if bounds:
            yield _by_range(index.orders[order], order, bounds)


def _by_terms(index: Index, condition: Condition) -> Choice:
    value: Any = condition.value
    terms: Iterable[Any] = value if isinstance(value, tuple) else (value,)
    if condition.field is Field.TOPICS:
        terms = unaliased(terms, index.aliases)
    postings = index.postings[_FAMILIES[condition.field]]
    found = [postings[term] for term in dict.fromkeys(terms) if term in postings]
    size = sum(map(len, found))
    return Choice(size, (condition,), DATE, partial(_union, found))


def _union(postings: Sequence[Entries]) -> Entries:
    if len(postings) == 1:
        return postings[0]
    return tuple(sorted(set(chain(*postings))))


def _by_range(order: Entries, field: OrderField, bounds: Sequence[Condition]) -> Choice:
    low, high = 0, len(order)
    for bound in bounds:
        value: Any = bound.value
        key = micros(value) if field is DATE else value
        # Keys are whole numbers: those over n are those from n + 1.
        if bound.operator in (Operator.EQ, Operator.GTE, Operator.GT):
            low = max(low, place(order, (key + (bound.operator is Operator.GT),)))
        if bound.operator in (Operator.EQ, Operator.LTE, Operator.LT):
            high = min(high, place(order, (key + (bound.operator is not Operator.LT),)))
    return Choice(max(0, high - low), bounds, field, lambda: order[low:high])
