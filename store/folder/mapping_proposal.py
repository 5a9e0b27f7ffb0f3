"""Mapping proposal: from a survey of a folder to the mapping that fits most of its documents."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from urllib.parse import urlsplit

from store.documents.field_mapping import (
    FILE_DATE,
    FILE_NAME,
    FOLDER,
    HEADING,
    DefaultProvider,
    FieldMapping,
)
from store.hosts import domain_key

from .survey import Survey, SurveyedFile

_DATE_KEYS = (
    "date publishedAt published_at publishDate publish_date published_date published datePublished"
    " date_published pubDate pubDatetime pubdate createdAt created_at created dateCreated post_date"
    " postdate time meta.date path permalink"
).split()
_UPDATED_KEYS = (
    "updatedAt updated_at updated updatedDate lastmod last_modified_at lastModified modified"
    " modifiedAt modDatetime dateModified date_updated last_updated"
).split()
_SOURCES = {
    "title": "headline name meta.title seo.title".split(),
    "excerpt": "description summary abstract teaser subtitle lede deck intro meta.description"
    " seo.description".split(),
    "images": "images cover image featured_image featuredImage featuredimage thumbnail hero"
    " heroImage hero_image banner header.image header.teaser feature_image coverImage cover_image"
    " ogImage og_image social_image splash photo cover.image image.url".split(),
    "category": "category section kind".split(),
    "topics": "categories topic subjects".split(),
    "tags": "tags tag keywords labels".split(),
    "locale": "lang language locale".split(),
    "webUrl": "canonical_url canonicalUrl canonical link permalink url path".split(),
    "type": ("type",),
}
_DATE = re.compile(r"(?:[^\s:]*/)?\d{4}[-/]\d{1,2}[-/]\d{1,2}")
_LOCALE = re.compile(r"[a-z]{2}(?:-[A-Za-z]{2,4})?")
_LOCALES = frozenset(
    "ar bg bn ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv ms nb nl no pl pt ro"
    " ru sk sl sr sv th tr uk vi zh".split()
)
_PLACEHOLDERS = re.compile(r":(?:year|month|day|title)\b")
_MIN_SHARE = 0.3
_SINGLE_WORDS = 0.8


def propose_mapping(survey: Survey) -> FieldMapping:
    """Return the mapping that gives most documents of a survey a title and a date."""
    documents = survey.documents
    date_sources = _date_sources(documents)
    dated = [each for each in documents if _has_date(each, date_sources)]
    fields: dict[str, tuple[str, ...]] = {}
    if date_sources:
        fields["publishedDateTime"] = tuple(date_sources)
    updated = [key for key in _UPDATED_KEYS if _holds_dates(documents, key)]
    if updated:
        fields["updatedDateTime"] = tuple(updated)
    for field, candidates in _SOURCES.items():
        sources = [key for key in candidates if _is_used(dated, field, key)]
        if field == "title" and any("title" not in each.keys for each in dated):
            sources += [HEADING, FILE_NAME]
        if field == "category" and not sources and _has_folders(dated):
            sources.append(FOLDER)
        if (sources and sources != [field]) or (field in ("tags", "topics") and sources):
            fields[field] = tuple(sources)
    base_url = (survey.site_url or "").rstrip("/")
    return FieldMapping(
        fields=fields,
        provider=_propose_provider(survey),
        base_url=f"{base_url}/" if base_url else "",
        permalink=_propose_permalink(survey) if base_url else "",
        list_separator=_propose_separator(dated),
        collections=_propose_collections(documents, dated),
        locales=_propose_locales(dated),
    )


def _date_sources(documents: list[SurveyedFile]) -> list[str]:
    sources = [key for key in _DATE_KEYS if _holds_dates(documents, key)]
    return [*sources, FILE_DATE] if any(each.date for each in documents) else sources


def _holds_dates(documents: Iterable[SurveyedFile], key: str) -> bool:
    texts = [each.texts[key] for each in documents if each.texts.get(key, "").strip()]
    dates = sum(_DATE.match(text.strip()) is not None for text in texts)
    return dates > 0 and dates >= len(texts) / 2


def _has_date(document: SurveyedFile, sources: Iterable[str]) -> bool:
    if document.date or "publishedDateTime" in document.keys:
        return True
    return any(document.texts.get(key, "").strip() for key in sources)


def _is_used(documents: Iterable[SurveyedFile], field: str, key: str) -> bool:
    kinds = Counter(each.keys[key] for each in documents if key in each.keys)
    del kinds["empty"]
    if not kinds:
        return False
    if field in ("tags", "topics", "images"):
        return True
    if field == "webUrl":
        texts = [each.texts.get(key, "") for each in documents if key in each.keys]
        return any(text.startswith(("/", "http")) or key == "path" for text in texts)
    return kinds["text"] + kinds["texts"] > 0


def _has_folders(documents: list[SurveyedFile]) -> bool:
    depths = Counter(each.path.count("/") for each in documents)
    return len(depths) > 1 or (bool(depths) and max(depths) > 1)


def _propose_provider(survey: Survey) -> DefaultProvider:
    host = urlsplit(survey.site_url or "").hostname or ""
    domain = domain_key(host).removeprefix("www.")
    folder = re.sub(r"[^a-z0-9-]+", "-", survey.folder.resolve().name.lower()).strip("-")
    return DefaultProvider(domain or f"{folder or 'site'}.example", survey.site_name or "")


def _propose_permalink(survey: Survey) -> str:
    pattern = survey.permalink or ""
    if pattern.startswith("/") and ":" not in _PLACEHOLDERS.sub("", pattern):
        return pattern
    if "Jekyll" in survey.generators:
        return "/:year/:month/:day/:title.html"
    return "/:folder/:name/" if "Hugo" in survey.generators else ""


def _propose_separator(documents: Iterable[SurveyedFile]) -> str:
    """A blank, if lists are texts without commas and mostly of several words."""
    texts = [
        each.texts[key].strip()
        for each in documents
        for key in ("tags", "categories", "keywords")
        if key in each.texts
    ]
    if not texts or any("," in text for text in texts):
        return ","
    lower = sum(text == text.lower() for text in texts)
    return " " if lower >= _SINGLE_WORDS * len(texts) else ","


def _propose_collections(
    documents: list[SurveyedFile], dated: list[SurveyedFile]
) -> tuple[str, ...]:
    """The folders in which at least some documents have dates; () if these are all folders."""
    all_folders = Counter(_top_folder(each) for each in documents)
    folders = Counter(_top_folder(each) for each in dated)
    chosen = [name for name in folders if folders[name] >= _MIN_SHARE * all_folders[name]]
    if "" in chosen or not chosen:
        return () if not any(name.startswith("_") for name in chosen if name) else tuple(chosen)
    return tuple(sorted(_common_folder(dated, name) for name in chosen))


def _top_folder(document: SurveyedFile) -> str:
    return document.path.partition("/")[0] if "/" in document.path else ""


def _common_folder(documents: Iterable[SurveyedFile], top: str) -> str:
    """The deepest folder that has all documents of a top folder, so that less is scanned."""
    parts = [each.path.split("/")[:-1] for each in documents if _top_folder(each) == top]
    common = []
    for names in zip(*parts, strict=False):
        if len({*names}) > 1:
            break
        common.append(names[0])
    return "/".join(common) or top


def _propose_locales(documents: Iterable[SurveyedFile]) -> tuple[str, ...]:
    """The names of folders that are locales, if there are several."""
    names = Counter(name for each in documents for name in each.path.split("/")[:-1])
    locales = sorted(
        name for name in names if _LOCALE.fullmatch(name) and name.split("-")[0] in _LOCALES
    )
    return tuple(locales) if len(locales) > 1 else ()
