"""Serializer: articles and topics into documents, with an exact round trip."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from store.characters import clean_text
from store.model import (
    Article,
    Author,
    Image,
    Metadata,
    ProviderMention,
    Related,
    TopicDefinition,
    WebResource,
)
from store.text import escape_excerpt, escape_title, escape_url

from .article_reader import extract_content
from .yaml_writer import write_mapping

FIELD_KEYS = tuple(
    "category title excerpt publishedDateTime updatedDateTime webUrl originalUrl ampWebUrl "
    "cdnAmpWebUrl type locale translationKey quality heat published featuredContent content "
    "provider authors topics tags images related secured".split()
)
"""The keys of a document that are fields of an article, in the order of a written document."""

_ATTRIBUTES = {field.encode_name: field.name for field in msgspec.structs.fields(Article)}
# A document without them is invalid, so metadata never overrides them.
_REQUIRED_KEYS = frozenset(("title", "publishedDateTime", "provider"))
_LINE_END = re.compile(r"\r*\n")


class DocumentData(NamedTuple):
    """The data of a document: the values of its front matter by key, and the body's content."""

    values: dict[str, Any]
    content: str | None = None


def serialize_article(article: Article) -> str:
    """Serialize an article; `read_article` gives the same article, without the revision."""
    return serialize_document(article_to_document(article))


def article_to_document(article: Article) -> DocumentData:
    """Convert an article into the data of its document."""
    values = serialize_fields({key: getattr(article, _ATTRIBUTES[key]) for key in FIELD_KEYS})
    content = article.content
    is_body = content is not None and body_round_trips(content)
    if is_body:
        values["content"] = None
    return DocumentData(_with_metadata(values, article.metadata), content if is_body else None)


def serialize_document(document: DocumentData) -> str:
    """Serialize a document's data as text."""
    values, content = document
    body = "" if content is None else f"\n{content}\n"
    return f"---\n{write_mapping(values)}---\n{body}"


def serialize_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Convert fields of an article into front matter values by key; None stays None."""
    return {
        key: None if value is None else _FIELD_SERIALIZERS.get(key, _identity)(value)
        for key, value in fields.items()
    }


def serialize_topic(topic: TopicDefinition) -> str:
    """Serialize a topic; `read_topic` gives the same topic."""
    values = {
        "slug": topic.slug,
        "name": escape_title(topic.name),
        "parent": _escape_optional(topic.parent, escape_title),
        "keywords": list(topic.keywords),
    }
    return write_mapping(_with_metadata(values, topic.metadata))


def normalize_content(content: str) -> str | None:
    """Return content as it is read from a body; None if nothing but blanks is left.

    Line ends become line feeds, and the blanks that surround a body are dropped.
    """
    return extract_content(_LINE_END.sub("\n", f"\n{content}\n"))


def body_round_trips(content: str) -> bool:
    """Whether a body with this content is read as the same content."""
    body = f"\n{content}\n"
    return extract_content(clean_text(body).replace("\r\n", "\n")) == content


def _escape_optional(text: str | None, escape: Callable[[str], str]) -> str | None:
    return None if text is None else escape(text)


def _serialize_urls(linked: WebResource) -> dict[str, str | None]:
    return {
        "webUrl": _escape_optional(linked.web_url, escape_url),
        "originalUrl": _escape_optional(linked.original_url, escape_url),
        "ampWebUrl": _escape_optional(linked.amp_web_url, escape_url),
        "cdnAmpWebUrl": _escape_optional(linked.cdn_amp_web_url, escape_url),
    }


def _serialize_provider(provider: ProviderMention) -> dict[str, Any]:
    values = {
        "name": escape_title(provider.name),
        "domain": provider.domain,
        "images": _serialize_images(provider.images),
    }
    return _with_metadata(values, provider.metadata)


def _serialize_author(author: Author) -> str | dict[str, Any]:
    """An author who has only a name is written as a text."""
    if author == Author(name=author.name):
        return author.name
    values = {
        "name": author.name,
        "url": _escape_optional(author.url, escape_url),
        "image": _escape_optional(author.image, escape_url),
    }
    return _with_metadata(values, author.metadata)


def _serialize_images(images: Iterable[Image]) -> list[dict[str, Any]]:
    return [_serialize_image(image) for image in images]


def _serialize_image(image: Image) -> dict[str, Any]:
    values = {
        "url": escape_url(image.url),
        "width": image.width,
        "height": image.height,
        "isCached": image.is_cached or None,
        "title": _escape_optional(image.title, escape_title),
        "attribution": image.attribution,
    }
    return _with_metadata(values, image.metadata)


def _serialize_related(related: Related) -> dict[str, Any]:
    values = {
        "title": escape_title(related.title),
        "excerpt": _escape_optional(related.excerpt, escape_excerpt),
        "publishedDateTime": related.published_date_time,
        **_serialize_urls(related),
        "type": related.type,
        "provider": _serialize_provider(related.provider) if related.provider else None,
        "quality": related.quality,
        "images": _serialize_images(related.images),
    }
    return _with_metadata(values, related.metadata)


def _with_metadata(values: dict[str, Any], metadata: Metadata) -> dict[str, Any]:
    """Merge fields that are not empty with the metadata.

    Metadata under a field's key is the part of the field that was invalid: list entries are
    appended, and a single value replaces the default.
    """
    merged = {key: value for key, value in values.items() if value not in (None, [])}
    for key, value in metadata.items():
        if isinstance(value, list) and isinstance(merged.get(key), list):
            merged[key] = merged[key] + value
        elif key not in merged or key not in _REQUIRED_KEYS:
            merged[key] = value
    return merged


def _identity(value: Any) -> Any:
    return value


_FIELD_SERIALIZERS: Mapping[str, Callable[[Any], Any]] = {
    "title": escape_title,
    "excerpt": escape_excerpt,
    "webUrl": escape_url,
    "originalUrl": escape_url,
    "ampWebUrl": escape_url,
    "cdnAmpWebUrl": escape_url,
    "provider": _serialize_provider,
    "authors": lambda authors: [_serialize_author(author) for author in authors],
    "topics": list,
    "tags": list,
    "images": _serialize_images,
    "related": lambda stories: [_serialize_related(story) for story in stories],
}
