"""Language survey: in which languages the documents of a folder are, and where they say so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from store.locales import INDEX_STEMS, looks_like_locale, matches_range, path_locale
from store.names import locale_key

from .survey import Survey, SurveyedFile

LOCALE_KEYS = ("locale", "lang", "language")
_TRANSLATION_KEYS = (
    "translation_key translationId translation_id lang-ref lang_ref langRef page_id pageId ref"
    " i18n_key i18nKey"
).split()
_PARALLEL_STEMS = INDEX_STEMS | {"readme"}
"""The stems of files that every folder has."""
_MIN_SHARE = 0.5


class Languages(NamedTuple):
    """The languages of a folder.

    Attributes:
        locales: Those that folders, suffixes of files or keys name; () for one language.
        default: The locale of documents that name none; "" if it is unknown.
        keys: The keys that hold a locale.
        translation_keys: The keys that documents and their translations have in common.
    """

    locales: tuple[str, ...] = ()
    default: str = ""
    keys: tuple[str, ...] = ()
    translation_keys: tuple[str, ...] = ()

    def locale_of(self, document: SurveyedFile) -> str:
        """The locale of a document; "" if it is unknown."""
        own = _own_locale(document, self.keys)
        return own or path_locale(document.path, self.locales) or self.default


def survey_languages(survey: Survey) -> Languages:
    """Find the languages of a folder. A folder `it` is one only if something else says so."""
    documents = survey.documents
    keys = tuple(key for key in LOCALE_KEYS if _holds_locales(documents, key))
    named = [*_locale_folders(survey, keys), *_locale_suffixes(survey, keys)]
    own = Counter(locale for each in documents if (locale := _own_locale(each, keys)))
    if named or len({*map(locale_key, own)}) > 1:
        named += sorted(own)
    locales = tuple({locale_key(name): name for name in reversed(named)}.values())
    locales = tuple(sorted(locales, key=locale_key))
    languages = Languages(locales, "", keys)
    return languages._replace(
        default=_default_locale(survey, languages, own),
        translation_keys=tuple(
            key for key in _TRANSLATION_KEYS if _joins_locales(documents, key, languages)
        ),
    )


def _own_locale(document: SurveyedFile, keys: Iterable[str]) -> str:
    texts = (document.texts.get(key, "").strip() for key in keys)
    return next((text for text in texts if looks_like_locale(text)), "")


def _holds_locales(documents: Iterable[SurveyedFile], key: str) -> bool:
    texts = [text for each in documents if (text := each.texts.get(key, "").strip())]
    return bool(texts) and sum(map(looks_like_locale, texts)) >= _MIN_SHARE * len(texts)


class _Evidence:
    """The documents below a folder that looks like a locale, and what speaks for it."""

    def __init__(self) -> None:
        self.rests: set[str] = set()
        self.agreeing = self.differing = 0

    def add(self, rest: str, name: str, own: str) -> None:
        """Add a document: its path without the folder, and its own locale."""
        self.rests.add(rest)
        if own:
            agrees = matches_range(own, name) or matches_range(name, own)
            self.agreeing += agrees
            self.differing += not agrees

    def is_parallel(self, has_counterpart: Callable[[str], bool]) -> bool:
        """Whether most documents have a counterpart, not counting those that every folder has."""
        rests = [rest for rest in self.rests if _stem(rest) not in _PARALLEL_STEMS]
        return sum(map(has_counterpart, rests)) >= max(1, _MIN_SHARE * len(rests))


def _stem(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0].lower()


def _locale_folders(survey: Survey, keys: Sequence[str]) -> list[str]:
    """The names of folders that are locales."""
    siblings: dict[str, dict[str, _Evidence]] = {}
    children: dict[str, set[str]] = {}
    for document in survey.documents:
        own = _own_locale(document, keys)
        parts = document.path.split("/")
        for i, name in enumerate(parts[:-1]):
            parent = "/".join(parts[:i])
            children.setdefault(parent, set()).add(name)
            if looks_like_locale(name):
                evidence = siblings.setdefault(parent, {}).setdefault(name, _Evidence())
                evidence.add("/".join(parts[i + 1 :]), name, own)
    paths = {document.path for document in survey.documents}
    accepted: list[str] = []
    for parent, by_name in siblings.items():
        prefix = f"{parent}/" if parent else ""
        beside = partial(_is_beside, paths, prefix)
        accepted += _accepted(survey, by_name, beside, len(children[parent]))
    return accepted


def _is_beside(paths: set[str], prefix: str, rest: str) -> bool:
    return prefix + rest in paths


def _accepted(
    survey: Survey, by_name: Mapping[str, _Evidence], beside: Callable[[str], bool], children: int
) -> list[str]:
    """The names of sibling folders for which something speaks; then also their siblings.

    `beside`: whether a document is beside these folders, by its path without them.
    """
    counts = Counter(rest for each in by_name.values() for rest in each.rests)
    likely = {name: each for name, each in by_name.items() if each.differing <= each.agreeing}
    accepted = [
        name
        for name, each in likely.items()
        if each.agreeing
        or locale_key(name) in survey.site.locales
        or each.is_parallel(lambda rest: counts[rest] > 1 or beside(rest))
    ]
    is_all = len(by_name) == children
    return [*likely] if len(accepted) > 1 or (len(likely) > 1 and is_all) else accepted


def _locale_suffixes(survey: Survey, keys: Sequence[str]) -> list[str]:
    """The suffixes of files that are locales: `post.ja.md` beside `post.md` or `post.en.md`."""
    variants: dict[str, dict[str, SurveyedFile]] = {}
    for document in survey.documents:
        stem, _, extension = document.path.rpartition(".")
        base, _, suffix = stem.rpartition(".")
        is_suffix = base and "/" not in suffix and looks_like_locale(suffix)
        name = f"{base}.{extension}" if is_suffix else document.path
        variants.setdefault(name, {})[suffix if is_suffix else ""] = document
    accepted = {
        suffix
        for by_suffix in variants.values()
        for suffix, document in by_suffix.items()
        if suffix
        and (
            len(by_suffix) > 1
            or locale_key(suffix) in survey.site.locales
            or matches_range(_own_locale(document, keys), suffix)
        )
    }
    return sorted(accepted)


def _default_locale(survey: Survey, languages: Languages, own: Counter[str]) -> str:
    """The locale that a configuration names; else a guess, if documents need one."""
    if not languages.locales:
        return ""
    configured = survey.site.language or ("en" if "Hugo" in survey.site.tools else "")
    if configured:
        same = [each for each in languages.locales if matches_range(configured, each)]
        return same[0] if same else configured
    if all(languages.locale_of(document) for document in survey.documents):
        by_path = [path_locale(document.path, languages.locales) for document in survey.documents]
        return "" if all(by_path) else own.most_common(1)[0][0]
    folders = {
        locale_key(path_locale(each.path, languages.locales) or "") for each in survey.documents
    }
    return "" if "en" in folders else "en"


def _joins_locales(documents: Iterable[SurveyedFile], key: str, languages: Languages) -> bool:
    """Whether documents in several locales share values of a key, and those of one locale none."""
    locales: dict[str, Counter[str]] = {}
    for document in documents:
        if text := document.texts.get(key, "").strip():
            locale = locale_key(languages.locale_of(document))
            locales.setdefault(text, Counter())[locale] += 1
    joined = sum(len(each) > 1 for each in locales.values())
    repeated = sum(max(each.values()) > 1 for each in locales.values())
    return joined > repeated
