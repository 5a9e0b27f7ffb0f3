"""Sort orders of articles by other keys than their date: ordinals by rank, ranks by ordinal."""

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

WIDE_RANGE = 16
"""A range of more than one in so many articles is computed from the ranks of all."""

KeyFunction = Callable[[Article], SortKey | None]


class SortOrder:
    """The articles by one sort key, then by id, without those that have no key.

    Attributes:
        key: the sort key of an article.
        ordinals: the ordinals in this order.
        ranks: by ordinal, the index in `ordinals`; undefined for other articles.
        log_length: how many entries of the table's log it reflects.
    """

    __slots__ = ("_ids", "_keys", "_sizes", "_starts", "key", "log_length", "ordinals", "ranks")

    def __init__(
        self,
        table: ArticleTable,
        key: KeyFunction,
        keys: list[SortKey],
        sizes: NDArray[np.int64],
        ordinals: Ordinals,
    ) -> None:
        self._ids = table.ids
        self.key = key
        self._keys = keys  # distinct, ascending
        self._sizes = sizes  # articles per key
        self._starts = np.concatenate((_ZERO, np.cumsum(sizes)))
        self.ordinals = ordinals
        self.ranks = np.full(table.size, len(ordinals), dtype=np.uint32)
        self.ranks[ordinals] = np.arange(len(ordinals), dtype=np.uint32)
        self.log_length = table.log_length

    @classmethod
    def build(cls, table: ArticleTable, key: KeyFunction, live: BitMap) -> SortOrder:
        """The order of these articles. Sorts all of them, some 2 us each."""
        ordinals = sorted(live, key=table.ids.__getitem__)
        pairs = zip(map(key, table.articles_at(ordinals)), ordinals, strict=True)
        keyed: list[tuple[Any, int]] = [pair for pair in pairs if pair[0] is not None]
        keyed.sort(key=itemgetter(0))  # stable: equal keys stay in the order of ids
        sizes = Counter(each[0] for each in keyed)  # keeps the order of insertion
        return cls(
            table,
            key,
            list(sizes),
            np.fromiter(sizes.values(), dtype=np.int64, count=len(sizes)),
            np.fromiter((each[1] for each in keyed), dtype=np.uint32, count=len(keyed)),
        )

    def derive(self, table: ArticleTable, live: BitMap) -> SortOrder:
        """The order after the log's newer entries. Sorts all anew where these are many."""
        removed, added = self._changes(table, live)
        if not removed and not added and table.size == len(self.ranks):
            same = copy(self)
            same.log_length = table.log_length
            return same
        if (len(removed) + len(added)) * 8 > len(self.ordinals):
            return self.build(table, self.key, live)
        ranks = np.sort(self.ranks[removed])
        sizes = self._sizes - np.bincount(self._codes_of(ranks), minlength=len(self._sizes))
        ordinals = np.delete(self.ordinals, ranks)
        keys, sizes = _with_keys(self._keys, sizes, [each[0] for each in added])
        codes = [bisect_left(keys, each[0]) for each in added]
        starts = np.concatenate((_ZERO, np.cumsum(sizes)))
        id_of = table.ids.__getitem__
        at = [
            bisect_left(ordinals, id, int(starts[code]), int(starts[code + 1]), key=id_of)
            for code, (_, id, _) in zip(codes, added, strict=True)
        ]
        if at:
            ordinals = np.insert(ordinals, at, [each[-1] for each in added])
            sizes = sizes + np.bincount(codes, minlength=len(keys))
        return SortOrder(table, self.key, keys, sizes, ordinals)

    def _changes(
        self, table: ArticleTable, live: BitMap
    ) -> tuple[list[int], list[tuple[Any, str, int]]]:
        """The ordinals to remove, and the entries to insert: key, id and ordinal."""
        stale = table.changed_since(self.log_length)
        indexed = [ordinal for ordinal in stale if ordinal < len(self.ranks)]
        ranks = self.ranks[indexed]
        was_there = ranks < len(self.ordinals)
        ordinals = [
            ordinal for ordinal, there in zip(indexed, was_there.tolist(), strict=True) if there
        ]
        codes = self._codes_of(ranks[was_there]).tolist()
        before = {ordinal: self._keys[code] for ordinal, code in zip(ordinals, codes, strict=True)}
        after = {}
        for ordinal in stale:
            if ordinal in live and (key := self.key(table.article_at(ordinal))) is not None:
                after[ordinal] = key
        removed = [ordinal for ordinal, key in before.items() if after.get(ordinal) != key]
        ids = table.ids
        added = [
            (key, ids[ordinal], ordinal)
            for ordinal, key in after.items()
            if before.get(ordinal) != key
        ]
        return removed, sorted(added)

    def _codes_of(self, ranks: Ordinals) -> NDArray[np.int64]:
        """The key codes (indexes in `_keys`) of the articles at these ranks."""
        return self._starts[1:].searchsorted(ranks.astype(np.int64), "right")

    def compacted(self, table: ArticleTable, new_ordinals: Ordinals) -> SortOrder:
        """The order with the ordinals of a compaction. `new_ordinals`: new ordinals by old ones."""
        return SortOrder(table, self.key, self._keys, self._sizes, new_ordinals[self.ordinals])

    def index(self, position: KeysetPosition, *, inclusive: bool) -> int:
        """The insertion point: the articles before a position, and at it if `inclusive`."""
        key, id = position
        code = bisect_left(self._keys, key)
        start = int(self._starts[code])
        if code == len(self._keys) or self._keys[code] != key:
            return start
        end, ids = int(self._starts[code + 1]), self._ids
        bisect = bisect_right if inclusive else bisect_left
        return bisect(self.ordinals, id, start, end, key=lambda ordinal: ids[ordinal])

    def rank_of_key(self, key: SortKey) -> int:
        """The lower bound of a key: the number of articles with a smaller one."""
        return int(self._starts[bisect_left(self._keys, key)])

    def rank_after_key(self, key: SortKey) -> int:
        """The upper bound of a key: the number of articles with it or a smaller one."""
        return int(self._starts[bisect_right(self._keys, key)])

    def rank_range(self, start: int, end: int) -> BitMap:
        """The ordinals from one rank to before another."""
        if start >= end:
            return EMPTY
        if (end - start) * WIDE_RANGE < len(self.ranks):
            return bitmap_of(self.ordinals[start:end], len(self.ranks))
        first, last = np.uint32(start), np.uint32(end)
        return bitmap_of_mask((self.ranks >= first) & (self.ranks < last))

    def key_codes(self) -> NDArray[np.int64]:
        """By ordinal, the code of the key: codes compare as the keys do."""
        codes = np.zeros(len(self.ranks), dtype=np.int64)
        codes[self.ordinals] = np.repeat(np.arange(len(self._sizes)), self._sizes)
        return codes


