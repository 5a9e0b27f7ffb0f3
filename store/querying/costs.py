"""Cost estimates of queries, from the query and the size of the store.

The unit is about a microsecond; the estimate assumes the worst operands. It uses no index, so that
a server can refuse an operation before it runs. `planner.explain` shows the plan of a query.
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from .filter_fields import FILTER_FIELDS, IndexType
from .order_fields import OrderField
from .query import And, ArticleQuery, Condition, Filter, Not, Operator, Or

SET_US = 4.0
"""The combination of two small sets."""

SET_ARTICLE_US = 0.0002
"""The same, per article of the store."""

RANGE_ARTICLE_US = 0.002
"""The conversion of a range of ranks to a set, per article of the store."""

READ_ARTICLE_US = 0.3
"""The search for a needle in one text."""

MAX_READS_US = 10_000
"""The most that one needle counts, so that a search is allowed in a store of any size."""

SCOPES = 4
"""How often lists below topics or providers read an article, all together: an article has one
provider and a few topics, and results are cached."""

ID_US = 1.0
"""The look-up of one article by its id."""

TEXT_VALUE_US = 7.0
"""The look-up of one text in a sort order."""

CHARACTER_US = 0.5
"""The look-up of one character of a needle."""

MAX_TERMS = 2_000
"""The assumed maximum of different terms of a field, such as domains."""

RANK_HIT_US = 0.0045
"""The access path 'sort': per hit."""

SCAN_STEP_US = 0.055
"""The access path 'scan': per article."""

_LIKE = {Operator.CONTAINS, Operator.STARTS_WITH}
_PRESENCE = {Operator.IS_NULL, Operator.IS_EMPTY}


class SearchCost(NamedTuple):
    """The estimated cost of finding a list.

    Attributes:
        per_list: the cost of each list.
        shared: the cost of reading the texts of all articles; lists of one filter share it.
    """

    per_list: float
    shared: float = 0.0

    def plus(self, other: SearchCost) -> SearchCost:
        """The sum of two costs."""
        return SearchCost(self.per_list + other.per_list, self.shared + other.shared)

    def total(self, times: int) -> int:
        """The cost of so many lists, each below another topic or provider."""
        return times * ceil(self.per_list) + min(times, SCOPES) * ceil(self.shared)


NO_SEARCH_COST = SearchCost(0.0)


def query_cost(query: ArticleQuery, articles: int) -> int:
    """The cost of a page of a list with many hits, in a store of so many articles."""
    window = query.window
    size = (window.last if window.first is None else window.first) or 0
    estimate = _filter_estimate(query.filter, articles)
    for order in query.order:
        estimate = estimate.plus(order_cost(order.field, articles))
    return ceil(estimate.total(1) + 5 + SCAN_STEP_US * size)


def filter_cost(filter: Filter, articles: int) -> int:
    """The cost of evaluating a filter in a store of so many articles."""
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
    """The cost of one step of an order; the order by date is that of the ordinals."""
    is_own = field is OrderField.PUBLISHED_DATE_TIME
    return NO_SEARCH_COST if is_own else SearchCost(RANK_HIT_US * articles)


def condition_cost(condition: Condition, articles: int) -> SearchCost:
    """The cost of one condition, with its negation."""
    each, reads = _condition_costs(condition, articles)
    return SearchCost(SET_US + SET_ARTICLE_US * articles + each, reads)


def _condition_costs(condition: Condition, articles: int) -> tuple[float, float]:
    value, op = condition.value, condition.operator
    values = len(value) if isinstance(value, tuple) else 1
    characters = CHARACTER_US * (len(value) if isinstance(value, str) else 0)
    index_type = FILTER_FIELDS[condition.field].index_type
    reads = 0.0
    if op in _PRESENCE or index_type is IndexType.FLAG:
        each = 1.0
    elif index_type is IndexType.IDS:
        each = ID_US * values
    elif index_type is IndexType.TIME:
        each = 10.0
    elif index_type is IndexType.NUMBER:
        each = values + RANGE_ARTICLE_US * articles
    elif index_type is IndexType.TEXT:
        each = TEXT_VALUE_US * values + RANGE_ARTICLE_US * articles + characters
        if op is Operator.CONTAINS:
            reads = min(MAX_READS_US, READ_ARTICLE_US * articles)
    elif op is Operator.FIRST_OF:
        each = values * (SET_US + SET_ARTICLE_US * articles) + min(articles, MAX_TERMS)
    elif op in _LIKE or condition.ignore_accents:
        each = READ_ARTICLE_US * min(articles, MAX_TERMS) + characters
    else:
        each = values * (2.0 + SET_ARTICLE_US * articles)
    return each, reads


def query_bytes(query: ArticleQuery) -> int:
    """The approximate memory of a query as a cache key."""
    window = query.window
    return 400 + len(window.after or "") + len(window.before or "") + filter_bytes(query.filter)


def filter_bytes(filter: Filter) -> int:
    """The approximate memory of a filter."""
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
