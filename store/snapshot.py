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
from .entities import children_of
from .index import Family, Filing, Index, Swap, file_article
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
from .terms import Aliases, topic_aliases, unaliased
from .urls import canonical_url
from .view import View
from .windows import Entry, check_window, slice_page


class IndexedSnapshot:
    """A `Snapshot` in memory; see there for its reads. `articles` are all of them, by id."""

    def __init__(  # noqa: PLR0913, PLR0917  # all that a state of the store consists of
        self,
        everything: Index,
        published: Index,
        topics: tuple[TopicDefinition, ...],
        diagnostics: tuple[Diagnostic, ...],
        revision: int,
        version: str | None = None,
    ) -> None:
        self.revision = revision
        self.version = version or new_version()
        self.articles = everything.articles
        self.definitions = topics
        self.diagnostics = diagnostics
        by_slug = {definition.slug: definition for definition in topics}
        children = children_of(by_slug)
        self._all = View(everything, published, by_slug, children)
        self._published = View(published, published, by_slug, children)

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
        aliases = topic_aliases(topics)
        filings = [file_article(article, aliases) for article in articles]
        published = [filing for filing in filings if filing.article.published]
        index, public = Index.build(filings, aliases), Index.build(published, aliases)
        return cls(index, public, topics, diagnostics, revision, version)

    def derive(
        self,
        changed: Mapping[str, Article | None],
        topics: tuple[TopicDefinition, ...],
        diagnostics: tuple[Diagnostic, ...],
        revision: int,
        version: str | None = None,
    ) -> IndexedSnapshot:
        """The snapshot after changes: ids of articles -> what is there now, None for nothing.

        Costs flat copies of the indexes, and some 50 us for each change; where most articles
        change, or other names come to mean the topics of the tree, a build.
        """
        aliases = self._all.index.aliases
        if len(changed) * 2 > len(self.articles) or topic_aliases(topics) != aliases:
            after = {**self.articles, **changed}
            articles = filter(None, after.values())
            return self.build(articles, topics, diagnostics, revision, version)
        swaps = [_swap(self.articles.get(id), article, aliases) for id, article in changed.items()]
        new = IndexedSnapshot(
            self._all.index.derive(swaps),
            self._published.index.derive([_as_published(swap) for swap in swaps]),
            topics,
            diagnostics,
            revision,
            version,
        )
        if topics == self.definitions:
            new._keep(self, [filing for swap in swaps for filing in swap if filing])
        return new

    def _keep(self, old: IndexedSnapshot, filings: Sequence[Filing]) -> None:
        """Take over what an older snapshot has drawn and these articles do not touch."""
        domains = _terms(filings, Family.PROVIDER) | _terms(filings, Family.RELATED_DOMAIN)
        slugs = _terms(filings, Family.TOPIC)
        self._all.keep(old._all, domains, slugs)
        self._published.keep(old._published, domains, slugs)

    def _view(self, visibility: Visibility) -> View:
        return self._all if visibility is Visibility.ALL else self._published

    @property
    def aliases(self) -> Aliases:
        """See `Snapshot`."""
        return self._all.index.aliases

    async def get_many(
        self, by: Key, keys: Sequence[str], visibility: Visibility
    ) -> list[Article | None]:
        """See `Snapshot`. A look-up each."""
        check_key(by, ARTICLE_KEYS)
        index = self._view(visibility).index
        if by is Key.ID:
            return list(map(index.articles.get, keys))
        if by is Key.SLUG:
            return [index.articles.get(article_id(slug)) for slug in keys]
        found = [index.posting(Family.URL, canonical_url(url)) for url in keys]
        return [posting[-1][-1] if posting else None for posting in found]

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
            slugs = unaliased(map(topic_slug, keys), view.index.aliases)
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


def _swap(before: Article | None, after: Article | None, aliases: Aliases) -> Swap:
    return Swap(
        file_article(before, aliases) if before else None,
        file_article(after, aliases) if after else None,
    )


def _as_published(swap: Swap) -> Swap:
    return Swap(*(filing if filing and filing.article.published else None for filing in swap))


def _terms(filings: Iterable[Filing], family: Family) -> set[str]:
    return {term for filing in filings for term in filing.terms[family]}
