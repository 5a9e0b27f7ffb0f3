"""How a list of articles is answered: the filter as bitmaps, then the cheapest way to its page.

By date a page is a slice of the hits. In another order there are two access paths: to gather the
ranks of all hits and sort those that are shown, or to walk through the order and pass over what is
no hit. Which is cheaper follows from how many hits there are; `explain` prints it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
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
from .index import Index
from .matching import Match, Matcher
from .ordered_lists import OrderScan, RankedHits, SortOrders
from .ordinals import date_key
from .sort_order import CompositeOrder, SortOrder

SCAN_SLACK = 2
"""How many times the expected steps a walk may take, before the hits are gathered after all; so
much it is taken to cost, since hits may stand together, far from the cursor."""

MAX_EAGER_CHECKS = 32
"""Up to how many articles that may match are checked before the page is looked for."""

PAGE_CACHE_BYTES = 8_000_000
"""How much of its pages an index keeps: answering again costs 0.4 us instead of 5 to 200."""

HIT_CACHE_BYTES = 4_000_000
"""How much it keeps of the hits of filters of which each article had to be checked."""

START_US = 6.0
"""What an access path costs before the first article."""


BY_DATE = "by date"
"""The numbering of `PageOrdinals` in the list of all that are visible."""

PAGE_BYTES, SLOT_BYTES = 700, 4
"""What a page takes, and what each of its slots does where they are an array."""


class AccessPath(NamedTuple):
    """A way to a page.

    Attributes:
        name: what `explain` calls it.
        cost: about how many microseconds it takes.
    """

    name: str
    cost: float


def access_paths(hits: int, articles: int, window: Window) -> tuple[AccessPath, AccessPath]:
    """The two ways to a page in an order other than by date: gather and walk."""
    size = (window.last if window.first is None else window.first) or 0
    # One more than the page holds, and one on the other side of a cursor, for the flags.
    wanted = size + 1 + (window.after is not None or window.before is not None)
    walk = START_US + SCAN_SLACK * SCAN_STEP_US * wanted * articles / hits if hits else START_US
    return AccessPath("gather", START_US + RANK_HIT_US * hits), AccessPath("walk", walk)


class _CachedPage(NamedTuple):
    """A page without its articles, so that an older state's are not kept with it.

    Attributes:
        slots: of the articles.
        before: whether there are articles before them.
        behind: whether there are some behind.
        total: the size of the whole list, where it was asked for.
        ordinals: see `Page`.
        edition: the only state for which it holds; None where it survives edits in place.
    """

    slots: Sequence[int]
    before: bool
    behind: bool
    total: int | None
    ordinals: PageOrdinals
    edition: object


class Planner:
    """Answers queries from one index.

    What it remembers is shared by all planners that edits in place lead from one to the next.
    """

    __slots__ = ("_cursors", "_edition", "_exact", "_index", "_matcher", "_orders", "_pages")

    def __init__(
        self,
        index: Index,
        published: Index,
        orders: SortOrders,
        aliases: Aliases,
        cursors: CursorCodec,
    ) -> None:
        self._cursors = cursors
        self._index = index
        self._orders = orders
        self._matcher = Matcher(index, published, orders, aliases)
        self._edition = object()
        self._pages: BoundedMemo[ArticleQuery, _CachedPage] = BoundedMemo(PAGE_CACHE_BYTES)
        self._exact: BoundedMemo[Filter, tuple[BitMap, object]] = BoundedMemo(HIT_CACHE_BYTES)

    def keep(self, old: Planner) -> None:
        """Take over what an older planner remembers, since when articles were edited in place."""
        self._pages, self._exact = old._pages, old._exact

    def page(self, query: ArticleQuery) -> Page[Article]:
        """The part of the list that a query asks for. Raises: QueryError."""
        kept = self._pages.get(query)
        if kept is not None and kept[0].edition in (None, self._edition):
            page = kept[0]
        else:
            page = self._page(query)
            self._pages.put(query, page, _page_bytes(page) + query_bytes(query))
        slots, before, behind, total, ordinals, edition = page
        items = PageItems(self._index.articles, self._index.table.ids, slots)
        return Page(items, before, behind, total, ordinals, edition is None)

    def ordinals_of(self, ids: Sequence[str]) -> Mapping[str, Sequence[int]]:
        """Where these articles stand, in each numbering; those that are not there left out."""
        table = self._index.table
        articles = [each for each in self._index.articles.find_many(ids) if each is not None]
        by_date = DateOrderedHits(table, self._index.live)
        return {
            table.space: [table.ordinal_of(article) for article in articles],
            BY_DATE: [by_date.index(date_key(article), behind=False) for article in articles],
        }

    def _edition_of(self, *fields: Field) -> object:
        """For which state something holds that reads these fields of articles."""
        return None if EDITABLE_IN_PLACE.isdisjoint(fields) else self._edition

    def _page(self, query: ArticleQuery) -> _CachedPage:
        check_window(query.window)
        match = self._match(query)
        # Orders are kept ascending: one that ends descending is the same list read backwards.
        backwards = query.order[-1].descending
        window = reversed_window(query.window) if backwards else query.window
        part = self._part(query.order, window, match)
        before, behind = part.has_before, part.has_behind
        if backwards:
            before, behind = behind, before
        total = len(match.sure) if query.with_total else None
        slots = part.items[::-1] if backwards else part.items
        is_whole = query.filter == MATCH_ALL and _is_by_date(query.order)
        if is_whole and part.start is not None:
            ordinals = self._ordinals_by_date(part.start, len(slots), descending=backwards)
        else:
            # A page is kept: as an array, a thousand slots take a tenth of what a list does.
            slots = array("I", slots)
            table = self._index.table
            ordinals = PageOrdinals(table.space, slots, as_slice(slots), table.size)
        fields = {*_fields(query.filter), *(Field(step.field) for step in query.order)}
        return _CachedPage(slots, before, behind, total, ordinals, self._edition_of(*fields))

    def _ordinals_by_date(self, start: int, count: int, *, descending: bool) -> PageOrdinals:
        """Where the items of a page of the list of all by date stand in it: a run."""
        end = start + count
        run = slice(start, end)
        if descending:
            run = slice(end - 1, start - 1 if start else None, -1) if count else slice(0, 0)
        return PageOrdinals(BY_DATE, range(*run.indices(end)), run, len(self._index.live))

    def _match(self, query: ArticleQuery) -> Match:
        """What matches the filter; exactly, where there is a total to count."""
        kept = self._exact.get(query.filter)
        if kept is not None and kept[0][1] in (None, self._edition):
            hits = kept[0][0]
            return Match(hits, hits)
        match = self._matcher.match(query.filter)
        if match.check is None:
            return match
        unsure = len(match.possible) - len(match.sure)
        if query.with_total or unsure <= MAX_EAGER_CHECKS:
            match = match.exact()
            if unsure > MAX_EAGER_CHECKS:
                size_bytes = 200 + match.sure.__sizeof__() + filter_bytes(query.filter)
                edition = self._edition_of(*_fields(query.filter))
                self._exact.put(query.filter, (match.sure, edition), size_bytes)
        return match

    def _part(self, order: tuple[OrderStep, ...], window: Window, match: Match) -> PageSlice[int]:
        def decode(cursor: str) -> Any:
            return self._cursors.decode_article(cursor, order)

        accept = match.check and match.holds
        if _is_by_date(order):
            return slice_page(
                DateOrderedHits(self._index.table, match.possible), window, decode, accept
            )
        sort_order = self._orders.by_steps(order)
        gather, walk = access_paths(len(match.possible), len(sort_order.places), window)
        if walk.cost < gather.cost:
            walked = _LimitedScan(sort_order, budget=int(walk.cost / SCAN_STEP_US))
            try:
                return slice_page(walked, window, decode, accept or match.possible.__contains__)
            except _ScanLimitError:
                pass
        return slice_page(RankedHits(sort_order, match.possible), window, decode, accept)

    def explain(self, query: ArticleQuery) -> str:
        """How a query is answered: what the filter leaves, and each access path with its cost."""
        match = self._matcher.match(query.filter)
        unsure = len(match.possible) - len(match.sure)
        lines = [f"filter: {len(match.possible)} of {len(self._index.live)} articles may match"]
        if unsure:
            when = "all, for the total" if query.with_total else "in the order of the page"
            lines.append(f"check: {unsure} of them, {when}")
        if _is_by_date(query.order):
            return "\n".join([*lines, f"slice by date: {START_US:.0f} us, chosen"])
        paths = access_paths(len(match.possible), len(self._index.table.articles), query.window)
        best = min(paths, key=lambda path: path.cost)
        lines += [
            f"{path.name}: {path.cost:.0f} us{', chosen' if path is best else ''}" for path in paths
        ]
        return "\n".join(lines)


def _page_bytes(page: _CachedPage) -> int:
    listed = isinstance(page.ordinals.numbers, array)
    return PAGE_BYTES + (SLOT_BYTES * len(page.slots) if listed else 0)


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


def as_slice(slots: Sequence[int]) -> slice | None:
    """The slice that gives these slots out of a list by slot, if they follow each other."""
    if not slots:
        return slice(0, 0)
    first, last = slots[0], slots[-1]
    step = 1 if first <= last else -1
    if abs(last - first) != len(slots) - 1 or list(slots) != list(range(first, last + step, step)):
        return None
    # A stop of -1 would count from the end.
    return slice(first, None if last + step < 0 else last + step, step)


def _is_by_date(order: tuple[OrderStep, ...]) -> bool:
    return len(order) == 1 and order[0].field is OrderField.PUBLISHED_DATE_TIME


class _ScanLimitError(Exception):
    """A walk has gone on for longer than expected."""


class _LimitedScan(OrderScan):
    """An order that may be read only so far."""

    __slots__ = ("_left",)

    def __init__(self, order: SortOrder | CompositeOrder, budget: int) -> None:
        super().__init__(order)
        self._left = budget

    def slice(self, start: int, end: int) -> list[int]:
        """See `OrderedList`. Raises: _BudgetSpentError."""
        self._left -= end - start
        if self._left < 0:
            raise _ScanLimitError
        return super().slice(start, end)
