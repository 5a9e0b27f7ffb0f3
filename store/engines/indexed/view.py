"""The view of a snapshot for one visibility: its index, its planner, its entities."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property

from store.model import Provider, Topic
from store.names import provider_id, topic_id
from store.querying.cursors import CursorCodec
from store.querying.filter_fields import RELATED_DOMAIN
from store.querying.pagination import SortedItems
from store.querying.query import Field, T

from .entities import TopicIndex, build_provider, build_topic
from .index import InvertedIndex
from .ordered_lists import SortOrders
from .planner import Planner
from .topic_slugs import TopicSlugs


class VisibilityView:
    """A snapshot for readers of one visibility. Providers and topics are built on first use."""

    def __init__(
        self,
        index: InvertedIndex,
        published: InvertedIndex,
        orders: SortOrders,
        tree: TopicIndex,
        cursors: CursorCodec,
    ) -> None:
        self.index = index
        self.topic_slugs = TopicSlugs(index, tree)
        self.planner = Planner(index, published, orders, tree.aliases, cursors)
        self.planner.find_topic = self.topic_slugs.find_present
        self._published = published
        self._tree = tree
        self._providers: dict[str, Provider] = {}
        self._topics: dict[str, Topic] = {}

    def carry_over_all(self, old: VisibilityView) -> None:
        """Take over all caches of an older view; since then articles were edited in place."""
        self.carry_over(old, (), ())
        self.planner.carry_over(old.planner)

    def carry_over(
        self, old: VisibilityView, domains: Collection[str], slugs: Collection[str]
    ) -> None:
        """Take over the cached entities of an older view, without these domains and slugs.

        Both views must have the same topic tree.
        """
        self._providers = _memo_without(old._providers, domains)
        self._topics = _memo_without(old._topics, slugs)
        cached = vars(old)
        if all(old.has_provider(domain) is self.has_provider(domain) for domain in domains):
            vars(self).update((name, cached[name]) for name in _DOMAIN_CACHES if name in cached)
        if all(old.has_topic(slug) is self.has_topic(slug) for slug in slugs):
            vars(self).update((name, cached[name]) for name in _SLUG_CACHES if name in cached)

    @cached_property
    def domains(self) -> SortedItems[str]:
        """The domains of all providers."""
        postings = self.index.postings
        names = postings[Field.PROVIDER_DOMAIN].keys() | postings[RELATED_DOMAIN].keys()
        return SortedItems([(domain,) for domain in sorted(names)])

    @cached_property
    def domains_by_id(self) -> Mapping[str, str]:
        """The domains of all providers by their ids."""
        return {provider_id(domain): domain for domain in self.domains.slice(0, len(self.domains))}

    @cached_property
    def slugs(self) -> SortedItems[str]:
        """The slugs of all topics."""
        names = self.index.postings[Field.TOPICS].keys() | self._tree.by_slug.keys()
        return SortedItems([(slug,) for slug in sorted(names)])

    @cached_property
    def slugs_by_id(self) -> Mapping[str, str]:
        """The slugs of all topics by their ids."""
        return {topic_id(slug): slug for slug in self.slugs.slice(0, len(self.slugs))}

    def has_provider(self, domain: str) -> bool:
        """Whether a visible article mentions this provider."""
        postings = self.index.postings
        return domain in postings[Field.PROVIDER_DOMAIN] or domain in postings[RELATED_DOMAIN]

    def has_topic(self, slug: str) -> bool:
        """Whether the tree or a visible article names this topic."""
        return self.topic_slugs.has(slug)

    def former_topic(self, slug: str) -> Topic | None:
        """The topic that had this slug in a former release; of several, the newest article's."""
        return self.topic(self.topic_slugs.find_former(slug))

    def provider(self, domain: str | None) -> Provider | None:
        """The provider with this domain."""
        if domain is None:
            return None
        provider = self._providers.get(domain)
        if provider is None and self.has_provider(domain):
            provider = build_provider(domain, self.index, self._published)
            self._providers[domain] = provider
        return provider

    def topic(self, slug: str | None) -> Topic | None:
        """The topic with this slug."""
        if slug is None:
            return None
        topic = self._topics.get(slug)
        if topic is None and self.has_topic(slug):
            topic = self._topics[slug] = build_topic(slug, self.index, self._tree)
        return topic


_DOMAIN_CACHES = ("domains", "domains_by_id")
_SLUG_CACHES = ("slugs", "slugs_by_id")


def _memo_without(memo: dict[str, T], keys: Collection[str]) -> dict[str, T]:
    if not keys:
        return memo  # shared: what one view builds holds for the other
    rest = dict(memo)
    for key in keys:
        rest.pop(key, None)
    return rest
