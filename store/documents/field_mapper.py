"""Field mapper: turns the front matter of other tools into that of newsgraph before it is read.

Nodes keep their lines. Keys that no field uses stay metadata.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote, urljoin

from .commit_dates import CommitDates
from .document_path import DocumentPath
from .field_mapping import (
    DERIVED,
    FILE_DATE,
    FILE_NAME,
    FIRST_COMMIT,
    HEADING,
    LAST_COMMIT,
    FieldMapping,
)
from .front_matter_format import YAML_EXTENSIONS
from .image_keys import as_images
from .source_dates import holds_path_date, normalize_date
from .yaml_tree import MappingNode, Node, ScalarNode, SequenceNode

_DATES = frozenset(("publishedDateTime", "updatedDateTime"))
_LISTS = frozenset(("tags", "topics"))
_OBJECT_LISTS = frozenset(("authors", "images", "related"))
_URLS = ("webUrl", "originalUrl", "ampWebUrl", "cdnAmpWebUrl")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_HEADING = re.compile(r"^#[ \t]+(\S[^\n]*)$", re.MULTILINE)
_PLACEHOLDER = re.compile(r":(year|month|day|title|name|folder|locale|categories)\b")
_SLASHES = re.compile(r"/{2,}")
_WORDS = re.compile(r"[\s_-]+")


class MappedFields(NamedTuple):
    """The front matter of a document under the keys of newsgraph.

    Attributes:
        root: The mapping node.
        names: For each field the key that it has, or could have, in the document.
    """

    root: MappingNode
    names: dict[str, str]


def map_fields(
    mapping: FieldMapping,
    path: str,
    root: MappingNode,
    body: str,
    commits: CommitDates | None = None,
) -> MappedFields:
    """Return the front matter of a document under the keys of newsgraph.

    `path` is relative to the folder; `commits` has the dates of its commits. Nothing is lost: a
    source that is used moves, all others stay.
    """
    mapper = _Mapper(mapping, path, root, body, commits)
    for field, sources in mapping.fields.items():
        mapper.map_field(field, sources)
    mapper.complete_provider()
    mapper.complete_locale()
    mapper.complete_urls()
    return MappedFields(mapper.root, mapper.names)


def is_data_without_title(path: str, root: MappingNode, mapping: FieldMapping) -> bool:
    """Whether a document is a YAML file without a title of its own: data of the site."""
    if not path.lower().endswith(YAML_EXTENSIONS):
        return False
    keys = ("title", *mapping.fields.get("title", ()))
    return not any(key.partition(".")[0] in root.entries for key in keys)


class _Mapper:
    """Maps one document."""

    def __init__(
        self,
        mapping: FieldMapping,
        path: str,
        root: MappingNode,
        body: str,
        commits: CommitDates | None,
    ) -> None:
        self._commits = commits
        self._mapping = mapping
        self._path = DocumentPath(path, mapping)
        self._body = body
        self.names: dict[str, str] = {}
        self.root = MappingNode(dict(root.entries), dict(root.key_lines), root.line)

    def map_field(self, field: str, sources: Sequence[str]) -> None:
        """Give a field the value of its first source that has one."""
        keys = [source for source in sources if source not in DERIVED]
        if keys and field not in self.root.entries:
            self.names[field] = keys[0]
        if _has_value(self.root.entries.get(field)) and field not in sources:
            self._put(field, self.root.entries[field], self.root.key_lines[field])
            return
        for source in sources:
            node, line = self._find(source)
            if node is not None and _has_value(node):
                if source not in DERIVED and source != field and not _holds_more(field, node):
                    _remove(self.root, source.split("."))
                if source not in DERIVED:
                    self.names[field] = source
                self._put(_field_of(field, source), node, line)
                return

    def complete_provider(self) -> None:
        """Give the document its default provider, and a provider that is a name its domain."""
        default = self._path.provider
        node = self.root.entries.get("provider")
        if default is None or isinstance(node, MappingNode):
            return
        line = self.root.key_lines.get("provider", self.root.line)
        name = node if isinstance(node, ScalarNode) and node.text else None
        name = name or ScalarNode(default.name or default.domain, plain=False, line=line)
        entries: dict[str, Node] = {
            "domain": ScalarNode(default.domain, plain=False, line=line),
            "name": name,
        }
        self.root.entries["provider"] = MappingNode(entries, dict.fromkeys(entries, line), line)
        self.root.key_lines["provider"] = line

    def complete_locale(self) -> None:
        """Give a document without a locale the one that its path names, or the default."""
        if _has_value(self.root.entries.get("locale")):
            return
        locale = self._path.locale or self._mapping.default_locale
        if locale:
            self._put("locale", ScalarNode(locale, False, self.root.line), self.root.line)

    def complete_urls(self) -> None:
        """Make relative links absolute, and make `webUrl` from the pattern if it is missing."""
        base = self._mapping.base_url
        if not base:
            return
        for key in _URLS:
            node = self.root.entries.get(key)
            if isinstance(node, ScalarNode) and node.text:
                self.root.entries[key] = self._absolute(node)
        if not _has_value(self.root.entries.get("webUrl")) and self._mapping.permalink:
            link = self._permalink()
            if link is not None:
                line = self.root.line
                self.root.entries["webUrl"] = self._absolute(ScalarNode(link, False, line))
                self.root.key_lines["webUrl"] = line
        images = self.root.entries.get("images")
        if isinstance(images, SequenceNode):
            for image in images.items:
                url = image.entries.get("url") if isinstance(image, MappingNode) else None
                if isinstance(image, MappingNode) and isinstance(url, ScalarNode):
                    image.entries["url"] = self._absolute(url, self._image_base(url.text))

    def _find(self, source: str) -> tuple[Node | None, int]:
        if source in DERIVED:
            text = self._derive(source)
            line = self.root.line
            return (None if text is None else ScalarNode(text, plain=False, line=line)), line
        node: Node = self.root
        line = self.root.line
        for key in source.split("."):
            if isinstance(node, SequenceNode) and node.items:
                node = node.items[0]
            if not isinstance(node, MappingNode) or key not in node.entries:
                return None, line
            line = node.key_lines.get(key, line)
            node = node.entries[key]
        return node, line

    def _derive(self, source: str) -> str | None:
        if source == FILE_DATE:
            return self._path.date
        if source in (FIRST_COMMIT, LAST_COMMIT):
            return self._commit_date(source)
        if source == FILE_NAME:
            return _WORDS.sub(" ", self._path.name).strip() or None
        if source == HEADING:
            heading = _HEADING.search(self._body)
            return (heading[1].rstrip(" \t#") or None) if heading else None
        return self._path.folder or None

    def _commit_date(self, source: str) -> str | None:
        if self._commits is None:
            return None
        is_first = source == FIRST_COMMIT
        return self._commits.first_text if is_first else self._commits.last_text

    def _permalink(self) -> str | None:
        """The link of the document; None if the pattern needs a date, and there is none."""
        date = self.root.entries.get("publishedDateTime")
        day = _DAY.match(date.text) if isinstance(date, ScalarNode) else None
        if day is None and re.search(r":(year|month|day)\b", self._mapping.permalink):
            return None
        path = self._path
        values = {"title": path.name, "name": path.name, "folder": path.folder}
        values["categories"] = path.categories
        is_default = self._path.locale == self._mapping.default_locale
        values["locale"] = "" if is_default else self._path.locale or ""
        if day is not None:
            values |= {"year": day[1], "month": day[2], "day": day[3]}
        link = _PLACEHOLDER.sub(lambda match: quote(values[match[1]]), self._mapping.permalink)
        return _SLASHES.sub("/", link)  # without a folder: two would begin a host

    def _put(self, field: str, node: Node, line: int) -> None:
        self.root.entries[field] = self._convert(field, node)
        self.root.key_lines[field] = line

    def _convert(self, field: str, node: Node) -> Node:
        if field in _DATES and isinstance(node, ScalarNode):
            return ScalarNode(normalize_date(node.text), node.plain, node.line)
        if field in _LISTS:
            return _as_list(node, self._mapping.list_separator)
        if field == "images":
            return as_images(node)
        if field not in _OBJECT_LISTS and isinstance(node, SequenceNode) and node.items:
            return node.items[0]
        return node

    def _image_base(self, url: str) -> str:
        """Where an image's address starts: beside the page for a file of a page bundle."""
        page = self.root.entries.get("webUrl")
        is_beside = url.startswith("./") or "/" not in url
        if isinstance(page, ScalarNode) and self._path.is_bundle and is_beside:
            return page.text if page.text.endswith("/") else self._mapping.base_url
        return self._mapping.base_url

    def _absolute(self, node: ScalarNode, base: str = "") -> ScalarNode:
        try:
            url = urljoin(base or self._mapping.base_url, node.text.strip())
        except ValueError:
            return node
        return ScalarNode(url, plain=False, line=node.line)


