"""Mapping proposal: from a survey of a folder to the mapping that fits most of its documents."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from urllib.parse import urlsplit

from store.documents.article_reader import is_in_drafts_folder
from store.documents.commit_dates import CommitTable
from store.documents.field_mapping import (
    FILE_DATE,
    FILE_NAME,
    FIRST_COMMIT,
    FOLDER,
    HEADING,
    LAST_COMMIT,
    DefaultProvider,
    FieldMapping,
)
from store.documents.source_dates import is_date_text
from store.hosts import domain_key
from store.locales import path_locale

from .collection_proposal import propose_collections
from .language_survey import Languages, survey_languages
from .survey import Survey, SurveyedFile

_DATE_KEYS = (
    "date publishedAt published_at publishDate publish_date published_date published datePublished"
    " date_published pubDate pubDatetime pubdate createdAt created_at created dateCreated post_date"
    " postdate time meta.date eventDate event_date path permalink"
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
    "webUrl": "canonical_url canonicalUrl canonical link permalink url path".split(),
    "type": ("type",),
}
_NO_PUBLICATION = re.compile(r"up_?date|modif|expir|end|until|last|unpublish", re.IGNORECASE)
"""Names of dates that are not the date of publication."""
_SITE_PLACEHOLDERS = re.compile(r":(?:year|month|day|title)\b")
"""The placeholders that mean the same in a site's own pattern."""
_MIN_SHARE = 0.3
_JEKYLL_STYLES = {
    "date": "/:year/:month/:day/:title.html",
    "pretty": "/:year/:month/:day/:title/",
    "none": "/:title.html",
}
"""The styles of https://jekyllrb.com/docs/permalinks/, for documents without categories."""
_SINGLE_WORDS = 0.8


def propose_mapping(
    survey: Survey, read_commits: Callable[[], CommitTable] = CommitTable
) -> FieldMapping:
    """Return the mapping that gives most documents of a survey a title and a date.

    `read_commits` is called if the documents have no dates, or Jekyll's drafts have none.
    """
    documents = survey.documents
    languages = survey_languages(survey)
    date_sources, dated = _propose_dates(documents, read_commits)
    base_url = f"{survey.site.url.rstrip('/')}/" if survey.site.url else ""
    collections = propose_collections(documents, dated)
    fields = {
        "publishedDateTime": tuple(date_sources),
        "updatedDateTime": _propose_updates(documents, date_sources),
        **{field: tuple(_propose_sources(field, dated, base_url)) for field in _SOURCES},
        "published": _propose_published(survey),
        "locale": languages.keys if languages.keys != ("locale",) else (),
        "translationKey": languages.translation_keys,
    }
    return FieldMapping(
        fields={field: sources for field, sources in fields.items() if sources},
        provider=_propose_provider(survey),
        base_url=base_url,
        permalink=_propose_permalink(survey, dated, collections, languages) if base_url else "",
        list_separator=_propose_separator(dated),
        collections=collections,
        locales=languages.locales,
        default_locale=languages.default,
    )


def _propose_dates(
    documents: list[SurveyedFile], read_commits: Callable[[], CommitTable]
) -> tuple[list[str], list[SurveyedFile]]:
    """The sources of the date of publication, and the documents that have one."""
    sources = _date_sources(documents)
    dated = [each for each in documents if _has_date(each, sources)]
    undated = [each for each in documents if not dated or is_in_drafts_folder(each.path)]
    if any(not _has_date(each, sources) for each in undated):
        commits = read_commits().dates
        if any(each.path in commits for each in undated):
            dated = dated or [each for each in documents if each.path in commits]
            sources.append(FIRST_COMMIT)
    return sources, dated


def _propose_updates(documents: list[SurveyedFile], date_sources: list[str]) -> tuple[str, ...]:
    keys = [key for key in _spellings(documents, _UPDATED_KEYS) if _holds_dates(documents, key)]
    return tuple(keys) or ((LAST_COMMIT,) if date_sources == [FIRST_COMMIT] else ())


def _propose_published(survey: Survey) -> tuple[str, ...]:
    """`draft`, unless the documents are Jekyll's or Hexo's, which know `published`.

    A mutation that unpublishes an article has to write the key that the tool reads.
    """
    keys = _spellings(survey.documents, ("draft",))
    tools = {*survey.site.tools}
    if "published" in survey.key_counts() or tools & {"Jekyll", "Hexo"}:
        return ()
    return tuple(keys) or (("draft",) if tools & {"Hugo", "Zola", "Astro"} else ())


def _propose_sources(field: str, documents: list[SurveyedFile], base_url: str) -> list[str]:
    """The sources of a field; [] if it needs none besides its own key."""
    candidates = _SOURCES[field]
    keys = _spellings(documents, (field, *candidates))
    sources = [key for key in keys if _is_used(documents, field, key, has_base=bool(base_url))]
    if field not in candidates:
        sources = [key for key in sources if key != field]
    if field == "title" and any("title" not in each.keys for each in documents):
        sources += [HEADING, FILE_NAME]
    if field == "category" and not sources and _has_folders(documents):
        sources.append(FOLDER)
    return sources if field in ("tags", "topics", "images") or sources != [field] else []


