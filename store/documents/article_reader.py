"""Documents into articles: what each field of a document means."""

from __future__ import annotations

import re
import sys
from functools import partial
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from store.characters import escape_invisible
from store.model import Article, Image, Linked, ProviderMention, Related
from store.names import article_slug, domain_key, topic_slug
from store.text import unescape_excerpt, unescape_title
from store.urls import canonical_url

from .diagnostics import Code
from .fields import SIZES, Fields, as_flag, as_integer, as_moment, as_scalar, as_url
from .frontmatter import Limits
from .reading import FrontMatter, Notes, Reading, read_front_matter
from .yaml_tree_builder import shown

_OUTER_BLANK_LINES = re.compile(r"(?:[ \t]*\n)+")
_as_size = partial(as_integer, allowed=SIZES)
_URL_FIELDS = ("webUrl", "originalUrl", "ampWebUrl", "cdnAmpWebUrl")


def read_document(path: str, data: bytes, limits: Limits) -> Reading:
    """The article that a file holds, or None and the reason why there is none.

    `path` is relative to the folder, with slashes; its stem may be the slug. Never raises: all
    that is wrong is in the reading's diagnostics.
    """
    notes = Notes(path)
    front_matter = read_front_matter(data, limits, notes)
    if front_matter is None:
        return notes.reading()
    fields = Fields(front_matter.root, notes)
    title = fields.require_text("title", unescape_title, Code.MISSING_TITLE)
    published = fields.require("publishedDateTime", as_moment, Code.MISSING_DATE)
    provider = _required_provider(fields)
    secured = _secured(fields)
    if title is None or published is None or provider is None or secured is None:
        return notes.reading()
    slug = article_slug(PurePosixPath(path).stem, title, published)
    if escape_invisible(slug) != slug:
        notes.error(
            Code.BAD_TEXT,
            f"The file's name, {shown(slug)}, has characters that cannot be seen.",
            1,
            "Rename the file.",
        )
        return notes.reading()
    topics = _topics(fields)
    urls = _urls(fields)
    article = Article(
        slug=slug,
        title=title,
        provider=provider,
        published_date_time=published,
        updated_date_time=fields.read("updatedDateTime", as_moment),
        web_url=urls["webUrl"],
        original_url=urls["originalUrl"],
        amp_web_url=urls["ampWebUrl"],
        cdn_amp_web_url=urls["cdnAmpWebUrl"],
        excerpt=fields.text("excerpt", unescape_excerpt),
        content=_content(fields, front_matter),
        category=fields.name("category"),
        # Interned, so that a default that is written is the default when the article is encoded.
        type=sys.intern(fields.text("type") or "article"),
        quality=fields.read("quality", as_integer) or 0,
        heat=fields.read("heat", as_integer) or 0,
        published=_is_published(fields),
        locale=fields.text("locale"),
        tags=tuple(dict.fromkeys(text for text, _ in fields.texts("tags"))),
        topics=tuple(topics),
        featured_content=fields.text("featuredContent"),
        images=fields.entries("images", _image),
        related=fields.entries("related", _related),
        secured=secured or None,
        metadata=fields.metadata(),
    )
    lines = _lines(fields, topics, urls)
    return Reading(article=article, lines=lines, diagnostics=tuple(notes.diagnostics))


def body_content(body: str) -> str | None:
    """A document's content: its body without the blank lines around it; None when empty."""
    start = _OUTER_BLANK_LINES.match(body)
    return body[start.end() if start else 0 :].rstrip(" \t\n") or None


def _content(fields: Fields, front_matter: FrontMatter) -> str | None:
    content = body_content(front_matter.body)
    written = fields.text("content")
    if content is None or written is None:
        return content or written
    fields.keep("content", written)
    fields.notes.warning(
        Code.WRONG_TYPE,
        "The document has a body and a key `content`; the body counts, the key is in `metadata`.",
        fields.line_of("content"),
        "Remove one of the two.",
    )
    return content


def _is_published(fields: Fields) -> bool:
    """Whether everybody may read it: not where something else is written that cannot be read."""
    flag = fields.read("published", as_flag)
    return fields.node("published") is None if flag is None else flag


def _secured(fields: Fields) -> str | None:
    """Text that few may read, "" where there is none; None, with an error, where it is no text.

    More than those few would read it in the metadata or in a warning that quotes it.
    """
    if fields.node("secured") is None:
        return ""
    return fields.require("secured", lambda node: as_scalar(node).text, Code.WRONG_TYPE)


