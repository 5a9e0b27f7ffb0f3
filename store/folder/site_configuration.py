"""Site configuration: the address and the name of a site, from the files of its tool."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from store.locales import looks_like_locale
from store.names import locale_key

_MAX_BYTES = 1 << 16
_SCRIPTS = ("js", "mjs", "cjs", "ts", "mts")


def _named(stem: str) -> tuple[str, ...]:
    """The names of a configuration that is a script."""
    return tuple(f"{stem}.{extension}" for extension in _SCRIPTS)


_FILES = {
    "Jekyll": ("_config.yml", "_config.yaml", "_config.toml"),
    "Hugo": (
        *(f"{name}.{extension}" for name in ("hugo", "config") for extension in ("toml", "yaml")),
        *("hugo.yml", "config.yml", "hugo.json", "config.json"),
        *("config/_default/hugo.toml", "config/_default/hugo.yaml", "config/_default/hugo.yml"),
        *("config/_default/config.toml", "config/_default/config.yaml"),
        *("config/_default/languages.toml", "config/_default/languages.yaml"),
    ),
    "Eleventy": (".eleventy.js", *_named("eleventy.config")),
    "Astro": _named("astro.config"),
    "Nuxt Content": _named("nuxt.config"),
    "Gatsby": _named("gatsby-config"),
    "Docusaurus": _named("docusaurus.config"),
    "VitePress": _named(".vitepress/config"),
    "VuePress": _named(".vuepress/config"),
    "Pelican": ("pelicanconf.py", "publishconf.py"),
    "Quarto": ("_quarto.yml",),
    "MkDocs": ("mkdocs.yml",),
    "Decap CMS": (
        *("static/admin/config.yml", "public/admin/config.yml", "admin/config.yml"),
        *("static/admin/config.yaml", "public/admin/config.yaml"),
    ),
}
"""The configuration files of the tools, relative to the folder of the site."""

_OTHER_FILES = (
    *("CNAME", "static/CNAME", "public/CNAME", "_data/metadata.js", "_data/metadata.json"),
    *("_data/site.json", "data/siteMetadata.js", "src/config.ts", "src/site.config.ts"),
    *("src/consts.ts", "site.config.js", "site.config.ts", "next.config.js", "package.json"),
)
_URL = re.compile(
    r"(?:^|[{,(]|const)[ \t]*[\"']?(?:url|base_?url|site_?url|site|website|homepage|site-url)[\"']?"
    r"\s*[:=]\s*(?:[\w.]{1,60}\s*(?:\|\||\?\?)\s*)?[\"'`]?(https?://[^\"'`\s,#]+)",
    re.IGNORECASE | re.MULTILINE,
)
_NAME = re.compile(
    r"""^["']?(?:title|SITENAME)["']?\s*[:=]\s*(?:"([^"\n]+)"|'([^'\n]+)'|([^"'\n#]+))""",
    re.MULTILINE,
)
_SCRIPT_NAME = re.compile(r"""\b(?:title|SITENAME)\s*[:=]\s*(?:"([^"\n]+)"|'([^'\n]+)')""")
_PERMALINK = re.compile(r"^permalink:\s*[\"']?([^\"'\n#]+)", re.MULTILINE)
_PERMALINKS = re.compile(
    r"""^[ \t]*(?:\[(?:languages\.\w+\.)?permalinks[].]|["']?permalinks["']?\s*:"""
    r"""|uglyurls\s*[:=]\s*true)""",
    re.IGNORECASE | re.MULTILINE,
)
_TAG = r"([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,4})*)"
_LANGUAGE = re.compile(
    r"""(?:^|[{,])[ \t]*["']?(?:default_?(?:contentLanguage|lang|language|locale)|language_?code"""
    rf"""|lang)["']?\s*[:=]\s*["']?{_TAG}\b""",
    re.IGNORECASE | re.MULTILINE,
)
_LOCALE = re.compile(
    rf"""["']{_TAG}["']|^[ \t]*\[(?:languages\.)?{_TAG}[].]|^[ \t]*{_TAG}:[ \t]*$""",
    re.MULTILINE,
)
_OTHER_HOSTS = re.compile(
    r"(?:.*\.)?(?:github\.com|githubusercontent\.com|gitlab\.com|googleapis\.com|jsdelivr\.net"
    r"|cloudinary\.com|opencollective\.com|unpkg\.com|npmjs\.com|twitter\.com|x\.com|w3\.org|schema\.org|localhost)|127\.[\d.]+"
)
"""Hosts that configurations name for other reasons than the address of the site."""


class SiteConfiguration(msgspec.Struct):
    """The configuration of a site.

    Attributes:
        tools: The tools that have a configuration there.
        url: The address of the site; "" if no configuration has it.
        url_source: The file that has it.
        name: The name of the site.
        permalink: The pattern of links.
        has_permalinks: Whether it has patterns of links of several kinds, as Hugo's may have.
        language: The default language.
        locales: The normal forms of locales that a configuration mentions.
    """

    tools: tuple[str, ...] = ()
    url: str = ""
    url_source: str = ""
    name: str = ""
    permalink: str = ""
    has_permalinks: bool = False
    language: str = ""
    locales: set[str] = msgspec.field(default_factory=set)


def is_site_configuration(path: str) -> bool:
    """Whether a path is that of a tool's configuration, in the folder or in one of its folders."""
    return any(f"/{path}".endswith(f"/{name}") for names in _FILES.values() for name in names)


def find_site_configuration(folder: Path, parents: Sequence[str]) -> SiteConfiguration:
    """Find the configuration of the site in a folder, or in one of its `parents` of documents."""
    site = SiteConfiguration()
    tools: dict[str, None] = {}
    for parent in ("", *(each for each in parents if (folder / each).is_dir())):
        for tool, path, text in _configurations(folder, parent):
            tools[tool] = None
            _read(site, tool, path, text)
    site.tools = tuple(tools)
    if "Hugo" in tools and (folder / "templates").is_dir():
        site.tools = ("Zola",)
    if "Jekyll" in tools and (folder / "scaffolds").is_dir():
        site.tools = ("Hexo",)
    for name in _OTHER_FILES:
        text = _read_text(folder / name)
        if name.endswith("CNAME"):
            text = f"url: https://{text.strip()}" if text.strip() else ""
        _read(site, "", name, text)
    return site


def _configurations(folder: Path, parent: str) -> Iterator[tuple[str, str, str]]:
    """The configuration files that exist: tool, path, text."""
    for tool, names in _FILES.items():
        for name in names:
            path = f"{parent}/{name}" if parent else name
            if text := _read_text(folder / path):
                yield tool, path, text


def _read_text(path: Path) -> str:
    """The beginning of a file; "" if it cannot be read."""
    try:
        if not path.is_file():
            return ""
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_MAX_BYTES)
    except (OSError, ValueError):
        return ""


def _read(site: SiteConfiguration, tool: str, path: str, text: str) -> None:
    """Complete the configuration from a file; files before it come first."""
    if not site.url:
        urls = (match[1] for match in _URL.finditer(text))
        site.url = next(filter(_may_be_site, urls), "")
        site.url_source = path if site.url else ""
    is_script = path.endswith((*_SCRIPTS, ".py"))
    title = (_SCRIPT_NAME if is_script else _NAME).search(text) if tool else None
    if not site.name and title:
        site.name = next(filter(None, title.groups())).strip()
    if not site.permalink and (permalink := _PERMALINK.search(text)):
        site.permalink = permalink[1].strip()
    site.has_permalinks |= bool(tool) and _PERMALINKS.search(text) is not None
    if tool:
        _read_languages(site, text)


def _read_languages(site: SiteConfiguration, text: str) -> None:
    if not site.language and (language := _LANGUAGE.search(text)):
        site.language = language[1]
    tags = (tag for match in _LOCALE.finditer(text) for tag in match.groups() if tag)
    site.locales.update(locale_key(tag) for tag in tags if looks_like_locale(tag))


def _may_be_site(url: str) -> bool:
    """Whether a URL may be the address of the site: its path has at most one folder."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    is_short = parts.path.strip("/").count("/") == 0 and not parts.query
    return bool(host) and is_short and "$" not in url and _OTHER_HOSTS.fullmatch(host) is None
