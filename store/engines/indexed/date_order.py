"""The order of articles by date, which is that of their slots but for the out_of_order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from store.collections.bitmaps import BitMap, BitmapSlice, bitmap_range
from store.querying.cursors import KeysetPosition

from .ordinals import ArticleTable, DateKey


class DateOrderedHits:
    """A set of articles by date: a rank gives an index, a slice the ordinals."""

    __slots__ = ("_displaced", "_hits", "_spots", "_table")

    def __init__(self, table: ArticleTable, hits: BitMap) -> None:
        self._table = table
        self._hits = hits
        self._displaced: list[int] = []
        self._spots: list[int] = []  # the indexes of the out_of_order, ascending
        if not hits.isdisjoint(table.out_of_order_set):
            found = [each for each in table.out_of_order if each.ordinal in hits]
            self._hits = hits = hits - table.out_of_order_set
            self._displaced = [each.ordinal for each in found]
            self._spots = [_rank(hits, each.before) + n for n, each in enumerate(found)]

    def __len__(self) -> int:
        """See `OrderedList`."""
        return len(self._hits) + len(self._spots)

    def index(self, position: KeysetPosition, *, behind: bool) -> int:
        """See `OrderedList`."""
        moment: Any = position
        if behind:
            moment = (moment[0], f"{moment[1]}\0")  # no text lies between
        index = _rank(self._hits, self._table.slot_of(moment))
        if self._spots:
            out_of_order = self._table.out_of_order
            end = bisect_left(out_of_order, moment)
            index += sum(each.ordinal in self._displaced for each in out_of_order[:end])
        return index

    def slice(self, start: int, end: int) -> Sequence[int]:
        """See `OrderedList`."""
        if not self._spots:
            return BitmapSlice(self._hits, range(start, max(start, end)))
        first, last = bisect_left(self._spots, start), bisect_left(self._spots, end)
        found = list(self._hits[start - first : end - last])
        for n in range(first, last):
            found.insert(self._spots[n] - start, self._displaced[n])
        return found


def _rank(hits: BitMap, slot: int) -> int:
    """How many hits are less than a slot."""
    return hits.rank(slot - 1) if slot else 0


def in_date_range(table: ArticleTable, start: DateKey | None, end: DateKey | None) -> BitMap:
    """The slots of the articles from one position to before another; may hold empty ones."""
    first = 0 if start is None else table.slot_of(start)
    last = table.size if end is None else table.slot_of(end)
    found = bitmap_range(first, last)
    if table.out_of_order:
        inside = [
            each.ordinal
            for each in table.out_of_order
            if (start is None or each >= start) and (end is None or each < end)
        ]
        found = (found - table.out_of_order_set) | BitMap(inside, optimize=False)
    return found
