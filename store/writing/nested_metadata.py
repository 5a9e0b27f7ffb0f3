"""Nested metadata: unknown keys within images, providers, related stories and authors.

Clients read and send these values without their metadata, so that it would be lost when they send
a whole value back. It stays with the values that stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from store.model import Article, Author, Image, ProviderMention, Related

T = TypeVar("T", Author, Image, ProviderMention, Related)


def keep_metadata(article: Article, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields whose values have the metadata of the article's same values."""
    merged = dict(fields)
    if isinstance(provider := fields.get("provider"), ProviderMention):
        merged["provider"] = _keep_of_provider(article.provider, provider)
    if images := fields.get("images"):
        merged["images"] = _keep_of_images(article.images, images)
    if related := fields.get("related"):
        merged["related"] = tuple(_keep_of_related(article.related, story) for story in related)
    if authors := fields.get("authors"):
        former = {author.name: author for author in article.authors}
        merged["authors"] = tuple(_keep(former.get(author.name), author) for author in authors)
    return merged


def _keep_of_images(former: Sequence[Image], images: Sequence[Image]) -> tuple[Image, ...]:
    by_url = {image.url: image for image in former}
    return tuple(_keep(by_url.get(image.url), image) for image in images)


def _keep_of_provider(former: ProviderMention | None, provider: ProviderMention) -> ProviderMention:
    if former is None or former.domain != provider.domain:
        return provider
    images = _keep_of_images(former.images, provider.images)
    return _keep(former, msgspec.structs.replace(provider, images=images))


def _keep_of_related(former: Sequence[Related], story: Related) -> Related:
    keys = set(story.url_keys)
    same = (f for f in former if (not keys.isdisjoint(f.url_keys) or f.title == story.title))
    match = next(same, None)
    if match is None:
        return story
    provider = story.provider and _keep_of_provider(match.provider, story.provider)
    images = _keep_of_images(match.images, story.images)
    return _keep(match, msgspec.structs.replace(story, provider=provider, images=images))


def _keep(former: T | None, value: T) -> T:
    """Give a value the unknown keys of its former state."""
    if former is None or value.metadata or not former.metadata:
        return value
    names = set(former.__struct_encode_fields__)
    metadata = {key: member for key, member in former.metadata.items() if key not in names}
    return msgspec.structs.replace(value, metadata=metadata)
