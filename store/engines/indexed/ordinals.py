"""The ordinals of articles: the numbers under which bitmaps hold them.

An ordinal is a slot in the order of (date, id), and names one article as long as its date stays.
The newest articles take new slots at the end. One that comes in between takes a slot at the end,
too, and is *out_of_order*: it is kept apart, with the slot before which it belongs, until the next
rebuild. A slot whose article has gone or has another date stays empty. So a write shifts nothing.

Later states share the slots of earlier ones and append to them; each knows how many are its own.
Where a state was derived from an earlier one twice, the second takes a copy.
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
"""A position in the order by date: microseconds and id."""

MAX_DISPLACED = 64
"""How many articles may always be out_of_order, before a write numbers all anew."""

MAX_SPARE = 4_096
"""How many slots may always be empty, and how many changes log_length."""

_STEP = 1_024
"""How many slots are numbered in one step."""


_NUMBERINGS = count(1)


class OutOfOrder(NamedTuple):
    """An article whose slot is not its place in the order by date.

    Attributes:
        moment: its date in microseconds.
        id: its id.
        ordinal: its slot.
        before: the first slot that stands behind it.
    """

    moment: int
    id: str
    ordinal: int
    before: int


class IndexChange(NamedTuple):
    """What a write does to one article, as readers with one visibility see it.

    Attributes:
        before: the article as it was; None where it comes.
        after: the article as it is; None where it goes.
        old: its slot before; None where it comes.
        new: its slot after; None where it goes, and the same where its date stays.
        gone: its terms before; None where it comes, or where they are the same.
        come: its terms after; None where it goes, or where they are the same.
    """

    before: Article | None
    after: Article | None
    old: int | None
    new: int | None
    gone: Terms | None = None
    come: Terms | None = None

    @property
    def is_edit(self) -> bool:
        """Whether it is an edit in place; see `edits`."""
        return self.old is not None and self.old == self.new and self.gone is None

    def among_published(self) -> IndexChange:
        """The same for readers of published articles."""
        before, after, old, new, gone, come = self
        if not (before and before.published):
            before = old = gone = None
        if not (after and after.published):
            after = new = come = None
        return IndexChange(before, after, old, new, gone, come)


class Numbering:
    """What all states of one line of writes append to. Nothing in it is ever changed.

    Attributes:
        space: the name of this numbering, which no other has: also one state is numbered in another
            way where it is read anew.
        ids: the id of each slot's article, also of one that has gone.
        moments: the date of each slot in microseconds, ascending: of its article, or where that is
            out_of_order, of the slot before.
        marks: the ids that go with `moments`, ascending where these are equal.
        log: the slots that writes have filled, emptied or changed, in their order.
    """

    __slots__ = ("ids", "log", "marks", "moments", "space")

    def __init__(
        self,
        ids: list[str],
        moments: array[int],
        marks: list[str],
        log: list[int],
    ) -> None:
        self.space = f"slots {next(_NUMBERINGS)}"
        self.ids = untrack(ids)
        self.moments = moments
        self.marks = untrack(marks)
        self.log = untrack(log)


class ArticleTable:
    """All articles of a state by slot.

    Attributes:
        articles: all articles by id.
        space: see `Numbering`.
        ids: see `Numbering`; may be longer than `size`.
        size: how many slots there are.
        log: see `Numbering`; may be longer than `log_length`.
        log_length: how many entries of the log have led to this state.
        out_of_order: the out_of_order articles in the order by date.
        out_of_order_set: their slots.
    """

    __slots__ = (
        "_changed",
        "_displaced_by_id",
        "_slots",
        "articles",
        "ids",
        "log",
        "log_length",
        "out_of_order",
        "out_of_order_set",
        "size",
        "space",
    )

    def __init__(
        self,
        articles: PersistentMap[str, Article],
        slots: Numbering,
        size: int,
        log_length: int = 0,
        out_of_order: tuple[OutOfOrder, ...] = (),
    ) -> None:
        self.articles = articles
        self.space = slots.space
        self.ids = slots.ids
        self.log = slots.log
        self.size = size
        self.log_length = log_length
        self.out_of_order = out_of_order
        self.out_of_order_set = BitMap([d.ordinal for d in out_of_order]) if out_of_order else EMPTY
        self._slots = slots
        self._changed: dict[int, BitMap] = {}  # one for each order and text index in use
        self._displaced_by_id = {d.id: d.ordinal for d in out_of_order}

    @classmethod
    def build(cls, articles: Collection[Article]) -> ArticleTable:
        """The slots of these articles, none of them empty or out_of_order."""
        keys = sorted([date_key(article) for article in articles])
        ids = [id for _, id in keys]
        slots = Numbering(ids, array("q", [moment for moment, _ in keys]), ids.copy(), [])
        return cls(PersistentMap({a.id: a for a in articles}), slots, len(ids))

    def is_worn(self) -> bool:
        """Whether so much is out_of_order, empty or log_length that all should be numbered anew."""
        return (
            len(self.out_of_order) > max(MAX_DISPLACED, isqrt(self.size) // 2)
            or self.size > 2 * len(self.articles) + MAX_SPARE
            or self.log_length > 2 * self.size + MAX_SPARE
        )

    def renumbered(
        self, order: Sequence[int], numbers: Ordinals, log_length: int
    ) -> Cooperative[ArticleTable]:
        """The same articles in slots of their own, none of them empty or out_of_order.

        `order` are their present slots in the order by date, `numbers` the new slots by these. Of
        the log stays what came after the first `log_length` entries.
        """
        moments, ids = array("q"), []
        out_of_order = {each.ordinal: each.moment for each in self.out_of_order}
        for start in range(0, len(order), _STEP):
            block = order[start : start + _STEP]
            moments.extend([out_of_order.get(slot, self._slots.moments[slot]) for slot in block])
            ids += [self.ids[slot] for slot in block]
            yield
        log = (
            numbers[self.log[log_length : self.log_length]].tolist()
            if self.log_length > log_length
            else []
        )
        slots = Numbering(ids, moments, ids.copy(), log)
        yield
        return ArticleTable(self.articles, slots, len(ids), len(log))

    def numbers(self, order: array[int]) -> Ordinals:
        """By slot, where in `order` it is; its length for a slot that is not there.

        With one for the slot behind all, which stands in a log for those that went before.
        """
        numbers = np.full(self.size + 1, len(order), dtype=np.uint32)
        numbers[np.frombuffer(order, dtype=np.uint32)] = np.arange(len(order), dtype=np.uint32)
        return numbers

    def ordinal_of(self, article: Article) -> int:
        """The slot of an article of this state."""
        found = self._displaced_by_id.get(article.id)
        return self.slot_of(date_key(article)) if found is None else found

    def slot_of(self, position: DateKey) -> int:
        """The first slot that stands at this position or behind it, the out_of_order aside."""
        moment, id = position
        moments = self._slots.moments
        start = bisect_left(moments, moment, 0, self.size)
        if start < self.size and moments[start] == moment:
            end = bisect_right(moments, moment, start, self.size)
            return bisect_left(self._slots.marks, id, start, end)
        return start

    def shares(self, other: ArticleTable) -> bool:
        """Whether both belong to one line of writes, so that the log tells how they differ."""
        return self._slots is other._slots

    def changed_since(self, log_length: int) -> BitMap:
        """The slots that differ between this state and another of its line, by its `log_length`."""
        changed = self._changed.get(log_length)
        if changed is None:
            low, high = sorted((log_length, self.log_length))
            changed = self._changed[log_length] = BitMap(self.log[low:high], optimize=False)
        return changed

    def article_at(self, ordinal: int) -> Article:
        """The article in a slot, which is not empty."""
        return self.articles[self.ids[ordinal]]

    def articles_at(self, ordinals: Iterable[int]) -> list[Article]:
        """The articles in these slots, none of which is empty; in the same order."""
        ids = self.ids
        found: list[Any] = self.articles.find_many([ids[ordinal] for ordinal in ordinals])
        return found

    def derive(
        self, changed: Mapping[str, Article | None]
    ) -> tuple[ArticleTable, Sequence[IndexChange]]:
        """The slots after changes (ids -> what is there now), and what became of each article."""
        slots = self._own_slots()
        out_of_order = list(self.out_of_order)
        moves = []
        for id, after in changed.items():
            before = self.articles.find(id)
            if before is None and after is None:
                continue
            old = None if before is None else self.ordinal_of(before)
            new = old
            if before is None or after is None or date_key(before) != date_key(after):
                if id in self._displaced_by_id:
                    out_of_order = [each for each in out_of_order if each.id != id]
                new = None if after is None else _append(slots, date_key(after), out_of_order)
            slots.log.extend({slot for slot in (old, new) if slot is not None})
            moves.append(IndexChange(before, after, old, new))
        articles = self.articles.derive(changed)
        table = ArticleTable(articles, slots, len(slots.ids), len(slots.log), tuple(out_of_order))
        return table, moves

    def _own_slots(self) -> Numbering:
        """The slots to append to: these, unless another state has done so already."""
        slots = self._slots
        if len(slots.ids) == self.size and len(slots.log) == self.log_length:
            return slots
        size = self.size
        return Numbering(
            slots.ids[:size], slots.moments[:size], slots.marks[:size], slots.log[: self.log_length]
        )


def date_key(article: Article) -> DateKey:
    """Where an article stands in the order by date."""
    return micros(article.published_date_time), article.id


def _append(slots: Numbering, position: DateKey, out_of_order: list[OutOfOrder]) -> int:
    """Give an article a new slot, which is its ordinal."""
    moment, id = position
    size = len(slots.ids)
    mark = position
    if size and position <= (last := (slots.moments[-1], slots.marks[-1])):
        mark = last
        start = bisect_left(slots.moments, moment)
        end = bisect_right(slots.moments, moment, start)
        before = bisect_left(slots.marks, id, start, end)
        insort(out_of_order, OutOfOrder(moment, id, size, before))
    # In this order: a reader takes a slot for filled once its id is there.
    slots.moments.append(mark[0])
    slots.marks.append(mark[1])
    slots.ids.append(id)
    return size
