"""All orders of a state's articles, and lists of hits in them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from store.collections.bitmaps import BitMap, Ordinals, as_array
from store.concurrency.cooperative import Cooperative
from store.querying.cursors import KeysetPosition
from store.querying.filter_fields import FILTER_FIELDS
from store.querying.order_fields import OrderField, text_key
from store.querying.query import Field, OrderStep

from .ordinals import ArticleTable
from .sort_order import CompositeOrder, KeyFunction, SortOrder
from .trigrams import TrigramIndexes


class RankedHits:
    """The hits in an order, by their ranks: only what is shown of them is sorted."""

    __slots__ = ("_is_sorted", "_order", "_ranks")

    def __init__(self, order: SortOrder | CompositeOrder, hits: BitMap) -> None:
        self._order = order
        self._ranks = order.ranks[as_array(hits)]
        self._is_sorted = False

    def __len__(self) -> int:
        """See `OrderedList`."""
        return len(self._ranks)

    def index(self, position: KeysetPosition, *, behind: bool) -> int:
        """See `OrderedList`."""
        place = self._order.place(position, behind=behind)
        return int(np.count_nonzero(self._ranks < np.uint32(place)))

    def slice(self, start: int, end: int) -> list[int]:
        """See `OrderedList`."""
        if start >= end:
            return []
        ranks = self._ranks
        if not self._is_sorted:
            if len(ranks) > _SORTED_AT_ONCE:
                ranks = np.partition(ranks, (start, end - 1))
                ranks[start:end].sort()
            else:
                ranks.sort()
            self._ranks, self._is_sorted = ranks, len(ranks) <= _SORTED_AT_ONCE
        found: list[int] = self._order.places[ranks[start:end]].tolist()
        return found


_SORTED_AT_ONCE = 512
"""Up to how many ranks are rather sorted than partitioned."""


class OrderScan:
    """All articles in an order, among which to look for the hits one by one."""

    __slots__ = ("_order",)

    def __init__(self, order: SortOrder | CompositeOrder) -> None:
        self._order = order

    def __len__(self) -> int:
        """See `OrderedList`."""
        return len(self._order.places)

    def index(self, position: KeysetPosition, *, behind: bool) -> int:
        """See `OrderedList`."""
        return self._order.place(position, behind=behind)

    def slice(self, start: int, end: int) -> list[int]:
        """See `OrderedList`."""
        found: list[int] = self._order.places[start:end].tolist()
        return found


class SortOrders:
    """The orders of a state's articles, each made when first asked for: most are asked for few.

    Those of an older state are taken over, and brought up to date when they are asked for again.

    Attributes:
        live: the slots of all articles.
        texts: the text indexes of this line of states.
    """

    __slots__ = ("_by_field", "_by_steps", "_table", "live", "texts")

    def __init__(self, table: ArticleTable, live: BitMap, old: SortOrders | None = None) -> None:
        self._table = table
        self.live = live
        if old is None:
            self.texts = TrigramIndexes()
        elif table.shares(old._table):
            self.texts = old.texts
        else:
            self.texts = TrigramIndexes(old.texts, old._table.log_length)
        self._by_field: dict[Field, SortOrder] = dict(old._by_field) if old else {}
        self._by_steps: dict[tuple[OrderStep, ...], CompositeOrder] = {}

    def renumbered(
        self, table: ArticleTable, live: BitMap, numbers: Ordinals, dropped: int
    ) -> Cooperative[SortOrders]:
        """The same orders and text indexes over other slots, by the present ones.

        `dropped`: how many first entries of the log the new table lack.
        """
        new = SortOrders(table, live)
        for field in self.fields:
            new._by_field[field] = self.by_field(field).renumbered(table, numbers)
            yield
        new.texts = yield from self.texts.renumbered(self._table, numbers, dropped)
        return new

    @property
    def fields(self) -> list[Field]:
        """The fields by which orders were made."""
        return list(self._by_field)

    def prepare(self, fields: Iterable[Field]) -> Cooperative[None]:
        """Make the orders by these fields, or bring them up to date, before they are asked for."""
        for field in fields:
            self.by_field(field)
            yield

    def by_field(self, field: Field) -> SortOrder:
        """The articles by a field and then by id; texts regardless of case."""
        order = self._by_field.get(field)
        if order is None:
            order = SortOrder.build(self._table, _sort_key(field), self.live)
        elif order.log_length != self._table.log_length:
            order = order.derive(self._table, self.live)
        else:
            return order
        self._by_field[field] = order
        return order

    def by_steps(self, steps: tuple[OrderStep, ...]) -> SortOrder | CompositeOrder:
        """The articles in an order, read so that its last step ascends."""
        last = steps[-1]
        if len(steps) == 1:
            return self.by_field(Field(last.field))
        order = self._by_steps.get(steps)
        if order is None:
            if len(self._by_steps) >= MAX_COMPOSITES:
                del self._by_steps[next(iter(self._by_steps))]
            before = [
                (self.by_field(Field(step.field)), step.descending is not last.descending)
                for step in steps[:-1]
            ]
            order = CompositeOrder(self._table, self.by_field(Field(last.field)), before)
            self._by_steps[steps] = order
        return order


MAX_COMPOSITES = 16
"""How many orders of several steps are kept; 8 bytes for each article."""


_SORT_KEYS: dict[Field, KeyFunction] = {Field(each): each.key.read for each in OrderField}


def _sort_key(field: Field) -> KeyFunction:
    """What an index orders articles by: as lists are ordered, other texts regardless of case."""
    if field in _SORT_KEYS:
        return _SORT_KEYS[field]
    read = FILTER_FIELDS[field].read
    return lambda article: _folded(read(article, {}))


def _folded(text: str | None) -> str | None:
    return None if text is None else text_key(text)