def _topics(fields: Fields) -> dict[str, int]:
    """The names of the topics with their lines, one name for each topic."""
    names: dict[str, tuple[str, int]] = {}
    for name, line in fields.texts("topics"):
        names.setdefault(topic_slug(name), (name, line))
    return dict(names.values())


def _urls(fields: Fields) -> dict[str, str | None]:
    return {key: fields.read(key, as_url) for key in _URL_FIELDS}


def _lines(fields: Fields, topics: dict[str, int], urls: dict[str, str | None]) -> dict[str, int]:
    lines = {"title": fields.line_of("title")}
    lines |= {f"topics.{i}": line for i, line in enumerate(topics.values())}
    url_lines: dict[str, int] = {}
    for key, url in urls.items():
        if url:
            url_lines.setdefault(canonical_url(url), fields.line_of(key))
    return lines | {f"urls.{i}": line for i, line in enumerate(url_lines.values())}


def _required_provider(fields: Fields) -> ProviderMention | None:
    """The article's provider; None after an error."""
    node = fields.require("provider", lambda _: fields.mapping("provider"), Code.MISSING_PROVIDER)
    if node is None:
        return None
    domain = domain_key(node.name("domain") or "")
    if domain:
        return _provider(node, domain)
    node.notes.error(
        Code.MISSING_PROVIDER,
        f"{node.name_of('domain')} is missing or is no text.",
        fields.line_of("provider"),
        "Add the provider's web domain, like `domain: example.com`.",
    )
    return None


def _provider(fields: Fields, domain: str) -> ProviderMention:
    """What a mapping says of a provider."""
    name = fields.name("name", unescape_title)
    if name is None:
        fields.notes.warning(
            Code.MISSING_PROVIDER,
            f"{fields.name_of('name')} is missing; the domain {domain} is taken as the name.",
            fields.line,
            "Add the provider's name.",
        )
    return ProviderMention(
        domain=domain,
        name=name or domain,
        images=fields.entries("images", _image),
        metadata=fields.metadata(),
    )


def _image(fields: Fields) -> Image | None:
    url = fields.read("url", as_url)
    if url is None:
        if fields.node("url") is None:
            fields.notes.warning(
                Code.BAD_URL,
                f"{fields.name_of('url')} is missing; the image is kept in `metadata`.",
                fields.line,
                "Add the image's address.",
            )
        return None
    return Image(
        url=url,
        width=fields.read("width", _as_size),
        height=fields.read("height", _as_size),
        title=fields.text("title", unescape_title),
        attribution=fields.text("attribution"),
        is_cached=fields.read("isCached", as_flag) or False,
        metadata=fields.metadata(),
    )


def _related(fields: Fields) -> Related | None:
    title = fields.text("title", unescape_title)
    if title is None:
        fields.notes.warning(
            Code.MISSING_TITLE,
            f"{fields.name_of('title')} is missing; the related story is kept in `metadata`.",
            fields.line,
            "Add the story's title.",
        )
        return None
    urls = _urls(fields)
    links = Linked(
        web_url=urls["webUrl"],
        original_url=urls["originalUrl"],
        amp_web_url=urls["ampWebUrl"],
        cdn_amp_web_url=urls["cdnAmpWebUrl"],
    )
    return Related(
        title=title,
        provider=_related_provider(fields, links),
        web_url=links.web_url,
        original_url=links.original_url,
        amp_web_url=links.amp_web_url,
        cdn_amp_web_url=links.cdn_amp_web_url,
        excerpt=fields.text("excerpt", unescape_excerpt),
        type=fields.text("type"),
        published_date_time=fields.read("publishedDateTime", as_moment),
        quality=fields.read("quality", as_integer),
        images=fields.entries("images", _image),
        metadata=fields.metadata(),
    )


def _related_provider(fields: Fields, links: Linked) -> ProviderMention | None:
    """The provider that is written, its domain taken from the story's address if need be."""
    node = fields.read("provider", lambda _: fields.mapping("provider"))
    domain = domain_key(node.name("domain") or "") if node else ""
    if not domain:
        host = urlsplit(links.url or links.amp_web_url or links.cdn_amp_web_url or "").hostname
        domain = domain_key(host or "").removeprefix("www.")
        taken = f"; {domain} is taken from the story's address" if domain else ""
        fields.notes.warning(
            Code.MISSING_PROVIDER,
            f"{fields.name_of('provider.domain')} is missing{taken}.",
            fields.line_of("provider"),
            "Add the provider with its name and domain.",
        )
    if not domain:
        if node:
            fields.keep("provider", node.as_json())
        return None
    return _provider(node, domain) if node else ProviderMention(domain=domain, name=domain)
