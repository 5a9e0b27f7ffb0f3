"""How a list of articles is answered: the filter as bitmaps, then the cheapest way to its page.

By date a page is a slice of the hits. In another order there are two ways: to sort the ranks of all
hits (*gather*), or to go through the order and pass over what is no hit (*walk*). Which is cheaper
follows from how many hits there are; `explain` prints it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .cursors import decode_article_cursor
from .index import Index
from .matching import Match, Matcher
from .model import Article
from .order_fields import OrderField
from .orders import (
    CompositeOrder,
    DateListing,
    OrderListing,
    Orders,
    SortOrder,
    WholeListing,
)
from .page_items import PageItems
from .query import ArticleQuery, Order, Page, Window
from .terms import Aliases
from .windows import Part, check_window, flipped, part_of

WALK_SLACK = 1.3
"""How many times the expected steps a walk may take, before the hits are gathered after all."""

MAX_PAGES = 8_192
"""How many pages are kept."""

CHECKED_AT_ONCE = 32
"""Up to how many articles that may match are checked before the page is looked for."""


class AccessPath(NamedTuple):
    """A way to a page.

    Attributes:
        name: what `explain` calls it.
        cost: about how many microseconds it takes.
    """

    name: str
    cost: float


class Planner:
    """Answers queries from one index."""

    __slots__ = ("_index", "_matcher", "_orders", "_pages")

    def __init__(self, index: Index, published: Index, orders: Orders, aliases: Aliases) -> None:
        self._index = index
        self._orders = orders
        self._matcher = Matcher(index, published, orders, aliases)
        self._pages: dict[ArticleQuery, Page[Article]] = {}

    def page(self, query: ArticleQuery) -> Page[Article]:
        """The part of the list that a query asks for. Raises: QueryError."""
        page = self._pages.get(query)
        if page is None:
            page = self._page(query)
            if len(self._pages) >= MAX_PAGES:
                del self._pages[next(iter(self._pages))]
            self._pages[query] = page
        return page

    def _page(self, query: ArticleQuery) -> Page[Article]:
        check_window(query.window)
        match = self._matcher.match(query.filter)
        if query.with_total or len(match.possible) - len(match.sure) <= CHECKED_AT_ONCE:
            match = match.exact()
        # Orders are kept ascending: one that ends descending is the same list read backwards.
        backwards = query.order[-1].descending
        window = flipped(query.window) if backwards else query.window
        part = self._part(query.order, window, match)
        ids = self._index.columns.ids
        shown = [ids[ordinal] for ordinal in part.items]
        before, behind = part.has_before, part.has_behind
        if backwards:
            shown.reverse()
            before, behind = behind, before
        total = len(match.sure) if query.with_total else None
        return Page(PageItems(self._index.articles, shown), before, behind, total, ids=shown)

    def _part(self, order: tuple[Order, ...], window: Window, match: Match) -> Part[int]:
        def decode(cursor: str) -> Any:
            return decode_article_cursor(cursor, order)

        if order[0].field is OrderField.PUBLISHED_DATE_TIME and len(order) == 1:
            listing = DateListing(self._index.columns, match.possible)
            return part_of(listing, window, decode, match.check and match.holds)
        sort_order = self._orders.by_steps(order)
        gather, walk = access_paths(len(match.possible), len(sort_order.places), window)
        if walk.cost < gather.cost:
            walked = _Walk(sort_order, budget=int(walk.cost * WALK_SLACK / STEP_US))
            accept = match.holds if match.check else match.possible.__contains__
            try:
                return part_of(walked, window, decode, accept)
            except _BudgetSpentError:
                pass
        gathered = OrderListing(sort_order, match.possible)
        return part_of(gathered, window, decode, match.check and match.holds)

    def explain(self, query: ArticleQuery) -> str:
        """Which ways to a page there are, and which is taken."""
        match = self._matcher.match(query.filter)
        unsure = len(match.possible) - len(match.sure)
        lines = [f"filter: {len(match.possible)} of {len(self._index.live)} articles may match"]
        if unsure:
            lines.append(f"check: {unsure} of them one by one, in the order of the page")
        if query.order[0].field is OrderField.PUBLISHED_DATE_TIME and len(query.order) == 1:
            return "\n".join([*lines, "slice by date: 5 us, chosen"])
        paths = access_paths(len(match.possible), len(self._index.columns.articles), query.window)
        best = min(paths, key=lambda path: path.cost)
        lines += [
            f"{path.name}: {path.cost:.0f} us{', chosen' if path is best else ''}" for path in paths
        ]
        return "\n".join(lines)


STEP_US = 0.055
"""What one step of a walk takes."""

GATHER_US = 0.0045
"""What it takes to gather the rank of one hit."""


def access_paths(hits: int, articles: int, window: Window) -> tuple[AccessPath, AccessPath]:
    """The two ways to a page in an order other than by date: gather and walk."""
    size = (window.last if window.first is None else window.first) or 0
    # One more than the page holds, and one on the other side of a cursor, for the flags.
    wanted = size + 1 + (window.after is not None or window.before is not None)
    gather = 6 + GATHER_US * hits
    walk = 6 + STEP_US * wanted * articles / hits if hits else 0.0
    return AccessPath("gather", gather), AccessPath("walk", walk)


class _BudgetSpentError(Exception):
    """A walk has gone on for longer than expected."""


class _Walk(WholeListing):
    """An order that may be read only so far."""

    __slots__ = ("_left",)

    def __init__(self, order: SortOrder | CompositeOrder, budget: int) -> None:
        super().__init__(order)
        self._left = budget

    def slice(self, start: int, end: int) -> list[int]:
        """See `Listing`. Raises: _BudgetSpentError."""
        self._left -= end - start
        if self._left < 0:
            raise _BudgetSpentError
        return super().slice(start, end)
