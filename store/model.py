"""The data model: documents as they are stored, and the entities built from them.

All are immutable. Fields carry the documents' own names in snake_case and are written to JSON in
camelCase, so that the store's file reads like the documents. Times are aware, in UTC.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum, StrEnum
from typing import Any

import msgspec

from .names import article_id, article_key, locale_key
from .urls import canonical_url

Metadata = dict[str, Any]
"""JSON values that a document carries beyond the fields known here; never changed in place."""


class Visibility(Enum):
    """The part of the store that a reader may see. A parameter of every read.

    Attributes:
        PUBLISHED: published articles without their secured text.
        SECURED: published articles with their secured text.
        ALL: published articles and drafts.
    """

    PUBLISHED = "published"
    SECURED = "secured"
    ALL = "all"

    __hash__ = object.__hash__  # at each request; that of enumerations is written in Python


class ContentFormat(StrEnum):
    """The format of an article's content. It follows from the name of the file."""

    MARKDOWN = "markdown"
    MDX = "mdx"
    HTML = "html"
    ASCIIDOC = "asciidoc"

    @classmethod
    def of_path(cls, path: str) -> ContentFormat:
        """The format of the content of a file."""
        return _FORMATS.get(path.rpartition(".")[2].lower(), cls.MARKDOWN)

    @property
    def extension(self) -> str:
        """The extension of files with this format."""
        return next((f".{name}" for name, format in _FORMATS.items() if format is self), ".md")


_FORMATS = {
    "mdx": ContentFormat.MDX,
    "html": ContentFormat.HTML,
    "adoc": ContentFormat.ASCIIDOC,
}


