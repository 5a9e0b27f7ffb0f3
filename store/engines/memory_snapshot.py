"""The snapshot of the reference engine: every read is a scan of all documents.

It is meant to be obviously correct: tests compare the indexed engine with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cmp_to_key
from typing import TypeVar

import msgspec

from store.hosts import domain_key
from store.in_place_edits import InPlaceEdits
from store.model import (
    Article,
    Counts,
    Diagnostic,
    Image,
    Provider,
    ProviderMention,
    Severity,
    Topic,
    TopicDefinition,
    Visibility,
)
from store.names import provider_id, topic_id, topic_slug
from store.normal_forms import nfc
from store.querying.cursors import (
    Bookmark,
    CursorCodec,
    KeysetPosition,
    article_position,
    diagnostic_position,
)
from store.querying.pagination import check_window
from store.querying.predicates import predicate
from store.querying.present_topics import with_present_topics
from store.querying.query import (
    ARTICLE_KEYS,
    PROVIDER_KEYS,
    TOPIC_KEYS,
    ArticleQuery,
    Filter,
    LocalizedSlug,
    LookupKey,
    OrderStep,
    Page,
    Window,
    check_lookup_key,
)
from store.querying.terms import (
    find_by_former_slug,
    former_slugs,
    former_topics,
    provider_domain,
    related_domains,
    resolve_aliases,
    topic_aliases,
    topic_slugs,
)
from store.querying.translations import (
    MAX_TRANSLATIONS,
    in_order,
    pick,
    range_key,
    without_range,
)
from store.repository import HistoryPage
from store.state_versions import Versions, new_versions
from store.urls import canonical_url

from .change_history import EMPTY_HISTORY, ChangeHistory

T = TypeVar("T")


class MemorySnapshot:
    """A snapshot that scans all articles for each read."""

    def __init__(  # noqa: PLR0913, PLR0917  # all that a state of the store consists of
        self,
        articles: Iterable[Article] = (),
        definitions: Iterable[TopicDefinition] = (),
        diagnostics: Iterable[Diagnostic] = (),
        history: ChangeHistory = EMPTY_HISTORY,
        cursors: CursorCodec | None = None,
        versions: Versions | None = None,
    ) -> None:
        self.revision = history.revision
        self.history = history
        self.cursors = cursors or CursorCodec()
        self.versions = versions or new_versions()
        self.version = self.versions[Visibility.ALL]
        self.edits = InPlaceEdits()
        self._articles = sorted(articles, key=lambda a: (a.published_date_time, a.id), reverse=True)
        self._definitions = {definition.slug: definition for definition in definitions}
        self.aliases = topic_aliases(self._definitions.values())
        self.topic_names = {slug: each.name for slug, each in self._definitions.items()}
        self._diagnostics = sorted(set(diagnostics), key=diagnostic_position)

    @property
    def published_count(self) -> int:
        """See `Snapshot`."""
        return len(self._visible(Visibility.PUBLISHED))

    def ordinals_of(
        self,
        ids: Sequence[str],  # noqa: ARG002  # see `Snapshot`
        visibility: Visibility,  # noqa: ARG002  # see `Snapshot`
    ) -> Mapping[str, Sequence[int]]:
        """See `Snapshot`. This engine has no ordinals."""
        return {}

    def _visible(self, visibility: Visibility) -> list[Article]:
        return [a for a in self._articles if a.published or visibility is Visibility.ALL]

    async def get_many(
        self, by: LookupKey, keys: Sequence[str | LocalizedSlug], visibility: Visibility
    ) -> list[Article | None]:
        """See `Snapshot`."""
        check_lookup_key(by, ARTICLE_KEYS)
        articles = self._visible(visibility)

        def find(key: str | LocalizedSlug) -> Article | None:
            if isinstance(key, LocalizedSlug):
                return pick(_with_slug(articles, key.slug), range_key(key.range))
            if by is LookupKey.URL:
                return next((a for a in articles if canonical_url(key) in a.url_keys), None)
            if by is LookupKey.ID:
                return next((a for a in articles if a.id == key), None)
            return without_range(_with_slug(articles, key))

        return [find(key) for key in keys]

    async def translations(
        self, groups: Sequence[str], visibility: Visibility
    ) -> list[Sequence[Article]]:
        """See `Snapshot`."""
        by_group = self._by_group(visibility)
        return [in_order(by_group.get(group, ())) for group in groups]

    def _by_group(self, visibility: Visibility) -> Mapping[str, Sequence[Article]]:
        """The visible articles of each translation group that is not too large."""
        by_group: dict[str, list[Article]] = {}
        for article in self._visible(visibility):
            by_group.setdefault(article.translation_group, []).append(article)
        return {name: each for name, each in by_group.items() if len(each) <= MAX_TRANSLATIONS}

    async def pages(
        self, queries: Sequence[ArticleQuery], visibility: Visibility
    ) -> list[Page[Article]]:
        """See `Snapshot`."""
        return [self._page(query, visibility) for query in queries]

    def _page(self, query: ArticleQuery, visibility: Visibility) -> Page[Article]:
        def compare(one: KeysetPosition, other: KeysetPosition) -> int:
            return _compare(one, other, query.order)

        by_group = self._by_group(visibility)
        passes = predicate(
            self.resolve_topics(query.filter, visibility),
            self.aliases,
            lambda article: by_group.get(article.translation_group, ()),
        )
        matches = [article for article in self._visible(visibility) if passes(article)]
        matches.sort(key=lambda a: cmp_to_key(compare)(article_position(a, query.order)))
        page = _page_of(
            matches,
            query.window,
            lambda article: article_position(article, query.order),
            lambda cursor: self.cursors.decode_article(cursor, query.order),
            compare,
        )
        return page if query.with_total else msgspec.structs.replace(page, total=None)

    async def providers(
        self, by: LookupKey, keys: Sequence[str], visibility: Visibility
    ) -> list[Provider | None]:
        """See `Snapshot`."""
        check_lookup_key(by, PROVIDER_KEYS)
        providers = self._providers(visibility)
        if by is LookupKey.ID:
            return [next((p for p in providers if p.id == key), None) for key in keys]
        return [next((p for p in providers if p.domain == domain_key(k)), None) for k in keys]

    async def provider_page(self, window: Window, visibility: Visibility) -> Page[Provider]:
        """See `Snapshot`."""
        providers = self._providers(visibility)
        return _page_of(providers, window, lambda p: (p.domain,), self.cursors.decode_provider)

    def _providers(self, visibility: Visibility) -> list[Provider]:
        articles = self._visible(visibility)
        domains = {domain for a in articles for domain in (provider_domain(a), *related_domains(a))}
        return [self._provider(domain, visibility) for domain in sorted(domains)]

    def _provider(self, domain: str, visibility: Visibility) -> Provider:
        visible = self._visible(visibility)
        published = self._visible(Visibility.PUBLISHED)
        mentions = _mentions(visible, domain)
        named_by = [*_mentions(published, domain), *mentions]
        images: dict[str, Image] = {}
        for mention in mentions:
            for image in mention.images:
                images.setdefault(image.url, image)
        return Provider(
            id=provider_id(domain),
            domain=domain,
            name=named_by[0].name,
            images=tuple(images.values()),
            article_count=sum(provider_domain(article) == domain for article in visible),
        )

    async def topics(
        self, by: LookupKey, keys: Sequence[str], visibility: Visibility
    ) -> list[Topic | None]:
        """See `Snapshot`."""
        check_lookup_key(by, TOPIC_KEYS)
        topics = self._topics(visibility)
        if by is LookupKey.ID:
            return [next((t for t in topics if t.id == key), None) for key in keys]
        slugs = (
            resolve_aliases(map(topic_slug, keys), self.aliases) if by is LookupKey.NAME else keys
        )
        if by is LookupKey.SLUG:
            present = {topic.slug for topic in topics}
            slugs = [s if s in present else self._find_former(s, visibility) or s for s in keys]
        return [next((t for t in topics if t.slug == slug), None) for slug in slugs]

    def resolve_topics(self, filter: Filter, visibility: Visibility) -> Filter:
        """See `Snapshot`."""
        return with_present_topics(filter, lambda slug: self._find_topic_slug(slug, visibility))

    def _find_topic_slug(self, slug: str, visibility: Visibility) -> str:
        present = self.aliases.get(slug, slug)
        if any(topic.slug == present for topic in self._topics(visibility)):
            return slug
        return self._find_former(slug, visibility) or slug

    def _find_former(self, slug: str, visibility: Visibility) -> str | None:
        if former := former_topics(self._definitions.values()).get(slug):
            return former
        for article in self._visible(visibility):
            if topic := find_by_former_slug(slug, article.topics, self.aliases):
                return topic
        return None

    async def topic_page(self, window: Window, visibility: Visibility) -> Page[Topic]:
        """See `Snapshot`."""
        topics = self._topics(visibility)
        return _page_of(topics, window, lambda t: (t.slug,), self.cursors.decode_topic)

    def _topics(self, visibility: Visibility) -> list[Topic]:
        articles = self._visible(visibility)
        named = {slug for article in articles for slug in topic_slugs(article, self.aliases)}
        return [self._topic(slug, articles) for slug in sorted(named | self._definitions.keys())]

    def _topic(self, slug: str, articles: Sequence[Article]) -> Topic:
        definition = self._definitions.get(slug)
        spellings = [name for a in articles for name in a.topics if topic_slug(name) == slug]
        parent = definition.parent if definition else None
        return Topic(
            id=topic_id(slug),
            slug=slug,
            name=definition.name if definition else spellings[0],
            parent=parent if parent in self._definitions else None,
            children=tuple(sorted(d.slug for d in self._definitions.values() if d.parent == slug)),
            keywords=definition.keywords if definition else (),
            article_count=sum(slug in topic_slugs(a, self.aliases) for a in articles),
        )

    async def diagnostic_page(
        self, window: Window, severity: Severity | None = None
    ) -> Page[Diagnostic]:
        """See `Snapshot`."""
        diagnostics = [d for d in self._diagnostics if severity in (None, d.severity)]
        decode = self.cursors.decode_diagnostic
        return _page_of(diagnostics, window, diagnostic_position, decode)

    async def counts(self, visibility: Visibility) -> Counts:
        """See `Snapshot`."""
        return Counts(
            articles=len(self._visible(visibility)),
            providers=len(self._providers(visibility)),
            topics=len(self._topics(visibility)),
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


def _with_slug(articles: Sequence[Article], slug: str) -> Sequence[Article]:
    """The articles with a slug, else with it in NFC, else those that had it in a former release."""
    for same in (slug, nfc(slug)):
        if same_slug := [article for article in articles if article.slug == same]:
            return same_slug
    return [article for article in articles if slug in former_slugs(article)]


def _mentions(articles: Sequence[Article], domain: str) -> list[ProviderMention]:
    """The mentions of a provider: those of articles before those of related stories."""
    own = [a.provider for a in articles if provider_domain(a) == domain]
    stories = [story.provider for a in articles for story in a.related if story.provider]
    return own + [mention for mention in stories if domain_key(mention.domain) == domain]


def _compare(one: KeysetPosition, other: KeysetPosition, order: Sequence[OrderStep]) -> int:
    """Negative if `one` comes first. Ids follow the direction of the last step."""
    directions = [step.descending for step in order]
    for mine, theirs, descending in zip(
        one, other, [*directions, *directions[-1:], False], strict=False
    ):
        if mine != theirs:
            return -1 if (mine < theirs) is not descending else 1  # type: ignore[operator]  # of one type each
    return 0


def _ascending(one: KeysetPosition, other: KeysetPosition) -> int:
    return (one > other) - (one < other)


def _page_of(
    items: Sequence[T],
    window: Window,
    position: Callable[[T], KeysetPosition],
    decode: Callable[[str], KeysetPosition],
    compare: Callable[[KeysetPosition, KeysetPosition], int] = _ascending,
) -> Page[T]:
    """The page of an ordered list that a window selects, with the total."""
    check_window(window)
    start, end = 0, len(items)
    if window.after is not None:
        after = decode(window.after)
        start = sum(compare(position(item), after) <= 0 for item in items)
    if window.before is not None:
        before = decode(window.before)
        end = sum(compare(position(item), before) < 0 for item in items)
    if window.first is not None:
        end = min(max(start, end), start + window.first)
    elif window.last is not None:
        start = max(min(start, end), end - window.last)
    return Page(items[start:end], start > 0, end < len(items), total=len(items))
