"""Providers and topics as they are drawn from the articles of an index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

from .index import Family, Index, Posting
from .model import Image, Provider, ProviderMention, Topic, TopicDefinition
from .names import domain_key, provider_id, topic_id, topic_slug

Definitions = Mapping[str, TopicDefinition]
"""The topic tree by slug."""

Children = Mapping[str, tuple[str, ...]]
"""The slugs of a topic's children, sorted, by its own."""


def mentions(index: Index, domain: str) -> Iterator[ProviderMention]:
    """What articles say of a provider, newest first; their own before their related stories'."""
    for *_, article in reversed(index.posting(Family.PROVIDER, domain)):
        yield article.provider
    for *_, article in reversed(index.posting(Family.RELATED_DOMAIN, domain)):
        for story in article.related:
            mention = story.provider
            if mention is not None and domain_key(mention.domain) == domain:
                yield mention


def draw_provider(domain: str, visible: Index, published: Index) -> Provider:
    """The provider with this domain, of which a visible article speaks.

    Its name comes from the published articles while they have one, also for those who see more,
    so that a client's cache never flickers between two names.
    """
    images: dict[str, Image] = {}
    for mention in mentions(visible, domain):
        for image in mention.images:
            images.setdefault(image.url, image)
    return Provider(
        id=provider_id(domain),
        domain=domain,
        name=next(chain(mentions(published, domain), mentions(visible, domain))).name,
        images=tuple(images.values()),
        article_count=len(visible.posting(Family.PROVIDER, domain)),
    )


def draw_topic(slug: str, visible: Index, definitions: Definitions, children: Children) -> Topic:
    """The topic with this slug, which the tree or a visible article has."""
    posting = visible.posting(Family.TOPIC, slug)
    definition = definitions.get(slug)
    if definition is None:
        definition = TopicDefinition(slug=slug, name=_newest_spelling(slug, posting))
    return Topic(
        id=topic_id(slug),
        slug=slug,
        name=definition.name,
        parent=definition.parent if definition.parent in definitions else None,
        children=children.get(slug, ()),
        keywords=definition.keywords,
        article_count=len(posting),
    )


def _newest_spelling(slug: str, posting: Posting) -> str:
    names: tuple[str, ...] = posting[-1][-1].topics
    return next(name for name in names if topic_slug(name) == slug)


def children_of(definitions: Definitions) -> Children:
    """The children of each topic that has some."""
    found: dict[str, tuple[str, ...]] = {}
    for slug, definition in sorted(definitions.items()):
        if definition.parent is not None:
            found[definition.parent] = (*found.get(definition.parent, ()), slug)
    return found
