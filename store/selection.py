"""How a list of articles is answered from an index: which entries, in what order, which part.

Of the conditions that must all hold, the one that leaves the fewest entries is read off the index;
the rest is checked on those. Results that had to be filtered whole or sorted are remembered, for
the next page of the same list.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from .cursors import decode_article_cursor, micros, sort_key
from .filters import Predicate, every, predicate
from .index import DATE, Family, Index, Posting
from .model import Article
from .query import (
    And,
    ArticleQuery,
    Condition,
    Field,
    Filter,
    Operator,
    Order,
    OrderField,
    Page,
    Window,
)
from .terms import unaliased
from .windows import Entry, check_window, flipped, flipped_page, slice_page, walk_page

MEMO_LISTS = 512
"""How many filtered or sorted lists an index remembers."""

MEMO_ENTRIES = 200_000
"""How many entries the remembered lists of an index may have together; about 100 bytes each."""

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
    take: Callable[[], Posting]


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


def _union(postings: Sequence[Posting]) -> Posting:
    if len(postings) == 1:
        return postings[0]
    return sorted({entry[1]: entry for entry in chain(*postings)}.values())


def _by_range(order: Posting, field: OrderField, bounds: Sequence[Condition]) -> Choice:
    low, high = 0, len(order)
    for bound in bounds:
        value: Any = bound.value
        key = micros(value) if field is DATE else value
        # Keys are whole numbers: those over n are those from n + 1.
        if bound.operator in (Operator.EQ, Operator.GTE, Operator.GT):
            low = max(low, bisect_left(order, (key + (bound.operator is Operator.GT),)))
        if bound.operator in (Operator.EQ, Operator.LTE, Operator.LT):
            high = min(high, bisect_left(order, (key + (bound.operator is not Operator.LT),)))
    return Choice(max(0, high - low), bounds, field, lambda: order[low:high])


class Whole(NamedTuple):
    """A list as it is whatever its window: all entries in order, ascending, and their articles."""

    way: _Way
    entries: Posting
    articles: Sequence[Article]


class Selector:
    """Answers queries from one index and remembers what was dear. Not for several threads."""

    __slots__ = ("_index", "_memo")

    def __init__(self, index: Index) -> None:
        self._index = index
        self._memo: dict[tuple[Filter, tuple[Order, ...]], Whole] = {}

    def page(self, query: ArticleQuery) -> Page[Article]:
        """The part of the list that the query asks for. Raises: QueryError."""
        check_window(query.window)
        # Lists are kept ascending: one that ends descending is the same list read backwards.
        backwards = bool(query.order) and query.order[-1].descending
        if not backwards:
            return self._ascending_page(query, query.window)
        return flipped_page(self._ascending_page(query, flipped(query.window)))

    def _ascending_page(self, query: ArticleQuery, window: Window) -> Page[Article]:
        key = (query.filter, query.order)
        whole = self._memo.get(key)
        if whole is None:
            way = _Way(query.order)
            choice, rest = self._choice(query, way)
            order = way.only if choice is None else choice.order
            in_order = order is not None and order is way.only
            if in_order and rest and not query.with_total:
                entries = choice.take() if choice else self._index.orders[order or DATE]
                return walk_page(entries, window, way.decode, every(rest))
            whole = self._whole(way, choice, rest, in_order=in_order)
            self._remember(key, whole)
        return slice_page(
            whole.entries,
            window,
            whole.way.decode,
            items=whole.articles,
            with_total=query.with_total,
        )

    def _choice(self, query: ArticleQuery, way: _Way) -> tuple[Choice | None, list[Predicate]]:
        """From which part of the index to read, and what to check on what is there."""
        conditions = tuple(_conjuncts(query.filter))
        aliases = self._index.aliases
        checks = {condition: predicate(condition, aliases) for condition in conditions}
        plain = [condition for condition in conditions if isinstance(condition, Condition)]
        choice = min(choices(self._index, plain), key=lambda each: each.size, default=None)
        if choice and way.only not in (None, choice.order) and self._is_wide(choice):
            choice = None  # checking most articles in the right order beats sorting them
        rest = [checks[c] for c in conditions if choice is None or c not in choice.covers]
        return choice, rest

    def _is_wide(self, choice: Choice) -> bool:
        return choice.size * 4 > len(self._index.articles)

    def _whole(
        self, way: _Way, choice: Choice | None, rest: list[Predicate], *, in_order: bool
    ) -> Whole:
        """All that matches, in order."""
        order = choice.order if choice else way.only or DATE
        entries: Iterable[Entry] = choice.take() if choice else self._index.orders[order]
        if rest:
            holds = every(rest)
            entries = [entry for entry in entries if holds(entry[-1])]
        if not in_order:
            entries = way.sort(entries)
        found = entries if isinstance(entries, tuple | list) else tuple(entries)
        return Whole(way, found, [entry[-1] for entry in found])

    def _remember(self, key: tuple[Filter, tuple[Order, ...]], whole: Whole) -> None:
        """Keep a list, and let the oldest go for it; the newest stays whatever its size."""
        room = MEMO_ENTRIES - len(whole.entries)
        while self._memo and (
            len(self._memo) >= MEMO_LISTS
            or sum(len(each.entries) for each in self._memo.values()) > room
        ):
            del self._memo[next(iter(self._memo))]
        self._memo[key] = whole


def _conjuncts(filter: Filter) -> Iterator[Filter]:
    """The filters that must all hold."""
    if isinstance(filter, And):
        for part in filter.filters:
            yield from _conjuncts(part)
    else:
        yield filter


class _Reversed(str):
    """A text that sorts the other way round."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)


class _Way:
    """An order made ascending: steps that go against the last one have their keys turned round.

    `only`: the field, where it is the order of this single field.
    """

    __slots__ = ("_order", "_turned", "only")

    def __init__(self, order: tuple[Order, ...]) -> None:
        self._order = order
        self._turned = [step.descending is not order[-1].descending for step in order]
        self.only = order[0].field if len(order) == 1 else None

    def decode(self, cursor: str) -> Entry:
        """The position in a cursor as entries have it."""
        *keys, id = decode_article_cursor(cursor, self._order)
        return (*map(_turn, keys, self._turned), id)

    def sort(self, entries: Iterable[Entry]) -> Posting:
        """The same articles, ascending in this order."""
        return sorted(self._entry(entry[-1]) for entry in entries)

    def _entry(self, article: Article) -> Entry:
        keys = [sort_key(article, step.field) for step in self._order]
        return (*map(_turn, keys, self._turned), article.id, article)


def _turn(key: int | str, turned: bool) -> int | str:
    if not turned:
        return key
    return -key if isinstance(key, int) else _Reversed(key)
