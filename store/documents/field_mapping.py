"""Field mapping: which keys of a folder's documents stand for which fields.

A mapping turns the front matter of other tools into that of newsgraph before it is read. Nodes keep
their lines. Keys that no field uses stay metadata.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import quote, urljoin

import msgspec

from store.locales import INDEX_STEMS, path_locale, place_document

from .commit_dates import CommitDates
from .source_dates import holds_path_date, normalize_date
from .yaml_tree import MappingNode, Node, ScalarNode, SequenceNode

FIELDS = frozenset(
    "title publishedDateTime updatedDateTime provider webUrl originalUrl ampWebUrl cdnAmpWebUrl"
    " excerpt content category type quality heat published locale translationKey tags topics"
    " featuredContent authors images related secured".split()
)
"""The fields that a mapping may have sources for."""

FILE_DATE, FILE_NAME, FOLDER, HEADING = "file.date", "file.name", "folder", "heading"
FIRST_COMMIT, LAST_COMMIT = "file.firstCommit", "file.lastCommit"
DERIVED = frozenset((FILE_DATE, FILE_NAME, FOLDER, HEADING, FIRST_COMMIT, LAST_COMMIT))
"""Sources that are not keys: the date in the file's path, its name without date and extension, the
first folder below the collection, the first heading of the body, and the dates of git."""

_DATES = frozenset(("publishedDateTime", "updatedDateTime"))
_LISTS = frozenset(("tags", "topics"))
_OBJECT_LISTS = frozenset(("authors", "images", "related"))
_URLS = ("webUrl", "originalUrl", "ampWebUrl", "cdnAmpWebUrl")
_IMAGE_KEYS = {
    "src": "url",
    "path": "url",
    "image": "url",
    "file": "url",
    "alt": "title",
    "caption": "title",
    "credit": "attribution",
    "author": "attribution",
}
_NEW_IMAGE_KEYS = {"title": "alt", "attribution": "credit"}
"""The names of keys that an image gets, where its address has another key than `url`."""

_PATH_DATE = re.compile(r"(\d{4})[-/](\d{2})[-/](\d{2})(?=[-_./]|$)")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_NAME_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}[-_]?")
_HEADING = re.compile(r"^#[ \t]+(\S[^\n]*)$", re.MULTILINE)
_PLACEHOLDER = re.compile(r":(year|month|day|title|name|folder|locale|categories)\b")
_SLASHES = re.compile(r"/{2,}")
_WORDS = re.compile(r"[\s_-]+")


class DefaultProvider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The provider of documents that name none.

    Attributes:
        domain: Its domain.
        name: Its name; the domain, if it is empty.
    """

    domain: str
    name: str = ""


class FieldMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[documents]` of a folder's `newsgraph.toml`.

    Attributes:
        fields: For each field its sources, the first that has a value counts. A source is a key, a
            path of keys with dots, or one of `DERIVED`. The field's own key comes before them.
        provider: The provider of documents that name none.
        providers: The same for the documents of a folder, by its path.
        base_url: The address that relative links and images start from.
        permalink: The pattern of `webUrl`, such as `/:year/:month/:title/`.
        list_separator: What separates the items of a list that is written as a text.
        collections: The folders that hold documents; all, if it is empty.
        locales: The locales that folders (`ja/`) and suffixes of files (`post.ja.md`) name.
        default_locale: The locale of documents that have none.
    """

    fields: Mapping[str, tuple[str, ...]] = {}
    provider: DefaultProvider | None = None
    providers: Mapping[str, DefaultProvider] = {}
    base_url: str = ""
    permalink: str = ""
    list_separator: str = ","
    collections: tuple[str, ...] = ()
    locales: tuple[str, ...] = ()
    default_locale: str = ""

    @property
    def uses_commits(self) -> bool:
        """Whether any field comes from the dates of git's commits."""
        return any(map(self.uses_commits_for, self.fields))

    def uses_commits_for(self, field: str) -> bool:
        """Whether a field comes from the dates of git's commits."""
        return not {FIRST_COMMIT, LAST_COMMIT}.isdisjoint(self.fields.get(field, ()))

    @property
    def digest(self) -> str:
        """A digest of the mapping: files that were read with another one are read again."""
        return blake2b(msgspec.json.encode(self), digest_size=8).hexdigest()


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
    if not path.lower().endswith((".yaml", ".yml")):
        return False
    keys = ("title", *mapping.fields.get("title", ()))
    return not any(key.partition(".")[0] in root.entries for key in keys)


def path_date(path: str) -> str | None:
    """The last date in a path, such as `2026-01-02-title.md` or `2026/01/02/title.md`."""
    dates = _PATH_DATE.findall(path)
    return "-".join(dates[-1]) if dates else None


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
        self._path = PurePosixPath(path)
        self._body = body
        self._path_locale = path_locale(path, mapping.locales)
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
        default = self._default_provider()
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
        locale = self._path_locale or self._mapping.default_locale
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
            return path_date(str(self._path))
        if source in (FIRST_COMMIT, LAST_COMMIT):
            return self._commit_date(source)
        if source == FILE_NAME:
            return _WORDS.sub(" ", self._name()).strip() or None
        if source == HEADING:
            heading = _HEADING.search(self._body)
            return (heading[1].rstrip(" \t#") or None) if heading else None
        return self._folder() or None

    def _commit_date(self, source: str) -> str | None:
        if self._commits is None:
            return None
        is_first = source == FIRST_COMMIT
        return self._commits.first_text if is_first else self._commits.last_text

    def _name(self) -> str:
        stem = place_document(str(self._path), None, self._mapping.locales).stem
        if stem in INDEX_STEMS and self._path.parent.name:
            stem = self._path.parent.name
        return _NAME_DATE.sub("", stem)

    def _folder(self) -> str:
        """The first folder below the collection that is no locale; "" if there is none."""
        parent = str(self._path.parent)
        collections = self._mapping.collections
        collection = next((each for each in collections if f"{parent}/".startswith(f"{each}/")), "")
        if collection:
            parent = parent[len(collection) + 1 :]
        folders = [] if parent == "." else parent.split("/")
        if collection and folders[0][:1] == "_":  # `recipes/_posts` of Jekyll: of recipes
            folders = [collection.rpartition("/")[2]]
        is_locale = bool(folders) and path_locale(f"{folders[0]}/", self._mapping.locales)
        return next(iter(folders[1:] if is_locale else folders), "")

    def _categories(self) -> str:
        """The folders above the first that begins with an underscore, as Jekyll has them."""
        folders = str(self._path.parent).split("/")
        position = next((i for i, name in enumerate(folders) if name.startswith("_")), 0)
        return "/".join(folders[:position])

    def _default_provider(self) -> DefaultProvider | None:
        folders = [str(parent) for parent in self._path.parents]
        for folder in folders:
            if folder in self._mapping.providers:
                return self._mapping.providers[folder]
        return self._mapping.provider

    def _permalink(self) -> str | None:
        """The link of the document; None if the pattern needs a date that is not known."""
        date = self.root.entries.get("publishedDateTime")
        day = _DAY.match(date.text) if isinstance(date, ScalarNode) else None
        if day is None and re.search(r":(year|month|day)\b", self._mapping.permalink):
            return None
        values = {"title": self._name(), "name": self._name(), "folder": self._folder()}
        values["categories"] = self._categories()
        is_default = self._path_locale == self._mapping.default_locale
        values["locale"] = "" if is_default else self._path_locale or ""
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
            return _as_images(node)
        if field not in _OBJECT_LISTS and isinstance(node, SequenceNode) and node.items:
            return node.items[0]
        return node

    def _image_base(self, url: str) -> str:
        """Where an image's address starts: beside the page for a file of a page bundle."""
        page = self.root.entries.get("webUrl")
        is_beside = url.startswith("./") or "/" not in url
        is_bundle = self._path.name.split(".", maxsplit=1)[0] == "index"
        if is_bundle and is_beside and isinstance(page, ScalarNode) and page.text.endswith("/"):
            return page.text
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


def with_own_image_keys(image: Mapping[str, Any], node: MappingNode) -> dict[str, Any]:
    """An image under the keys that an image of the document has, such as `src` and `alt`."""
    if "url" in node.entries:
        return dict(image)
    names: dict[str, str] = {}
    for key in node.entries:
        names.setdefault(_IMAGE_KEYS.get(key, key), key)
    if "url" not in names:
        return dict(image)
    return {names.get(key, _NEW_IMAGE_KEYS.get(key, key)): value for key, value in image.items()}


def _as_images(node: Node) -> Node:
    """A list of images; an image may be a URL, or a mapping with other names of its keys."""
    items = node.items if isinstance(node, SequenceNode) else [node]
    return SequenceNode([_as_image(item) for item in items], node.line)


def _as_image(node: Node) -> Node:
    if isinstance(node, ScalarNode):
        return MappingNode({"url": node}, {"url": node.line}, node.line)
    if isinstance(node, MappingNode) and "url" not in node.entries:
        entries: dict[str, Node] = {}
        lines: dict[str, int] = {}
        for key, value in node.entries.items():
            name = _IMAGE_KEYS.get(key, key)
            name = key if name in entries else name
            entries[name], lines[name] = value, node.key_lines.get(key, node.line)
        return MappingNode(entries, lines, node.line)
    return node
