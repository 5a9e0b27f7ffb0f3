"""Indexes of a set of articles: orders, and postings of those found under a term.

Everything is kept as ascending lists of entries (sort key, id, article), so that a place is found
by bisection and a page is a slice. An index never changes: another is derived from it at the cost
of flat copies of what differs, and all else is shared.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from .cursors import sort_key
from .model import Article
from .query import OrderField
from .terms import Aliases, provider_domain, related_domains, related_urls, topic_slugs
from .windows import Entry

DATE = OrderField.PUBLISHED_DATE_TIME


class Family(StrEnum):
    """A kind of term: what postings are kept for, each in order of date."""

    URL = "url"
    TOPIC = "topic"
    PROVIDER = "provider"
    CATEGORY = "category"
    TYPE = "type"
    RELATED_URL = "relatedUrl"
    RELATED_DOMAIN = "relatedDomain"


Posting = Sequence[Entry]
Postings = dict[str, Posting]
Edit = tuple[Entry | None, Entry | None]
"""An entry that goes, and the one that comes in its stead."""


class Filing(NamedTuple):
    """Where one article is put: its entry in order of date, and its terms in each family."""

    article: Article
    entry: Entry
    terms: Mapping[Family, tuple[str, ...]]


def entry_of(article: Article, field: OrderField) -> Entry:
    """An article's entry in an order."""
    return (sort_key(article, field), article.id, article)


class Orders(dict[OrderField, Posting]):
    """All articles in each order, sorted when first asked for: most stores are asked for one."""

    def __init__(
        self, articles: Mapping[str, Article], known: Mapping[OrderField, Posting]
    ) -> None:
        super().__init__(known)
        self._articles = articles

    def __missing__(self, field: OrderField) -> Posting:
        order = sorted([entry_of(article, field) for article in self._articles.values()])
        self[field] = order
        return order


def file_article(article: Article, aliases: Aliases) -> Filing:
    """Where an article is put; `aliases` are those of the topic tree. Costs about 20 us."""
    return Filing(
        article,
        entry_of(article, DATE),
        {
            Family.URL: article.url_keys,
            Family.TOPIC: topic_slugs(article, aliases),
            Family.PROVIDER: (provider_domain(article),),
            Family.CATEGORY: () if article.category is None else (article.category,),
            Family.TYPE: (article.type,),
            Family.RELATED_URL: related_urls(article),
            Family.RELATED_DOMAIN: related_domains(article),
        },
    )


class Swap(NamedTuple):
    """How one article is filed before and after a change; None where it is not."""

    gone: Filing | None
    come: Filing | None


class Index:
    """All there is to know of a set of articles without looking at each.

    Topics are filed under their slugs in the topic tree whose `aliases` are given.
    """

    __slots__ = ("aliases", "articles", "orders", "postings")

    def __init__(
        self,
        articles: dict[str, Article],
        orders: Orders,
        postings: Mapping[Family, Postings],
        aliases: Aliases,
    ) -> None:
        self.articles = articles
        self.orders = orders
        self.postings = postings
        self.aliases = aliases

    @classmethod
    def build(cls, filings: Sequence[Filing], aliases: Aliases) -> Index:
        """The index of these articles, which were filed with these aliases."""
        lists: dict[Family, defaultdict[str, list[Entry]]] = {
            family: defaultdict(list) for family in Family
        }
        # In order of date, so that every posting comes out in that order.
        by_date = sorted(filings, key=lambda filing: filing.entry)
        for filing in by_date:
            entry = filing.entry
            for family, terms in filing.terms.items():
                for term in terms:
                    lists[family][term].append(entry)
        articles = {filing.article.id: filing.article for filing in filings}
        return cls(
            articles,
            Orders(articles, {DATE: [filing.entry for filing in by_date]}),
            {family: dict(found) for family, found in lists.items()},
            aliases,
        )

    def derive(self, swaps: Sequence[Swap]) -> Index:
        """The index after these changes, no two of one article.

        They were filed with the same aliases as all its articles.
        """
        if not any(gone or come for gone, come in swaps):
            return self
        articles = self.articles.copy()
        for gone, come in swaps:
            if come:
                articles[come.article.id] = come.article
            elif gone:
                del articles[gone.article.id]
        # A list first: another thread may be adding one that was just asked for.
        orders = Orders(
            articles,
            {
                field: _edited(order, [_edit(swap, field) for swap in swaps])
                for field, order in list(self.orders.items())
            },
        )
        postings = {
            family: _edited_postings(found, _edits_by_term(family, swaps))
            for family, found in self.postings.items()
        }
        return Index(articles, orders, postings, self.aliases)

    def posting(self, family: Family, term: str) -> Posting:
        """The articles under a term, oldest first."""
        return self.postings[family].get(term, ())


def _edit(swap: Swap, field: OrderField) -> Edit:
    gone, come = swap
    return gone and entry_of(gone.article, field), come and entry_of(come.article, field)


def _edits_by_term(family: Family, swaps: Iterable[Swap]) -> Mapping[str, list[Edit]]:
    edits: defaultdict[str, list[Edit]] = defaultdict(list)
    for swap in swaps:
        before, after = _edit(swap, DATE)
        old = swap.gone.terms[family] if swap.gone else ()
        new = swap.come.terms[family] if swap.come else ()
        for term in old:
            edits[term].append((before, after if term in new else None))
        for term in new:
            if term not in old:
                edits[term].append((None, after))
    return edits


def _edited_postings(postings: Postings, edits: Mapping[str, Sequence[Edit]]) -> Postings:
    if not edits:
        return postings
    edited = postings.copy()
    for term, of_term in edits.items():
        posting = _edited(postings.get(term, ()), of_term)
        if posting:
            edited[term] = posting
        else:
            del edited[term]
    return edited


def _edited(posting: Posting, edits: Sequence[Edit]) -> Posting:
    entries = list(posting)
    moved = []
    for gone, come in edits:
        if gone:
            place = bisect_left(entries, gone[:2])
            if come and come[:2] == gone[:2]:
                entries[place] = come
                continue
            del entries[place]
        if come:
            moved.append(come)
    for entry in moved:
        insort(entries, entry)
    return entries
