"""The query planner: the filter as bitmaps, then the cheapest access path to the page.

By date a page is a slice of the hits. In another order there are two access paths. *Sort* takes the
ranks of all hits and sorts those of the page. *Scan* walks the order and skips articles that do
not match. Which is cheaper depends on the number of hits; `explain` prints the plan.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from store.collections.bitmaps import BitMap
from store.collections.bounded_memo import BoundedMemo
from store.model import Article
from store.querying.costs import RANK_HIT_US, SCAN_STEP_US, filter_bytes, query_bytes
from store.querying.cursors import CursorCodec
from store.querying.filter_fields import EDITABLE_IN_PLACE
from store.querying.order_fields import OrderField
from store.querying.page_items import PageItems
from store.querying.pagination import PageSlice, check_window, reversed_window, slice_page
from store.querying.present_topics import with_present_topics
from store.querying.query import (
    MATCH_ALL,
    And,
    ArticleQuery,
    Condition,
    Field,
    Filter,
    Not,
    Or,
    OrderStep,
    Page,
    PageOrdinals,
    Window,
)
from store.querying.terms import Aliases

from .date_order import DateOrderedHits
from .index import InvertedIndex
from .matching import Match, Matcher
from .ordered_lists import OrderScan, RankedHits, SortOrders
from .ordinals import date_key
from .sort_order import CompositeOrder, SortOrder

SCAN_SLACK = 2
"""A scan is costed at, and limited to, so many times its expected steps, since hits may lie in a
cluster far from the cursor. At the limit the hits are sorted instead."""

MAX_EAGER_CHECKS = 32
"""The maximum number of candidates that are all rechecked before the page is read."""

PAGE_CACHE_BYTES = 8_000_000
"""The capacity of the page cache: a hit costs 0.4 us, a miss 5 to 200."""

HIT_CACHE_BYTES = 4_000_000
"""The capacity of the cache of filter results that needed rechecks."""

START_US = 6.0
"""The startup cost of an access path, before the first article."""

BY_DATE = "by date"
"""The numbering of `PageOrdinals` by rank in the list of all visible articles by date."""

PAGE_BYTES, ORDINAL_BYTES = 700, 4
"""The size of a cached page, and of each of its ordinals where they are an array."""


class AccessPath(NamedTuple):
    """An access path to a page.

    Attributes:
        name: its name in `explain`.
        cost: its estimated cost in microseconds.
    """

    name: str
    cost: float


def access_paths(hits: int, articles: int, window: Window) -> tuple[AccessPath, AccessPath]:
    """The access paths to a page in an order other than by date: sort and scan."""
    size = (window.last if window.first is None else window.first) or 0
    # One item beyond each end, for `has_next` and `has_previous`.
    needed = size + 1 + (window.after is not None or window.before is not None)
    scan = START_US + SCAN_SLACK * SCAN_STEP_US * needed * articles / hits if hits else START_US
    return AccessPath("sort", START_US + RANK_HIT_US * hits), AccessPath("scan", scan)


class _CachedPage(NamedTuple):
    """A cached page: ordinals instead of articles, so that no older state stays in memory.

    Attributes:
        items: the ordinals of the articles in the table.
        has_previous: see `Page`.
        has_next: see `Page`.
        total: see `Page`.
        ordinals: see `Page`.
        state_id: the planner's, if edits in place invalidate the page; else None.
    """

    items: Sequence[int]
    has_previous: bool
    has_next: bool
    total: int | None
    ordinals: PageOrdinals
    state_id: object


class Planner:
    """Plans and answers queries on one index.

    It shares its caches with the planners of other states, as long as only edits in place lie
    between them.

    Attributes:
        find_topic: Returns the present slug of a topic's slug in a filter.
    """

    __slots__ = (
        *("_cursors", "_index", "_matcher", "_orders", "_pages", "_results", "_state_id"),
        "find_topic",
    )

    def __init__(
        self,
        index: InvertedIndex,
        published: InvertedIndex,
        orders: SortOrders,
        aliases: Aliases,
        cursors: CursorCodec,
    ) -> None:
        self._cursors = cursors
        self.find_topic: Callable[[str], str] = str
        self._index = index
        self._orders = orders
        self._matcher = Matcher(index, published, orders, aliases)
        self._state_id = object()
        self._pages: BoundedMemo[ArticleQuery, _CachedPage] = BoundedMemo(PAGE_CACHE_BYTES)
        self._results: BoundedMemo[Filter, tuple[BitMap, object]] = BoundedMemo(HIT_CACHE_BYTES)

    def carry_over(self, old: Planner) -> None:
        """Take over the caches of an older planner; only edits in place lie between."""
        self._pages, self._results = old._pages, old._results

    def page(self, query: ArticleQuery) -> Page[Article]:
        """The page that a query selects. Raises: QueryError."""
        cached = self._pages.get(query)
        if cached is not None and cached[0].state_id in (None, self._state_id):
            page = cached[0]
        else:
            page = self._page(query)
            self._pages.put(query, page, _page_bytes(page) + query_bytes(query))
        page_ordinals, has_previous, has_next, total, numbered, state_id = page
        items = PageItems(self._index.articles, self._index.table.ids, page_ordinals)
        return Page(items, has_previous, has_next, total, numbered, state_id is None)

    def ordinals_of(self, ids: Sequence[str]) -> Mapping[str, Sequence[int]]:
        """The ordinals of these articles, by numbering; unknown ids are left out."""
        table = self._index.table
        articles = [each for each in self._index.articles.find_many(ids) if each is not None]
        by_date = DateOrderedHits(table, self._index.live)
        return {
            table.numbering: [table.ordinal_of(article) for article in articles],
            BY_DATE: [by_date.index(date_key(article), inclusive=False) for article in articles],
        }

    def _state_id_for(self, *fields: str) -> object:
        """The state id of a cached result that reads these fields; None if edits leave it valid."""
        return None if EDITABLE_IN_PLACE.isdisjoint(fields) else self._state_id

    def _page(self, query: ArticleQuery) -> _CachedPage:
        check_window(query.window)
        match = self._match(query)
        # Orders ascend: one whose last step descends is the same list read backwards.
        backwards = query.order[-1].descending
        window = reversed_window(query.window) if backwards else query.window
        if backwards and window.after is not None and window.before is not None:
            # The error of two invalid cursors is that of `after`, as in a scan.
            self._cursors.decode_article(window.before, query.order)
        part = self._slice(query.order, window, match)
        has_previous, has_next = part.has_before, part.has_after
        if backwards:
            has_previous, has_next = has_next, has_previous
        total = len(match.certain) if query.with_total else None
        items = part.items[::-1] if backwards else part.items
        is_whole_list = query.filter == MATCH_ALL and _is_by_date(query.order)
        if is_whole_list and part.start is not None:
            ordinals = self._ordinals_by_date(part.start, len(items), descending=backwards)
        else:
            # Cached as an array, which takes a tenth of the memory of a list.
            items = array("I", items)
            table = self._index.table
            ordinals = PageOrdinals(table.numbering, items, as_slice(items), table.size)
        fields = {*_fields(query.filter), *(step.field for step in query.order)}
        return _CachedPage(
            items, has_previous, has_next, total, ordinals, self._state_id_for(*fields)
        )

    def _ordinals_by_date(self, start: int, count: int, *, descending: bool) -> PageOrdinals:
        """The ordinals of a page of the list of all articles by date: consecutive ranks."""
        end = start + count
        run = slice(start, end)
        if descending:
            run = slice(end - 1, start - 1 if start else None, -1) if count else slice(0, 0)
        return PageOrdinals(BY_DATE, range(*run.indices(end)), run, len(self._index.live))

    def _match(self, query: ArticleQuery) -> Match:
        """The articles that match the filter; without candidates, if the total is selected."""
        cached = self._results.get(query.filter)
        if cached is not None and cached[0][1] in (None, self._state_id):
            hits = cached[0][0]
            return Match(hits, hits)
        match = self._matcher.match(with_present_topics(query.filter, self.find_topic))
        if match.recheck is None:
            return match
        uncertain = len(match.candidates) - len(match.certain)
        if query.with_total or uncertain <= MAX_EAGER_CHECKS:
            match = match.rechecked()
            if uncertain > MAX_EAGER_CHECKS:
                size_bytes = 200 + match.certain.__sizeof__() + filter_bytes(query.filter)
                state_id = self._state_id_for(*_fields(query.filter))
                self._results.put(query.filter, (match.certain, state_id), size_bytes)
        return match

    def _slice(self, order: tuple[OrderStep, ...], window: Window, match: Match) -> PageSlice[int]:
        def decode(cursor: str) -> Any:
            return self._cursors.decode_article(cursor, order)

        accept = match.recheck and match.contains
        if _is_by_date(order):
            return slice_page(
                DateOrderedHits(self._index.table, match.candidates), window, decode, accept
            )
        sort_order = self._orders.by_steps(order)
        sort, scan = access_paths(len(match.candidates), len(sort_order.ordinals), window)
        if scan.cost < sort.cost:
            limited = _LimitedScan(sort_order, limit=int(scan.cost / SCAN_STEP_US))
            try:
                return slice_page(limited, window, decode, accept or match.candidates.__contains__)
            except _ScanLimitError:
                pass
        return slice_page(RankedHits(sort_order, match.candidates), window, decode, accept)

    def explain(self, query: ArticleQuery) -> str:
        """The query plan as text: the hits of the filter, and each access path with its cost."""
        match = self._matcher.match(with_present_topics(query.filter, self.find_topic))
        uncertain = len(match.candidates) - len(match.certain)
        lines = [f"filter: {len(match.candidates)} of {len(self._index.live)} articles may match"]
        if uncertain:
            when = "all, for the total" if query.with_total else "in the order of the page"
            lines.append(f"recheck: {uncertain} of them, {when}")
        if _is_by_date(query.order):
            return "\n".join([*lines, f"slice by date: {START_US:.0f} us, chosen"])
        paths = access_paths(len(match.candidates), len(self._index.table.articles), query.window)
        best = min(paths, key=lambda path: path.cost)
        lines += [
            f"{path.name}: {path.cost:.0f} us{', chosen' if path is best else ''}" for path in paths
        ]
        return "\n".join(lines)


def _page_bytes(page: _CachedPage) -> int:
    is_array = isinstance(page.ordinals.numbers, array)
    return PAGE_BYTES + (ORDINAL_BYTES * len(page.items) if is_array else 0)


def _fields(filter: Filter) -> Iterator[Field]:
    """The fields that a filter compares."""
    match filter:
        case Condition():
            yield filter.field
        case Not():
            yield from _fields(filter.filter)
        case And() | Or():
            for part in filter.filters:
                yield from _fields(part)


def as_slice(ordinals: Sequence[int]) -> slice | None:
    """The ordinals as a slice, if they are consecutive; None otherwise."""
    if not ordinals:
        return slice(0, 0)
    first, last = ordinals[0], ordinals[-1]
    step = 1 if first <= last else -1
    if abs(last - first) != len(ordinals) - 1 or list(ordinals) != list(
        range(first, last + step, step)
    ):
        return None
    # A stop of -1 would count from the end.
    return slice(first, None if last + step < 0 else last + step, step)


def _is_by_date(order: tuple[OrderStep, ...]) -> bool:
    return len(order) == 1 and order[0].field is OrderField.PUBLISHED_DATE_TIME


class _ScanLimitError(Exception):
    """A scan has reached its limit."""


class _LimitedScan(OrderScan):
    """A scan that fails after so many articles."""

    __slots__ = ("_remaining",)

    def __init__(self, order: SortOrder | CompositeOrder, limit: int) -> None:
        super().__init__(order)
        self._remaining = limit

    def slice(self, start: int, end: int) -> list[int]:
        """See `OrderedList`. Raises: _ScanLimitError."""
        self._remaining -= end - start
        if self._remaining < 0:
            raise _ScanLimitError
        return super().slice(start, end)
