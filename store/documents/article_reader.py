"""Article reader: from a document to an article, field by field."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from store.characters import escape_invisible
from store.hosts import domain_key
from store.locales import Placement, place_document
from store.model import Article, ContentFormat, Image, ProviderMention, Related, WebResource
from store.names import article_id, article_slug, is_jekyll_named, topic_slug
from store.normal_forms import nfc
from store.text import unescape_excerpt, unescape_title
from store.urls import canonical_url

from .author_reader import read_authors
from .commit_dates import CommitDates
from .diagnostics import DiagnosticCode
from .field_mapper import is_data_without_title, map_fields
from .field_mapping import FieldMapping
from .field_reader import FieldReader
from .field_values import (
    SIZES,
    parse_boolean,
    parse_datetime,
    parse_integer,
    parse_url,
    require_scalar,
)
from .front_matter_reader import FrontMatter, read_front_matter
from .frontmatter import ParseOptions
from .missing_front_matter import data_file
from .parse_result import DiagnosticCollector, ParseResult
from .yaml_tree import MappingNode, ScalarNode, SequenceNode
from .yaml_tree_builder import quote

_OUTER_BLANK_LINES = re.compile(r"(?:[ \t]*\n)+")
_DRAFTS_FOLDER = "_drafts"
DRAFT_STATUSES = frozenset(("draft", "hidden", "pending", "private", "trash", "unpublished"))
"""Values of `status` that Pelican, WordPress and Ghost give to what is not public."""
_parse_size = partial(parse_integer, allowed=SIZES)
SLUG_KEY = "newsgraphSlug"
"""The key of the slug, in documents of a folder with a mapping whose name does not give it."""

_URL_FIELDS = ("webUrl", "originalUrl", "ampWebUrl", "cdnAmpWebUrl")


def read_article(path: str, data: bytes, options: ParseOptions) -> ParseResult:
    """Parse a document into an article.

    `path` is relative to the folder, with slashes; its stem may be the slug. Never raises: without
    an article the result has an error among its diagnostics, or says why this is no document.
    """
    collector = DiagnosticCollector(path)
    front_matter = read_front_matter(data, options, collector)
    if front_matter is None:
        return collector.empty_result()
    if options.mapping and is_data_without_title(path, front_matter.root, options.mapping):
        collector.diagnostics.append(data_file(path))
        return collector.empty_result()
    is_status_draft = _has_draft_status(front_matter.root)  # before a mapping moves the key
    names = _apply_mapping(front_matter, options, collector)
    fields = FieldReader(front_matter.root, collector, names=names)
    title = fields.require_text("title", unescape_title, DiagnosticCode.MISSING_TITLE)
    published = fields.require("publishedDateTime", parse_datetime, DiagnosticCode.MISSING_DATE)
    provider = _read_required_provider(fields)
    secured = _read_secured(fields)
    if title is None or published is None or provider is None or secured is None:
        return collector.empty_result()
    locale = fields.read_text("locale")
    placement = find_placement(path, locale, options.mapping)
    pinned = _read_pinned_slug(fields) if options.mapping else None
    slug = pinned or article_slug(placement.stem, title, published)
    if not _is_visible(slug, collector):
        return collector.empty_result()
    topics = _read_topics(fields)
    urls = _read_urls(fields)
    article = Article(
        slug=slug,
        title=title,
        provider=provider,
        published_date_time=published,
        updated_date_time=fields.read("updatedDateTime", parse_datetime),
        web_url=urls["webUrl"],
        original_url=urls["originalUrl"],
        amp_web_url=urls["ampWebUrl"],
        cdn_amp_web_url=urls["cdnAmpWebUrl"],
        excerpt=fields.read_text("excerpt", unescape_excerpt),
        content=_read_content(fields, front_matter),
        content_format=ContentFormat.of_path(path),
        category=fields.read_name("category"),
        # Interned: encoding omits a default by identity, also one that the document states.
        type=sys.intern(fields.read_text("type") or "article"),
        quality=fields.read("quality", parse_integer) or 0,
        heat=fields.read("heat", parse_integer) or 0,
        published=_read_published(fields, path) and not is_status_draft,
        locale=locale,
        translation_key=_read_translation_key(fields, slug, placement),
        authors=read_authors(fields),
        tags=tuple(dict.fromkeys(text for text, _ in fields.read_texts("tags"))),
        topics=tuple(topics),
        featured_content=fields.read_text("featuredContent"),
        images=fields.read_entries("images", _read_image),
        related=_read_related_stories(fields, front_matter.root, options),
        secured=secured or None,
        metadata=fields.metadata(),
        id=article_id(slug, placement.identity_locale),
    )
    lines = _field_lines(fields, topics, urls)
    return ParseResult(
        article=article,
        lines=lines,
        diagnostics=tuple(collector.diagnostics),
        format=front_matter.format,
    )


def _apply_mapping(
    front_matter: FrontMatter, options: ParseOptions, collector: DiagnosticCollector
) -> Mapping[str, str]:
    """Put the front matter under the keys of newsgraph; return the document's key of each field."""
    if options.mapping is None:
        return {}
    path = collector.path
    commits = options.commits.dates.get(path)
    root, names = map_fields(options.mapping, path, front_matter.root, front_matter.body, commits)
    _warn_of_missing_commits(options, root, commits, collector)
    front_matter.root = root
    return names


