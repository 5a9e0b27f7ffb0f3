"""The input of `Mutation.putArticle`: a document's fields, typed, and as the store has them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import strawberry
from strawberry import UNSET
from strawberry.scalars import JSON

from store import Refusal, RefusedError, model
from store.documents.serializer import FIELD_KEYS

from .connection import given

_URL = "An http or https URL; another text comes back as the user error BAD_URL."
_KEYS = {field.name: field.encode_name for field in msgspec.structs.fields(model.Article)}


def optional(description: str) -> Any:
    """A member that a client may leave out."""
    return strawberry.field(default=UNSET, description=description)


@strawberry.input(description="A picture at an address.")
class ImageInput:
    url: str = strawberry.field(description=f"Where it is. {_URL}")
    width: int | None = optional("Pixels across.")
    height: int | None = optional("Pixels down.")
    title: str | None = optional("What it shows.")
    attribution: str | None = optional("Whose it is.")
    is_cached: bool | None = optional("Whether the publisher's cache holds it.")

    def value(self) -> model.Image:
        """As the store has it."""
        return model.Image(
            url=self.url,
            width=given(self.width),
            height=given(self.height),
            title=given(self.title),
            attribution=given(self.attribution),
            is_cached=given(self.is_cached) or False,
        )


@strawberry.input(description="A publisher, as one document names it.")
class ProviderInput:
    domain: str = strawberry.field(description="Its domain, by which it is known.")
    name: str = strawberry.field(description="Its name.")
    images: list[ImageInput] | None = optional("Its logos.")

    def value(self) -> model.ProviderMention:
        """As the store has it."""
        return model.ProviderMention(
            domain=self.domain, name=self.name, images=_images(given(self.images))
        )


@strawberry.input(description="A story that an article points at.")
class RelatedArticleInput:
    title: str = strawberry.field(description="The headline, as plain text.")
    excerpt: str | None = optional("What it is about, as plain text.")
    type: str | None = optional("What kind of story: article, video, …")
    published_date_time: datetime | None = optional("When it was published.")
    web_url: str | None = optional(f"Its page at the publisher's. {_URL}")
    original_url: str | None = optional(f"Where it was first found. {_URL}")
    amp_web_url: str | None = optional(f"Its AMP page at the publisher's. {_URL}")
    cdn_amp_web_url: str | None = optional(f"Its AMP page in the AMP cache. {_URL}")
    quality: int | None = optional("How good it is.")
    provider: ProviderInput | None = optional(
        "Who published it; without it, the domain is taken from the story's address."
    )
    images: list[ImageInput] | None = optional("Its pictures.")

    def value(self) -> model.Related:
        """As the store has it."""
        provider = given(self.provider)
        return model.Related(
            title=self.title,
            excerpt=given(self.excerpt),
            type=given(self.type),
            published_date_time=given(self.published_date_time),
            web_url=given(self.web_url),
            original_url=given(self.original_url),
            amp_web_url=given(self.amp_web_url),
            cdn_amp_web_url=given(self.cdn_amp_web_url),
            quality=given(self.quality),
            provider=provider.value() if provider else None,
            images=_images(given(self.images)),
        )


@strawberry.input(
    description="An article's fields. One that is absent stays as it is, null removes it, and a "
    "list or an object replaces what was there."
)
class PutArticleInput:
    id: strawberry.ID | None = optional("The article to change.")
    slug: str | None = optional(
        "The article to change, or the slug of a new one: a date and a title, such as "
        "`2020-06-11-title`. A new one without it gets it from its date and title."
    )
    expected_revision: str | None = optional(
        "The revision that you last saw. Where it is another by now, nothing changes and the user "
        "error CONFLICT tells it."
    )
    title: str | None = optional("The headline, as plain text. A new article needs it.")
    published_date_time: datetime | None = optional(
        "When it was published. A new article needs it."
    )
    provider: ProviderInput | None = optional("Who published it. A new article needs it.")
    excerpt: str | None = optional("What it is about, as plain text.")
    content: str | None = optional("The document's body (Markdown, HTML or text).")
    category: str | None = optional("The desk's own sorting, such as news.")
    type: str | None = optional("What kind of story: article, video, …")
    updated_date_time: datetime | None = optional("When it was last updated.")
    web_url: str | None = optional(f"Its page at the publisher's. {_URL}")
    original_url: str | None = optional(f"Where it was first found. {_URL}")
    amp_web_url: str | None = optional(f"Its AMP page at the publisher's. {_URL}")
    cdn_amp_web_url: str | None = optional(f"Its AMP page in the AMP cache. {_URL}")
    quality: int | None = optional("How good it is.")
    heat: int | None = optional("How much it is talked about.")
    published: bool | None = optional("False for a draft.")
    locale: str | None = optional("Its language, such as en or de-CH.")
    tags: list[str] | None = optional("Free keywords.")
    featured_content: str | None = optional("What to show on top of it, such as a video's iframe.")
    topics: list[str] | None = optional("The names of its topics.")
    images: list[ImageInput] | None = optional("Its pictures.")
    related: list[RelatedArticleInput] | None = optional("The stories that it points at.")
    secured: str | None = optional("Text for viewers with the scope READ_SECURED.")
    metadata: JSON | None = optional(
        "Further keys of the document, as an object; a key that is absent stays, null removes it."
    )

    def fields(self) -> dict[str, Any]:
        """The fields that are given, by the document's keys, as `DocumentWriter.put` takes them.

        Raises: RefusedError: the metadata is no object, or speaks of a field.
        """
        members = {key: getattr(self, name) for name, key in _KEYS.items() if key in FIELD_KEYS}
        fields = {key: _value(value) for key, value in members.items() if value is not UNSET}
        return {**fields, **_metadata(given(self.metadata))}


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_value(item) for item in value)
    if isinstance(value, ImageInput | ProviderInput | RelatedArticleInput):
        return value.value()
    return value


def _images(images: list[ImageInput] | None) -> tuple[model.Image, ...]:
    return tuple(image.value() for image in images or ())


def _metadata(written: Any) -> Mapping[str, Any]:
    if written is None:
        return {}
    if not isinstance(written, dict):
        problem = "The metadata is no object. Send one with the keys to change."
    elif named := [key for key in written if key in FIELD_KEYS]:
        problem = f"{named[0]} is a field of the article. Send it as a member of the input."
    else:
        return written
    raise RefusedError(Refusal("BAD_METADATA", problem, ("metadata",)))
