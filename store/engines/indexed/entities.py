"""Providers and topics as they are drawn from the articles of an index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import NamedTuple

from store.model import Image, Provider, ProviderMention, Topic, TopicDefinition
from store.names import domain_key, provider_id, topic_id, topic_slug
from store.querying.filter_fields import RELATED_DOMAIN
from store.querying.query import Field
from store.querying.terms import Aliases, topic_aliases

from .index import Index


class TopicIndex(NamedTuple):
    """The topics as they are defined: by slug, with the slugs of their children, sorted.

    `aliases`: by which other slugs articles may name them. `names`: what they are called.
    """

    definitions: tuple[TopicDefinition, ...]
    by_slug: Mapping[str, TopicDefinition]
    children: Mapping[str, tuple[str, ...]]
    aliases: Aliases
    names: Mapping[str, str]

    @classmethod
    def of(cls, definitions: tuple[TopicDefinition, ...]) -> TopicIndex:
        """The tree of these topics."""
        by_slug = {definition.slug: definition for definition in definitions}
        names = {slug: definition.name for slug, definition in by_slug.items()}
        return cls(definitions, by_slug, _children(by_slug), topic_aliases(definitions), names)


def provider_mentions(index: Index, domain: str) -> Iterator[ProviderMention]:
    """What articles say of a provider, newest first; their own before their related stories'."""
    for article in index.newest(Field.PROVIDER_DOMAIN, domain):
        yield article.provider
    for article in index.newest(RELATED_DOMAIN, domain):
        for story in article.related:
            mention = story.provider
            if mention is not None and domain_key(mention.domain) == domain:
                yield mention


def build_provider(domain: str, visible: Index, published: Index) -> Provider:
    """The provider with this domain, of which a visible article speaks.

    Its name comes from the published articles while they have one, also for those who see more,
    so that a client's cache never flickers between two names.
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
        article_count=len(visible.posting(Field.PROVIDER_DOMAIN, domain)),
    )


def build_topic(slug: str, visible: Index, tree: TopicIndex) -> Topic:
    """The topic with this slug, which the tree or a visible article has."""
    posting = visible.posting(Field.TOPICS, slug)
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
        article_count=len(posting),
    )


def _newest_spelling(slug: str, index: Index) -> str:
    article = next(index.newest(Field.TOPICS, slug))
    return next(name for name in article.topics if topic_slug(name) == slug)


def _children(definitions: Mapping[str, TopicDefinition]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for slug, definition in sorted(definitions.items()):
        if definition.parent is not None:
            found[definition.parent] = (*found.get(definition.parent, ()), slug)
    return found