class Value(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel", gc=False):
    """Base of stored values: frozen, slotted, JSON in camelCase without defaults."""


class Image(Value, frozen=True, kw_only=True):
    """A picture: its address and what the document says of it. Sizes in pixels."""

    url: str
    width: int | None = None
    height: int | None = None
    title: str | None = None
    attribution: str | None = None
    is_cached: bool = False
    metadata: Metadata = {}


class Author(Value, frozen=True, kw_only=True):
    """An author of an article: the name, a page about them, and a picture."""

    name: str
    url: str | None = None
    image: str | None = None
    metadata: Metadata = {}


class ProviderMention(Value, frozen=True, kw_only=True):
    """The mention of a provider in one document; a `Provider` is built from all its mentions."""

    domain: str
    name: str
    images: tuple[Image, ...] = ()
    metadata: Metadata = {}


class WebResource(Value, frozen=True, kw_only=True):
    """A web page with up to four URLs: an article or a related story."""

    web_url: str | None = None
    original_url: str | None = None
    amp_web_url: str | None = None
    cdn_amp_web_url: str | None = None

    @property
    def url(self) -> str | None:
        """The URL to display: webUrl, else originalUrl."""
        return self.web_url or self.original_url

    @property
    def url_keys(self) -> tuple[str, ...]:
        """The canonical URLs of the page without repetition, the one to display first."""
        urls = (self.web_url, self.original_url, self.amp_web_url, self.cdn_amp_web_url)
        return tuple(dict.fromkeys([canonical_url(url) for url in urls if url]))


class Related(WebResource, frozen=True, kw_only=True):
    """A story that an article links to, as the article's document describes it."""

    title: str
    provider: ProviderMention | None = None
    excerpt: str | None = None
    type: str | None = None
    published_date_time: datetime | None = None
    quality: int | None = None
    images: tuple[Image, ...] = ()
    metadata: Metadata = {}

    @property
    def provider_mention(self) -> ProviderMention | None:
        """The provider as the document describes it."""
        return self.provider


class Article(WebResource, frozen=True, kw_only=True):
    """An article: one document.

    Attributes:
        content_format: the format of the content; Markdown in stores that did not know it yet.
        translation_key: what the article's translations have in common; None if it is the slug.
        revision: set by the store at every put; revisions order all changes.
        public_revision: the revision of the last put that changed more than secured text; 0 if it
            is `revision`.
    """

    slug: str
    title: str
    provider: ProviderMention
    published_date_time: datetime
    updated_date_time: datetime | None = None
    excerpt: str | None = None
    content: str | None = None
    content_format: ContentFormat = ContentFormat.MARKDOWN
    category: str | None = None
    type: str = "article"
    quality: int = 0
    heat: int = 0
    published: bool = True
    locale: str | None = None
    translation_key: str | None = None
    authors: tuple[Author, ...] = ()
    tags: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    featured_content: str | None = None
    images: tuple[Image, ...] = ()
    related: tuple[Related, ...] = ()
    secured: str | None = None
    metadata: Metadata = {}
    revision: int = 0
    public_revision: int = 0
    id: str = ""

    def __post_init__(self) -> None:
        if not self.id:
            msgspec.structs.force_setattr(self, "id", article_id(self.slug))

    @property
    def provider_mention(self) -> ProviderMention:
        """The provider as the document describes it."""
        return self.provider

    @property
    def translation_group(self) -> str:
        """What the article and its translations have in common."""
        return self.translation_key or self.slug

    @property
    def has_locale_in_id(self) -> bool:
        """Whether the article's id has a locale. So it is not found by the id of its slug."""
        return self.id != article_id(self.slug)

    @property
    def identity_locale(self) -> str | None:
        """The locale that is part of the article's id, in its normal form; None if none is."""
        if self.locale is None or not self.has_locale_in_id:
            return None
        return locale_key(self.locale)

    @property
    def key(self) -> str:
        """The natural key of the article, see `names.article_key`."""
        return article_key(self.slug, self.identity_locale)

    def revision_for(self, visibility: Visibility) -> int:
        """The revision of the last put that changed the article for a visibility."""
        if visibility is Visibility.PUBLISHED and self.public_revision:
            return self.public_revision
        return self.revision


class TopicDefinition(Value, frozen=True, kw_only=True):
    """One file of the topic tree. `parent` is the slug of another topic."""

    slug: str
    name: str
    parent: str | None = None
    keywords: tuple[str, ...] = ()
    metadata: Metadata = {}


class Provider(Value, frozen=True, kw_only=True):
    """A publisher: one entity for each domain, whatever the documents call it.

    Its name is that of its newest published article (of its newest mention, where it has none);
    its images are those of all its mentions, united by URL, newest first.
    """

    id: str
    domain: str
    name: str
    images: tuple[Image, ...] = ()
    article_count: int = 0


class Topic(Value, frozen=True, kw_only=True):
    """A subject: a node of the topic tree, or a root made from articles that name it.

    `parent` and `children` are slugs; `article_count` counts the articles that name this very
    topic, not those of its children.
    """

    id: str
    slug: str
    name: str
    parent: str | None = None
    children: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    article_count: int = 0


class Severity(StrEnum):
    """ERROR: the document was rejected. WARNING: it was accepted with a problem. INFO: a notice."""

    ERROR = "ERROR"
    WARNING = "WARNING"
    INFO = "INFO"


class Diagnostic(Value, frozen=True, kw_only=True):
    """One problem of one file: where it is, what it is, and what to do about it.

    `path` is relative to the folder, with slashes; `line` counts from 1; `code` is stable.
    """

    path: str
    severity: Severity
    code: str
    message: str
    line: int | None = None
    remedy: str | None = None


class ChangeKind(StrEnum):
    """The kind of a change: a document was written or deleted."""

    PUT = "PUT"
    DELETE = "DELETE"


class Change(Value, frozen=True, kw_only=True):
    """An entry of the change history: a put or a delete of one article.

    Attributes:
        revision: the revision of the article after the change.
        kind: put or delete.
        id: the id of the article.
        slug: its slug.
        at: the time of the change.
        published: whether the article is published after the change.
        was_published: whether it was published before.
        only_secured: whether nothing but secured text differs.
        group: the translation group of the article; None if it is the slug.
        former_group: the group before a put, if it was another.
        keeps_translations: whether the article keeps all that decides which of its group's articles
            a chain of locales picks.
        key: the name of the writer's idempotency key.
        request_step: see `store.repository.WriteKey`; stored as `asked`.
    """

    revision: int
    kind: ChangeKind
    id: str
    slug: str
    at: datetime
    published: bool = False
    was_published: bool = False
    only_secured: bool = False
    group: str | None = None
    former_group: str | None = None
    keeps_translations: bool = False
    key: str | None = None
    request_step: str = msgspec.field(default="", name="asked")


class Counts(Value, frozen=True, kw_only=True):
    """The numbers of entities that a reader sees."""

    articles: int = 0
    providers: int = 0
    topics: int = 0
