"""What a query costs before it is executed: an estimate from its size and the store's.

The unit is about a microsecond. No index is looked at, so that a server can refuse
an operation by what it says. `planner.explain` shows what a query costs really.
"""

from __future__ import annotations

from math import ceil

from .filter_fields import FILTER_FIELDS, Access
from .query import And, ArticleQuery, Condition, Filter, Not, Operator, Or

SET_US = 1.5
"""To combine two sets of few articles."""

SET_ARTICLE_US = 0.00002
"""The same, for each article of the store."""

RANGE_ARTICLE_US = 0.0006
"""To turn a range of an order into a set, for each article of the store."""

READ_ARTICLE_US = 0.1
"""To look for a needle in one text."""

MAY_CONTAIN = 20
"""One of so many articles is assumed to have a needle's rarest trigram."""

MAX_TERMS = 2_000
"""How many different terms a field is assumed to have at most, such as domains."""

GATHER_US = 0.0045
"""To gather the rank of one hit in another order than by date."""

STEP_US = 0.055
"""To look at one article in an order."""

_LIKE = {Operator.CONTAINS, Operator.STARTS_WITH}
_PRESENCE = {Operator.IS_NULL, Operator.IS_EMPTY}


def query_cost(query: ArticleQuery, articles: int) -> int:
    """About how much a page costs in a store of so many articles, if it finds many."""
    window = query.window
    size = (window.last if window.first is None else window.first) or 0
    cost = filter_cost(query.filter, articles) + 5 + STEP_US * size
    if query.with_total:
        cost += READ_ARTICLE_US * articles / MAY_CONTAIN * _needles(query.filter)
    if len(query.order) > 1 or query.order[0].field != "publishedDateTime":
        cost += min(GATHER_US * articles, 2 * STEP_US * articles**0.5 * (size + 1))
    return ceil(cost)


def filter_cost(filter: Filter, articles: int) -> int:
    """About how much it costs to find what matches a filter in a store of so many articles."""
    return ceil(_filter_cost(filter, articles))


def _filter_cost(filter: Filter, articles: int) -> float:
    combine = SET_US + SET_ARTICLE_US * articles
    match filter:
        case Condition():
            return combine + _condition_cost(filter, articles)
        case Not():
            return combine + _filter_cost(filter.filter, articles)
        case And() | Or():
            return sum(combine + _filter_cost(part, articles) for part in filter.filters)


def _condition_cost(condition: Condition, articles: int) -> float:
    value, how = condition.value, condition.operator
    values = len(value) if isinstance(value, tuple) else 1
    access = FILTER_FIELDS[condition.field].access
    if how in _PRESENCE or access is Access.FLAG:
        return 1.0
    if access is Access.TERMS:
        if how in _LIKE:
            return READ_ARTICLE_US * min(articles, MAX_TERMS)
        return values * (SET_US + SET_ARTICLE_US * articles)
    if access is Access.TIME:
        return 4.0
    if how is Operator.CONTAINS:
        length = len(value) if isinstance(value, str) else 0
        return 10 + length + READ_ARTICLE_US * articles / MAY_CONTAIN
    return 5.0 * values + RANGE_ARTICLE_US * articles


def _needles(filter: Filter) -> int:
    """How many substrings a filter looks for."""
    match filter:
        case Condition():
            return int(filter.operator is Operator.CONTAINS)
        case Not():
            return _needles(filter.filter)
        case And() | Or():
            return sum(map(_needles, filter.filters))


def query_bytes(query: ArticleQuery) -> int:
    """About how much memory a query takes that is kept as a key."""
    window = query.window
    return 400 + len(window.after or "") + len(window.before or "") + filter_bytes(query.filter)


def filter_bytes(filter: Filter) -> int:
    """About how much memory a filter takes."""
    match filter:
        case Condition():
            value = filter.value
            if isinstance(value, tuple):
                return 200 + sum(64 + (len(v) if isinstance(v, str) else 0) for v in value)
            return 200 + (4 * len(value) if isinstance(value, str) else 0)
        case Not():
            return 64 + filter_bytes(filter.filter)
        case And() | Or():
            return 120 + sum(map(filter_bytes, filter.filters))
