"""The order of articles by date: that of their ordinals, but for those out of order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from store.collections.bitmaps import BitMap, BitmapSlice, bitmap_range
from store.querying.cursors import KeysetPosition

from .ordinals import ArticleTable, DateKey


class DateOrderedHits:
    """The hits of a filter, ordered by date. See `OrderedList`."""

    __slots__ = ("_hits", "_insert_ranks", "_out_of_order", "_table")

    def __init__(self, table: ArticleTable, hits: BitMap) -> None:
        self._table = table
        self._hits = hits
        self._out_of_order: list[int] = []
        self._insert_ranks: list[int] = []  # the indexes of `_out_of_order`, ascending
        if not hits.isdisjoint(table.out_of_order_set):
            inserted = [each for each in table.out_of_order if each.ordinal in hits]
            self._hits = hits = hits - table.out_of_order_set
            self._out_of_order = [each.ordinal for each in inserted]
            self._insert_ranks = [_rank(hits, each.before) + n for n, each in enumerate(inserted)]

    def __len__(self) -> int:
        """See `OrderedList`."""
        return len(self._hits) + len(self._insert_ranks)

    def index(self, position: KeysetPosition, *, inclusive: bool) -> int:
        """See `OrderedList`."""
        key: Any = position
        if inclusive:
            key = (key[0], f"{key[1]}\0")  # the least key after this one
        index = _rank(self._hits, self._table.lower_bound(key))
        if self._insert_ranks:
            out_of_order = self._table.out_of_order
            end = bisect_left(out_of_order, key)
            index += sum(each.ordinal in self._out_of_order for each in out_of_order[:end])
        return index

    def slice(self, start: int, end: int) -> Sequence[int]:
        """See `OrderedList`."""
        if not self._insert_ranks:
            return BitmapSlice(self._hits, range(start, max(start, end)))
        first, last = bisect_left(self._insert_ranks, start), bisect_left(self._insert_ranks, end)
        ordinals = list(self._hits[start - first : end - last])
        for n in range(first, last):
            ordinals.insert(self._insert_ranks[n] - start, self._out_of_order[n])
        return ordinals


def _rank(hits: BitMap, ordinal: int) -> int:
    """The rank of an ordinal: the number of hits below it."""
    return hits.rank(ordinal - 1) if ordinal else 0


def date_range(table: ArticleTable, start: DateKey | None, end: DateKey | None) -> BitMap:
    """The ordinals from one key to before another; some may be unused."""
    first = 0 if start is None else table.lower_bound(start)
    last = table.size if end is None else table.lower_bound(end)
    ordinals = bitmap_range(first, last)
    if table.out_of_order:
        inside = [
            each.ordinal
            for each in table.out_of_order
            if (start is None or each >= start) and (end is None or each < end)
        ]
        ordinals = (ordinals - table.out_of_order_set) | BitMap(inside, optimize=False)
    return ordinals