def _spellings(documents: Iterable[SurveyedFile], names: Iterable[str]) -> list[str]:
    """The keys of the documents that are one of these names in upper or lower case, in order."""
    keys: dict[str, dict[str, None]] = {}
    for document in documents:
        for key in document.keys:
            keys.setdefault(key.lower(), {})[key] = None
    return [key for name in dict.fromkeys(map(str.lower, names)) for key in keys.get(name, ())]


def _date_sources(documents: list[SurveyedFile]) -> list[str]:
    keys = _spellings(documents, _DATE_KEYS)
    sources = [key for key in keys if _holds_dates(documents, key)] or _unusual_date_key(documents)
    return [*sources, FILE_DATE] if any(each.date for each in documents) else sources


def _unusual_date_key(documents: list[SurveyedFile]) -> list[str]:
    """The key with another name whose values are dates, if many documents have one."""
    counts = Counter(
        key
        for each in documents
        for key, text in each.texts.items()
        if not _NO_PUBLICATION.search(key) and is_date_text(text)
    )
    (key, count), *_ = counts.most_common(1) or [("", 0)]
    return [key] if count and count >= _MIN_SHARE * len(documents) else []


def _holds_dates(documents: Iterable[SurveyedFile], key: str) -> bool:
    texts = [each.texts[key] for each in documents if each.texts.get(key, "").strip()]
    dates = sum(map(is_date_text, texts))
    return dates > 0 and dates >= len(texts) / 2


def _has_date(document: SurveyedFile, sources: Iterable[str]) -> bool:
    if document.date or "publishedDateTime" in document.keys:
        return True
    return any(document.texts.get(key, "").strip() for key in sources)


def _is_used(documents: Iterable[SurveyedFile], field: str, key: str, *, has_base: bool) -> bool:
    kinds = Counter(each.keys[key] for each in documents if key in each.keys)
    del kinds["empty"]
    if not kinds:
        return False
    if field in ("tags", "topics", "images"):
        return True
    if field == "webUrl":
        texts = [each.texts[key] for each in documents if each.texts.get(key, "").strip()]
        whole = sum(text.startswith(("http://", "https://")) for text in texts)
        rooted = sum(text.startswith("/") for text in texts)
        return whole > len(texts) / 2 or (has_base and (rooted > 0 or key.lower() == "path"))
    return kinds["text"] + kinds["texts"] > 0


def _has_folders(documents: list[SurveyedFile]) -> bool:
    depths = Counter(each.path.count("/") for each in documents)
    return len(depths) > 1 or (bool(depths) and max(depths) > 1)


def _propose_provider(survey: Survey) -> DefaultProvider:
    host = urlsplit(survey.site.url).hostname or ""
    domain = domain_key(host).removeprefix("www.")
    folder = re.sub(r"[^a-z0-9-]+", "-", survey.folder.resolve().name.lower()).strip("-")
    return DefaultProvider(domain or f"{folder or 'site'}.example", survey.site.name)


def _propose_permalink(
    survey: Survey,
    documents: Sequence[SurveyedFile],
    collections: Sequence[str],
    languages: Languages,
) -> str:
    """The pattern of links; "" where the site's own has parts that documents do not give.

    Translations have the language in it, if their paths have it.
    """
    pattern = _site_permalink(survey, documents, collections, languages)
    named = [each.path for each in documents if path_locale(each.path, languages.locales)]
    if ":categories" in pattern:
        named = [path for path in named if not path_locale(_above(path), languages.locales)]
    return f"/:locale{pattern}" if pattern and named else pattern


def _site_permalink(
    survey: Survey,
    documents: Sequence[SurveyedFile],
    collections: Sequence[str],
    languages: Languages,
) -> str:
    pattern = survey.site.permalink
    has_categories = any({"category", "categories"} & each.keys.keys() for each in documents)
    if "Jekyll" in survey.site.tools and pattern in ("", *_JEKYLL_STYLES):
        folders = "/:categories" if any(_above(each.path) for each in documents) else ""
        return "" if has_categories else folders + _JEKYLL_STYLES[pattern or "date"]
    if pattern:
        pattern = f"/{pattern.lstrip('/')}"
        return "" if ":" in _SITE_PLACEHOLDERS.sub("", pattern) else pattern
    has_own_links = survey.site.has_permalinks or any(
        {"slug", "url"} & each.keys.keys() for each in documents
    )
    if (
        "Hugo" in survey.site.tools
        and not has_own_links
        and all(
            _folders_below(each.path, collections, languages.locales) <= 1 for each in documents
        )
    ):
        return "/:folder/:name/"
    return ""


def _above(path: str) -> str:
    """The folders above the first that begins with an underscore; "" if there are none."""
    folders, underscore, _ = path.partition("/_")
    return f"{folders}/" if underscore else ""


def _folders_below(path: str, collections: Iterable[str], locales: Collection[str]) -> int:
    """How many folders of a path are below its collection, those of bundles and languages not
    counted.
    """
    folder = next((each for each in collections if path.startswith(f"{each}/")), "")
    folders = path.count("/") - (folder.count("/") + 1 if folder else 0)
    below = path.removeprefix(f"{folder}/").rpartition("/")[0]
    folders -= path_locale(f"{below}/", locales) is not None
    return folders - (path.rpartition("/")[2].split(".", maxsplit=1)[0] == "index")


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
