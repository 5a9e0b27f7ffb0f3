"""Providers and topics, built from the articles of an index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import NamedTuple

from store.hosts import domain_key
from store.model import Image, Provider, ProviderMention, Topic, TopicDefinition
from store.names import provider_id, topic_id, topic_slug
from store.querying.filter_fields import RELATED_DOMAIN
from store.querying.query import Field
from store.querying.terms import Aliases, former_topics, topic_aliases

from .index import InvertedIndex


class TopicIndex(NamedTuple):
    """The topic tree, indexed.

    Attributes:
        definitions: the topics as they were written.
        by_slug: the same by slug.
        children: by slug, the slugs of the topics below it, sorted.
        aliases: see `Aliases`.
        names: the names of the topics by slug.
        former: their slugs by the slugs of former releases.
    """

    definitions: tuple[TopicDefinition, ...]
    by_slug: Mapping[str, TopicDefinition]
    children: Mapping[str, tuple[str, ...]]
    aliases: Aliases
    names: Mapping[str, str]
    former: Mapping[str, str]

    @classmethod
    def of(cls, definitions: tuple[TopicDefinition, ...]) -> TopicIndex:
        """The index of these topics."""
        by_slug = {definition.slug: definition for definition in definitions}
        names = {slug: definition.name for slug, definition in by_slug.items()}
        aliases, former = topic_aliases(definitions), former_topics(definitions)
        return cls(definitions, by_slug, _children(by_slug), aliases, names, former)


def provider_mentions(index: InvertedIndex, domain: str) -> Iterator[ProviderMention]:
    """The mentions of a provider, newest first; of articles before those of related stories."""
    for article in index.newest_first(Field.PROVIDER_DOMAIN, domain):
        yield article.provider
    for article in index.newest_first(RELATED_DOMAIN, domain):
        for story in article.related:
            mention = story.provider
            if mention is not None and domain_key(mention.domain) == domain:
                yield mention


def build_provider(domain: str, visible: InvertedIndex, published: InvertedIndex) -> Provider:
    """The provider with this domain, which a visible article mentions.

    Its name comes from the newest published mention, if there is one, for every visibility: so a
    client's cache never flickers between two names.
    """
    images: dict[str, Image] = {}
    for mention in provider_mentions(visible, domain):
        for image in mention.images:
            images.setdefault(image.url, image)
    return Provider(
        id=provider_id(domain),
        domain=domain,
        name=next(
            chain(provider_mentions(published, domain), provider_mentions(visible, domain))
        ).name,
        images=tuple(images.values()),
        article_count=len(visible.posting_list(Field.PROVIDER_DOMAIN, domain)),
    )


def build_topic(slug: str, visible: InvertedIndex, tree: TopicIndex) -> Topic:
    """The topic with this slug, which the tree or a visible article names."""
    posting_list = visible.posting_list(Field.TOPICS, slug)
    definition = tree.by_slug.get(slug)
    if definition is None:
        definition = TopicDefinition(slug=slug, name=_newest_spelling(slug, visible))
    return Topic(
        id=topic_id(slug),
        slug=slug,
        name=definition.name,
        parent=definition.parent if definition.parent in tree.by_slug else None,
        children=tree.children.get(slug, ()),
        keywords=definition.keywords,
        article_count=len(posting_list),
    )


def _newest_spelling(slug: str, index: InvertedIndex) -> str:
    article = next(index.newest_first(Field.TOPICS, slug))
    return next(name for name in article.topics if topic_slug(name) == slug)


def _children(definitions: Mapping[str, TopicDefinition]) -> Mapping[str, tuple[str, ...]]:
    children: dict[str, tuple[str, ...]] = {}
    for slug, definition in sorted(definitions.items()):
        if definition.parent is not None:
            children[definition.parent] = (*children.get(definition.parent, ()), slug)
    return children
