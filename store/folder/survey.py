"""Survey of a folder: what its files look like, before any mapping."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from store.documents.diagnostics import DiagnosticCode
from store.documents.field_mapping import path_date
from store.documents.front_matter_reader import (
    YAML_EXTENSIONS,
    FrontMatter,
    read_front_matter,
)
from store.documents.frontmatter import ParseLimits
from store.documents.parse_result import DiagnosticCollector
from store.documents.yaml_tree import MappingNode, Node, ScalarNode, SequenceNode

from .scanner import EXTENSIONS

MAX_FILES = 20_000
"""How many files are read; of a larger folder the first ones."""

_SKIPPED_FOLDERS = frozenset(
    "node_modules vendor _site _includes _layouts _sass _data dist build public static assets"
    " themes layouts i18n test tests spec __pycache__".split()
)
_CONFIGURATIONS = {
    "_config.yml": "Jekyll",
    "_config.toml": "Jekyll",
    "hugo.toml": "Hugo",
    "hugo.yaml": "Hugo",
    "hugo.json": "Hugo",
    "config.toml": "Hugo",
    "config.yaml": "Hugo",
    "config/_default/hugo.toml": "Hugo",
    "config/_default/config.toml": "Hugo",
    ".eleventy.js": "Eleventy",
    "eleventy.config.js": "Eleventy",
    "eleventy.config.mjs": "Eleventy",
    "eleventy.config.ts": "Eleventy",
    "astro.config.mjs": "Astro",
    "astro.config.ts": "Astro",
    "astro.config.js": "Astro",
    "nuxt.config.ts": "Nuxt Content",
    "nuxt.config.js": "Nuxt Content",
    "gatsby-config.js": "Gatsby",
    "static/admin/config.yml": "Decap CMS",
    "public/admin/config.yml": "Decap CMS",
    "admin/config.yml": "Decap CMS",
}
_URL = re.compile(
    r"^[ \t]*[\"']?(?:url|base_?url|site_?url|site|homepage)[\"']?\s*[:=]\s*[\"']?(https?://[^\"'\s,#]+)",
    re.IGNORECASE | re.MULTILINE,
)
_NAME = re.compile(
    r"""^["']?title["']?\s*[:=]\s*(?:"([^"\n]+)"|'([^'\n]+)'|([^"'\n#]+))""", re.MULTILINE
)
_PERMALINK = re.compile(r"^permalink:\s*[\"']?([^\"'\n#]+)", re.MULTILINE)
_MAX_CONFIGURATION_BYTES = 1 << 16


class SurveyedFile(msgspec.Struct, frozen=True):
    """One document of the folder.

    Attributes:
        path: Relative to the folder, with slashes.
        keys: The kind of each key's value: `text`, `texts`, `mapping`, `mappings` or `empty`; of
            mappings the keys below, with a dot.
        texts: The text of each key that has one.
        has_heading: Whether its body has a heading.
        date: The date in its path.
    """

    path: str
    keys: dict[str, str]
    texts: dict[str, str]
    has_heading: bool
    date: str | None


class Survey(msgspec.Struct):
    """What was found in a folder.

    Attributes:
        folder: The folder.
        generators: The tools whose configuration is there.
        documents: The files with front matter.
        others: How many files have none, or cannot be read, by code.
        site_url: The address of the site, if a configuration names it.
        site_name: Its name.
        permalink: The pattern of links in a configuration.
        is_complete: Whether all files were read.
    """

    folder: Path
    generators: list[str]
    documents: list[SurveyedFile] = []
    others: Counter[str] = msgspec.field(default_factory=Counter)
    site_url: str | None = None
    site_name: str | None = None
    permalink: str | None = None
    is_complete: bool = True

    def key_counts(self) -> Counter[str]:
        """How many documents have each key."""
        return Counter(key for document in self.documents for key in document.keys)


def survey_folder(folder: Path, limits: ParseLimits) -> Survey:
    """Read the documents of a folder, in all folders that may hold some. Raises: OSError."""
    generators = dict.fromkeys(
        name for file, name in _CONFIGURATIONS.items() if (folder / file).is_file()
    )
    if "Hugo" in generators and (folder / "templates").is_dir():
        generators = {"Zola": None}
    survey = Survey(folder, list(generators))
    _read_configurations(survey)
    for count, path in enumerate(_find_files(folder)):
        if count >= MAX_FILES:
            survey.is_complete = False
            break
        _add_file(survey, path, limits)
    return survey


def _find_files(folder: Path) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if name[:1] != "." and name not in _SKIPPED_FOLDERS
        )
        for name in sorted(names):
            if name.lower().endswith(EXTENSIONS) and name[:1] not in (".", "#"):
                yield Path(parent, name).relative_to(folder).as_posix()


def _add_file(survey: Survey, path: str, limits: ParseLimits) -> None:
    collector = DiagnosticCollector(path)
    try:
        data = (survey.folder / path).read_bytes()
    except OSError:
        survey.others[DiagnosticCode.UNREADABLE_FILE] += 1
        return
    is_data = path.lower().endswith(YAML_EXTENSIONS)
    front_matter = read_front_matter(data, limits, collector)
    if front_matter is None:
        code = collector.diagnostics[-1].code if collector.diagnostics else "UNKNOWN"
        survey.others[code] += 1
    elif front_matter.root.entries and (not is_data or "title" in front_matter.root.entries):
        survey.documents.append(_describe(path, front_matter))


def _describe(path: str, front_matter: FrontMatter) -> SurveyedFile:
    keys: dict[str, str] = {}
    texts: dict[str, str] = {}
    for key, node in front_matter.root.entries.items():
        _add_key(key, node, keys, texts)
    heading = re.search(r"^# +\S", front_matter.body, re.MULTILINE) is not None
    return SurveyedFile(path, keys, texts, heading, path_date(path))


def _add_key(key: str, node: Node, keys: dict[str, str], texts: dict[str, str]) -> None:
    if isinstance(node, ScalarNode):
        keys[key] = "text" if node.text.strip() else "empty"
        texts[key] = node.text[:200]
    elif isinstance(node, SequenceNode):
        is_nested = bool(node.items) and isinstance(node.items[0], MappingNode)
        keys[key] = "mappings" if is_nested else "texts" if node.items else "empty"
    else:
        keys[key] = "mapping"
        for name, value in node.entries.items():
            if isinstance(value, ScalarNode) and "." not in key:
                _add_key(f"{key}.{name}", value, keys, texts)


def _read_configurations(survey: Survey) -> None:
    """Look for the site's address and name in configuration files."""
    for name in (*_CONFIGURATIONS, "CNAME", "package.json"):
        path = survey.folder / name
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                text = file.read(_MAX_CONFIGURATION_BYTES)
        except OSError:
            continue
        if name == "CNAME" and survey.site_url is None:
            survey.site_url = f"https://{text.strip()}"
            continue
        if survey.site_url is None and (url := _URL.search(text)):
            survey.site_url = url[1]
        if name != "package.json" and survey.site_name is None and (title := _NAME.search(text)):
            survey.site_name = (title[1] or title[2] or title[3]).strip()
        if survey.permalink is None and (permalink := _PERMALINK.search(text)):
            survey.permalink = permalink[1].strip()