def _is_visible(slug: str, collector: DiagnosticCollector) -> bool:
    """Whether all characters of a slug can be seen; else add an error."""
    if escape_invisible(slug) == slug:
        return True
    collector.add_error(
        DiagnosticCode.BAD_TEXT,
        f"The file's name, {quote(slug)}, has invisible characters.",
        1,
        "Rename the file.",
    )
    return False


def _warn_of_missing_commits(
    options: ParseOptions,
    root: MappingNode,
    commits: CommitDates | None,
    collector: DiagnosticCollector,
) -> None:
    """Warn of a date that should come from git, and has no other source."""
    if commits is not None or options.mapping is None:
        return
    missing = [
        field
        for field in ("publishedDateTime", "updatedDateTime")
        if options.mapping.uses_commits_for(field) and field not in root.entries
    ]
    if "publishedDateTime" in missing or (missing and options.commits.problem):
        problem = options.commits.problem or "the file was never committed"
        collector.add_warning(
            DiagnosticCode.NO_COMMIT_DATES,
            f"There is no date of a commit: {problem}.",
            root.line,
            options.commits.remedy or "Commit the file, or write a date into it.",
        )


def extract_content(body: str) -> str | None:
    """Return the body without the blank lines around it; None if it is empty."""
    start = _OUTER_BLANK_LINES.match(body)
    return body[start.end() if start else 0 :].rstrip(" \t\n") or None


def _read_content(fields: FieldReader, front_matter: FrontMatter) -> str | None:
    content = extract_content(front_matter.body)
    content_key = fields.read_text("content")
    if content is None or content_key is None:
        return content or content_key
    fields.keep_in_metadata("content", content_key)
    fields.collector.add_warning(
        DiagnosticCode.WRONG_TYPE,
        "The document has a body and a key `content`; the body is used, the key is in `metadata`.",
        fields.line_of("content"),
        "Remove one of the two.",
    )
    return content


def find_placement(path: str, locale: str | None, mapping: FieldMapping | None) -> Placement:
    """Find the placement of a document, see `place_document`."""
    if mapping is None:
        return place_document(path, locale)
    return place_document(path, locale, mapping.locales, mapping.default_locale)


def _read_pinned_slug(fields: FieldReader) -> str | None:
    """Read the slug that a mutation wrote, because the file keeps its name.

    The name of a file is part of an address in the site of another tool. Any other text is
    metadata.
    """
    text = fields.read_text(SLUG_KEY)
    if text is None or (is_jekyll_named(text) and PurePosixPath(text).name == text):
        return text and nfc(text)
    fields.keep_in_metadata(SLUG_KEY, text)
    return None


