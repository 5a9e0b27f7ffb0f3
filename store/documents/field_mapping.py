"""Field mapping: which keys of a folder's documents stand for which fields.

`field_mapper` applies it.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

import msgspec

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
