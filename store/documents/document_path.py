"""Document path: the values of a document that its path gives, such as a date and a folder."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from store.locales import INDEX_STEMS, path_locale, place_document

from .field_mapping import DefaultProvider, FieldMapping

_PATH_DATE = re.compile(r"(\d{4})[-/](\d{2})[-/](\d{2})(?=[-_./]|$)")
_NAME_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}[-_]?")


def path_date(path: str) -> str | None:
    """The last date in a path, such as `2026-01-02-title.md` or `2026/01/02/title.md`."""
    dates = _PATH_DATE.findall(path)
    return "-".join(dates[-1]) if dates else None


class DocumentPath:
    """The path of a document, read by the mapping of its folder.

    Attributes:
        date: The last date in the path.
        locale: The locale that the path names.
    """

    def __init__(self, path: str, mapping: FieldMapping) -> None:
        self.date = path_date(path)
        self.locale = path_locale(path, mapping.locales)
        self._path = PurePosixPath(path)
        self._mapping = mapping

    @property
    def is_bundle(self) -> bool:
        """Whether the document is the page of a folder with its images."""
        return self._path.name.split(".", maxsplit=1)[0] == "index"

    @property
    def name(self) -> str:
        """The name of the file, or of the folder that it stands for, without date and locale."""
        stem = place_document(str(self._path), None, self._mapping.locales).stem
        if stem in INDEX_STEMS and self._path.parent.name:
            stem = self._path.parent.name
        return _NAME_DATE.sub("", stem)

    @property
    def folder(self) -> str:
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

    @property
    def categories(self) -> str:
        """The folders above the first that begins with an underscore, as Jekyll has them."""
        folders = str(self._path.parent).split("/")
        position = next((i for i, name in enumerate(folders) if name.startswith("_")), 0)
        return "/".join(folders[:position])

    @property
    def provider(self) -> DefaultProvider | None:
        """The default provider of the nearest folder that has one."""
        folders = [str(parent) for parent in self._path.parents]
        for folder in folders:
            if folder in self._mapping.providers:
                return self._mapping.providers[folder]
        return self._mapping.provider