def _read_translation_key(fields: FieldReader, slug: str, placement: Placement) -> str | None:
    """Read the translation key, which may come from the path; None if it is the slug."""
    own = fields.read("translationKey", lambda node: require_scalar(node).text)  # or a number
    key = own or placement.translation_key
    return None if key == slug else key


def is_in_drafts_folder(path: str) -> bool:
    """Whether a document is a draft because of its folder, `_drafts`."""
    return _DRAFTS_FOLDER in path.lower().split("/")[:-1]


def _read_published(fields: FieldReader, path: str) -> bool:
    """Read `published` and `draft`, in any case; a doubt makes a draft, so does the folder."""
    flags = [_read_flag(fields, key, True) for key in fields.find_keys("published")]
    flags += [not _read_flag(fields, key, False) for key in fields.find_keys("draft")]
    return all(flags) and not is_in_drafts_folder(path)


def _has_draft_status(root: MappingNode) -> bool:
    """Whether the key `status`, in any case, says that the document is not public."""
    return any(
        key.lower() == "status"
        and isinstance(node, ScalarNode)
        and node.text.strip().lower() in DRAFT_STATUSES
        for key, node in root.entries.items()
    )


def _read_flag(fields: FieldReader, key: str, default: bool) -> bool:
    """Read a flag; an invalid value gives the opposite of the default."""
    flag = fields.read(key, parse_boolean)
    return (fields.find_node(key) is None) == default if flag is None else flag


def _read_secured(fields: FieldReader) -> str | None:
    """Read the secured text, "" if it is missing; None, with an error, if it is invalid.

    An error, because metadata and warnings would show the value to viewers without the right.
    """
    for key in fields.find_keys("secured"):
        if key != "secured":
            fields.collector.add_error(
                DiagnosticCode.WRONG_TYPE,
                f"The key {quote(key)} is not `secured`: everybody would see it in `metadata`.",
                fields.line_of(key),
                "Write it in lower case.",
            )
            return None
    if fields.find_node("secured") is None:
        return ""
    return fields.require(
        "secured", lambda node: require_scalar(node).text, DiagnosticCode.WRONG_TYPE
    )


def _read_topics(fields: FieldReader) -> dict[str, int]:
    """Read the names of topics with their lines, one name for each topic."""
    names: dict[str, tuple[str, int]] = {}
    for name, line in fields.read_texts("topics"):
        names.setdefault(topic_slug(name), (name, line))
    return dict(names.values())


def _read_urls(fields: FieldReader) -> dict[str, str | None]:
    return {key: fields.read(key, parse_url) for key in _URL_FIELDS}


def _field_lines(
    fields: FieldReader, topics: dict[str, int], urls: dict[str, str | None]
) -> dict[str, int]:
    lines = {"title": fields.line_of("title")}
    lines |= {f"topics.{i}": line for i, line in enumerate(topics.values())}
    url_lines: dict[str, int] = {}
    for key, url in urls.items():
        if url:
            url_lines.setdefault(canonical_url(url), fields.line_of(key))
    return lines | {f"urls.{i}": line for i, line in enumerate(url_lines.values())}


def _read_required_provider(fields: FieldReader) -> ProviderMention | None:
    """Read the article's provider; None after an error."""
    node = fields.require(
        "provider", lambda _: fields.read_mapping("provider"), DiagnosticCode.MISSING_PROVIDER
    )
    if node is None:
        return None
    domain = domain_key(node.read_name("domain") or "")
    if domain:
        return _build_provider(node, domain)
    node.collector.add_error(
        DiagnosticCode.MISSING_PROVIDER,
        f"{node.quoted_path('domain')} is missing or is no text.",
        fields.line_of("provider"),
        "Add the provider's web domain, like `domain: example.com`.",
    )
    return None