_ZERO = np.zeros(1, dtype=np.int64)


def _with_keys(
    keys: list[SortKey], sizes: NDArray[np.int64], added: Iterable[Any]
) -> tuple[list[SortKey], NDArray[np.int64]]:
    """The distinct keys, ascending, with new ones inserted, and their sizes."""
    original = keys
    for key in added:
        at = bisect_left(keys, key)
        if at == len(keys) or keys[at] != key:
            if keys is original:
                keys = original.copy()
            keys.insert(at, key)
            sizes = np.insert(sizes, at, 0)
    return keys, sizes


class CompositeOrder:
    """The articles by several sort keys and then by id. See `SortOrder` for its attributes."""

    __slots__ = ("_keys", "_table", "log_length", "ordinals", "ranks")

    def __init__(
        self, table: ArticleTable, last: SortOrder, before: Sequence[tuple[SortOrder, bool]]
    ) -> None:
        """`last`: the order of the last step. `before`: of the others, and whether reversed."""
        self._table = table
        self._keys = [
            *((order.key, is_reversed) for order, is_reversed in before),
            (last.key, False),
        ]
        self.log_length = table.log_length
        self.ordinals, self.ranks = last.ordinals, last.ranks
        size = len(self.ordinals)
        for order, is_reversed in reversed(before):
            codes = order.key_codes()[self.ordinals]
            both = (-codes if is_reversed else codes) * size + np.arange(size)
            self.ordinals = self.ordinals[np.sort(both) % size] if size else self.ordinals
        if before:
            self.ranks = np.full(table.size, size, dtype=np.uint32)
            self.ranks[self.ordinals] = np.arange(size, dtype=np.uint32)

    def index(self, position: KeysetPosition, *, inclusive: bool) -> int:
        """See `SortOrder`."""
        *keys, id = position
        flags = [is_reversed for _, is_reversed in self._keys]
        bisect = bisect_right if inclusive else bisect_left
        return bisect(self.ordinals, (*map(_reverse, keys, flags), id), key=self._position)

    def _position(self, ordinal: int) -> KeysetPosition:
        article = self._table.article_at(ordinal)
        return (
            *(_reverse(read(article), is_reversed) for read, is_reversed in self._keys),
            article.id,
        )


class _ReversedText(str):
    """A text that compares in reverse."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)


def _reverse(key: Any, is_reversed: bool) -> Any:
    if not is_reversed:
        return key
    return -key if isinstance(key, int) else _ReversedText(key)
