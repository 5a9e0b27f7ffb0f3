"""The indexed snapshot: the store at one revision, immutable, answered from indexes.

It has two complete sets of indexes, of all articles and of the published ones. So a reader without
the right to drafts is served from data that holds none.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from store.collections.persistent_map import PersistentMap
from store.concurrency.cooperative import Cooperative, run_to_end
from store.engines.change_history import EMPTY_HISTORY, ChangeHistory
from store.hosts import domain_key
from store.in_place_edits import InPlaceEdits
from store.model import (
    Article,
    Counts,
    Diagnostic,
    Provider,
    Severity,
    Topic,
    TopicDefinition,
    Visibility,
)
from store.names import article_id, topic_slug
from store.normal_forms import nfc
from store.querying.cursors import Bookmark, CursorCodec, diagnostic_position
from store.querying.filter_fields import (
    FORMER_SLUG,
    LOCALIZED_SLUG,
    RELATED_DOMAIN,
    URL,
    Terms,
    index_terms,
)
from store.querying.pagination import SortedItems, paginate
from store.querying.present_topics import with_present_topics
from store.querying.query import (
    ARTICLE_KEYS,
    PROVIDER_KEYS,
    TOPIC_KEYS,
    ArticleQuery,
    Field,
    Filter,
    LocalizedSlug,
    LookupKey,
    Page,
    Window,
    check_lookup_key,
)
from store.querying.terms import Aliases, resolve_aliases
from store.querying.translations import in_order, pick, range_key, without_range
from store.repository import HistoryPage
from store.state_versions import Versions, new_versions
from store.urls import canonical_url

from .date_order import DateOrderedHits
from .entities import TopicIndex
from .index import InvertedIndex, add_terms
from .ordered_lists import SortOrders
from .ordinals import ArticleTable
from .view import VisibilityView

MAX_LAZY_CHANGES = 64
"""Up to how many changes sort orders are updated by the next reader; for more, by the writer."""

_ID, _ALL = LookupKey.ID, Visibility.ALL  # access to a member of an enumeration is slow


class IndexedSnapshot:
    """A `Snapshot` that answers from indexes in memory.

    Attributes:
        articles: all articles by id.
        history: the newest changes for each visibility.
        definitions: the topic tree as it was written.
        diagnostics: the problems of the loaded files.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # all that a state of the store consists of
        self,
        everything: InvertedIndex,
        published: InvertedIndex,
        orders: SortOrders,
        tree: TopicIndex,
        diagnostics: tuple[Diagnostic, ...],
        history: ChangeHistory,
        cursors: CursorCodec,
        versions: Versions | None = None,
    ) -> None:
        self.revision = history.revision
        self.history = history
        self.cursors = cursors
        self.versions = versions or new_versions()
        self.version = self.versions[_ALL]
        self.articles = everything.articles
        self.definitions = tree.definitions
        self.diagnostics = diagnostics
        self.edits = InPlaceEdits()
        self._tree = tree
        self._orders = orders
        self._all = VisibilityView(everything, published, orders, tree, cursors)
        self._published = VisibilityView(published, published, orders, tree, cursors)

    @classmethod
    def build(
        cls,
        articles: Iterable[Article] = (),
        topics: tuple[TopicDefinition, ...] = (),
        diagnostics: tuple[Diagnostic, ...] = (),
        history: ChangeHistory = EMPTY_HISTORY,
        cursors: CursorCodec | None = None,
    ) -> IndexedSnapshot:
        """The snapshot of a whole store. Costs about 30 us an article."""
        cursors = cursors or CursorCodec()
        return run_to_end(cls._build(tuple(articles), topics, diagnostics, history, cursors, None))

    @classmethod
    def _build(  # noqa: PLR0913, PLR0917  # the same
        cls,
        articles: Collection[Article],
        topics: tuple[TopicDefinition, ...],
        diagnostics: tuple[Diagnostic, ...],
        history: ChangeHistory,
        cursors: CursorCodec,
        versions: Versions | None,
    ) -> Cooperative[IndexedSnapshot]:
        tree = TopicIndex.of(topics)
        table = ArticleTable.build(articles)
        terms = {}
        for article in articles:
            terms[article.id] = index_terms(article, tree.aliases)
            yield
        public = PersistentMap({article.id: article for article in articles if article.published})
        everything = yield from InvertedIndex.build(table, table.articles, terms)
        published = yield from InvertedIndex.build(table, public, terms)
        orders = SortOrders(table, everything.live)
        return cls(everything, published, orders, tree, diagnostics, history, cursors, versions)

    def derive(  # noqa: PLR0913, PLR0917  # the same
        self,
        changed: Mapping[str, Article | None],
        topics: tuple[TopicDefinition, ...],
        diagnostics: tuple[Diagnostic, ...],
        history: ChangeHistory,
        versions: Versions | None = None,
        cursors: CursorCodec | None = None,
    ) -> Cooperative[IndexedSnapshot]:
        """The snapshot after a write. `changed`: id -> article, None for a delete.

        Costs a few us for each article whose terms and date stay, and some 5 us for each term that
        is added or removed. Builds anew where most articles change, or the aliases of topics; and
        compacts the table where many articles are out of order.
        """
        cursors = cursors or self.cursors
        tree = self._tree if topics == self.definitions else TopicIndex.of(topics)
        old = self._all.index.table
        if len(changed) * 2 > len(self.articles) or tree.aliases != self.aliases:
            articles = self.articles.derive(changed).to_dict().values()
            built = yield from self._build(
                articles, topics, diagnostics, history, cursors, versions
            )
            yield from built._orders.prepare(self._orders.fields)
            return built
        table, plain_changes = old.derive(changed)
        yield
        changes = []
        for change in plain_changes:
            changes.append(add_terms(change, tree.aliases))
            yield
        everything = yield from self._all.index.derive(table, changes)
        public = [change.for_published() for change in changes]
        published = yield from self._published.index.derive(table, public)
        orders = SortOrders(table, everything.live, self._orders)
        is_same = tree is self._tree and cursors is self.cursors and table.shares_numbering(old)
        is_in_place_edit = is_same and all(change.is_in_place_edit for change in changes)
        if len(changed) > MAX_LAZY_CHANGES:
            yield from orders.prepare(orders.fields)
        if table.needs_compaction():
            is_in_place_edit = False  # the ordinals are new
            everything, published, orders = yield from _compacted(everything, published, orders)
        new = IndexedSnapshot(
            everything, published, orders, tree, diagnostics, history, cursors, versions
        )
        if is_in_place_edit:
            new._carry_over_all(self, changed)
        elif tree is self._tree:
            new._carry_over(
                self,
                [
                    terms
                    for change in changes
                    for terms in (change.old_terms, change.new_terms)
                    if terms
                ],
            )
        return new

    def _carry_over_all(self, old: IndexedSnapshot, edited: Collection[str]) -> None:
        """Take over all caches of an older snapshot; these articles were edited in place."""
        self.edits = old.edits.extended(old.version, edited)
        self._all.carry_over_all(old._all)
        self._published.carry_over_all(old._published)

    def shares(self, other: IndexedSnapshot) -> bool:
        """Whether this snapshot shares most of its indexes with another."""
        return self._all.index.table.shares_numbering(other._all.index.table)

    def contents(self) -> list[object]:
        """The contents of its indexes, for `free_gradually`."""
        everything, published = self._all.index, self._published.index
        table = everything.table
        return [*everything.contents(), *published.contents(), self.articles, table]

    def _carry_over(self, old: IndexedSnapshot, terms: Sequence[Terms]) -> None:
        """Take over the cached entities of an older snapshot that these terms do not touch."""
        domains = {
            each for of in terms for each in (*of[Field.PROVIDER_DOMAIN], *of[RELATED_DOMAIN])
        }
        slugs = {slug for of in terms for slug in of[Field.TOPICS]}
        self._all.carry_over(old._all, domains, slugs)
        self._published.carry_over(old._published, domains, slugs)

    def _view(self, visibility: Visibility) -> VisibilityView:
        return self._all if visibility is _ALL else self._published

    @property
    def aliases(self) -> Aliases:
        """See `Snapshot`."""
        return self._tree.aliases

    @property
    def topic_names(self) -> Mapping[str, str]:
        """See `Snapshot`."""
        return self._tree.names

    @property
    def published_count(self) -> int:
        """See `Snapshot`."""
        return len(self._published.index.articles)

    async def get_many(
        self, by: LookupKey, keys: Sequence[Any], visibility: Visibility
    ) -> list[Article | None]:
        """See `Snapshot`. A look-up each."""
        index = self._view(visibility).index
        if by is _ID:
            return index.articles.find_many(keys)
        check_lookup_key(by, ARTICLE_KEYS)
        if by is LookupKey.SLUG:
            articles = index.articles.find_many([article_id(slug) for slug in keys])
            if None not in articles:
                return articles
            return [
                without_range(_with_slug(index, slug)) if article is None else article
                for slug, article in zip(keys, articles, strict=True)
            ]
        if by is LookupKey.SLUG_IN_LOCALE:
            localized: Sequence[LocalizedSlug] = keys
            return [pick(_with_slug(index, slug), range_key(range)) for slug, range in localized]
        return [next(index.newest_first(URL, canonical_url(url)), None) for url in keys]

    async def translations(
        self, groups: Sequence[str], visibility: Visibility
    ) -> list[Sequence[Article]]:
        """See `Snapshot`. A few us for each article."""
        index = self._view(visibility).index
        members = [index.group_members(group) for group in groups]
        return [in_order([article for _, article in each]) for each in members]

    async def pages(
        self, queries: Sequence[ArticleQuery], visibility: Visibility
    ) -> list[Page[Article]]:
        """See `Snapshot`."""
        planner = self._view(visibility).planner
        return [planner.page(query) for query in queries]

    def ordinals_of(
        self, ids: Sequence[str], visibility: Visibility
    ) -> Mapping[str, Sequence[int]]:
        """See `Snapshot`."""
        return self._view(visibility).planner.ordinals_of(ids)

    def resolve_topics(self, filter: Filter, visibility: Visibility) -> Filter:
        """See `Snapshot`."""
        return with_present_topics(filter, self._view(visibility).topic_slugs.find_present)

    def explain(self, query: ArticleQuery, visibility: Visibility) -> str:
        """The query plan of a list, as text: the filter's hits, and each access path's cost."""
        return self._view(visibility).planner.explain(query)

    async def providers(
        self, by: LookupKey, keys: Sequence[str], visibility: Visibility
    ) -> list[Provider | None]:
        """See `Snapshot`."""
        check_lookup_key(by, PROVIDER_KEYS)
        view = self._view(visibility)
        if by is LookupKey.ID:
            return [view.provider(view.domains_by_id.get(id)) for id in keys]
        return [view.provider(domain_key(domain)) for domain in keys]

    async def provider_page(self, window: Window, visibility: Visibility) -> Page[Provider]:
        """See `Snapshot`."""
        view = self._view(visibility)
        page = paginate(view.domains, window, self.cursors.decode_provider)
        items = [provider for each in page.items if (provider := view.provider(each))]
        return Page(items, page.has_previous, page.has_next, page.total, survives_edits=True)

    async def topics(
        self, by: LookupKey, keys: Sequence[str], visibility: Visibility
    ) -> list[Topic | None]:
        """See `Snapshot`."""
        check_lookup_key(by, TOPIC_KEYS)
        view = self._view(visibility)
        if by is LookupKey.ID:
            return [view.topic(view.slugs_by_id.get(id)) for id in keys]
        if by is LookupKey.NAME:
            slugs = resolve_aliases(map(topic_slug, keys), self.aliases)
            return [view.topic(slug) for slug in slugs]
        return [view.topic(slug) or view.former_topic(slug) for slug in keys]

    async def topic_page(self, window: Window, visibility: Visibility) -> Page[Topic]:
        """See `Snapshot`."""
        view = self._view(visibility)
        page = paginate(view.slugs, window, self.cursors.decode_topic)
        items = [topic for each in page.items if (topic := view.topic(each))]
        return Page(items, page.has_previous, page.has_next, page.total, survives_edits=True)

    async def diagnostic_page(
        self, window: Window, severity: Severity | None = None
    ) -> Page[Diagnostic]:
        """See `Snapshot`."""
        entries = self._diagnostics_by_position
        if severity is not None:
            entries = [entry for entry in entries if entry[-1].severity is severity]
        items = SortedItems[Diagnostic](entries)
        return paginate(items, window, self.cursors.decode_diagnostic)

    @cached_property
    def _diagnostics_by_position(self) -> list[tuple[Any, ...]]:
        diagnostics = sorted(set(self.diagnostics), key=diagnostic_position)
        return [(*diagnostic_position(each), each) for each in diagnostics]

    async def counts(self, visibility: Visibility) -> Counts:
        """See `Snapshot`."""
        view = self._view(visibility)
        return Counts(
            articles=len(view.index.articles), providers=len(view.domains), topics=len(view.slugs)
        )

    async def changes(
        self, after: Bookmark | None, visibility: Visibility, limit: int = 1_000
    ) -> HistoryPage:
        """See `Snapshot`."""
        return self.history.since(after, visibility, limit)

    async def bookmark(self, revision: int) -> Bookmark:
        """See `Snapshot`."""
        return self.history.bookmark(revision)

    async def newest_change(self, visibility: Visibility) -> Bookmark:
        """See `Snapshot`."""
        return self.history.newest(visibility)


