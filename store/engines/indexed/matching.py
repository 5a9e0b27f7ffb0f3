"""Filters over bitmaps: which articles match, as far as indexes tell.

Most conditions are exact. For the others there are two sets, of those that are known to match and
of those that may, and a check of one article; so `and`, `or` and `not` stay right over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from store.collections.bitmaps import EMPTY, BitMap, PostingList, as_bitmap, bitmap_of
from store.names import article_id
from store.querying.filter_fields import FILTER_FIELDS, PRESENT, RANGES, IndexType
from store.querying.order_fields import MAX_KEY, micros, text_key
from store.querying.predicates import check_condition, comparison_value, predicate
from store.querying.query import And, Condition, Field, Filter, Not, Operator, Or
from store.querying.terms import Aliases

from .date_order import in_date_range
from .index import Index
from .ordered_lists import SortOrders
from .ordinals import ArticleTable
from .trigrams import candidate_ordinals

DENSE = 2
"""Where a trigram is in more than one of so many texts, a page is sooner found by reading them."""

Check = Callable[[int], bool]
"""Whether the article in a slot matches."""


class Match(NamedTuple):
    """What matches a filter.

    Attributes:
        sure: the articles that are known to match.
        possible: those that may match, with the sure ones.
        check: decides for those that are possible and not sure; None where there are none.
    """

    sure: BitMap
    possible: BitMap
    check: Check | None = None

    def exact(self) -> Match:
        """The same with all that is possible checked."""
        if self.check is None:
            return self
        found = [slot for slot in self.possible - self.sure if self.check(slot)]
        hits = self.sure | BitMap(found, optimize=False)
        return Match(hits, hits)

    def holds(self, slot: int) -> bool:
        """Whether the article in a slot matches."""
        if slot in self.sure:
            return True
        return self.check is not None and slot in self.possible and self.check(slot)


class Matcher:
    """Answers filters from one index."""

    __slots__ = ("_aliases", "_index", "_live", "_orders", "_published", "_table", "_texts")

    def __init__(
        self, index: Index, published: Index, orders: SortOrders, aliases: Aliases
    ) -> None:
        self._index = index
        self._live = index.live
        self._table: ArticleTable = index.table
        self._published = published.live
        self._orders = orders
        self._texts = orders.texts
        self._aliases = aliases

    def match(self, filter: Filter) -> Match:
        """What matches a filter. Raises: FilterError."""
        match filter:
            case Condition():
                check_condition(filter)
                return self._condition(filter)
            case Not():
                return self._without(self.match(filter.filter))
            case And():
                return self._all([*self._each_of(filter.filters)])
            case Or():
                return self._any([self.match(part) for part in filter.filters])

    def _each_of(self, filters: Sequence[Filter]) -> Iterator[Match]:
        """What matches each of these; bounds of one number are one range."""
        ranges: dict[Field, tuple[int, int]] = {}
        for part in filters:
            if not isinstance(part, Condition) or not _is_bound(part):
                yield self.match(part)
                continue
            check_condition(part)
            start, end = self._places(part.field, part.operator, part.value)
            low, high = ranges.get(part.field, (start, end))
            ranges[part.field] = max(low, start), min(high, end)
        for field, (start, end) in ranges.items():
            yield _exact(self._orders.by_field(field).between(start, end) & self._live)

    def _without(self, match: Match) -> Match:
        sure = self._live - match.possible
        if match.check is None:
            return Match(sure, sure)
        return Match(sure, self._live - match.sure, lambda slot: not match.holds(slot))

    def _all(self, parts: Sequence[Match]) -> Match:
        if not parts:
            return Match(self._live, self._live)
        inexact = [part for part in parts if part.check is not None]
        possible = _intersection([part.possible for part in parts])
        if not inexact:
            return Match(possible, possible)
        sure = _intersection([part.sure for part in parts])
        return Match(sure, possible, lambda slot: all(part.holds(slot) for part in inexact))

    def _any(self, parts: Sequence[Match]) -> Match:
        possible = _union([part.possible for part in parts])
        inexact = [part for part in parts if part.check is not None]
        if not inexact:
            return Match(possible, possible)
        sure = _union([part.sure for part in parts])
        return Match(sure, possible, lambda slot: any(part.holds(slot) for part in inexact))

    def _condition(self, condition: Condition) -> Match:
        field, how = condition.field, condition.operator
        if how in _PRESENCE:
            present = as_bitmap(self._index.posting(PRESENT, field))
            return _exact(self._live - present if condition.value else present)
        if how in _OPPOSITES:
            opposite = Condition(field, _OPPOSITES[how], condition.value)
            return self._without(self._condition(opposite))
        find = _ACCESS[FILTER_FIELDS[field].access]
        return find(self, field, how, comparison_value(condition, self._aliases))

    def _terms(self, field: Field, how: Operator, value: Any) -> Match:
        if how in _LIKE:
            holds = _LIKE[how](value.casefold())
            postings = self._index.postings[field].to_dict().items()
            return _exact(
                _union_of(posting for term, posting in postings if holds(term.casefold()))
            )
        terms = value if isinstance(value, tuple) else (value,)
        found = [self._index.posting(field, term) for term in terms]
        if how is Operator.ALL:
            sets = [as_bitmap(posting) for posting in found]
            return _exact(_intersection(sets) if sets else self._live)
        return _exact(as_bitmap(found[0]) if len(found) == 1 else _union_of(found))

    def _number(self, field: Field, how: Operator, value: Any) -> Match:
        order = self._orders.by_field(field)
        if how is Operator.IN:
            spans = [(order.start_of(each), order.start_of(each + 1)) for each in {*value}]
            places = [order.places[start:end] for start, end in spans if start < end]
            if not places:
                return _exact(EMPTY)
            return _exact(bitmap_of(np.concatenate(places), self._table.size) & self._live)
        start, end = self._places(field, how, value)
        return _exact(order.between(start, end) & self._live)

    def _places(self, field: Field, how: Operator, value: Any) -> tuple[int, int]:
        """Where in the order of a number what passes begins and ends."""
        order = self._orders.by_field(field)
        low, high = _bounds(how, value)
        start = 0 if low is None else order.start_of(low)
        return start, len(order.places) if high is None else order.start_of(high)

    def _time(self, _: Field, how: Operator, value: Any) -> Match:
        low, high = _bounds(how, micros(value))
        start, end = (None if each is None else (each, "") for each in (low, high))
        return _exact(in_date_range(self._table, start, end) & self._live)

    def _flag(self, _: Field, __: Operator, value: Any) -> Match:
        public = self._published & self._live
        return _exact(public if value else self._live - public)

    def _text(self, field: Field, how: Operator, value: Any) -> Match:
        if how is Operator.CONTAINS:
            return self._containing(field, value.casefold())
        if how is Operator.STARTS_WITH:
            hits = self._with_prefix(field, text_key(value))
            is_exact = len(value.casefold()) <= MAX_KEY
            return _exact(hits) if is_exact else self._checked(hits, Condition(field, how, value))
        values = value if isinstance(value, tuple) else (value,)
        if field is Field.SLUG:
            return _exact(self._with_slugs(values))
        order = self._orders.by_field(field)
        spans = [
            order.places[order.start_of(folded) : order.end_of(folded)]
            for folded in {text_key(each) for each in values}
        ]
        if not spans:
            return _exact(EMPTY)
        same = bitmap_of(np.concatenate(spans), self._table.size) & self._live
        return self._checked(same, Condition(field, how, value))

    def _containing(self, field: Field, needle: str) -> Match:
        """The articles that have a folded needle in a text."""
        present = as_bitmap(self._index.posting(PRESENT, field))
        if not needle:
            return _exact(present)
        table, read = self._table, FILTER_FIELDS[field].read

        def has_now(slot: int) -> bool:
            return needle in read(table.article_at(slot), {}).casefold()

        index = self._texts.index(field, table, self._orders.live)
        spans = None if index is None else index.spans(needle)
        if index is None or spans is None:
            return Match(EMPTY, present, has_now)
        texts: list[Any] = index.texts
        if len(spans[0]) * DENSE > len(present):
            possible = present
        else:
            possible = candidate_ordinals(spans, table.size) & present
        is_exact = len(needle) <= 3 and possible is not present
        stale = table.changed_since(index.log_length)
        if stale:
            changed = stale & present
            sure = possible - changed if is_exact else EMPTY
            return Match(
                sure,
                possible | changed,
                lambda slot: has_now(slot) if slot in stale else needle in texts[slot],
            )
        if is_exact:
            return _exact(possible)
        return Match(EMPTY, possible, lambda slot: needle in texts[slot])

    def _with_slugs(self, slugs: Iterable[str]) -> BitMap:
        found = self._index.articles.find_many([article_id(slug) for slug in slugs])
        return BitMap([self._table.ordinal_of(each) for each in found if each], optimize=False)

    def _with_prefix(self, field: Field, prefix: str) -> BitMap:
        order = self._orders.by_field(field)
        start, behind = order.start_of(prefix), _behind(prefix)
        end = len(order.places) if behind is None else order.start_of(behind)
        return order.between(start, end) & self._live

    def _checked(self, possible: BitMap, condition: Condition) -> Match:
        """Those of the possible that meet a condition, which each article is asked for."""
        holds, article_at = predicate(condition, self._aliases), self._table.article_at
        return Match(EMPTY, possible, lambda slot: holds(article_at(slot)))


_PRESENCE = {Operator.IS_NULL, Operator.IS_EMPTY}
_OPPOSITES = {
    Operator.NE: Operator.EQ,
    Operator.NOT_IN: Operator.IN,
    Operator.NONE: Operator.SOME,
}
_LIKE: dict[Operator, Callable[[str], Callable[[str], bool]]] = {
    Operator.CONTAINS: lambda folded: lambda text: folded in text,
    Operator.STARTS_WITH: lambda folded: lambda text: text.startswith(folded),
}
_ACCESS: dict[IndexType, Callable[[Matcher, Field, Operator, Any], Match]] = {
    IndexType.TERMS: Matcher._terms,
    IndexType.TEXT: Matcher._text,
    IndexType.NUMBER: Matcher._number,
    IndexType.TIME: Matcher._time,
    IndexType.FLAG: Matcher._flag,
}


def _is_bound(condition: Condition) -> bool:
    field = FILTER_FIELDS[condition.field]
    return field.access is IndexType.NUMBER and condition.operator in RANGES


def _exact(hits: BitMap) -> Match:
    return Match(hits, hits)


def _bounds(how: Operator, value: int) -> tuple[int | None, int | None]:
    """The least whole number that passes, and the least above all that do."""
    match how:
        case Operator.EQ:
            return value, value + 1
        case Operator.GT:
            return value + 1, None
        case Operator.GTE:
            return value, None
        case Operator.LT:
            return None, value
        case _:
            return None, value + 1


def _behind(prefix: str) -> str | None:
    """The least text behind all that have this prefix; None where there is none."""
    while prefix and prefix[-1] == "\U0010ffff":
        prefix = prefix[:-1]
    return prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix else None


def _intersection(sets: Sequence[BitMap]) -> BitMap:
    smallest, *rest = sorted(sets, key=len)
    for each in rest:
        smallest = smallest & each
    return smallest


def _union(sets: Sequence[BitMap]) -> BitMap:
    return BitMap.union(*sets) if sets else EMPTY


def _union_of(postings: Iterable[PostingList]) -> BitMap:
    few: list[int] = []
    sets = []
    for posting in postings:
        if isinstance(posting, tuple):
            few += posting
        else:
            sets.append(posting)
    if few:
        sets.append(BitMap(few, optimize=False))
    return _union(sets)
