"""The graph: articles, what they point at, who published them, what they are about.

Fields without a resolver are read off the store's values (`store/model.py`) under the same name.
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

from .article_list import PROVIDER_ARTICLES, REFERENCED_BY, TOPIC_ARTICLES
from .batch_loads import (
    load_articles_by_url,
    load_providers_by_domain,
    load_topics_by_name,
    load_topics_by_slug,
)
from .connection import Connection
from .context import Info
from .images import Image, resolve_image, resolve_images
from .links import Link, first_found, linked, one
from .node import Node, resolved
from .scalars import Url


def provider_keys(
    sources: Sequence[model.Article | model.Related], _prepared: Any, _total: bool
) -> list[tuple[str, ...]]:
    """The domain that a document names; none where it names no provider."""
    mentions = [source.provider for source in sources]
    return [() if mention is None else (mention.domain,) for mention in mentions]


def topic_keys(
    sources: Sequence[model.Article], _prepared: Any, _total: bool
) -> list[tuple[str, ...]]:
    """The names of topics in a document."""
    return [source.topics for source in sources]


def distinct(topics: Sequence[model.Topic | None]) -> list[model.Topic | None]:
    """Each topic once, though a document gives it by its name and by its slug."""
    return list({topic and topic.id: topic for topic in topics}.values())


def url_keys(
    sources: Sequence[model.Related], _prepared: Any, _total: bool
) -> list[tuple[str, ...]]:
    """The canonical addresses of a related story."""
    return [source.url_keys for source in sources]


def parent_keys(
    sources: Sequence[model.Topic], _prepared: Any, _total: bool
) -> list[tuple[str, ...]]:
    """The slug of the topic above."""
    return [(source.parent,) if source.parent else () for source in sources]


def children_keys(
    sources: Sequence[model.Topic], _prepared: Any, _total: bool
) -> list[tuple[str, ...]]:
    """The slugs of the topics right below."""
    return [source.children for source in sources]


PROVIDER = Link(load_providers_by_domain, provider_keys, one)
ARTICLE_TOPICS = Link(load_topics_by_name, topic_keys, distinct, is_list=True)
RELATED_ARTICLE = Link(load_articles_by_url, url_keys, first_found)
PARENT = Link(load_topics_by_slug, parent_keys, one)
CHILDREN = Link(load_topics_by_slug, children_keys, list, is_list=True)


def resolve_secured(root: strawberry.Parent[model.Article], info: Info) -> str | None:
    """The secured text, for viewers with the scope."""
    info.context.viewer.require(Permission.READ_SECURED, "Article.secured")
    return root.secured


def resolve_revision(root: strawberry.Parent[model.Article], info: Info) -> str:
    """A revision is a number to the store and opaque to clients."""
    context = info.context
    return context.snapshot.cursors.revision(root.id, root.revision_for(context.viewer.visibility))


@strawberry.type(description="A news article: one document, and its place in the graph.")
class Article(Node):
    slug: str = strawberry.field(description="Its name in addresses: date and title.")
    title: str = strawberry.field(description="The headline, as plain text.")
    excerpt: str | None = strawberry.field(description="What it is about, as plain text.")
    content: str | None = strawberry.field(
        description="The document's body, as it stands there (Markdown, HTML or text)."
    )
    category: str | None = strawberry.field(description="The desk's own sorting, such as news.")
    type: str = strawberry.field(description="What kind of story: article, video, …")
    published_date_time: datetime = strawberry.field(description="When it was published.")
    updated_date_time: datetime | None = strawberry.field(description="When it was last updated.")
    url: Url | None = strawberry.field(
        description="Where to read it: webUrl, else originalUrl (videos have only that)."
    )
    web_url: Url | None = strawberry.field(description="Its page at the publisher's.")
    original_url: Url | None = strawberry.field(description="Where it was first found.")
    amp_web_url: Url | None = strawberry.field(description="Its AMP page at the publisher's.")
    cdn_amp_web_url: Url | None = strawberry.field(description="Its AMP page in the AMP cache.")
    quality: int = strawberry.field(description="How good it is; 0 where nobody said.")
    heat: int = strawberry.field(
        description="How much it is talked about; 0 where nobody said, and it may be negative."
    )
    published: bool = strawberry.field(
        description="False for a draft, which only viewers with the right to drafts ever see."
    )
    locale: str | None = strawberry.field(description="Its language, such as en or de-CH.")
    tags: list[str] = strawberry.field(description="Free keywords.")
    featured_content: str | None = strawberry.field(
        description="What to show on top of it, such as a video's iframe. Untrusted HTML: sanitise."
    )
    provider: Provider = linked(PROVIDER, "Who published it.")
    topics: list[Topic] = linked(ARTICLE_TOPICS, "What it is about, in the document's order.")
    images: list[Image] = resolved(resolve_images, "Its pictures, in the document's order.")
    image: Image | None = resolved(
        resolve_image,
        "One picture: the narrowest that is wide enough, else the widest.",
    )
    related: list[RelatedArticle] = strawberry.field(
        description="The stories that it points at, in the document's order."
    )
    referenced_by: Connection[Article] = linked(
        REFERENCED_BY,
        "The articles that point at this one, newest first.",
    )
    secured: str | None = resolved(resolve_secured, "Text for viewers with the scope READ_SECURED.")
    metadata: JSON = strawberry.field(
        description="What the document says beyond the fields known here, as an object."
    )
    revision: str = resolved(
        resolve_revision,
        "Changes with every change of what you may see of the document, and tells nothing else. "
        "Opaque; send it back as expectedRevision.",
    )

    @classmethod
    def is_type_of(cls, value: Any, _info: GraphQLResolveInfo[Any]) -> bool:
        """Whether a value of the store is one of these."""
        return isinstance(value, model.Article)


@strawberry.type(
    description="A story that an article points at: what the document said of it, and the full "
    "article where the store holds one."
)
class RelatedArticle:
    title: str = strawberry.field(description="The headline, as plain text.")
    excerpt: str | None = strawberry.field(description="What it is about, as plain text.")
    type: str | None = strawberry.field(description="What kind of story: article, video, …")
    published_date_time: datetime | None = strawberry.field(description="When it was published.")
    url: Url | None = strawberry.field(description="Where to read it: webUrl, else originalUrl.")
    web_url: Url | None = strawberry.field(description="Its page at the publisher's.")
    amp_web_url: Url | None = strawberry.field(description="Its AMP page at the publisher's.")
    cdn_amp_web_url: Url | None = strawberry.field(description="Its AMP page in the AMP cache.")
    quality: int | None = strawberry.field(description="How good it is, where the document says.")
    provider: Provider | None = linked(PROVIDER, "Who published it, where the document says.")
    images: list[Image] = strawberry.field(description="Its pictures, in the document's order.")
    article: Article | None = linked(
        RELATED_ARTICLE,
        "The full article, where the store holds one that you may see.",
    )


@strawberry.type(
    description="A publisher: one for each domain, named as its newest published article names it."
)
class Provider(Node):
    domain: str = strawberry.field(description="Its domain, in lower case.")
    name: str = strawberry.field(description="Its name.")
    images: list[Image] = strawberry.field(
        description="Its logos, from all the documents that show one, each once."
    )
    image: Image | None = resolved(
        resolve_image,
        "One logo: the narrowest that is wide enough, else the widest.",
    )
    article_count: int = strawberry.field(description="How many articles it has published here.")
    articles: Connection[Article] = linked(PROVIDER_ARTICLES, "Its articles.")

    @classmethod
    def is_type_of(cls, value: Any, _info: GraphQLResolveInfo[Any]) -> bool:
        """Whether a value of the store is one of these."""
        return isinstance(value, model.Provider)


@strawberry.type(description="A subject of articles, in a tree of subjects.")
class Topic(Node):
    slug: str = strawberry.field(description="Its name in addresses.")
    name: str = strawberry.field(description="Its name.")
    parent: Topic | None = linked(PARENT, "The topic above; null for a root.")
    children: list[Topic] = linked(CHILDREN, "The topics right below, by slug.")
    keywords: list[str] = strawberry.field(description="Words that hint at this topic.")
    article_count: int = strawberry.field(
        description="How many articles name this very topic (those of its children are theirs)."
    )
    articles: Connection[Article] = linked(
        TOPIC_ARTICLES, "The articles that name this very topic."
    )

    @classmethod
    def is_type_of(cls, value: Any, _info: GraphQLResolveInfo[Any]) -> bool:
        """Whether a value of the store is one of these."""
        return isinstance(value, model.Topic)