def _with_slug(index: InvertedIndex, slug: str) -> Sequence[Article]:
    """The articles with a slug, else with it in NFC, else those that had it in a former release.

    First the one whose id has no locale, then the newest.
    """
    for same in (slug,) if slug.isascii() else (slug, nfc(slug)):
        plain = index.articles.find(article_id(same))
        localized = index.newest_first(LOCALIZED_SLUG, same)
        if articles := [*([plain] if plain else []), *localized]:
            return articles
    return list(index.newest_first(FORMER_SLUG, slug))


def _compacted(
    everything: InvertedIndex, published: InvertedIndex, orders: SortOrders
) -> Cooperative[tuple[InvertedIndex, InvertedIndex, SortOrders]]:
    """The indexes after a compaction, with ascending ordinals without gaps."""
    old = everything.table
    order = array("I", DateOrderedHits(old, everything.live).slice(0, len(everything.live)))
    yield
    dropped = orders.trigrams.oldest_log_length(old)
    new_ordinals = old.compaction_map(order)
    table = yield from old.compacted(order, new_ordinals, dropped)
    everything = yield from everything.compacted(table, new_ordinals)
    published = yield from published.compacted(table, new_ordinals)
    orders = yield from orders.compacted(table, everything.live, new_ordinals, dropped)
    return everything, published, orders
