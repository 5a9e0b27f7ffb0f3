"""Identifiers: slugs for people and URLs, ids for machines (the only module on anyascii).

An id is the hash of a kind and its natural key. That is an article's slug, with its locale if that
is part of the identity; a provider's domain; a topic's slug. So an id is the same after every
reload and on every engine, opaque, of one length, and evenly distributed.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

from anyascii import anyascii

from .normal_forms import fold_name, nfc

MAX_SLUG_LENGTH = 200  # file systems allow 255 bytes, with an ending and room to write aside

_JEKYLL_STEM = re.compile(r"\d{4}-\d{2}-\d{2}-.+")
_NOT_IN_SLUG = re.compile(r"[^a-z0-9\s-]")
_GAP = re.compile(r"[\s-]+")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9\s+#-]*", re.ASCII)
"""The names of topics of which a slug loses nothing but case and spacing."""
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


def article_id(slug: str, locale: str | None = None) -> str:
    """The id of the article with this slug, and with this locale if it is part of its identity."""
    return keyed_article_id(article_key(slug, locale))


def keyed_article_id(key: str) -> str:
    """The id of the article with this key, see `article_key`."""
    return _id(EntityKind.ARTICLE, key)


def article_key(slug: str, locale: str | None = None) -> str:
    """The natural key of an article: its slug, after the locale if that is part of its identity.

    A slug comes from a file's name or a title, so it has no slash.
    """
    return slug if locale is None else f"{locale_key(locale)}/{slug}"


def locale_key(locale: str) -> str:
    """The normal form of a locale: `zh_TW` and `zh-tw` are one."""
    return locale.lower().replace("_", "-")


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


def new_version() -> str:
    """A new version of a store's state: a random, unique name."""
    return secrets.token_hex(8)


def is_jekyll_named(stem: str) -> bool:
    """Whether a file's stem is date-title, and so is the slug as it stands."""
    return len(stem) <= MAX_SLUG_LENGTH and _JEKYLL_STEM.fullmatch(stem) is not None


def article_slug(stem: str, title: str, published: datetime) -> str:
    """An article's slug: its file's stem where that is date-title, else date and title.

    Accents and punctuation of the title are dropped. Of a title with letters of another kind the
    letters are transliterated, and a hash of the title is added: `2020-06-11-novosti-1a2b3c4d`.
    """
    if is_jekyll_named(stem):
        return nfc(stem)
    return _dated(_title_slug(title), published)


def former_article_slug(slug: str, title: str, published: datetime) -> str | None:
    """The slug that releases before transliteration made of a title; None if it is the same.

    `slug`: the article's slug, which may come from a file's name.
    """
    if title.isascii() or not _has_lost_letters(title):
        return None
    former = _dated(_ascii_slug(title), published)
    return former if former != slug == article_slug("", title, published) else None


def topic_slug(name: str) -> str:
    """A topic's slug, by which names that differ only in case or spacing are one topic.

    Signs that tell topics apart (C, C++, C#) are spelled out. Where other signs or letters are
    dropped or transliterated, a hash of the name is added: AT&T is not ATT, and each script has its
    own topics. A slug is its own slug.
    """
    return _cached_topic_slug(name) if len(name) <= _MAX_CACHED else _topic_slug(name)


def former_topic_slug(name: str) -> str:
    """The slug that releases before transliteration made of a name, by its ASCII characters."""
    slug = _ascii_slug(_spell_out(name[:_MAX_NAME]))
    if len(slug) <= MAX_SLUG_LENGTH:
        return slug
    return f"{slug[: MAX_SLUG_LENGTH - 9]}-{_short_hash(slug)}"


def former_topic_slugs(names: Iterable[str]) -> tuple[str, ...]:
    """The former slugs of these topics, without repetition and those that are the same."""
    return tuple(dict.fromkeys([former for name in names if (former := _changed_slug(name))]))


_MAX_CACHED = 200
"""Up to which length slugs of names are cached: clients, too, choose names."""

_MAX_NAME = 10_000
"""How much of a name counts: a client may send a million characters."""


def _topic_slug(name: str) -> str:
    name = name[:_MAX_NAME]
    if _PLAIN_NAME.fullmatch(name):
        return former_topic_slug(name)
    folded = fold_name(name)
    if _PLAIN_NAME.fullmatch(folded):
        return former_topic_slug(folded)
    return _with_hash(_spell_out(folded), folded, MAX_SLUG_LENGTH)


def _spell_out(name: str) -> str:
    return name.replace("+", " plus ").replace("#", " sharp ")


_cached_topic_slug = lru_cache(maxsize=16_384)(_topic_slug)


@lru_cache(maxsize=16_384)
def _cached_changed_slug(name: str) -> str | None:
    former = former_topic_slug(name)
    return former if former != topic_slug(name) else None


def _changed_slug(name: str) -> str | None:
    if len(name) <= _MAX_CACHED:
        return _cached_changed_slug(name)
    return None if _PLAIN_NAME.fullmatch(name) else former_topic_slug(name)


def _dated(slug: str, published: datetime) -> str:
    date = published.astimezone(UTC).date().isoformat()
    return f"{date}-{slug}"[:MAX_SLUG_LENGTH].rstrip("-")


def _title_slug(title: str) -> str:
    if title.isascii() or not _has_lost_letters(title):
        return _ascii_slug(title)
    return _with_hash(title, fold_name(title[:_MAX_NAME]), MAX_SLUG_LENGTH - len("2020-06-11-"))


def _with_hash(text: str, identity: str, max_length: int) -> str:
    """The transliterated words of a text, and a hash of its identity."""
    words = _words(anyascii(nfc(text[:_MAX_SLUGIFIED])))[: max_length - 9].rstrip("-")
    return f"{words}-{_short_hash(identity)}" if words else _short_hash(identity)


def _has_lost_letters(title: str) -> bool:
    """Whether a text has letters or digits that are not ASCII with an accent."""
    decomposed = unicodedata.normalize("NFKD", title[:_MAX_SLUGIFIED])
    return any(
        character > "\x7f" and unicodedata.category(character) in _LETTERS
        for character in decomposed
    )


_LETTERS = frozenset("Lu Ll Lt Lo Nd Nl No".split())


def _ascii_slug(text: str) -> str:
    """Lower-case ASCII words joined by hyphens, other characters dropped.

    `web.powerapps.com` gives `webpowerappscom`. A text that has no such character at all gives
    eight hexadecimal digits of its hash, so that it still has a name.
    """
    beginning = unicodedata.normalize("NFKD", text[:_MAX_SLUGIFIED])
    return _words(beginning.encode("ascii", "ignore").decode()) or _short_hash(text)


def _words(text: str) -> str:
    return _GAP.sub("-", _NOT_IN_SLUG.sub("", text.lower())).strip("-")


def _short_hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=4).hexdigest()