def _build_provider(fields: FieldReader, domain: str) -> ProviderMention:
    """Build a provider from its mapping."""
    name = fields.read_name("name", unescape_title)
    if name is None:
        fields.collector.add_warning(
            DiagnosticCode.MISSING_PROVIDER,
            f"{fields.quoted_path('name')} is missing; the domain {domain} is used as the name.",
            fields.line,
            "Add the provider's name.",
        )
    return ProviderMention(
        domain=domain,
        name=name or domain,
        images=fields.read_entries("images", _read_image),
        metadata=fields.metadata(),
    )


def _read_image(fields: FieldReader) -> Image | None:
    url = fields.read("url", parse_url)
    if url is None:
        if fields.find_node("url") is None:
            fields.collector.add_warning(
                DiagnosticCode.BAD_URL,
                f"{fields.quoted_path('url')} is missing; the image is kept in `metadata`.",
                fields.line,
                "Add the image's address.",
            )
        return None
    return Image(
        url=url,
        width=fields.read("width", _parse_size),
        height=fields.read("height", _parse_size),
        title=fields.read_text("title", unescape_title),
        attribution=fields.read_text("attribution"),
        is_cached=fields.read("isCached", parse_boolean) or False,
        metadata=fields.metadata(),
    )


def _read_related_stories(
    fields: FieldReader, root: MappingNode, options: ParseOptions
) -> tuple[Related, ...]:
    """Read the related stories. A list of names, as other tools have it, stays in the metadata."""
    node = root.entries.get("related")
    is_names = isinstance(node, SequenceNode) and not any(
        isinstance(item, MappingNode) for item in node.items
    )
    if options.mapping is not None and (is_names or isinstance(node, ScalarNode)):
        return ()
    return fields.read_entries("related", _read_related)


def _read_related(fields: FieldReader) -> Related | None:
    title = fields.read_text("title", unescape_title)
    if title is None:
        fields.collector.add_warning(
            DiagnosticCode.MISSING_TITLE,
            f"{fields.quoted_path('title')} is missing; the related story is kept in `metadata`.",
            fields.line,
            "Add the story's title.",
        )
        return None
    urls = _read_urls(fields)
    links = WebResource(
        web_url=urls["webUrl"],
        original_url=urls["originalUrl"],
        amp_web_url=urls["ampWebUrl"],
        cdn_amp_web_url=urls["cdnAmpWebUrl"],
    )
    return Related(
        title=title,
        provider=_read_related_provider(fields, links),
        web_url=links.web_url,
        original_url=links.original_url,
        amp_web_url=links.amp_web_url,
        cdn_amp_web_url=links.cdn_amp_web_url,
        excerpt=fields.read_text("excerpt", unescape_excerpt),
        type=fields.read_text("type"),
        published_date_time=fields.read("publishedDateTime", parse_datetime),
        quality=fields.read("quality", parse_integer),
        images=fields.read_entries("images", _read_image),
        metadata=fields.metadata(),
    )


def _read_related_provider(fields: FieldReader, links: WebResource) -> ProviderMention | None:
    """Read a related story's provider. Without a domain, the host of the story's URL is used."""
    node = fields.read("provider", lambda _: fields.read_mapping("provider"))
    domain = domain_key(node.read_name("domain") or "") if node else ""
    if not domain:
        host = urlsplit(links.url or links.amp_web_url or links.cdn_amp_web_url or "").hostname
        domain = domain_key(host or "").removeprefix("www.")
        note = f"; {domain} from the story's URL is used" if domain else ""
        fields.collector.add_warning(
            DiagnosticCode.MISSING_PROVIDER,
            f"{fields.quoted_path('provider.domain')} is missing{note}.",
            fields.line_of("provider"),
            "Add the provider with its name and domain.",
        )
    if not domain:
        if node:
            fields.keep_in_metadata("provider", node.to_json())
        return None
    return _build_provider(node, domain) if node else ProviderMention(domain=domain, name=domain)
