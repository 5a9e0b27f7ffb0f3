"""The types of the graph: articles, related articles, providers and topics.

Fields without a resolver are read from the store's values (`store/model.py`) under the same name.
One module, because these types refer to each other in circles.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import strawberry
from graphql import GraphQLResolveInfo
from strawberry.scalars import JSON

from gql.identity.viewer import Permission
from store import model
from store.querying.translations import MAX_TRANSLATIONS, locale_of

from .article_list import PROVIDER_ARTICLES, REFERENCED_BY, TOPIC_ARTICLES
from .authors import Author
from .batch_loads import (
    load_articles_by_url,
    load_providers_by_domain,
    load_topics_by_name,
    load_topics_by_slug,
    load_translations,
)
from .connection import Connection
from .content import (
    ContentFormat,
    resolve_content_html,
    resolve_content_text,
    resolve_reading_time,
    resolve_word_count,
)
from .context import Info
from .images import Image, Picture, resolve_image, resolve_images, resolve_pictures
from .links import Link, first_present, linked, single, single_list
from .node import Node, resolved
from .scalars import Url


def provider_keys(
    sources: Sequence[model.Article | model.Related], _prepared: Any, _total: bool
) -> list[tuple[str, ...]]:
    """The domain of the provider that a document names, if it names one."""
    mentions = [source.provider for source in sources]
    return [() if mention is None else (mention.domain,) for mention in mentions]


def topic_keys(
    sources: Sequence[model.Article], _prepared: Any, _total: bool
) -> list[tuple[str, ...]]:
    """The names of topics in a document."""
    return [source.topics for source in sources]


def distinct(topics: Sequence[model.Topic | None]) -> list[model.Topic | None]:
    """The topics without repetition: a document may give one by name and by slug."""
    return list({topic and topic.id: topic for topic in topics}.values())


def translation_keys(
    sources: Sequence[model.Article], _prepared: Any, _total: bool
) -> list[tuple[tuple[str, str | None], ...]]:
    """The translation group and the locale of an article."""
    return [((source.translation_group, locale_of(source)),) for source in sources]


def url_keys(
    sources: Sequence[model.Related], _prepared: Any, _total: bool
) -> list[tuple[str, ...]]:
    """The canonical URLs of a related story."""
    return [source.url_keys for source in sources]


def parent_keys(
    sources: Sequence[model.Topic], _prepared: Any, _total: bool
) -> list[tuple[str, ...]]:
    """The slug of the parent."""
    return [(source.parent,) if source.parent else () for source in sources]


def children_keys(
    sources: Sequence[model.Topic], _prepared: Any, _total: bool
) -> list[tuple[str, ...]]:
    """The slugs of the children."""
    return [source.children for source in sources]


PROVIDER = Link(load_providers_by_domain, provider_keys, single)
ARTICLE_TOPICS = Link(load_topics_by_name, topic_keys, distinct, is_list=True)
TRANSLATIONS = Link(
    load_translations, translation_keys, single_list, is_list=True, loads_lists=True
)
TRANSLATION_SIZES = {"Article.translations": 20}
"""The assumed number of translations, for cost estimates: they lead to each other, so an estimate
that is too low is wrong by its power."""

RELATED_ARTICLE = Link(load_articles_by_url, url_keys, first_present)
PARENT = Link(load_topics_by_slug, parent_keys, single)
CHILDREN = Link(load_topics_by_slug, children_keys, list, is_list=True)


def resolve_secured(root: strawberry.Parent[model.Article], info: Info) -> str | None:
    """The secured text, for viewers with the scope READ_SECURED."""
    info.context.viewer.require(Permission.READ_SECURED, "Article.secured")
    return root.secured


def resolve_revision(root: strawberry.Parent[model.Article], info: Info) -> str:
    """The revision as an opaque code."""
    context = info.context
    return context.snapshot.cursors.revision(root.id, root.revision_for(context.viewer.visibility))


@strawberry.type(description="A news article, from one document.")
class Article(Node):
    slug: str = strawberry.field(description="Its name in URLs: date and title.")
    title: str = strawberry.field(description="The headline, as plain text.")
    excerpt: str | None = strawberry.field(description="A summary, as plain text.")
    content: str | None = strawberry.field(
        description="The body of the document, unchanged, in its `contentFormat`."
    )
    content_format: ContentFormat = strawberry.field(
        description="The format of the content, by the name of the document's file."
    )
    content_html: str | None = resolved(
        resolve_content_html,
        "The content as HTML: CommonMark with tables or HTML, sanitised. Null without content, and "
        "beyond 131,072 characters. AsciiDoc, and a text with too many or too deeply nested "
        "elements, is given as it is, in `pre`.",
    )
    content_text: str | None = resolved(
        resolve_content_text,
        "The content as plain text, without markup. Null without content, and beyond 131,072 "
        "characters.",
    )
    word_count: int = resolved(
        resolve_word_count,
        "The number of words of the content; Chinese and Japanese characters count as words.",
    )
    reading_time_minutes: int = resolved(
        resolve_reading_time,
        "The minutes that reading the content takes, rounded up: 230 words, or 500 Chinese or "
        "Japanese characters, a minute; 0 without content.",
    )
    category: str | None = strawberry.field(
        description="The category of the newsroom, such as news."
    )
    type: str = strawberry.field(description="The kind of story: article, video, …")
    published_date_time: datetime = strawberry.field(description="The time of publication.")
    updated_date_time: datetime | None = strawberry.field(
        description="The time of the last update."
    )
    url: Url | None = strawberry.field(
        description="The URL to read it: webUrl, else originalUrl (videos have only that)."
    )
    web_url: Url | None = strawberry.field(description="The page on the publisher's site.")
    original_url: Url | None = strawberry.field(description="The URL where it was first published.")
    amp_web_url: Url | None = strawberry.field(description="The AMP page on the publisher's site.")
    cdn_amp_web_url: Url | None = strawberry.field(description="The AMP page in the AMP cache.")
    quality: int = strawberry.field(description="A score of quality; 0 if the document gives none.")
    heat: int = strawberry.field(
        description="A score of popularity; 0 if the document gives none. It may be negative."
    )
    published: bool = strawberry.field(
        description="False for a draft, which needs the scope READ_DRAFTS."
    )
    locale: str | None = strawberry.field(description="The language, such as en or de-CH.")
    translation_key: str | None = strawberry.field(
        description="What the article and its translations have in common; null if it is the slug."
    )
    translations: list[Article] = linked(
        TRANSLATIONS,
        "The same story in other locales, ordered by locale: the articles with its translationKey "
        f"or slug. None where more than {MAX_TRANSLATIONS} articles share that.",
    )
    authors: list[Author] = strawberry.field(
        description="The authors, in the order of the document: from `authors` and `author`."
    )
    tags: list[str] = strawberry.field(description="Free keywords.")
    featured_content: str | None = strawberry.field(
        description="HTML to show above the article, such as a video's iframe. Untrusted: "
        "sanitise it."
    )
    provider: Provider = linked(PROVIDER, "The publisher.")
    provider_mention: ProviderMention = strawberry.field(
        description="The publisher as the document describes it, to send back in a mutation."
    )
    topics: list[Topic] = linked(ARTICLE_TOPICS, "The topics, in the order of the document.")
    images: list[Image] = resolved(resolve_images, "The pictures, in the order of the document.")
    image: Image | None = resolved(
        resolve_image,
        "One picture: the narrowest that is at least `width` wide, else the widest.",
    )
    pictures: list[Picture] = resolved(
        resolve_pictures,
        "The pictures in all their sizes and formats, in the order of the document.",
    )
    related: list[RelatedArticle] = strawberry.field(
        description="The related stories, in the order of the document.",
    )
    referenced_by: Connection[Article] = linked(
        REFERENCED_BY,
        "The articles that have this one among their related stories, newest first.",
    )
    secured: str | None = resolved(resolve_secured, "Text for viewers with the scope READ_SECURED.")
    metadata: JSON = strawberry.field(description="The other keys of the document, as an object.")
    revision: str = resolved(
        resolve_revision,
        "Changes whenever the document changes in a way that you may see. Opaque: send it back as "
        "expectedRevision.",
    )

    @classmethod
    def is_type_of(cls, value: Any, _info: GraphQLResolveInfo[Any]) -> bool:
        """Whether a value of the store has this type."""
        return isinstance(value, model.Article)


@strawberry.type(
    description="A related story of an article, as its document describes it, with the full "
    "article "
    "if the store has it."
)
class RelatedArticle:
    title: str = strawberry.field(description="The headline, as plain text.")
    excerpt: str | None = strawberry.field(description="A summary, as plain text.")
    type: str | None = strawberry.field(description="The kind of story: article, video, …")
    published_date_time: datetime | None = strawberry.field(description="The time of publication.")
    url: Url | None = strawberry.field(description="The URL to read it: webUrl, else originalUrl.")
    web_url: Url | None = strawberry.field(description="The page on the publisher's site.")
    original_url: Url | None = strawberry.field(description="The URL where it was first published.")
    amp_web_url: Url | None = strawberry.field(description="The AMP page on the publisher's site.")
    cdn_amp_web_url: Url | None = strawberry.field(description="The AMP page in the AMP cache.")
    quality: int | None = strawberry.field(
        description="A score of quality, if the document gives one."
    )
    provider: Provider | None = linked(PROVIDER, "The publisher, if the document names it.")
    provider_mention: ProviderMention | None = strawberry.field(
        description="The publisher as the document describes it, to send back in a mutation."
    )
    images: list[Image] = strawberry.field(
        description="The pictures, in the order of the document.",
    )
    pictures: list[Picture] = resolved(
        resolve_pictures,
        "The pictures in all their sizes and formats, in the order of the document.",
    )
    article: Article | None = linked(
        RELATED_ARTICLE,
        "The full article, if the store has it and you may see it.",
    )


@strawberry.type(description="A publisher, as one document describes it.")
class ProviderMention:
    domain: str = strawberry.field(description="The domain, in lower case.")
    name: str = strawberry.field(description="Its name in this document.")
    images: list[Image] = strawberry.field(description="The logos in this document.")


@strawberry.type(
    description="A publisher. There is one for each domain, with the name from its newest "
    "published article."
)
class Provider(Node):
    domain: str = strawberry.field(description="The domain, in lower case.")
    name: str = strawberry.field(description="Its name.")
    images: list[Image] = strawberry.field(
        description="The logos from all documents, without repetition."
    )
    image: Image | None = resolved(
        resolve_image,
        "One logo: the narrowest that is at least `width` wide, else the widest.",
    )
    pictures: list[Picture] = resolved(
        resolve_pictures, "The logos, each with its sizes and formats."
    )
    article_count: int = strawberry.field(description="The number of its articles in the store.")
    articles: Connection[Article] = linked(PROVIDER_ARTICLES, "Its articles.")

    @classmethod
    def is_type_of(cls, value: Any, _info: GraphQLResolveInfo[Any]) -> bool:
        """Whether a value of the store has this type."""
        return isinstance(value, model.Provider)


@strawberry.type(description="A subject of articles, in a tree of topics.")
class Topic(Node):
    slug: str = strawberry.field(description="Its name in URLs.")
    name: str = strawberry.field(description="Its name.")
    parent: Topic | None = linked(PARENT, "The parent topic; null for a root.")
    children: list[Topic] = linked(CHILDREN, "The child topics, by slug.")
    keywords: list[str] = strawberry.field(description="Keywords of the topic.")
    article_count: int = strawberry.field(
        description="The number of articles with this topic, not counting its child topics."
    )
    articles: Connection[Article] = linked(
        TOPIC_ARTICLES, "The articles with this topic, not counting its child topics."
    )

    @classmethod
    def is_type_of(cls, value: Any, _info: GraphQLResolveInfo[Any]) -> bool:
        """Whether a value of the store has this type."""
        return isinstance(value, model.Topic)
