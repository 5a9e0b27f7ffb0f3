"""An order of articles by other keys than their date: places, and ranks by slot."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from store.collections.bitmaps import EMPTY, BitMap, Ordinals, bitmap_of, bitmap_of_mask
from store.model import Article
from store.querying.cursors import KeysetPosition
from store.querying.order_fields import SortKey

from .ordinals import ArticleTable

WIDE = 16
"""From which part of all articles on a range is read off the ranks of all."""

KeyFunction = Callable[[Article], SortKey | None]


class SortOrder:
    """The articles by one sort key and then by id. Those without a key are not in it.

    Attributes:
        key: the sort key of an article.
        places: the ordinals in this order.
        ranks: by ordinal, its index in `places`; means nothing for those that are not there.
        log_length: how many entries of the table' log it knows of.
    """

    __slots__ = ("_ids", "_keys", "_sizes", "_starts", "key", "log_length", "places", "ranks")

    def __init__(
        self,
        table: ArticleTable,
        key: KeyFunction,
        keys: list[SortKey],
        sizes: NDArray[np.int64],
        places: Ordinals,
    ) -> None:
        self._ids = table.ids
        self.key = key
        self._keys = keys  # those that there are, ascending, each once
        self._sizes = sizes  # how many articles have each
        self._starts = np.concatenate((_ZERO, np.cumsum(sizes)))
        self.places = places
        self.ranks = np.full(table.size, len(places), dtype=np.uint32)
        self.ranks[places] = np.arange(len(places), dtype=np.uint32)
        self.log_length = table.log_length

    @classmethod
    def build(cls, table: ArticleTable, key: KeyFunction, live: BitMap) -> SortOrder:
        """The order of these articles: sorts all of them, some 2 us each."""
        slots = sorted(live, key=table.ids.__getitem__)
        found = zip(map(key, table.articles_at(slots)), slots, strict=True)
        keyed: list[tuple[Any, int]] = [each for each in found if each[0] is not None]
        keyed.sort(key=itemgetter(0))  # leaves those with one key in the order of their ids
        sizes = Counter(each[0] for each in keyed)  # has its keys in the order in which they came
        return cls(
            table,
            key,
            list(sizes),
            np.fromiter(sizes.values(), dtype=np.int64, count=len(sizes)),
            np.fromiter((each[1] for each in keyed), dtype=np.uint32, count=len(keyed)),
        )

    def derive(self, table: ArticleTable, live: BitMap) -> SortOrder:
        """The order after what the log tells since; sorts anew where that is much."""
        gone, come = self._moved(table, live)
        if not gone and not come and table.size == len(self.ranks):
            same = copy(self)
            same.log_length = table.log_length
            return same
        if (len(gone) + len(come)) * 8 > len(self.places):
            return self.build(table, self.key, live)
        ranks = np.sort(self.ranks[gone])
        sizes = self._sizes - np.bincount(self._codes_of(ranks), minlength=len(self._sizes))
        places = np.delete(self.places, ranks)
        keys, sizes = _with_keys(self._keys, sizes, [each[0] for each in come])
        codes = [bisect_left(keys, each[0]) for each in come]
        starts = np.concatenate((_ZERO, np.cumsum(sizes)))
        id_of = table.ids.__getitem__
        at = [
            bisect_left(places, id, int(starts[code]), int(starts[code + 1]), key=id_of)
            for code, (_, id, _) in zip(codes, come, strict=True)
        ]
        if at:
            places = np.insert(places, at, [each[-1] for each in come])
            sizes = sizes + np.bincount(codes, minlength=len(keys))
        return SortOrder(table, self.key, keys, sizes, places)

    def _moved(
        self, table: ArticleTable, live: BitMap
    ) -> tuple[list[int], list[tuple[Any, str, int]]]:
        """The slots that have left their place, and those that take one: key, id and slot."""
        stale = table.changed_since(self.log_length)
        known = [slot for slot in stale if slot < len(self.ranks)]
        ranks = self.ranks[known]
        was_there = ranks < len(self.places)
        slots = [slot for slot, there in zip(known, was_there.tolist(), strict=True) if there]
        codes = self._codes_of(ranks[was_there]).tolist()
        before = {slot: self._keys[code] for slot, code in zip(slots, codes, strict=True)}
        after = {}
        for slot in stale:
            if slot in live and (key := self.key(table.article_at(slot))) is not None:
                after[slot] = key
        gone = [slot for slot, key in before.items() if after.get(slot) != key]
        ids = table.ids
        come = [(key, ids[slot], slot) for slot, key in after.items() if before.get(slot) != key]
        return gone, sorted(come)

    def _codes_of(self, ranks: Ordinals) -> NDArray[np.int64]:
        """Which of the keys the articles at these ranks have."""
        return self._starts[1:].searchsorted(ranks.astype(np.int64), "right")

    def renumbered(self, table: ArticleTable, numbers: Ordinals) -> SortOrder:
        """The same order over other slots, by the present ones."""
        return SortOrder(table, self.key, self._keys, self._sizes, numbers[self.places])

    def place(self, position: KeysetPosition, *, behind: bool) -> int:
        """How many articles stand before this position; or with the one that stands there."""
        key, id = position
        code = bisect_left(self._keys, key)
        start = int(self._starts[code])
        if code == len(self._keys) or self._keys[code] != key:
            return start
        end, ids = int(self._starts[code + 1]), self._ids
        bisect = bisect_right if behind else bisect_left
        return bisect(self.places, id, start, end, key=lambda slot: ids[slot])

    def start_of(self, key: SortKey) -> int:
        """How many articles have a lesser key."""
        return int(self._starts[bisect_left(self._keys, key)])

    def end_of(self, key: SortKey) -> int:
        """How many articles have a lesser key or this."""
        return int(self._starts[bisect_right(self._keys, key)])

    def between(self, start: int, end: int) -> BitMap:
        """The articles from one place to before another."""
        if start >= end:
            return EMPTY
        if (end - start) * WIDE < len(self.ranks):
            return bitmap_of(self.places[start:end], len(self.ranks))
        first, last = np.uint32(start), np.uint32(end)
        return bitmap_of_mask((self.ranks >= first) & (self.ranks < last))

    def codes(self) -> NDArray[np.int64]:
        """By ordinal, a number that sorts as its key does, the same where keys are the same."""
        codes = np.zeros(len(self.ranks), dtype=np.int64)
        codes[self.places] = np.repeat(np.arange(len(self._sizes)), self._sizes)
        return codes


_ZERO = np.zeros(1, dtype=np.int64)


def _with_keys(
    keys: list[SortKey], sizes: NDArray[np.int64], come: Iterable[Any]
) -> tuple[list[SortKey], NDArray[np.int64]]:
    """The keys and sizes with those keys, too, that are new; ascending."""
    known = keys
    for key in come:
        at = bisect_left(keys, key)
        if at == len(keys) or keys[at] != key:
            if keys is known:
                keys = known.copy()
            keys.insert(at, key)
            sizes = np.insert(sizes, at, 0)
    return keys, sizes


class CompositeOrder:
    """The articles by several sort keys and then by id. See `SortOrder` for its attributes."""

    __slots__ = ("_keys", "_table", "log_length", "places", "ranks")

    def __init__(
        self, table: ArticleTable, last: SortOrder, before: Sequence[tuple[SortOrder, bool]]
    ) -> None:
        """`last` is the order of the last step; those of the steps before, and whether turned."""
        self._table = table
        self._keys = [*((order.key, turned) for order, turned in before), (last.key, False)]
        self.log_length = table.log_length
        self.places, self.ranks = last.places, last.ranks
        size = len(self.places)
        for order, turned in reversed(before):
            codes = order.codes()[self.places]
            both = (-codes if turned else codes) * size + np.arange(size)
            self.places = self.places[np.sort(both) % size] if size else self.places
        if before:
            self.ranks = np.full(table.size, size, dtype=np.uint32)
            self.ranks[self.places] = np.arange(size, dtype=np.uint32)

    def place(self, position: KeysetPosition, *, behind: bool) -> int:
        """See `SortOrder`."""
        *keys, id = position
        turned = [turned for _, turned in self._keys]
        bisect = bisect_right if behind else bisect_left
        return bisect(self.places, (*map(_reverse, keys, turned), id), key=self._position)

    def _position(self, slot: int) -> KeysetPosition:
        article = self._table.article_at(slot)
        return (*(_reverse(read(article), turned) for read, turned in self._keys), article.id)


class _ReversedText(str):
    """A text that sorts the other way round."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)


def _reverse(key: Any, turned: bool) -> Any:
    if not turned:
        return key
    return -key if isinstance(key, int) else _ReversedText(key)
