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
    PostingList,
    as_array,
    as_bitmap,
    bitmap_of,
    make_posting_list,
    update_posting_list,
)
from store.collections.persistent_map import PersistentMap
from store.concurrency.cooperative import Cooperative
from store.model import Article
from store.querying.filter_fields import INDEXED_FIELDS, Terms, index_terms
from store.querying.terms import Aliases

from .ordinals import ArticleTable, IndexChange, date_key

PostingsByTerm = PersistentMap[str, PostingList]

YIELD_EVERY = 64
"""How many articles are indexed in one step of a build."""


def add_terms(move: IndexChange, aliases: Aliases) -> IndexChange:
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
        table: the slots of all articles.
        articles: those that are visible, by id.
        live: their ordinals.
        postings: their ordinals by family and term.
    """

    __slots__ = ("articles", "live", "postings", "table")

    def __init__(
        self,
        table: ArticleTable,
        articles: PersistentMap[str, Article],
        live: BitMap,
        postings: Mapping[str, PostingsByTerm],
    ) -> None:
        self.table = table
        self.articles = articles
        self.live = live
        self.postings = postings

    @classmethod
    def build(
        cls, table: ArticleTable, articles: PersistentMap[str, Article], terms: Mapping[str, Terms]
    ) -> Cooperative[Index]:
        """The index of these articles, whose terms are given by id."""
        lists: dict[str, defaultdict[str, list[int]]] = {
            family: defaultdict(list) for family in INDEXED_FIELDS
        }
        live = []
        for ordinal, id in enumerate(table.ids[: table.size]):
            if id in articles:
                live.append(ordinal)
                for family, of_family in terms[id].items():
                    for term in of_family:
                        lists[family][term].append(ordinal)
            if ordinal % YIELD_EVERY == 0:
                yield
        postings = {}
        for family, found in lists.items():
            of_terms: dict[str, PostingList] = {}
            for n, (term, ordinals) in enumerate(found.items()):
                of_terms[term] = make_posting_list(ordinals)
                if n % YIELD_EVERY == 0:
                    yield
            postings[family] = PersistentMap(of_terms)
        return cls(table, articles, BitMap(live, optimize=False), postings)

    def derive(self, table: ArticleTable, moves: Sequence[IndexChange]) -> Cooperative[Index]:
        """The index after these moves, no two of one article."""
        moves = [move for move in moves if move.before or move.after]
        articles = self.articles.derive({(m.before or m.after).id: m.after for m in moves})  # type: ignore[union-attr]
        yield
        moved = [move for move in moves if move.old != move.new]
        live: Any = self.live
        if moved:
            live = update_posting_list(
                live,
                [move.old for move in moved if move.old is not None],
                [move.new for move in moved if move.new is not None],
            )
        return Index(table, articles, as_bitmap(live), (yield from self._postings(moves)))

    def _postings(self, moves: Sequence[IndexChange]) -> Cooperative[Mapping[str, PostingsByTerm]]:
        edits = _posting_changes(moves)
        yield
        if not edits:
            return self.postings
        postings = dict(self.postings)
        for family, of_family in edits.items():
            changed: dict[str, PostingList | None] = {}
            for term, (gone, come) in of_family.items():
                changed[term] = (
                    update_posting_list(postings[family].find(term) or (), gone, come) or None
                )
                yield
            postings[family] = postings[family].derive(changed)
        return postings

    def renumbered(self, table: ArticleTable, numbers: Ordinals) -> Cooperative[Index]:
        """The same index over other slots, by the present ones."""
        by_slot = array("I", numbers.tobytes())
        yield
        postings = {}
        for family, found in self.postings.items():
            of_terms: dict[str, PostingList] = {}
            for n, (term, posting) in enumerate(found.iter_items()):
                if isinstance(posting, tuple):
                    of_terms[term] = tuple(sorted([by_slot[slot] for slot in posting]))
                else:
                    of_terms[term] = bitmap_of(numbers[as_array(posting)], table.size)
                if n % YIELD_EVERY == 0:
                    yield
            postings[family] = PersistentMap(of_terms)
        live = bitmap_of(numbers[as_array(self.live)], table.size)
        return Index(table, self.articles, live, postings)

    def contents(self) -> list[object]:
        """All postings, and what holds them, for `free`."""
        return [each for postings in self.postings.values() for each in postings.contents()]

    def posting(self, family: str, term: str) -> PostingList:
        """The ordinals under a term."""
        return self.postings[family].find(term) or ()

    def newest(self, family: str, term: str) -> Iterator[Article]:
        """The articles under a term, newest first."""
        posting, table = self.posting(family, term), self.table
        out_of_order = table.out_of_order_set
        if out_of_order and not out_of_order.isdisjoint(as_bitmap(posting)):
            articles = table.articles_at(posting)
            return iter(sorted(articles, key=date_key, reverse=True))
        return map(table.article_at, tuple(posting)[::-1])


PostingChanges = Mapping[str, Mapping[str, tuple[list[int], list[int]]]]
"""By family and term, the ordinals that go and those that come."""


def _posting_changes(moves: Iterable[IndexChange]) -> PostingChanges:
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
