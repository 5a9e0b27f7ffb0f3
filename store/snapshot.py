"""The store at one revision, answered from indexes and never changed.

There are two complete sets of indexes, of all articles and of the published ones, so that a reader
without the right to drafts is served from data that holds none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import msgspec

from .cursors import (
    decode_diagnostic_cursor,
    decode_provider_cursor,
    decode_topic_cursor,
    diagnostic_position,
)
from .entities import TopicTree
from .entries import Entry
from .index import Family, Filing, Index, file_article, swap_articles
from .model import (
    Article,
    Counts,
    Diagnostic,
    Provider,
    Severity,
    Topic,
    TopicDefinition,
    Visibility,
)
from .names import article_id, domain_key, new_version, topic_slug
from .query import (
    ARTICLE_KEYS,
    PROVIDER_KEYS,
    TOPIC_KEYS,
    ArticleQuery,
    Key,
    Page,
    Window,
    check_key,
)
from .steps import Steps
from .terms import Aliases, unaliased
from .urls import canonical_url
from .view import View
from .windows import check_window, slice_page

_ID, _ALL = Key.ID, Visibility.ALL  # an enumeration takes long to say which is which


class IndexedSnapshot:
    """A `Snapshot` in memory; see there for its reads. `articles` are all of them, by id."""

    def __init__(  # noqa: PLR0913, PLR0917  # all that a state of the store consists of
        self,
        everything: Index,
        published: Index,
        tree: TopicTree,
        diagnostics: tuple[Diagnostic, ...],
        revision: int,
        version: str | None = None,
    ) -> None:
        self.revision = revision
        self.version = version or new_version()
        self.articles = everything.articles
        self.definitions = tree.definitions
        self.diagnostics = diagnostics
        self._tree = tree
        self._all = View(everything, published, tree)
        self._published = View(published, published, tree)

    @classmethod
    def build(
        cls,
        articles: Iterable[Article] = (),
        topics: tuple[TopicDefinition, ...] = (),
        diagnostics: tuple[Diagnostic, ...] = (),
        revision: int = 0,
        version: str | None = None,
    ) -> IndexedSnapshot:
        """The snapshot of a whole store. Costs about 30 us an article."""
        tree = TopicTree.of(topics)
        everything = {a.id: (a, file_article(a, tree.aliases)) for a in articles}
        published = {id: filed for id, filed in everything.items() if filed[0].published}
        index, public = Index.build(everything, tree.aliases), Index.build(published, tree.aliases)
        return cls(index, public, tree, diagnostics, revision, version)

    def derive(
        self,
        changed: Mapping[str, Article | None],
        topics: tuple[TopicDefinition, ...],
        diagnostics: tuple[Diagnostic, ...],
        revision: int,
        version: str | None = None,
    ) -> Steps[IndexedSnapshot]:
        """The snapshot after changes: ids of articles -> what is there now, None for nothing.

        Costs a few us for each article that stays where it is filed, some 50 us for others, and
        flat copies of the lists in which these stand; where most articles change, or other names
        come to mean the topics of the tree, a build.
        """
        tree = self._tree if topics == self.definitions else TopicTree.of(topics)
        if len(changed) * 2 > len(self.articles) or tree.aliases != self.aliases:
            articles = self.articles.derive(changed).flat().values()
            return self.build(articles, topics, diagnostics, revision, version)
        swaps = []
        for id, article in changed.items():
            swaps.append(swap_articles(id, self.articles.find(id), article, tree.aliases))
            yield
        everything = yield from self._all.index.derive(swaps)
        published = yield from self._published.index.derive([s.among_published() for s in swaps])
        new = IndexedSnapshot(
            everything,
            published,
            tree,
            diagnostics,
            revision,
            version,
        )
        if tree is self._tree:
            new._keep(self, [f for swap in swaps for f in (swap.gone, swap.come) if f])
        return new

    def _keep(self, old: IndexedSnapshot, filings: Sequence[Filing]) -> None:
        """Take over what an older snapshot has drawn and these articles do not touch."""
        domains = _terms(filings, Family.PROVIDER) | _terms(filings, Family.RELATED_DOMAIN)
        slugs = _terms(filings, Family.TOPIC)
        self._all.keep(old._all, domains, slugs)
        self._published.keep(old._published, domains, slugs)

    def _view(self, visibility: Visibility) -> View:
        return self._all if visibility is _ALL else self._published

    @property
    def aliases(self) -> Aliases:
        """See `Snapshot`."""
        return self._tree.aliases

    async def get_many(
        self, by: Key, keys: Sequence[str], visibility: Visibility
    ) -> list[Article | None]:
        """See `Snapshot`. A look-up each."""
        index = self._view(visibility).index
        if by is _ID:
            return index.articles.find_many(keys)
        check_key(by, ARTICLE_KEYS)
        if by is Key.SLUG:
            return index.articles.find_many([article_id(slug) for slug in keys])
        found = [index.posting(Family.URL, canonical_url(url)) for url in keys]
        return [index.articles[posting[-1][-1]] if posting else None for posting in found]

    async def pages(
        self, queries: Sequence[ArticleQuery], visibility: Visibility
    ) -> list[Page[Article]]:
        """See `Snapshot`."""
        selector = self._view(visibility).selector
        return [selector.page(query) for query in queries]

    async def providers(
        self, by: Key, keys: Sequence[str], visibility: Visibility
    ) -> list[Provider | None]:
        """See `Snapshot`."""
        check_key(by, PROVIDER_KEYS)
        view = self._view(visibility)
        if by is Key.ID:
            return [view.provider(view.domains_by_id.get(id)) for id in keys]
        return [view.provider(domain_key(domain)) for domain in keys]

    async def provider_page(self, window: Window, visibility: Visibility) -> Page[Provider]:
        """See `Snapshot`."""
        check_window(window)
        view = self._view(visibility)
        page = slice_page(view.domains, window, decode_provider_cursor)
        return msgspec.structs.replace(page, items=[view.provider(item) for item in page.items])

    async def topics(
        self, by: Key, keys: Sequence[str], visibility: Visibility
    ) -> list[Topic | None]:
        """See `Snapshot`."""
        check_key(by, TOPIC_KEYS)
        view = self._view(visibility)
        if by is Key.ID:
            return [view.topic(view.slugs_by_id.get(id)) for id in keys]
        if by is Key.NAME:
            slugs = unaliased(map(topic_slug, keys), self.aliases)
            return [view.topic(slug) for slug in slugs]
        return [view.topic(slug) for slug in keys]

    async def topic_page(self, window: Window, visibility: Visibility) -> Page[Topic]:
        """See `Snapshot`."""
        check_window(window)
        view = self._view(visibility)
        page = slice_page(view.slugs, window, decode_topic_cursor)
        return msgspec.structs.replace(page, items=[view.topic(item) for item in page.items])

    async def diagnostic_page(
        self, window: Window, severity: Severity | None = None
    ) -> Page[Diagnostic]:
        """See `Snapshot`."""
        check_window(window)
        found = self._diagnostics_by_place
        if severity is not None:
            found = [entry for entry in found if entry[-1].severity is severity]
        return slice_page(found, window, decode_diagnostic_cursor)

    @cached_property
    def _diagnostics_by_place(self) -> list[Entry]:
        found = sorted(set(self.diagnostics), key=diagnostic_position)
        return [(*diagnostic_position(diagnostic), diagnostic) for diagnostic in found]

    async def counts(self, visibility: Visibility) -> Counts:
        """See `Snapshot`."""
        view = self._view(visibility)
        return Counts(
            articles=len(view.index.articles), providers=len(view.domains), topics=len(view.slugs)
        )


def _terms(filings: Iterable[Filing], family: Family) -> set[str]:
    return {term for filing in filings for term in filing.terms[family]}
