"""Identifiers: slugs for people and URLs, ids for machines.

An id is the hash of a kind and its natural key (an article's slug, a provider's domain,
a topic's slug). It is therefore the same after every reload and on every engine,
opaque, of one length, and evenly distributed.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import unicodedata
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

MAX_SLUG_LENGTH = 200  # file systems allow 255 bytes, with an ending and room to write aside
MAX_DOMAIN_LENGTH = 253  # https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4

_JEKYLL_STEM = re.compile(r"\d{4}-\d{2}-\d{2}-.+")
_NOT_IN_SLUG = re.compile(r"[^a-z0-9\s-]")
_GAP = re.compile(r"[\s-]+")
_MAX_SLUGIFIED = 1_000
"""The characters of a text that its slug is made of: many accents take quadratic time."""


class EntityKind(StrEnum):
    """The kind of an entity: the prefix of its id."""

    ARTICLE = "a"
    PROVIDER = "p"
    TOPIC = "t"


def _id(kind: EntityKind, key: str) -> str:
    digest = hashlib.blake2b(
        key.encode("utf-8", "surrogatepass"), digest_size=12, person=kind.value.encode()
    ).digest()
    return f"{kind.value}_{base64.urlsafe_b64encode(digest).decode()}"


_KINDS = {kind.value: kind for kind in EntityKind}


def article_id(slug: str) -> str:
    """The id of the article with this slug."""
    return _id(EntityKind.ARTICLE, slug)


def provider_id(domain: str) -> str:
    """The id of the provider with this domain (see `domain_key`)."""
    return _id(EntityKind.PROVIDER, domain)


def topic_id(slug: str) -> str:
    """The id of the topic with this slug."""
    return _id(EntityKind.TOPIC, slug)


def entity_kind(id: str) -> EntityKind | None:
    """The kind of the entity of an id; None if the id is invalid."""
    prefix, _, digest = id.partition("_")
    return _KINDS.get(prefix) if len(digest) == 16 else None


def domain_key(domain: str) -> str:
    """The canonical spelling of a domain: lower case, no dot at the end, cut to the DNS limit."""
    return domain.strip().rstrip(".").lower()[:MAX_DOMAIN_LENGTH]


def new_version() -> str:
    """A new version of a store's state: a random, unique name."""
    return secrets.token_hex(8)


def slugify(text: str) -> str:
    """Lower-case ASCII words joined by hyphens, other punctuation dropped.

    `web.powerapps.com` gives `webpowerappscom`. A text that has no such character at all (one in
    Japanese, say) gives eight hexadecimal digits of its hash, so that it still has a name.
    """
    beginning = unicodedata.normalize("NFKD", text[:_MAX_SLUGIFIED])
    ascii_text = beginning.encode("ascii", "ignore").decode().lower()
    slug = _GAP.sub("-", _NOT_IN_SLUG.sub("", ascii_text)).strip("-")
    return slug or hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=4).hexdigest()


def is_jekyll_named(stem: str) -> bool:
    """Whether a file's stem is date-title, and so is the slug as it stands."""
    return len(stem) <= MAX_SLUG_LENGTH and _JEKYLL_STEM.fullmatch(stem) is not None


def article_slug(stem: str, title: str, published: datetime) -> str:
    """An article's slug: its file's stem where that is date-title, else date and title."""
    if is_jekyll_named(stem):
        return stem
    date = published.astimezone(UTC).date().isoformat()
    return f"{date}-{slugify(title)}"[:MAX_SLUG_LENGTH].rstrip("-")


def topic_slug(name: str) -> str:
    """A topic's slug, by which names that differ only in case or spacing are one topic.

    Signs that tell topics apart (C, C++, C#) are spelled out before the rest is dropped.
    """
    return _cached_topic_slug(name) if len(name) <= _MAX_CACHED else _topic_slug(name)


_MAX_CACHED = 200
"""Up to which length slugs of names are cached: clients, too, choose names."""


_MAX_NAME = 10_000
"""How much of a name counts: a client may send a million characters."""


def _topic_slug(name: str) -> str:
    slug = slugify(name[:_MAX_NAME].replace("+", " plus ").replace("#", " sharp "))
    if len(slug) <= MAX_SLUG_LENGTH:
        return slug
    digest = hashlib.blake2b(slug.encode(), digest_size=4).hexdigest()
    return f"{slug[: MAX_SLUG_LENGTH - 9]}-{digest}"


_cached_topic_slug = lru_cache(maxsize=16_384)(_topic_slug)
