"""What a reader with one visibility can see, indexed: its articles, and the postings of each term.

An index never changes: another is derived from it at the cost of what differs, and all else is
shared. That of the published articles holds nothing of a draft.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from store.collections.bitmaps import (
    BitMap,
    Ordinals,
    Posting,
    as_array,
    as_bitmap,
    bitmap_of,
    edited,
    posting_of,
)
from store.collections.persistent_map import PersistentMap
from store.concurrency.cooperative import Cooperative
from store.model import Article
from store.querying.filter_fields import INDEXED_FIELDS, Terms, index_terms
from store.querying.terms import Aliases

from .ordinals import Columns, Move, moment_of

Postings = PersistentMap[str, Posting]

EVERY = 64
"""How many articles are indexed in one step of a build."""


def with_terms(move: Move, aliases: Aliases) -> Move:
    """A move with the terms of its article; `aliases` are those of the topic tree."""
    before, after = move.before, move.after
    if before and after and _same(before, after, _INDEXED):
        return move
    gone = index_terms(before, aliases) if before else None
    come = index_terms(after, aliases) if after else None
    if before and after and gone == come and _same(before, after, _DRAWN):
        return move
    return move._replace(gone=gone, come=come)


def _same(before: Article, after: Article, names: Sequence[str]) -> bool:
    """Whether both have the same values in these fields."""
    # As JSON: to Python, True equals 1.
    one, other = (
        msgspec.json.encode([getattr(article, name) for name in names])
        for article in (before, after)
    )
    return one == other


_DRAWN = "published published_date_time topics provider related".split()
"""What is drawn of an article where it is indexed, and who may see it there."""

_INDEXED = [
    *_DRAWN,
    *"category type locale tags images excerpt".split(),
    *"web_url original_url amp_web_url cdn_amp_web_url".split(),
]
"""The same with all that decides where it is indexed."""


class Index:
    """The articles that one visibility shows.

    Attributes:
        columns: the slots of all articles.
        articles: those that are visible, by id.
        live: their ordinals.
        postings: their ordinals by family and term.
    """

    __slots__ = ("articles", "columns", "live", "postings")

    def __init__(
        self,
        columns: Columns,
        articles: PersistentMap[str, Article],
        live: BitMap,
        postings: Mapping[str, Postings],
    ) -> None:
        self.columns = columns
        self.articles = articles
        self.live = live
        self.postings = postings

    @classmethod
    def build(
        cls, columns: Columns, articles: PersistentMap[str, Article], terms: Mapping[str, Terms]
    ) -> Cooperative[Index]:
        """The index of these articles, whose terms are given by id."""
        lists: dict[str, defaultdict[str, list[int]]] = {
            family: defaultdict(list) for family in INDEXED_FIELDS
        }
        live = []
        for ordinal, id in enumerate(columns.ids[: columns.size]):
            if id in articles:
                live.append(ordinal)
                for family, of_family in terms[id].items():
                    for term in of_family:
                        lists[family][term].append(ordinal)
            if ordinal % EVERY == 0:
                yield
        postings = {}
        for family, found in lists.items():
            of_terms: dict[str, Posting] = {}
            for n, (term, ordinals) in enumerate(found.items()):
                of_terms[term] = posting_of(ordinals)
                if n % EVERY == 0:
                    yield
            postings[family] = PersistentMap(of_terms)
        return cls(columns, articles, BitMap(live, optimize=False), postings)

    def derive(self, columns: Columns, moves: Sequence[Move]) -> Cooperative[Index]:
        """The index after these moves, no two of one article."""
        moves = [move for move in moves if move.before or move.after]
        articles = self.articles.derive({(m.before or m.after).id: m.after for m in moves})  # type: ignore[union-attr]
        yield
        moved = [move for move in moves if move.old != move.new]
        live: Any = self.live
        if moved:
            live = edited(
                live,
                [move.old for move in moved if move.old is not None],
                [move.new for move in moved if move.new is not None],
            )
        return Index(columns, articles, as_bitmap(live), (yield from self._postings(moves)))

    def _postings(self, moves: Sequence[Move]) -> Cooperative[Mapping[str, Postings]]:
        edits = _edits(moves)
        yield
        if not edits:
            return self.postings
        postings = dict(self.postings)
        for family, of_family in edits.items():
            changed: dict[str, Posting | None] = {}
            for term, (gone, come) in of_family.items():
                changed[term] = edited(postings[family].find(term) or (), gone, come) or None
                yield
            postings[family] = postings[family].derive(changed)
        return postings

    def renumbered(self, columns: Columns, numbers: Ordinals) -> Cooperative[Index]:
        """The same index over other slots, by the present ones."""
        by_slot = array("I", numbers.tobytes())
        yield
        postings = {}
        for family, found in self.postings.items():
            of_terms: dict[str, Posting] = {}
            for n, (term, posting) in enumerate(found.iter_items()):
                if isinstance(posting, tuple):
                    of_terms[term] = tuple(sorted([by_slot[slot] for slot in posting]))
                else:
                    of_terms[term] = bitmap_of(numbers[as_array(posting)], columns.size)
                if n % EVERY == 0:
                    yield
            postings[family] = PersistentMap(of_terms)
        live = bitmap_of(numbers[as_array(self.live)], columns.size)
        return Index(columns, self.articles, live, postings)

    def contents(self) -> list[object]:
        """All postings, and what holds them, for `free`."""
        return [each for postings in self.postings.values() for each in postings.contents()]

    def posting(self, family: str, term: str) -> Posting:
        """The ordinals under a term."""
        return self.postings[family].find(term) or ()

    def newest(self, family: str, term: str) -> Iterator[Article]:
        """The articles under a term, newest first."""
        posting, columns = self.posting(family, term), self.columns
        displaced = columns.displaced_slots
        if displaced and not displaced.isdisjoint(as_bitmap(posting)):
            articles = columns.articles_at(posting)
            return iter(sorted(articles, key=moment_of, reverse=True))
        return map(columns.article_at, tuple(posting)[::-1])


Edits = Mapping[str, Mapping[str, tuple[list[int], list[int]]]]
"""By family and term, the ordinals that go and those that come."""


def _edits(moves: Iterable[Move]) -> Edits:
    edits: defaultdict[str, defaultdict[str, tuple[list[int], list[int]]]] = defaultdict(
        lambda: defaultdict(lambda: ([], []))
    )
    for move in moves:
        gone, come = move.gone or {}, move.come or {}
        stays = move.old == move.new
        for family, terms in gone.items():
            kept = come.get(family, ()) if stays else ()
            for term in terms:
                if term not in kept:
                    edits[family][term][0].append(move.old)  # type: ignore[arg-type]
        for family, terms in come.items():
            kept = gone.get(family, ()) if stays else ()
            for term in terms:
                if term not in kept:
                    edits[family][term][1].append(move.new)  # type: ignore[arg-type]
    return edits
