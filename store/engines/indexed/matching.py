"""Evaluation of filters on bitmaps.

Indexes answer most conditions exactly. For the others they give two sets, of certain hits and of
candidates, and a recheck of one article. So `and`, `or` and `not` stay exact over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from store.collections.bitmaps import EMPTY, BitMap, PostingList, as_bitmap, bitmap_of
from store.names import article_id
from store.querying.filter_fields import (
    FILTER_FIELDS,
    LOCALIZED_SLUG,
    PRESENT,
    RANGES,
    IndexType,
)
from store.querying.order_fields import MAX_KEY, micros, text_key, unaccented_key
from store.querying.predicates import check_condition, comparison_value, normal_form, predicate
from store.querying.query import And, Condition, Field, Filter, Not, Operator, Or
from store.querying.terms import Aliases
from store.querying.translations import locales_of_chain, range_key

from .date_order import date_range
from .index import InvertedIndex
from .ordered_lists import AnyField, SortOrders, Unaccented
from .ordinals import ArticleTable
from .trigrams import candidate_ordinals

DENSE_TRIGRAM = 2
"""A trigram in more than one of so many texts is not used: reading the texts is faster."""

Recheck = Callable[[int], bool]
"""Whether the article with an ordinal matches."""


class Match(NamedTuple):
    """The result of a filter.

    Attributes:
        certain: the articles that match for certain.
        candidates: the articles that may match, with the certain ones.
        recheck: decides on candidates that are not certain; None where there are none.
    """

    certain: BitMap
    candidates: BitMap
    recheck: Recheck | None = None

    def rechecked(self) -> Match:
        """The exact result: all candidates rechecked."""
        if self.recheck is None:
            return self
        passed = [ordinal for ordinal in self.candidates - self.certain if self.recheck(ordinal)]
        hits = self.certain | BitMap(passed, optimize=False)
        return Match(hits, hits)

    def contains(self, ordinal: int) -> bool:
        """Whether the article with an ordinal matches."""
        if ordinal in self.certain:
            return True
        return self.recheck is not None and ordinal in self.candidates and self.recheck(ordinal)


class Matcher:
    """Evaluates filters on one index."""

    __slots__ = ("_aliases", "_index", "_live", "_orders", "_published", "_table", "_trigrams")

    def __init__(
        self, index: InvertedIndex, published: InvertedIndex, orders: SortOrders, aliases: Aliases
    ) -> None:
        self._index = index
        self._live = index.live
        self._table: ArticleTable = index.table
        self._published = published.live
        self._orders = orders
        self._trigrams = orders.trigrams
        self._aliases = aliases

    def match(self, filter: Filter) -> Match:
        """The articles that match a filter. Raises: FilterError."""
        match filter:
            case Condition():
                check_condition(filter)
                return self._match_condition(filter)
            case Not():
                return self._complement(self.match(filter.filter))
            case And():
                return self._intersect([*self._match_each(filter.filters)])
            case Or():
                return self._unite([self.match(part) for part in filter.filters])

    def _match_each(self, filters: Sequence[Filter]) -> Iterator[Match]:
        """The results of these filters; bounds on one number are merged into one range."""
        ranges: dict[Field, tuple[int, int]] = {}
        for part in filters:
            if not isinstance(part, Condition) or not _is_bound(part):
                yield self.match(part)
                continue
            check_condition(part)
            start, end = self._rank_bounds(part.field, part.operator, part.value)
            low, high = ranges.get(part.field, (start, end))
            ranges[part.field] = max(low, start), min(high, end)
        for field, (start, end) in ranges.items():
            yield _exact(self._orders.by_field(field).rank_range(start, end) & self._live)

    def _complement(self, match: Match) -> Match:
        certain = self._live - match.candidates
        if match.recheck is None:
            return Match(certain, certain)
        return Match(
            certain, self._live - match.certain, lambda ordinal: not match.contains(ordinal)
        )

    def _intersect(self, parts: Sequence[Match]) -> Match:
        if not parts:
            return Match(self._live, self._live)
        inexact = [part for part in parts if part.recheck is not None]
        candidates = _intersection([part.candidates for part in parts])
        if not inexact:
            return Match(candidates, candidates)
        certain = _intersection([part.certain for part in parts])
        return Match(
            certain, candidates, lambda ordinal: all(part.contains(ordinal) for part in inexact)
        )

    def _unite(self, parts: Sequence[Match]) -> Match:
        candidates = _union([part.candidates for part in parts])
        inexact = [part for part in parts if part.recheck is not None]
        if not inexact:
            return Match(candidates, candidates)
        certain = _union([part.certain for part in parts])
        return Match(
            certain, candidates, lambda ordinal: any(part.contains(ordinal) for part in inexact)
        )

    def _match_condition(self, condition: Condition) -> Match:
        field, operator = condition.field, condition.operator
        if operator in _PRESENCE:
            present = as_bitmap(self._index.posting_list(PRESENT, field))
            return _exact(self._live - present if condition.value else present)
        if operator in _OPPOSITES:
            opposite = msgspec.structs.replace(condition, operator=_OPPOSITES[operator])
            return self._complement(self._match_condition(opposite))
        search = _SEARCHES[FILTER_FIELDS[field].index_type]
        return search(self, condition, comparison_value(condition, self._aliases))

    def _ids(self, _: Condition, value: Any) -> Match:
        ids = value if isinstance(value, tuple) else (value,)
        return _exact(self._with_ids(ids) & self._live)

    def _terms(self, condition: Condition, value: Any) -> Match:
        field, operator = condition.field, condition.operator
        if operator is Operator.FIRST_OF:
            return _exact(self._first_of(value))
        if operator in _LIKE or condition.ignore_accents:
            holds, form = _term_test(operator, value), normal_form(condition)
            ascii_form = str.lower if operator in _LIKE else str  # inline: most terms are ASCII
            by_term = self._index.postings[field].to_dict().items()
            return _exact(
                _union_of(
                    postings
                    for term, postings in by_term
                    if holds(ascii_form(term) if term.isascii() else form(term))
                )
            )
        terms = value if isinstance(value, tuple) else (value,)
        postings = [self._index.posting_list(field, term) for term in terms]
        if operator is Operator.ALL:
            sets = [as_bitmap(each) for each in postings]
            return _exact(_intersection(sets) if sets else self._live)
        return _exact(as_bitmap(postings[0]) if len(postings) == 1 else _union_of(postings))

    def _first_of(self, chain: Sequence[str]) -> BitMap:
        """The article of each group of translations that a chain of ranges picks."""
        by_locale: dict[str, list[PostingList]] = {}
        for term, posting_list in self._index.postings[Field.LOCALE].to_dict().items():
            by_locale.setdefault(range_key(term), []).append(posting_list)
        groups = self._index.translations
        repeated = as_bitmap(groups.repeated)
        covered = BitMap()
        hits = []
        for locale in locales_of_chain(chain, by_locale):
            if locale is None:
                own = self._live - as_bitmap(self._index.posting_list(PRESENT, Field.LOCALE))
            else:
                own = _union_of(by_locale[locale])
            hits.append(own - repeated - covered)
            covered |= groups.having_locale(locale)
        return _union(hits)

    def _number(self, condition: Condition, value: Any) -> Match:
        field, operator = condition.field, condition.operator
        order = self._orders.by_field(field)
        if operator is Operator.IN:
            ranges = [(order.rank_of_key(each), order.rank_of_key(each + 1)) for each in {*value}]
            parts = [order.ordinals[start:end] for start, end in ranges if start < end]
            if not parts:
                return _exact(EMPTY)
            return _exact(bitmap_of(np.concatenate(parts), self._table.size) & self._live)
        start, end = self._rank_bounds(field, operator, value)
        return _exact(order.rank_range(start, end) & self._live)

    def _rank_bounds(self, field: Field, operator: Operator, value: Any) -> tuple[int, int]:
        """The range of ranks, in the order by a number, that a condition allows."""
        order = self._orders.by_field(field)
        low, high = _bounds(operator, value)
        start = 0 if low is None else order.rank_of_key(low)
        return start, len(order.ordinals) if high is None else order.rank_of_key(high)

    def _time(self, condition: Condition, value: Any) -> Match:
        low, high = _bounds(condition.operator, micros(value))
        start, end = (None if each is None else (each, "") for each in (low, high))
        return _exact(date_range(self._table, start, end) & self._live)

    def _flag(self, _: Condition, value: Any) -> Match:
        public = self._published & self._live
        return _exact(public if value else self._live - public)

    def _text(self, condition: Condition, value: Any) -> Match:
        field, operator = condition.field, condition.operator
        if operator is Operator.CONTAINS:
            return self._containing(condition, value)
        key: AnyField = Unaccented(field) if condition.ignore_accents else field
        to_key = unaccented_key if condition.ignore_accents else text_key
        if operator is Operator.STARTS_WITH:
            hits = self._with_prefix(key, to_key(value))
            return _exact(hits) if len(value) <= MAX_KEY else self._with_recheck(hits, condition)
        values = value if isinstance(value, tuple) else (value,)
        if field is Field.SLUG and not condition.ignore_accents and all(map(str.isascii, values)):
            return _exact(self._with_slugs(values))
        order = self._orders.by_field(key)
        parts = [
            order.ordinals[order.rank_of_key(folded) : order.rank_after_key(folded)]
            for folded in set(map(to_key, values))
        ]
        if not parts:
            return _exact(EMPTY)
        candidates = bitmap_of(np.concatenate(parts), self._table.size) & self._live
        return self._with_recheck(candidates, condition)

    def _containing(self, condition: Condition, needle: str) -> Match:
        """The articles whose text contains a folded needle."""
        field, form = condition.field, normal_form(condition)
        present = as_bitmap(self._index.posting_list(PRESENT, field))
        if not needle:
            return _exact(present)
        table, read = self._table, FILTER_FIELDS[field].read

        def contains(ordinal: int) -> bool:
            return needle in form(read(table.article_at(ordinal), {}))

        key = field, condition.ignore_accents
        index = self._trigrams.index(key, table, self._orders.live)
        posting_lists = None if index is None else index.lookup(needle)
        if index is None or posting_lists is None:
            return Match(EMPTY, present, contains)
        texts: list[Any] = index.texts
        if len(posting_lists[0]) * DENSE_TRIGRAM > len(present):
            candidates = present
        else:
            candidates = candidate_ordinals(posting_lists, table.size) & present
        is_exact = len(needle) <= 3 and candidates is not present
        stale = table.changed_since(index.log_length)
        if stale:
            changed = stale & present
            certain = candidates - changed if is_exact else EMPTY
            return Match(
                certain,
                candidates | changed,
                lambda ordinal: contains(ordinal) if ordinal in stale else needle in texts[ordinal],
            )
        if is_exact:
            return _exact(candidates)
        return Match(EMPTY, candidates, lambda ordinal: needle in texts[ordinal])

    def _with_slugs(self, slugs: Sequence[str]) -> BitMap:
        localized = [self._index.posting_list(LOCALIZED_SLUG, slug) for slug in slugs]
        return _union_of(localized) | self._with_ids([article_id(slug) for slug in slugs])

    def _with_ids(self, ids: Sequence[str]) -> BitMap:
        articles = self._index.articles.find_many(ids)
        return BitMap([self._table.ordinal_of(article) for article in articles if article])

    def _with_prefix(self, key: AnyField, prefix: str) -> BitMap:
        order = self._orders.by_field(key)
        start, successor = order.rank_of_key(prefix), _prefix_successor(prefix)
        end = len(order.ordinals) if successor is None else order.rank_of_key(successor)
        return order.rank_range(start, end) & self._live

    def _with_recheck(self, candidates: BitMap, condition: Condition) -> Match:
        """Candidates, with a recheck of the condition on the article itself."""
        holds, article_at = predicate(condition, self._aliases), self._table.article_at
        return Match(EMPTY, candidates, lambda ordinal: holds(article_at(ordinal)))


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
_SEARCHES: dict[IndexType, Callable[[Matcher, Condition, Any], Match]] = {
    IndexType.IDS: Matcher._ids,
    IndexType.TERMS: Matcher._terms,
    IndexType.TEXT: Matcher._text,
    IndexType.NUMBER: Matcher._number,
    IndexType.TIME: Matcher._time,
    IndexType.FLAG: Matcher._flag,
}


def _term_test(operator: Operator, value: Any) -> Callable[[str], bool]:
    """Whether a term has the value of a condition; both are in their normal form."""
    if operator in _LIKE:
        return _LIKE[operator](value)
    return frozenset(value if isinstance(value, tuple) else (value,)).__contains__


def _is_bound(condition: Condition) -> bool:
    field = FILTER_FIELDS[condition.field]
    return field.index_type is IndexType.NUMBER and condition.operator in RANGES


def _exact(hits: BitMap) -> Match:
    return Match(hits, hits)


def _bounds(operator: Operator, value: int) -> tuple[int | None, int | None]:
    """The range [low, high) of integers that a condition allows; None for an open end."""
    match operator:
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


def _prefix_successor(prefix: str) -> str | None:
    """The least text after all with this prefix; None where there is none."""
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
