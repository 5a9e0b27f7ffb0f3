"""The terms an article is found under: what filters compare and what indexes are keyed by.

Each function gives an article's terms of one kind in canonical spelling, without repetition.
"""

from __future__ import annotations

from .model import Article
from .names import domain_key, topic_slug


def provider_domain(article: Article) -> str:
    """The domain of the article's own provider."""
    return domain_key(article.provider.domain)


def topic_slugs(article: Article) -> tuple[str, ...]:
    """The slugs of the topics that the article names."""
    return tuple(dict.fromkeys(map(topic_slug, article.topics)))


def related_urls(article: Article) -> tuple[str, ...]:
    """The canonical URLs of all its related stories."""
    return tuple(dict.fromkeys([url for story in article.related for url in story.url_keys]))


def related_domains(article: Article) -> tuple[str, ...]:
    """The domains of its related stories' providers."""
    mentions = (story.provider for story in article.related)
    return tuple(dict.fromkeys(domain_key(mention.domain) for mention in mentions if mention))
