"""How a list of articles is answered from an index: which entries, in what order, which part.

Of the conditions that must all hold, the one that leaves the fewest entries is read off the index;
the rest is checked on those. Lists are remembered, for the next page of the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import compress

from .choices import Choice, choices
from .cursors import decode_article_cursor, sort_key
from .entries import Entries, Entry, entries_at, entries_of
from .filters import Predicate, every, predicate
from .index import DATE, Index
from .model import Article
from .page_items import PageItems
from .query import (
    EVERYTHING,
    And,
    ArticleQuery,
    Condition,
    Filter,
    Order,
    Page,
    Place,
    Window,
    all_of,
)
from .windows import check_window, flipped, shown, walk

MEMO_LISTS = 512
"""How many lists an index remembers."""

MEMO_PAGES = 8_192
"""How many pages of lists it remembers; about 400 bytes each, without their articles."""

MEMO_ENTRIES = 200_000
"""How many entries the remembered lists of an index may have together; about 100 bytes each."""

_Key = tuple[Filter, tuple[Order, ...]]

WALKED = 256
"""How many articles a walk is taken to look at."""


class Whole:
    """A list as it is whatever its window: all entries in order, ascending."""

    __slots__ = ("_articles", "_index", "_walked", "entries", "way")

    def __init__(self, index: Index, way: _Way, entries: Entries) -> None:
        self.way = way
        self.entries = entries
        self._index = index
        self._articles: list[Article] = []
        self._walked = 0

    def articles(self, start: int, end: int) -> list[Article]:
        """The articles from one place to before another."""
        if self._articles:
            return self._articles[start:end]
        return self._index.articles_at(self.entries[start:end])

    def each(self, places: range) -> Iterator[Article]:
        """The articles at these places one after the other, no further than it is asked."""
        if not self._articles:
            # Until the next write this may be one walk or thousands, each of many articles.
            self._walked += min(len(places), WALKED)
            if self._walked > len(self.entries):
                self._articles = self._index.articles_at(self.entries)
        if self._articles:
            return map(self._articles.__getitem__, places)
        return self._index.articles_at_each(entries_at(self.entries, places))


class Selector:
    """Answers queries from one index and remembers what was dear. Not for several threads."""

    __slots__ = ("_index", "_memo", "_pages", "_parts")

    def __init__(self, index: Index) -> None:
        self._index = index
        self._parts: dict[_Key, tuple[_Way, Choice | None]] = {}
        self._pages: dict[ArticleQuery, Page[Article]] = {}
        self._memo: dict[_Key, Whole] = {}

    def keep(self, old: Selector) -> None:
        """Go on with what was found out for an older index with the same aliases: which lists are
        parts of the index as they stand there. The older one may be used on.
        """
        self._parts = old._parts

    def page(self, query: ArticleQuery) -> Page[Article]:
        """The part of the list that the query asks for. Raises: QueryError."""
        page = self._pages.get(query)
        if page is None:
            page = self._page(query)
            if page.place is not None:
                if len(self._pages) >= MEMO_PAGES:
                    del self._pages[next(iter(self._pages))]
                self._pages[query] = page
        return page

    def _page(self, query: ArticleQuery) -> Page[Article]:
        check_window(query.window)
        # Lists are kept ascending: one that ends descending is the same list read backwards.
        backwards = bool(query.order) and query.order[-1].descending
        window = flipped(query.window) if backwards else query.window
        key = (query.filter, query.order)
        whole = self._memo.get(key)
        if whole is None and key in self._parts:
            way, choice = self._parts[key]
            whole = Whole(self._index, way, self._part(way, choice))
            self._remember(key, whole)
        if whole is None:
            way = _Way(query.order)
            choice, rest = self._choice(query, way)
            order = way.only if choice is None else choice.order
            in_order = order is not None and order is way.only
            if in_order and rest and not query.with_total:
                part = self._part_as_list(query, way, choice)
                return _walked(part, every(rest), window, backwards=backwards)
            whole = self._whole(way, choice, rest, in_order=in_order)
            self._remember(key, whole)
            if in_order and not rest:
                if len(self._parts) >= MEMO_LISTS:
                    del self._parts[next(iter(self._parts))]
                self._parts[key] = way, choice
        return _sliced(whole, window, with_total=query.with_total, backwards=backwards)

    def _part_as_list(self, query: ArticleQuery, way: _Way, choice: Choice | None) -> Whole:
        """The list of all among which to look, in the order of the query."""
        key = (all_of(*choice.covers) if choice else EVERYTHING, query.order)
        part = self._memo.get(key)
        if part is None:
            part = Whole(self._index, way, self._part(way, choice))
            self._remember(key, part)
        return part

    def _part(self, way: _Way, choice: Choice | None) -> Entries:
        """The entries among which to look."""
        return choice.take(self._index) if choice else self._index.orders[way.only or DATE]

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
        entries = self._part(way, choice)
        if in_order and not rest:
            return Whole(self._index, way, entries)
        articles = self._index.articles_at(entries)
        if rest:
            matches = list(map(every(rest), articles))
            entries, articles = tuple(compress(entries, matches)), list(compress(articles, matches))
        return Whole(self._index, way, entries if in_order else way.sort(articles))

    def _remember(self, key: _Key, whole: Whole) -> None:
        """Keep a list, and let the oldest go for it; the newest stays whatever its size."""
        room = MEMO_ENTRIES - len(whole.entries)
        while self._memo and (
            len(self._memo) >= MEMO_LISTS
            or sum(len(each.entries) for each in self._memo.values()) > room
        ):
            del self._memo[next(iter(self._memo))]
        self._memo[key] = whole


def _sliced(whole: Whole, window: Window, *, with_total: bool, backwards: bool) -> Page[Article]:
    """The page of a list."""
    size = len(whole.entries)
    start, end = shown(whole.entries, window, whole.way.decode)
    items = PageItems(whole, start, end, backwards=backwards)
    total = size if with_total else None
    place = Place(whole.entries, start, end, backwards)
    if backwards:
        return Page(items, end < size, start > 0, total, place)
    return Page(items, start > 0, end < size, total, place)


def _walked(part: Whole, holds: Predicate, window: Window, *, backwards: bool) -> Page[Article]:
    """The page of those in a list that pass, which are not made a list."""
    found = walk(
        part.entries, window, part.way.decode, lambda places: map(holds, part.each(places))
    )
    items = [part.articles(place, place + 1)[0] for place in found.places]
    if backwards:
        return Page(items[::-1], found.has_next, found.has_previous)
    return Page(items, found.has_previous, found.has_next)


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

    def sort(self, articles: Iterable[Article]) -> Entries:
        """The entries of these articles, ascending in this order."""
        return entries_of(sorted(map(self._entry, articles)))

    def _entry(self, article: Article) -> Entry:
        keys = [sort_key(article, step.field) for step in self._order]
        return (*map(_turn, keys, self._turned), article.id)


def _turn(key: int | str, turned: bool) -> int | str:
    if not turned:
        return key
    return -key if isinstance(key, int) else _Reversed(key)
