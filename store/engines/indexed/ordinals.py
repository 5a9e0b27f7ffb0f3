"""Ordinals: the numbers of articles, under which bitmaps and posting lists hold them.

Ordinals ascend with (date, id), and an article keeps its ordinal as long as its date stays. The
newest articles take new ordinals at the end. So does an article that comes in between: it is *out
of order*, and is listed apart, with the ordinal before which it belongs, until the next compaction.
An ordinal whose article was deleted or has another date stays unused. So a write shifts nothing.

Later states share the arrays of earlier ones and append to them; each knows how much is its own.
Where two states were derived from one, the second takes a copy.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import count
from math import isqrt
from typing import Any, NamedTuple

import numpy as np

from store.collections.bitmaps import EMPTY, BitMap, Ordinals
from store.collections.persistent_map import PersistentMap
from store.concurrency.cooperative import Cooperative
from store.gc_untracking import untrack
from store.model import Article
from store.querying.filter_fields import Terms
from store.querying.order_fields import micros

DateKey = tuple[int, str]
"""The sort key of the order by date: microseconds and id."""

MAX_OUT_OF_ORDER = 64
"""The number of articles out of order up to which no write compacts the table."""

MAX_UNUSED = 4_096
"""The number of unused ordinals, and of log entries, up to which no write compacts the table."""

_STEP = 1_024
"""The number of articles in one step of a compaction."""

_NUMBERINGS = count(1)


class OutOfOrder(NamedTuple):
    """An article whose ordinal does not tell its position in the order by date.

    Attributes:
        timestamp: its date in microseconds.
        id: its id.
        ordinal: its ordinal.
        before: the first ordinal that comes after it by date.
    """

    timestamp: int
    id: str
    ordinal: int
    before: int


class IndexChange(NamedTuple):
    """The change of one article by a write, for readers of one visibility.

    Attributes:
        before: the article before the write; None for an insert.
        after: the article after it; None for a delete.
        old_ordinal: its ordinal before; None for an insert.
        new_ordinal: its ordinal after; None for a delete. The same where its date stays.
        old_terms: its terms before; None for an insert, or where they stay.
        new_terms: its terms after; None for a delete, or where they stay.
    """

    before: Article | None
    after: Article | None
    old_ordinal: int | None
    new_ordinal: int | None
    old_terms: Terms | None = None
    new_terms: Terms | None = None

    @property
    def is_in_place_edit(self) -> bool:
        """Whether it is an edit in place; see `store.in_place_edits`."""
        return (
            self.old_ordinal is not None
            and self.old_ordinal == self.new_ordinal
            and self.old_terms is None
        )

    def for_published(self) -> IndexChange:
        """The same change for readers of published articles."""
        before, after, old_ordinal, new_ordinal, old_terms, new_terms = self
        if not (before and before.published):
            before = old_ordinal = old_terms = None
        if not (after and after.published):
            after = new_ordinal = new_terms = None
        return IndexChange(before, after, old_ordinal, new_ordinal, old_terms, new_terms)


class Numbering:
    """Append-only arrays by ordinal, shared by all states of one line of writes.

    Attributes:
        name: unique in this process; a store that is loaded again gets another numbering.
        ids: the id of each ordinal's article, also of a deleted one.
        timestamps: each ordinal's date in microseconds, ascending. Of an article out of order, that
            of the ordinal before.
        tie_ids: the ids that go with `timestamps`, ascending where these are equal.
        log: the ordinals that writes have filled, emptied or changed, oldest first.
    """

    __slots__ = ("ids", "log", "name", "tie_ids", "timestamps")

    def __init__(
        self,
        ids: list[str],
        timestamps: array[int],
        tie_ids: list[str],
        log: list[int],
    ) -> None:
        self.name = f"numbering {next(_NUMBERINGS)}"
        self.ids = untrack(ids)
        self.timestamps = timestamps
        self.tie_ids = untrack(tie_ids)
        self.log = untrack(log)


class ArticleTable:
    """All articles of a state by ordinal.

    Attributes:
        articles: all articles by id.
        numbering: the name of the numbering.
        ids: see `Numbering`; may be longer than `size`.
        size: how many ordinals there are.
        log: see `Numbering`; may be longer than `log_length`.
        log_length: how many entries of the log have led to this state.
        out_of_order: the articles out of order, by date.
        out_of_order_set: their ordinals.
    """

    __slots__ = (
        "_changed",
        "_numbering",
        "_out_of_order_by_id",
        "articles",
        "ids",
        "log",
        "log_length",
        "numbering",
        "out_of_order",
        "out_of_order_set",
        "size",
    )

    def __init__(
        self,
        articles: PersistentMap[str, Article],
        numbering: Numbering,
        size: int,
        log_length: int = 0,
        out_of_order: tuple[OutOfOrder, ...] = (),
    ) -> None:
        self.articles = articles
        self.numbering = numbering.name
        self.ids = numbering.ids
        self.log = numbering.log
        self.size = size
        self.log_length = log_length
        self.out_of_order = out_of_order
        self.out_of_order_set = BitMap([d.ordinal for d in out_of_order]) if out_of_order else EMPTY
        self._numbering = numbering
        self._changed: dict[int, BitMap] = {}  # by log length: one for each order and trigram index
        self._out_of_order_by_id = {d.id: d.ordinal for d in out_of_order}

    @classmethod
    def build(cls, articles: Collection[Article]) -> ArticleTable:
        """The table of these articles, without unused ordinals and articles out of order."""
        keys = sorted([date_key(article) for article in articles])
        ids = [id for _, id in keys]
        numbering = Numbering(ids, array("q", [timestamp for timestamp, _ in keys]), ids.copy(), [])
        return cls(PersistentMap({a.id: a for a in articles}), numbering, len(ids))

    def needs_compaction(self) -> bool:
        """Whether too much is out of order, unused or logged."""
        return (
            len(self.out_of_order) > max(MAX_OUT_OF_ORDER, isqrt(self.size) // 2)
            or self.size > 2 * len(self.articles) + MAX_UNUSED
            or self.log_length > 2 * self.size + MAX_UNUSED
        )

    def compacted(
        self, order: Sequence[int], new_ordinals: Ordinals, log_length: int
    ) -> Cooperative[ArticleTable]:
        """The table of the same articles under new ordinals: all in use and in order.

        `order`: the present ordinals by date. `new_ordinals`: the new ordinals by the present ones.
        The log keeps what came after its first `log_length` entries.
        """
        timestamps, ids = array("q"), []
        out_of_order = {each.ordinal: each.timestamp for each in self.out_of_order}
        for start in range(0, len(order), _STEP):
            block = order[start : start + _STEP]
            timestamps.extend(
                [
                    out_of_order.get(ordinal, self._numbering.timestamps[ordinal])
                    for ordinal in block
                ]
            )
            ids += [self.ids[ordinal] for ordinal in block]
            yield
        log = (
            new_ordinals[self.log[log_length : self.log_length]].tolist()
            if self.log_length > log_length
            else []
        )
        numbering = Numbering(ids, timestamps, ids.copy(), log)
        yield
        return ArticleTable(self.articles, numbering, len(ids), len(log))

    def compaction_map(self, order: array[int]) -> Ordinals:
        """The new ordinals by the present ones: the index in `order`, its length for others.

        One entry more than there are ordinals: in a log, the last stands for articles that were
        deleted before an earlier compaction.
        """
        ordinals = np.full(self.size + 1, len(order), dtype=np.uint32)
        ordinals[np.frombuffer(order, dtype=np.uint32)] = np.arange(len(order), dtype=np.uint32)
        return ordinals

    def ordinal_of(self, article: Article) -> int:
        """The ordinal of an article of this state."""
        ordinal = self._out_of_order_by_id.get(article.id)
        return self.lower_bound(date_key(article)) if ordinal is None else ordinal

    def lower_bound(self, key: DateKey) -> int:
        """The first ordinal at this key or after it, apart from those out of order."""
        timestamp, id = key
        timestamps = self._numbering.timestamps
        start = bisect_left(timestamps, timestamp, 0, self.size)
        if start < self.size and timestamps[start] == timestamp:
            end = bisect_right(timestamps, timestamp, start, self.size)
            return bisect_left(self._numbering.tie_ids, id, start, end)
        return start

    def shares_numbering(self, other: ArticleTable) -> bool:
        """Whether both belong to one line of writes, so that the log has what differs."""
        return self._numbering is other._numbering

    def changed_since(self, log_length: int) -> BitMap:
        """The ordinals that differ from another state of this line, by its `log_length`."""
        changed = self._changed.get(log_length)
        if changed is None:
            low, high = sorted((log_length, self.log_length))
            changed = self._changed[log_length] = BitMap(self.log[low:high], optimize=False)
        return changed

    def article_at(self, ordinal: int) -> Article:
        """The article of an ordinal that is in use."""
        return self.articles[self.ids[ordinal]]

    def articles_at(self, ordinals: Iterable[int]) -> list[Article]:
        """The articles of these ordinals, all of them in use; in the same order."""
        ids = self.ids
        articles: list[Any] = self.articles.find_many([ids[ordinal] for ordinal in ordinals])
        return articles

    def derive(
        self, changed: Mapping[str, Article | None]
    ) -> tuple[ArticleTable, Sequence[IndexChange]]:
        """The table after a write, and its changes. `changed`: id -> article, None for a delete."""
        numbering = self._own_numbering()
        out_of_order = list(self.out_of_order)
        changes = []
        for id, after in changed.items():
            before = self.articles.find(id)
            if before is None and after is None:
                continue
            old = None if before is None else self.ordinal_of(before)
            new = old
            if before is None or after is None or date_key(before) != date_key(after):
                if id in self._out_of_order_by_id:
                    out_of_order = [each for each in out_of_order if each.id != id]
                new = None if after is None else _append(numbering, date_key(after), out_of_order)
            numbering.log.extend({ordinal for ordinal in (old, new) if ordinal is not None})
            changes.append(IndexChange(before, after, old, new))
        articles = self.articles.derive(changed)
        table = ArticleTable(
            articles, numbering, len(numbering.ids), len(numbering.log), tuple(out_of_order)
        )
        return table, changes

    def _own_numbering(self) -> Numbering:
        """The numbering to append to: a copy where another state has appended already."""
        numbering = self._numbering
        if len(numbering.ids) == self.size and len(numbering.log) == self.log_length:
            return numbering
        size = self.size
        return Numbering(
            numbering.ids[:size],
            numbering.timestamps[:size],
            numbering.tie_ids[:size],
            numbering.log[: self.log_length],
        )


def date_key(article: Article) -> DateKey:
    """The key of an article in the order by date."""
    return micros(article.published_date_time), article.id


def _append(numbering: Numbering, key: DateKey, out_of_order: list[OutOfOrder]) -> int:
    """The new ordinal of an article."""
    timestamp, id = key
    size = len(numbering.ids)
    bound = key
    if size and key <= (last := (numbering.timestamps[-1], numbering.tie_ids[-1])):
        bound = last
        start = bisect_left(numbering.timestamps, timestamp)
        end = bisect_right(numbering.timestamps, timestamp, start)
        before = bisect_left(numbering.tie_ids, id, start, end)
        insort(out_of_order, OutOfOrder(timestamp, id, size, before))
    # In this order: a reader takes an ordinal for used once its id is there.
    numbering.timestamps.append(bound[0])
    numbering.tie_ids.append(bound[1])
    numbering.ids.append(id)
    return size
