"""What a reader with one visibility can see, indexed: its articles, and the postings of each term.

An index never changes: another is derived from it at the cost of what differs, and all else is
shared. That of the published articles holds nothing of a draft.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from .bitmaps import (
    BitMap,
    Ordinals,
    Posting,
    as_array,
    as_bitmap,
    bitmap_of,
    edited,
    posting_of,
)
from .columns import Columns, Move, moment_of
from .filter_fields import FAMILIES, Terms, index_terms
from .layered import Layered
from .model import Article
from .steps import Steps
from .terms import Aliases

Postings = Layered[str, Posting]

EVERY = 64
"""How many articles are indexed in one step of a build."""


class Change:
    """One article's change as readers with one visibility see it.

    Attributes:
        move: what becomes of the article.
        gone: its terms before; None where it was not there, or they are the same.
        come: its terms after; None where it is not there, or they are the same.
    """

    __slots__ = ("come", "gone", "move")

    def __init__(self, move: Move, gone: Terms | None, come: Terms | None) -> None:
        self.move = move
        self.gone = gone
        self.come = come

    def among_published(self) -> Change:
        """The same for readers of published articles."""
        before, after, old, new = self.move
        if not (before and before.published):
            before, old = None, None
        if not (after and after.published):
            after, new = None, None
        return Change(
            Move(before, after, old, new),
            self.gone if before else None,
            self.come if after else None,
        )


def change_of(move: Move, aliases: Aliases) -> Change:
    """What a move changes in indexes; `aliases` are those of the topic tree."""
    before, after = move.before, move.after
    if before and after and _indexed_by(before) == _indexed_by(after):
        return Change(move, None, None)
    return Change(
        move,
        index_terms(before, aliases) if before else None,
        index_terms(after, aliases) if after else None,
    )


def _indexed_by(article: Article) -> bytes:
    """All of an article that decides where it is indexed, and what is drawn of it there.

    As JSON: to Python, True equals 1.
    """
    return msgspec.json.encode([getattr(article, name) for name in _INDEXED])


_INDEXED = (
    "published published_date_time category type locale tags topics images provider related "
    "excerpt web_url original_url amp_web_url cdn_amp_web_url"
).split()


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
        articles: Layered[str, Article],
        live: BitMap,
        postings: Mapping[str, Postings],
    ) -> None:
        self.columns = columns
        self.articles = articles
        self.live = live
        self.postings = postings

    @classmethod
    def build(
        cls, columns: Columns, articles: Layered[str, Article], terms: Mapping[str, Terms]
    ) -> Steps[Index]:
        """The index of these articles, whose terms are given by id."""
        lists: dict[str, defaultdict[str, list[int]]] = {
            family: defaultdict(list) for family in FAMILIES
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
            postings[family] = Layered(of_terms)
        return cls(columns, articles, BitMap(live, optimize=False), postings)

    def derive(self, columns: Columns, changes: Sequence[Change]) -> Steps[Index]:
        """The index after these changes, no two of one article."""
        moves = [each.move for each in changes if each.move.before or each.move.after]
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
        return Index(columns, articles, as_bitmap(live), (yield from self._postings(changes)))

    def _postings(self, changes: Sequence[Change]) -> Steps[Mapping[str, Postings]]:
        edits = _edits(changes)
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

    def renumbered(self, columns: Columns, numbers: Ordinals) -> Steps[Index]:
        """The same index over other slots, by the present ones."""
        by_slot = numbers.tolist()
        yield
        postings = {}
        for family, found in self.postings.items():
            of_terms: dict[str, Posting] = {}
            for n, (term, posting) in enumerate(found.flat().items()):
                if isinstance(posting, tuple):
                    of_terms[term] = tuple(sorted([by_slot[slot] for slot in posting]))
                else:
                    of_terms[term] = bitmap_of(numbers[as_array(posting)], columns.size)
                if n % EVERY == 0:
                    yield
            postings[family] = Layered(of_terms)
        live = bitmap_of(numbers[as_array(self.live)], columns.size)
        return Index(columns, self.articles, live, postings)

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


def _edits(changes: Iterable[Change]) -> Edits:
    edits: defaultdict[str, defaultdict[str, tuple[list[int], list[int]]]] = defaultdict(
        lambda: defaultdict(lambda: ([], []))
    )
    for change in changes:
        gone, come, move = change.gone or {}, change.come or {}, change.move
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