def _field_of(field: str, source: str) -> str:
    """The field that a source stands for: one named `draft` is the opposite of `published`."""
    is_draft = field == "published" and source.rpartition(".")[2].lower() == "draft"
    return "draft" if is_draft else field


def _has_value(node: Node | None) -> bool:
    if isinstance(node, ScalarNode):
        return bool(node.text.strip()) and not (node.plain and node.text in ("~", "null"))
    return node is not None


def _holds_more(field: str, node: Node) -> bool:
    """Whether a value has more than a field uses: other items of a list, a path behind a date."""
    if isinstance(node, ScalarNode):
        return field in _DATES and holds_path_date(node.text)
    is_single = field not in _LISTS and field not in _OBJECT_LISTS
    return is_single and isinstance(node, SequenceNode) and len(node.items) > 1


def _remove(root: MappingNode, keys: Sequence[str]) -> None:
    """Remove a value that a field uses, and mappings that it leaves empty."""
    first, *rest = keys
    node = root.entries.get(first)
    if rest and isinstance(node, MappingNode):
        copy = MappingNode(dict(node.entries), dict(node.key_lines), node.line)
        _remove(copy, rest)
        root.entries[first] = copy
        if copy.entries:
            return
    elif rest:
        return  # an item of a list: the others stay with it
    root.entries.pop(first, None)
    root.key_lines.pop(first, None)


def _as_list(node: Node, separator: str) -> Node:
    """A list; a text is split at the separator."""
    if isinstance(node, ScalarNode):
        parts = node.text.split() if separator == " " else node.text.split(separator)
        texts = [part.strip() for part in parts if part.strip()]
        return SequenceNode([ScalarNode(text, False, node.line) for text in texts], node.line)
    return node
