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
_SHORT_TAG = re.compile(r"([a-z]{2,3})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?")
_LANGUAGES = frozenset(
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy"
    " da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu"
    " hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb"
    " lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om"
    " or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw"
    " ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
    " ast ckb fil gsw hsb pcm yue".split()
)
"""The languages of ISO 639-1, and some of three letters that sites are translated into."""
_MAX_TAG_LENGTH = 35
INDEX_STEMS = frozenset(("index", "_index"))
"""The stems of files that stand for their folder."""


def is_language_tag(text: str) -> bool:
    """Whether a text is a language tag, in any case, with hyphens or underscores."""
    return len(text) <= _MAX_TAG_LENGTH and _TAG.fullmatch(locale_key(text)) is not None


def matches_range(locale: str, range: str) -> bool:
    """Whether a locale is in a range: `de-CH` is in `de` and in `de-ch`, `de` is not in `de-CH`."""
    return is_in_range(locale_key(locale), locale_key(range))


def is_in_range(key: str, range_key: str) -> bool:
    """Whether a locale is in a range, both in their normal forms."""
    return key == range_key or key.startswith(f"{range_key}-")


class Placement(NamedTuple):
    """The parts of a document's identity that come from its path and locale.

    Attributes:
        identity_locale: The locale that is part of the article's id, in its normal form.
        stem: The file's stem without locales.
        translation_key: What the document's translations have in common, if that is not the slug:
            the path without locales and extension.
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
    key = locale_key(locale) if locale is not None and is_language_tag(locale) else None
    keys = {locale_key(name) for name in locales}

    def is_own(name: str) -> bool:
        return key is not None and is_language_tag(name) and matches_range(key, name)

    split = _split_path(path, lambda name: locale_key(name) in keys or is_own(name))
    is_named = any(is_own(name) for name in split.locales)
    is_listed = key in keys and key != locale_key(default_locale or "")
    is_grouped = (keys or is_named) and not is_jekyll_named(split.stem)
    return Placement(
        key if is_named or is_listed else None, split.stem, split.rest if is_grouped else None
    )


def looks_like_locale(name: str) -> bool:
    """Whether a name is a known language, perhaps with a script or a region: `zh_Hant`, `es-419`.

    `it` and `no` are languages, too: such names need other evidence.
    """
    match = _SHORT_TAG.fullmatch(locale_key(name))
    return match is not None and match[1] in _LANGUAGES


def differ_by_locale(path: str, other: str) -> bool:
    """Whether two paths differ by a folder or a suffix that looks like a locale."""
    return any(looks_like_locale(name) for name in _names(path) ^ _names(other))


def _names(path: str) -> set[str]:
    return {*path.replace("/", ".").split(".")[:-1]}


def path_locale(path: str, locales: Collection[str]) -> str | None:
    """The one of these locales that a path names: by a folder, else by a suffix of the stem."""
    keys = {locale_key(name) for name in locales}
    return next(iter(_split_path(path, lambda name: locale_key(name) in keys).locales), None)


class _SplitPath(NamedTuple):
    """The locales that a path names, the stem without them, and the path without them."""

    locales: list[str]
    stem: str
    rest: str


def _split_path(path: str, is_locale: Callable[[str], bool]) -> _SplitPath:
    """Split a path. The first folder that is a locale counts, and all suffixes that are one."""
    *folders, name = path.split("/")
    stem = name.rpartition(".")[0] or name
    locales: list[str] = []
    position = next((i for i, folder in enumerate(folders) if is_locale(folder)), None)
    if position is not None:
        locales.append(folders.pop(position))
    own_stem, _, suffix = stem.rpartition(".")
    while own_stem and is_locale(suffix):
        locales.append(suffix)
        stem = own_stem
        own_stem, _, suffix = stem.rpartition(".")
    parts = folders if stem in INDEX_STEMS and folders else [*folders, stem]
    return _SplitPath(locales, stem, "/".join(parts))
