"""Mapping file: the table `[documents]` of a folder's `newsgraph.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from store.documents.field_mapping import DERIVED, FIELDS, FieldMapping
from store.errors import StoreError
from store.urls import is_web_url

MAPPING_FILE = "newsgraph.toml"
TABLE = "documents"


class MappingError(StoreError):
    """The mapping of a folder is invalid."""


def load_mapping(folder: Path) -> FieldMapping | None:
    """Load the mapping of a folder; None if it has none. Raises: MappingError."""
    path = folder / MAPPING_FILE
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(f"{path} cannot be read: {error}.") from None
    try:
        table = tomllib.loads(text).get(TABLE)
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"{path} is not valid TOML: {error}.") from None
    return None if table is None else parse_mapping(table, str(path))


def parse_mapping(table: Any, source: str) -> FieldMapping:
    """The mapping in a table. `source` names it in errors. Raises: MappingError."""
    try:
        mapping = msgspec.convert(table, FieldMapping)
    except msgspec.ValidationError as error:
        raise MappingError(f"{source}, [{TABLE}]: {error}.") from None
    for field, sources in mapping.fields.items():
        if field not in FIELDS:
            names = ", ".join(sorted(FIELDS))
            raise MappingError(f"{source}, [{TABLE}.fields]: there is no field {field!r}: {names}.")
        for each in sources:
            if not all(each.split(".")) or (each.startswith("file.") and each not in DERIVED):
                derived = ", ".join(sorted(DERIVED))
                raise MappingError(
                    f"{source}, [{TABLE}.fields]: {field} has the source {each!r}. Write a key, a "
                    f"path of keys such as cover.image, or one of {derived}."
                )
    if mapping.base_url and not is_web_url(mapping.base_url):
        raise MappingError(
            f"{source}, [{TABLE}]: base_url is {mapping.base_url!r}. Write an http or https URL."
        )
    if not mapping.list_separator:
        raise MappingError(f"{source}, [{TABLE}]: list_separator is empty. Write a character.")
    return mapping
