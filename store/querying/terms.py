"""Index terms of articles: the canonical values that filters compare and indexes are keyed by.

Each function returns an article's terms for one field, without repetition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from store.hosts import domain_key
from store.model import Article, TopicDefinition
from store.names import former_article_slug, former_topic_slugs, topic_slug

Aliases = Mapping[str, str]
"""The slugs of topics by the slug of their name, for the topics where the two differ."""


def topic_aliases(definitions: Iterable[TopicDefinition]) -> dict[str, str]:
    """The aliases of the topics of a tree.

    A topic's slug wins over an alias. Of several topics with one name, the least slug has it.
    """
    by_slug = {definition.slug: definition for definition in definitions}
    aliases: dict[str, str] = {}
    for slug in sorted(by_slug):
        alias = topic_slug(by_slug[slug].name)
        if alias not in by_slug:
            aliases.setdefault(alias, slug)
    return aliases


def resolve_aliases(slugs: Iterable[str], aliases: Aliases) -> Iterable[str]:
    """The topics' own slugs: n slugs or aliases -> n slugs, in the same order."""
    return [aliases.get(slug, slug) for slug in slugs] if aliases else slugs


def provider_domain(article: Article) -> str:
    """The domain of the article's own provider."""
    return domain_key(article.provider.domain)


def topic_slugs(article: Article, aliases: Aliases) -> tuple[str, ...]:
    """The slugs of the topics that the article names, by name or by slug."""
    return tuple(dict.fromkeys(resolve_aliases(map(topic_slug, article.topics), aliases)))


def former_slugs(article: Article) -> tuple[str, ...]:
    """The slug that a former release made of the title, if it is another."""
    if article.title.isascii():
        return ()
    former = former_article_slug(article.slug, article.title, article.published_date_time)
    return (former,) if former else ()


def former_topics(definitions: Iterable[TopicDefinition]) -> dict[str, str]:
    """The slugs of a tree's topics by the slugs that former releases made of their names."""
    slugs: dict[str, str] = {}
    for definition in sorted(definitions, key=lambda each: each.slug):
        for former in former_topic_slugs([definition.name]):
            slugs.setdefault(former, definition.slug)
    return slugs


def find_by_former_slug(slug: str, names: Iterable[str], aliases: Aliases) -> str | None:
    """The present slug of the first topic of these names that had this slug."""
    name = next((name for name in names if former_topic_slugs([name]) == (slug,)), None)
    return None if name is None else aliases.get(topic_slug(name), topic_slug(name))


def related_urls(article: Article) -> tuple[str, ...]:
    """The canonical URLs of all its related stories."""
    return tuple(dict.fromkeys([url for story in article.related for url in story.url_keys]))


def related_domains(article: Article) -> tuple[str, ...]:
    """The domains of its related stories' providers."""
    mentions = (story.provider for story in article.related)
    return tuple(dict.fromkeys(domain_key(mention.domain) for mention in mentions if mention))
