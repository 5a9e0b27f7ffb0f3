"""The sort orders of a state, and lists of hits in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from store.collections.bitmaps import BitMap, Ordinals, as_array
from store.concurrency.cooperative import Cooperative
from store.model import Article
from store.querying.cursors import KeysetPosition
from store.querying.filter_fields import FILTER_FIELDS
from store.querying.order_fields import OrderField, text_key, unaccented_key
from store.querying.query import Field, OrderStep

from .ordinals import ArticleTable
from .sort_order import CompositeOrder, KeyFunction, SortOrder
from .trigrams import TrigramIndexes


class RankedHits:
    """The hits of a filter by their ranks in an order. Sorts only the ranks of the page."""

    __slots__ = ("_is_sorted", "_order", "_ranks")

    def __init__(self, order: SortOrder | CompositeOrder, hits: BitMap) -> None:
        self._order = order
        self._ranks = order.ranks[as_array(hits)]
        self._is_sorted = False

    def __len__(self) -> int:
        """See `OrderedList`."""
        return len(self._ranks)

    def index(self, position: KeysetPosition, *, inclusive: bool) -> int:
        """See `OrderedList`."""
        rank = self._order.index(position, inclusive=inclusive)
        return int(np.count_nonzero(self._ranks < np.uint32(rank)))

    def slice(self, start: int, end: int) -> list[int]:
        """See `OrderedList`."""
        if start >= end:
            return []
        ranks = self._ranks
        if not self._is_sorted:
            if len(ranks) > _SORT_LIMIT:
                ranks = np.partition(ranks, (start, end - 1))
                ranks[start:end].sort()
            else:
                ranks.sort()
            self._ranks, self._is_sorted = ranks, len(ranks) <= _SORT_LIMIT
        ordinals: list[int] = self._order.ordinals[ranks[start:end]].tolist()
        return ordinals


_SORT_LIMIT = 512
"""Up to how many ranks a full sort is faster than a partition."""


class OrderScan:
    """All articles in an order, to be scanned for hits one by one."""

    __slots__ = ("_order",)

    def __init__(self, order: SortOrder | CompositeOrder) -> None:
        self._order = order

    def __len__(self) -> int:
        """See `OrderedList`."""
        return len(self._order.ordinals)

    def index(self, position: KeysetPosition, *, inclusive: bool) -> int:
        """See `OrderedList`."""
        return self._order.index(position, inclusive=inclusive)

    def slice(self, start: int, end: int) -> list[int]:
        """See `OrderedList`."""
        ordinals: list[int] = self._order.ordinals[start:end].tolist()
        return ordinals


class SortOrders:
    """The sort orders of a state, each built on first use.

    Orders of an older state are taken over, and updated on the next use.

    Attributes:
        live: the ordinals of all articles.
        trigrams: the trigram indexes of this line of states.
    """

    __slots__ = ("_by_field", "_by_steps", "_table", "live", "trigrams")

    def __init__(self, table: ArticleTable, live: BitMap, old: SortOrders | None = None) -> None:
        self._table = table
        self.live = live
        if old is None:
            self.trigrams = TrigramIndexes()
        elif table.shares_numbering(old._table):
            self.trigrams = old.trigrams
        else:
            self.trigrams = TrigramIndexes(old.trigrams, old._table.log_length)
        self._by_field: dict[AnyField, SortOrder] = dict(old._by_field) if old else {}
        self._by_steps: dict[tuple[OrderStep, ...], CompositeOrder] = {}

    def compacted(
        self, table: ArticleTable, live: BitMap, new_ordinals: Ordinals, dropped: int
    ) -> Cooperative[SortOrders]:
        """The orders and trigram indexes with the ordinals of a compaction.

        `new_ordinals`: new ordinals by old ones. `dropped`: the number of removed log entries.
        """
        new = SortOrders(table, live)
        for field in self.fields:
            new._by_field[field] = self.by_field(field).compacted(table, new_ordinals)
            yield
        new.trigrams = yield from self.trigrams.compacted(self._table, new_ordinals, dropped)
        return new

    @property
    def fields(self) -> list[AnyField]:
        """The fields that have an order."""
        return list(self._by_field)

    def prepare(self, fields: Iterable[AnyField]) -> Cooperative[None]:
        """Build or update the orders by these fields ahead of use."""
        for field in fields:
            self.by_field(field)
            yield

    def by_field(self, field: AnyField) -> SortOrder:
        """The order by a field, then by id; texts regardless of case."""
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
        """The order by several steps. The last step ascends: a list that descends is read
        backwards.
        """
        last = steps[-1]
        if len(steps) == 1:
            return self.by_field(last.field)
        order = self._by_steps.get(steps)
        if order is None:
            if len(self._by_steps) >= MAX_COMPOSITES:
                del self._by_steps[next(iter(self._by_steps))]
            before = [
                (self.by_field(step.field), step.descending is not last.descending)
                for step in steps[:-1]
            ]
            order = CompositeOrder(self._table, self.by_field(last.field), before)
            self._by_steps[steps] = order
        return order


class Unaccented(NamedTuple):
    """The texts of a field without accents."""

    field: Field


AnyField = Field | OrderField | Unaccented
"""A field of filters or of orders; both have one sort order where they have the same name."""
_ORDER_FIELDS: Mapping[AnyField | str, OrderField] = {field.value: field for field in OrderField}

MAX_COMPOSITES = 16
"""The maximum number of cached composite orders, of 8 bytes an article each."""


def _sort_key(field: AnyField) -> KeyFunction:
    """The sort key of a field: that of its order; for texts without one, the folded text."""
    if isinstance(field, Unaccented):
        return _text_sort_key(field.field, unaccented_key)
    order = _ORDER_FIELDS.get(field)
    return _text_sort_key(Field(field), text_key) if order is None else order.rule.read


def _text_sort_key(field: Field, key: Callable[[str], str]) -> KeyFunction:
    read = FILTER_FIELDS[field].read

    def read_key(article: Article) -> str | None:
        text = read(article, {})
        return None if text is None else key(text)

    return read_key
