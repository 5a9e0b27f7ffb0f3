"""The input of `Mutation.putArticle`, and its values of the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import strawberry
from strawberry import UNSET
from strawberry.scalars import JSON

from store import Refusal, RefusedError, model
from store.documents.author_reader import AUTHOR_KEYS
from store.documents.serializer import FIELD_KEYS
from store.writing.article_patch import ALL_METADATA

from .connection import value_or_none

_URL = "An http or https URL; other text gives the user error BAD_URL."
_KEYS = {field.name: field.encode_name for field in msgspec.structs.fields(model.Article)}


def optional(description: str) -> Any:
    """An optional member."""
    return strawberry.field(default=UNSET, description=description)


@strawberry.input(description="A picture.")
class ImageInput:
    url: str = strawberry.field(description=f"The URL. {_URL}")
    width: int | None = optional("The width in pixels.")
    height: int | None = optional("The height in pixels.")
    title: str | None = optional("A description of the picture.")
    attribution: str | None = optional("The author or owner.")
    is_cached: bool | None = optional("Whether the publisher has it in its cache.")

    def value(self) -> model.Image:
        """The value of the store."""
        return model.Image(
            url=self.url,
            width=value_or_none(self.width),
            height=value_or_none(self.height),
            title=value_or_none(self.title),
            attribution=value_or_none(self.attribution),
            is_cached=value_or_none(self.is_cached) or False,
        )


@strawberry.input(description="A publisher, as one document describes it.")
class ProviderInput:
    domain: str = strawberry.field(description="The domain, which identifies it.")
    name: str = strawberry.field(description="Its name.")
    images: list[ImageInput] | None = optional("The logos.")

    def value(self) -> model.ProviderMention:
        """The value of the store."""
        return model.ProviderMention(
            domain=self.domain, name=self.name, images=_images(value_or_none(self.images))
        )


@strawberry.input(description="An author.")
class AuthorInput:
    name: str = strawberry.field(description="The name.")
    url: str | None = optional(f"A page about the author. {_URL}")
    image: str | None = optional(f"A picture of the author. {_URL}")

    def value(self) -> model.Author:
        """The value of the store."""
        return model.Author(
            name=self.name, url=value_or_none(self.url), image=value_or_none(self.image)
        )


@strawberry.input(description="A related story.")
class RelatedArticleInput:
    title: str = strawberry.field(description="The headline, as plain text.")
    excerpt: str | None = optional("A summary, as plain text.")
    type: str | None = optional("The kind of story: article, video, …")
    published_date_time: datetime | None = optional("The time of publication.")
    web_url: str | None = optional(f"The page on the publisher's site. {_URL}")
    original_url: str | None = optional(f"The URL where it was first published. {_URL}")
    amp_web_url: str | None = optional(f"The AMP page on the publisher's site. {_URL}")
    cdn_amp_web_url: str | None = optional(f"The AMP page in the AMP cache. {_URL}")
    quality: int | None = optional("A score of quality.")
    provider: ProviderInput | None = optional(
        "The publisher; without it, the domain is taken from the URL of the story."
    )
    images: list[ImageInput] | None = optional("The pictures.")

    def value(self) -> model.Related:
        """The value of the store."""
        provider = value_or_none(self.provider)
        return model.Related(
            title=self.title,
            excerpt=value_or_none(self.excerpt),
            type=value_or_none(self.type),
            published_date_time=value_or_none(self.published_date_time),
            web_url=value_or_none(self.web_url),
            original_url=value_or_none(self.original_url),
            amp_web_url=value_or_none(self.amp_web_url),
            cdn_amp_web_url=value_or_none(self.cdn_amp_web_url),
            quality=value_or_none(self.quality),
            provider=provider.value() if provider else None,
            images=_images(value_or_none(self.images)),
        )


@strawberry.input(
    description="Fields of an article. An absent field stays as it is, null removes it, and a "
    "list or "
    "an object replaces the former one."
)
class PutArticleInput:
    id: strawberry.ID | None = optional("The article to change.")
    slug: str | None = optional(
        "The article to change, or the slug of a new article: a date and a title, such as "
        "`2020-06-11-title`. Without it, a new article gets a slug from its date and title. If "
        "several locales have the slug, `locale` says which one."
    )
    expected_revision: str | None = optional(
        "The revision that you last read. If the article has changed since, nothing is written, "
        "and the user error is CONFLICT."
    )
    title: str | None = optional("The headline, as plain text. Required for a new article.")
    published_date_time: datetime | None = optional(
        "The time of publication. Required for a new article."
    )
    provider: ProviderInput | None = optional("The publisher. Required for a new article.")
    excerpt: str | None = optional("A summary, as plain text.")
    content: str | None = optional("The body of the document (Markdown, HTML or text).")
    category: str | None = optional("The category of the newsroom, such as news.")
    type: str | None = optional("The kind of story: article, video, …")
    updated_date_time: datetime | None = optional("The time of the last update.")
    web_url: str | None = optional(f"The page on the publisher's site. {_URL}")
    original_url: str | None = optional(f"The URL where it was first published. {_URL}")
    amp_web_url: str | None = optional(f"The AMP page on the publisher's site. {_URL}")
    cdn_amp_web_url: str | None = optional(f"The AMP page in the AMP cache. {_URL}")
    quality: int | None = optional("A score of quality.")
    heat: int | None = optional("A score of popularity.")
    published: bool | None = optional("False for a draft.")
    locale: str | None = optional(
        "The language, such as en or de-CH. A slug with a locale that no article has is a new "
        "article. Send the `id` to change the locale of an article."
    )
    translation_key: str | None = optional(
        "What the article and its translations have in common. Without it, it is the slug."
    )
    authors: list[AuthorInput] | None = optional("The authors, in their order.")
    tags: list[str] | None = optional("Free keywords.")
    featured_content: str | None = optional(
        "HTML to show above the article, such as a video's iframe."
    )
    topics: list[str] | None = optional("The names of the topics.")
    images: list[ImageInput] | None = optional("The pictures.")
    related: list[RelatedArticleInput] | None = optional("The related stories.")
    secured: str | None = optional("Text for viewers with the scope READ_SECURED.")
    metadata: JSON | None = optional(
        "Other keys of the document, as an object. An absent key stays, null removes it. Null "
        "instead of the object removes them all."
    )

    def fields(self) -> dict[str, Any]:
        """The fields of the input, by the keys of documents, for `DocumentWriter.put`.

        Raises: RefusedError: the metadata is not an object, or has a key of a field.
        """
        members = {key: getattr(self, name) for name, key in _KEYS.items() if key in FIELD_KEYS}
        fields = {key: _value(value) for key, value in members.items() if value is not UNSET}
        if self.metadata is None:
            fields[ALL_METADATA] = None
        return {**fields, **_metadata(value_or_none(self.metadata))}


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_value(item) for item in value)
    if isinstance(value, AuthorInput | ImageInput | ProviderInput | RelatedArticleInput):
        return value.value()
    return value


def _images(images: list[ImageInput] | None) -> tuple[model.Image, ...]:
    return tuple(image.value() for image in images or ())


def _metadata(value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        problem = "The metadata is not an object. Send an object with the keys to change."
    elif reserved := [key for key in value if key in (*FIELD_KEYS, *AUTHOR_KEYS)]:
        problem = f"{reserved[0]} is a field of the article. Send it as a member of the input."
    else:
        return value
    raise RefusedError(Refusal("BAD_METADATA", problem, ("metadata",)))
