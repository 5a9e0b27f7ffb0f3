"""What a query costs before it is executed: an estimate from its size and the store's.

The unit is about a microsecond, and the estimate is what the worst values of such a query take. No
index is looked at, so that a server can refuse an operation by what it says. `planner.explain`
shows what a query costs really.
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from .filter_fields import FILTER_FIELDS, IndexType
from .order_fields import OrderField
from .query import And, ArticleQuery, Condition, Filter, Not, Operator, Or

SET_US = 4.0
"""To combine two sets of few articles."""

SET_ARTICLE_US = 0.0002
"""The same, for each article of the store."""

RANGE_ARTICLE_US = 0.002
"""To turn a range of an order into a set, for each article of the store."""

READ_ARTICLE_US = 0.3
"""To look for a needle in one text."""

MAX_READS_US = 10_000
"""One needle counts no more than this, so that a search passes in a store of any size."""

SCOPES = 4
"""A list below each topic or provider reads no article more often than this, by all its scopes
together: an article is of one provider and of a few topics, and what was found is remembered."""

TEXT_VALUE_US = 7.0
"""To look up one of many texts."""

CHARACTER_US = 0.5
"""To fold and look up one character of a needle."""

MAX_TERMS = 2_000
"""How many different terms a field is assumed to have at most, such as domains."""

RANK_HIT_US = 0.0045
"""To gather the rank of one hit in another order than by date."""

SCAN_STEP_US = 0.055
"""To look at one article in an order."""

_LIKE = {Operator.CONTAINS, Operator.STARTS_WITH}
_PRESENCE = {Operator.IS_NULL, Operator.IS_EMPTY}


class SearchCost(NamedTuple):
    """What it costs to find a list.

    Attributes:
        each: Each time.
        reads: To read texts of all articles, which many lists of one filter share.
    """

    each: float
    reads: float = 0.0

    def plus(self, other: SearchCost) -> SearchCost:
        """This and another part."""
        return SearchCost(self.each + other.each, self.reads + other.reads)

    def total(self, times: int) -> int:
        """The cost of so many lists, each with a scope of its own."""
        return times * ceil(self.each) + min(times, SCOPES) * ceil(self.reads)


NO_SEARCH_COST = SearchCost(0.0)


def query_cost(query: ArticleQuery, articles: int) -> int:
    """About how much a page costs in a store of so many articles, if it finds many."""
    window = query.window
    size = (window.last if window.first is None else window.first) or 0
    estimate = _filter_estimate(query.filter, articles)
    for order in query.order:
        estimate = estimate.plus(order_cost(order.field, articles))
    return ceil(estimate.total(1) + 5 + SCAN_STEP_US * size)


def filter_cost(filter: Filter, articles: int) -> int:
    """About how much it costs to find what matches a filter in a store of so many articles."""
    return ceil(_filter_estimate(filter, articles).total(1))


def _filter_estimate(filter: Filter, articles: int) -> SearchCost:
    match filter:
        case Condition():
            return condition_cost(filter, articles)
        case Not():
            combined = SearchCost(SET_US + SET_ARTICLE_US * articles)
            return combined.plus(_filter_estimate(filter.filter, articles))
        case And() | Or():
            total = NO_SEARCH_COST
            combined = SearchCost(SET_US + SET_ARTICLE_US * articles)
            for part in filter.filters:
                total = total.plus(combined).plus(_filter_estimate(part, articles))
            return total


def order_cost(field: OrderField, articles: int) -> SearchCost:
    """What one step of an order costs; the order by date is that of the articles themselves."""
    is_own = field is OrderField.PUBLISHED_DATE_TIME
    return NO_SEARCH_COST if is_own else SearchCost(RANK_HIT_US * articles)


def condition_cost(condition: Condition, articles: int) -> SearchCost:
    """What one condition costs, with a turn into its opposite."""
    each, reads = _condition_costs(condition, articles)
    return SearchCost(SET_US + SET_ARTICLE_US * articles + each, reads)


def _condition_costs(condition: Condition, articles: int) -> tuple[float, float]:
    value, how = condition.value, condition.operator
    values = len(value) if isinstance(value, tuple) else 1
    characters = CHARACTER_US * (len(value) if isinstance(value, str) else 0)
    access = FILTER_FIELDS[condition.field].access
    reads = 0.0
    if how in _PRESENCE or access is IndexType.FLAG:
        each = 1.0
    elif access is IndexType.TIME:
        each = 10.0
    elif access is IndexType.NUMBER:
        each = values + RANGE_ARTICLE_US * articles
    elif access is IndexType.TEXT:
        each = TEXT_VALUE_US * values + RANGE_ARTICLE_US * articles + characters
        if how is Operator.CONTAINS:
            reads = min(MAX_READS_US, READ_ARTICLE_US * articles)
    elif how in _LIKE:
        each = READ_ARTICLE_US * min(articles, MAX_TERMS) + characters
    else:
        each = values * (2.0 + SET_ARTICLE_US * articles)
    return each, reads


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
