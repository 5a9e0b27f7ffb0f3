"""Indexes of a set of articles: orders, and postings of those found under a term.

Everything is kept as ascending entries (sort key, id), so that a place is found by bisection, a
page is a slice, and a change of an article concerns only those where it stands elsewhere then. An
index never changes: another is derived from it at the cost of what differs, and all else is shared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from .cursors import sort_key
from .entries import Edit, Entries, Entry, edited, entries_of
from .layered import Layered
from .model import Article
from .query import OrderField
from .steps import Steps
from .terms import Aliases, provider_domain, related_domains, related_urls, topic_slugs

DATE = OrderField.PUBLISHED_DATE_TIME
_ID = itemgetter(-1)


class Family(StrEnum):
    """A kind of term: what postings are kept for, each in order of date."""

    URL = "url"
    TOPIC = "topic"
    PROVIDER = "provider"
    CATEGORY = "category"
    TYPE = "type"
    RELATED_URL = "relatedUrl"
    RELATED_DOMAIN = "relatedDomain"


Postings = Layered[str, Entries]


class Filing(NamedTuple):
    """Where one article is put: its entry in order of date, and its terms in each family."""

    entry: Entry
    terms: Mapping[Family, tuple[str, ...]]


def entry_of(article: Article, field: OrderField) -> Entry:
    """An article's entry in an order."""
    return (sort_key(article, field), article.id)


class Orders(dict[OrderField, Entries]):
    """All articles in each order, sorted when first asked for: most stores are asked for one."""

    def __init__(
        self, articles: Layered[str, Article], known: Mapping[OrderField, Entries]
    ) -> None:
        super().__init__(known)
        self._articles = articles

    def __missing__(self, field: OrderField) -> Entries:
        articles = self._articles.flat().values()
        order = entries_of(sorted([entry_of(article, field) for article in articles]))
        self[field] = order
        return order


def file_article(article: Article, aliases: Aliases) -> Filing:
    """Where an article is put; `aliases` are those of the topic tree. Costs about 20 us."""
    return Filing(
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
    """What becomes of one article, and how it was filed and is; None where it was or is not.

    It is not filed anew (`gone` and `come` are None) where nothing has changed that filings, and
    the providers and topics drawn from them, are made of.
    """

    id: str
    before: Article | None
    after: Article | None
    gone: Filing | None
    come: Filing | None

    def among_published(self) -> Swap:
        """The same to those who see published articles only."""
        before = self.before if self.before and self.before.published else None
        after = self.after if self.after and self.after.published else None
        gone, come = self.gone if before else None, self.come if after else None
        return Swap(self.id, before, after, gone, come)


def swap_articles(id: str, before: Article | None, after: Article | None, aliases: Aliases) -> Swap:
    """How an article is replaced, comes or goes."""
    if before and after and _filed_by(before) == _filed_by(after):
        return Swap(id, before, after, None, None)
    return Swap(
        id,
        before,
        after,
        file_article(before, aliases) if before else None,
        file_article(after, aliases) if after else None,
    )


def _filed_by(article: Article) -> bytes:
    """All of an article that decides where it is filed, and what is drawn of it there.

    As JSON: to Python, True equals 1.
    """
    return msgspec.json.encode(
        (
            article.published,
            article.published_date_time,
            article.category,
            article.type,
            article.provider,
            article.topics,
            article.related,
            article.web_url,
            article.original_url,
            article.amp_web_url,
            article.cdn_amp_web_url,
        )
    )


class Index:
    """All there is to know of a set of articles without looking at each.

    Topics are filed under their slugs in the topic tree whose `aliases` are given.
    """

    __slots__ = ("aliases", "articles", "orders", "postings")

    def __init__(
        self,
        articles: Layered[str, Article],
        orders: Orders,
        postings: Mapping[Family, Postings],
        aliases: Aliases,
    ) -> None:
        self.articles = articles
        self.orders = orders
        self.postings = postings
        self.aliases = aliases

    @classmethod
    def build(cls, filed: Mapping[str, tuple[Article, Filing]], aliases: Aliases) -> Index:
        """The index of these articles, by id, which were filed with these aliases."""
        lists: dict[Family, defaultdict[str, list[Entry]]] = {
            family: defaultdict(list) for family in Family
        }
        # In order of date, so that every posting comes out in that order.
        by_date = sorted([filing for _, filing in filed.values()], key=lambda each: each.entry)
        for entry, terms in by_date:
            for family, of_family in terms.items():
                for term in of_family:
                    lists[family][term].append(entry)
        articles = Layered({id: article for id, (article, _) in filed.items()})
        return cls(
            articles,
            Orders(articles, {DATE: entries_of([entry for entry, _ in by_date])}),
            {
                family: Layered({term: entries_of(entries) for term, entries in found.items()})
                for family, found in lists.items()
            },
            aliases,
        )

    def derive(self, swaps: Sequence[Swap]) -> Steps[Index]:
        """The index after these swaps, no two of one article.

        They were filed with the same aliases as all its articles.
        """
        swaps = [swap for swap in swaps if swap.before or swap.after]
        if not swaps:
            return self
        articles = self.articles.derive({swap.id: swap.after for swap in swaps})
        yield
        orders = Orders(articles, {})
        # A list first: another thread may be adding one that was just asked for.
        for field, order in list(self.orders.items()):
            orders[field] = edited(order, [_edit(swap, field) for swap in swaps])
            yield
        postings = yield from self._derived_postings(swaps)
        return Index(articles, orders, postings, self.aliases)

    def _derived_postings(self, swaps: Sequence[Swap]) -> Steps[Mapping[Family, Postings]]:
        filed = [swap for swap in swaps if swap.gone or swap.come]
        if not filed:
            return self.postings
        derived = {}
        for family, found in self.postings.items():
            edits = _edits_by_term(family, filed)
            yield
            derived[family] = yield from _edited_postings(found, edits)
        return derived

    def posting(self, family: Family, term: str) -> Entries:
        """The entries under a term, oldest first."""
        return self.postings[family].find(term) or ()

    def newest(self, family: Family, term: str) -> Iterator[Article]:
        """The articles under a term, newest first."""
        return self.articles_at_each(reversed(self.posting(family, term)))

    def articles_at(self, entries: Iterable[Entry]) -> list[Article]:
        """The articles whose entries these are: n entries -> n articles, in the same order."""
        found: list[Any] = self.articles.find_many([entry[-1] for entry in entries])
        return found

    def articles_at_each(self, entries: Iterable[Entry]) -> Iterator[Article]:
        """The same one after the other, no further than it is asked."""
        found: Iterator[Any] = self.articles.find_each(map(_ID, entries))
        return found


def _edit(swap: Swap, field: OrderField) -> Edit:
    if field is DATE:
        return swap.gone and swap.gone.entry, swap.come and swap.come.entry
    return (
        entry_of(swap.before, field) if swap.before else None,
        entry_of(swap.after, field) if swap.after else None,
    )


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


def _edited_postings(postings: Postings, edits: Mapping[str, Sequence[Edit]]) -> Steps[Postings]:
    changed: dict[str, Entries | None] = {}
    for term, of_term in edits.items():
        before = postings.find(term) or ()
        after = edited(before, of_term)
        if after is not before:
            changed[term] = after or None
        yield
    return postings.derive(changed)
