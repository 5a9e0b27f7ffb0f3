"""The inverted index of one visibility: its articles, and the posting list of each term.

An index is immutable: the next one is derived from it at the cost of what differs, and shares the
rest. The index of the published articles holds nothing of a draft.
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
from store.names import article_id
from store.querying.filter_fields import INDEXED_FIELDS, TRANSLATION_GROUP, Terms, index_terms
from store.querying.terms import Aliases, former_slugs
from store.querying.translations import MAX_TRANSLATIONS

from .ordinals import ArticleTable, IndexChange, date_key
from .translations import Members, TranslationGroups, touched_groups

PostingsByTerm = PersistentMap[str, PostingList]

YIELD_EVERY = 64
"""After how many articles or terms a build yields to others."""


def add_terms(change: IndexChange, aliases: Aliases) -> IndexChange:
    """The change with the terms of its article, where they differ. `aliases`: of the topic tree."""
    before, after = change.before, change.after
    if (
        before
        and after
        and _is_same(before, after, _INDEXED_FIELDS)
        and former_slugs(before) == former_slugs(after)
    ):
        return change
    old_terms = index_terms(before, aliases) if before else None
    new_terms = index_terms(after, aliases) if after else None
    if before and after and old_terms == new_terms and _is_same(before, after, _ENTITY_FIELDS):
        return change
    return change._replace(old_terms=old_terms, new_terms=new_terms)


def _is_same(before: Article, after: Article, names: Sequence[str]) -> bool:
    """Whether both have the same values in these fields."""
    # As JSON: to Python, True equals 1.
    one, other = (
        msgspec.json.encode([getattr(article, name) for name in names])
        for article in (before, after)
    )
    return one == other


_ENTITY_FIELDS = "published published_date_time topics provider related".split()
"""The fields that providers, topics and the visibility of an article depend on."""

_UNINDEXED_FIELDS = frozenset(
    "title content quality heat updated_date_time featured_content authors secured"
    " metadata revision public_revision".split()
)
"""The fields that no term (but former slugs) and no entity depends on. A new field is not among
them.
"""

_INDEXED_FIELDS = [name for name in Article.__struct_fields__ if name not in _UNINDEXED_FIELDS]


class InvertedIndex:
    """The inverted index of the articles that one visibility shows.

    Attributes:
        table: all articles by ordinal, also of other visibilities.
        articles: the visible articles by id.
        live: their ordinals.
        postings: their posting lists by field and term.
        translations: their groups of translations.
    """

    __slots__ = ("articles", "live", "postings", "table", "translations")

    def __init__(
        self,
        table: ArticleTable,
        articles: PersistentMap[str, Article],
        live: BitMap,
        postings: Mapping[str, PostingsByTerm],
        translations: TranslationGroups,
    ) -> None:
        self.translations = translations
        self.table = table
        self.articles = articles
        self.live = live
        self.postings = postings

    @classmethod
    def build(
        cls, table: ArticleTable, articles: PersistentMap[str, Article], terms: Mapping[str, Terms]
    ) -> Cooperative[InvertedIndex]:
        """The index of these articles. `terms`: by id."""
        lists: dict[str, defaultdict[str, list[int]]] = {
            field: defaultdict(list) for field in INDEXED_FIELDS
        }
        live = []
        for ordinal, id in enumerate(table.ids[: table.size]):
            if id in articles:
                live.append(ordinal)
                for field, of_field in terms[id].items():
                    for term in of_field:
                        lists[field][term].append(ordinal)
            if ordinal % YIELD_EVERY == 0:
                yield
        postings = {}
        for field, by_term in lists.items():
            of_terms: dict[str, PostingList] = {}
            for n, (term, ordinals) in enumerate(by_term.items()):
                of_terms[term] = make_posting_list(ordinals)
                if n % YIELD_EVERY == 0:
                    yield
            postings[field] = PersistentMap(of_terms)
        index = cls(table, articles, BitMap(live, optimize=False), postings, TranslationGroups())
        names = postings[TRANSLATION_GROUP]
        index.translations = yield from TranslationGroups().derive(names, index.group_members)
        return index

    def derive(
        self, table: ArticleTable, changes: Sequence[IndexChange]
    ) -> Cooperative[InvertedIndex]:
        """The index after these changes, at most one for each article."""
        changes = [change for change in changes if change.before or change.after]
        articles = self.articles.derive({(m.before or m.after).id: m.after for m in changes})  # type: ignore[union-attr]
        yield
        reordered = [change for change in changes if change.old_ordinal != change.new_ordinal]
        live: Any = self.live
        if reordered:
            live = update_posting_list(
                live,
                [change.old_ordinal for change in reordered if change.old_ordinal is not None],
                [change.new_ordinal for change in reordered if change.new_ordinal is not None],
            )
        postings = yield from self._postings(changes)
        index = InvertedIndex(table, articles, as_bitmap(live), postings, self.translations)
        names = self.postings[TRANSLATION_GROUP], postings[TRANSLATION_GROUP]
        if any(names) and (touched := touched_groups(changes, *names)):
            index.translations = yield from self.translations.derive(
                touched, index.group_members, self.group_members
            )
        return index

    def _postings(
        self, changes: Sequence[IndexChange]
    ) -> Cooperative[Mapping[str, PostingsByTerm]]:
        posting_changes = _posting_changes(changes)
        yield
        if not posting_changes:
            return self.postings
        postings = dict(self.postings)
        for field, of_field in posting_changes.items():
            changed: dict[str, PostingList | None] = {}
            for term, (rereordered, added) in of_field.items():
                changed[term] = (
                    update_posting_list(postings[field].find(term) or (), rereordered, added)
                    or None
                )
                yield
            postings[field] = postings[field].derive(changed)
        return postings

    def compacted(self, table: ArticleTable, new_ordinals: Ordinals) -> Cooperative[InvertedIndex]:
        """The index with the ordinals of a compaction. `new_ordinals`: new ordinals by old ones."""
        renumber = array("I", new_ordinals.tobytes())
        yield
        postings = {}
        for field, by_term in self.postings.items():
            of_terms: dict[str, PostingList] = {}
            for n, (term, posting) in enumerate(by_term.iter_items()):
                if isinstance(posting, tuple):
                    of_terms[term] = tuple(sorted([renumber[ordinal] for ordinal in posting]))
                else:
                    of_terms[term] = bitmap_of(new_ordinals[as_array(posting)], table.size)
                if n % YIELD_EVERY == 0:
                    yield
            postings[field] = PersistentMap(of_terms)
        live = bitmap_of(new_ordinals[as_array(self.live)], table.size)
        translations = self.translations.compacted(new_ordinals, table.size)
        return InvertedIndex(table, self.articles, live, postings, translations)

    def contents(self) -> list[object]:
        """All posting lists, and what holds them, for `free_gradually`."""
        posting_lists = [each for by_term in self.postings.values() for each in by_term.contents()]
        return [*posting_lists, *self.translations.having.values()]

    def posting_list(self, field: str, term: str) -> PostingList:
        """The ordinals of the articles with a term, ascending."""
        return self.postings[field].find(term) or ()

    def group_members(self, name: str) -> Members:
        """The articles of a translation group; none if it is too large."""
        posting_list = self.posting_list(TRANSLATION_GROUP, name)
        if len(posting_list) > MAX_TRANSLATIONS:
            return ()
        articles = self.table.articles_at(posting_list)
        members = dict(zip(posting_list, articles, strict=True))
        by_id = self.articles.find(article_id(name))
        if by_id is not None and by_id.translation_group == name:
            members[self.table.ordinal_of(by_id)] = by_id
        return tuple(members.items()) if len(members) <= MAX_TRANSLATIONS else ()

    def newest_first(self, field: str, term: str) -> Iterator[Article]:
        """The articles with a term, newest first."""
        posting_list, table = self.posting_list(field, term), self.table
        unordered = table.out_of_order_set
        if unordered and not unordered.isdisjoint(as_bitmap(posting_list)):
            articles = table.articles_at(posting_list)
            return iter(sorted(articles, key=date_key, reverse=True))
        return map(table.article_at, tuple(posting_list)[::-1])


PostingChanges = Mapping[str, Mapping[str, tuple[list[int], list[int]]]]
"""By field and term, the ordinals to remove and the ordinals to add."""


def _posting_changes(changes: Iterable[IndexChange]) -> PostingChanges:
    edits: defaultdict[str, defaultdict[str, tuple[list[int], list[int]]]] = defaultdict(
        lambda: defaultdict(lambda: ([], []))
    )
    for change in changes:
        old_terms, new_terms = change.old_terms or {}, change.new_terms or {}
        is_same_ordinal = change.old_ordinal == change.new_ordinal
        for field, terms in old_terms.items():
            unchanged = new_terms.get(field, ()) if is_same_ordinal else ()
            for term in terms:
                if term not in unchanged:
                    edits[field][term][0].append(change.old_ordinal)  # type: ignore[arg-type]
        for field, terms in new_terms.items():
            unchanged = old_terms.get(field, ()) if is_same_ordinal else ()
            for term in terms:
                if term not in unchanged:
                    edits[field][term][1].append(change.new_ordinal)  # type: ignore[arg-type]
    return edits
