"""New document's folder: where a document that a mutation creates is written."""

from __future__ import annotations

from collections.abc import Sequence

from store.documents.article_reader import is_in_drafts_folder
from store.documents.field_mapping import FieldMapping
from store.errors import Refusal, RefusedError
from store.locales import is_language_tag, path_locale
from store.names import locale_key

from .targets import ARTICLES_FOLDER

BAD_LOCALE = "BAD_LOCALE"
_NO_MAPPING = FieldMapping()


def find_folder(
    locale: str | None, mapping: FieldMapping | None, *, needs_locale: bool = False
) -> str:
    """Find the folder for a new document: one of its locale, else one of no locale; no drafts'.

    `needs_locale`: the path must name the locale. It also does if the folder lists the locale.
    Raises: RefusedError: no folder is for documents of this locale, or the locale is no locale.
    """
    mapping = mapping or _NO_MAPPING
    collections = mapping.collections or (ARTICLES_FOLDER,)
    folders = [each for each in collections if not is_in_drafts_folder(f"{each}/")] or collections
    key = locale_key(locale or mapping.default_locale)
    own = [each for each in folders if _key_of(each, mapping.locales) == key != ""]
    if own:
        return own[0]
    is_listed = key in map(locale_key, mapping.locales)
    if needs_locale or (is_listed and key != locale_key(mapping.default_locale)):
        if not is_language_tag(key):
            message = f"{locale!r} is no locale. Write a language tag, such as ja or zh-TW."
            raise RefusedError(Refusal(BAD_LOCALE, message, ("locale",)))
        return _folder_of(folders[0], key, mapping.locales)
    others = [each for each in folders if _key_of(each, mapping.locales) is None]
    if not others:
        message = f"Each folder of documents has a locale, and none has {locale!r}. Send another."
        raise RefusedError(Refusal(BAD_LOCALE, message, ("locale",)))
    return others[0]


def _key_of(folder: str, locales: Sequence[str]) -> str | None:
    locale = path_locale(f"{folder}/", locales)
    return None if locale is None else locale_key(locale)


def _folder_of(folder: str, key: str, locales: Sequence[str]) -> str:
    """The folder of a locale beside that of another locale, or below one of none."""
    parts = folder.split("/")
    for i, name in enumerate(parts):
        if path_locale(f"{name}/", locales) is not None:
            return "/".join([*parts[:i], key, *parts[i + 1 :]])
    return f"{folder}/{key}"
