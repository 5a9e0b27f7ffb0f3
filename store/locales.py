"""Locales: their normal form, ranges of them, and the locale that a document's path names.

A locale is a language tag, such as `ja`, `zh-TW` or `pt_BR`. Two that differ in case or in the
separator are one. See https://www.rfc-editor.org/rfc/rfc5646 and, for ranges,
https://www.rfc-editor.org/rfc/rfc4647#section-3.3.1 (basic filtering).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import NamedTuple

from .names import is_jekyll_named, locale_key

_TAG = re.compile(r"[a-z]{2,8}(?:-[a-z0-9]{1,8})*")
_MAX_TAG_LENGTH = 35
_INDEX_STEMS = frozenset(("index", "_index"))


def is_language_tag(text: str) -> bool:
    """Whether a text is a language tag, in any case, with hyphens or underscores."""
    return len(text) <= _MAX_TAG_LENGTH and _TAG.fullmatch(locale_key(text)) is not None


def matches_range(locale: str, range: str) -> bool:
    """Whether a locale is in a range: `de-CH` is in `de` and in `de-ch`, `de` is not in `de-CH`."""
    key, range_key = locale_key(locale), locale_key(range)
    return key == range_key or key.startswith(f"{range_key}-")


class Placement(NamedTuple):
    """The parts of a document's identity that come from its path and locale.

    Attributes:
        identity_locale: The locale that is part of the article's id, in its normal form.
        stem: The file's stem without a locale.
        translation_key: What the document's translations have in common, if that is not the slug:
            the path without locale and extension.
    """

    identity_locale: str | None
    stem: str
    translation_key: str | None


def place_document(
    path: str,
    locale: str | None,
    locales: Collection[str] = (),
    default_locale: str | None = None,
) -> Placement:
    """Return the placement of a document.

    The locale is part of the identity if the path names it, or if it is one of `locales` and not
    the default. Other documents do not matter. `path` is relative to the folder, with slashes.
    `locales` are those of the folder's mapping; without them a path names the document's own locale
    only, so that a folder `it` may be a category.
    """
    keys = {locale_key(name) for name in locales}
    named, stem, rest = _split_path(path, _namer(keys, locale))
    is_tag = locale is not None and is_language_tag(locale)
    is_named = is_tag and named is not None and matches_range(locale or "", named)
    key = locale_key(locale or "")
    is_listed = is_tag and key in keys and key != locale_key(default_locale or "")
    is_grouped = (keys or is_named) and not is_jekyll_named(stem)
    return Placement(key if is_named or is_listed else None, stem, rest if is_grouped else None)


def path_locale(path: str, locales: Collection[str]) -> str | None:
    """The one of these locales that a path names: by a folder, else by a suffix of the stem."""
    keys = {locale_key(name) for name in locales}
    return _split_path(path, _namer(keys, None)).locale


class _SplitPath(NamedTuple):
    locale: str | None
    stem: str
    rest: str


def _namer(keys: Collection[str], locale: str | None) -> Callable[[str], bool]:
    if keys:
        return lambda name: locale_key(name) in keys
    return lambda name: locale is not None and is_language_tag(name) and matches_range(locale, name)


def _split_path(path: str, is_locale: Callable[[str], bool]) -> _SplitPath:
    """Split a path into the locale that it names, its stem, and the path without both."""
    *folders, name = path.split("/")
    stem = name.rpartition(".")[0] or name
    own_stem, dot, suffix = stem.rpartition(".")
    has_suffix = bool(own_stem and dot) and is_locale(suffix)
    if has_suffix:
        stem = own_stem
    position = next((i for i, folder in enumerate(folders) if is_locale(folder)), None)
    locale = suffix if has_suffix else None
    if position is not None:
        locale = folders.pop(position)
    parts = folders if stem in _INDEX_STEMS and folders else [*folders, stem]
    return _SplitPath(locale, stem, "/".join(parts))
