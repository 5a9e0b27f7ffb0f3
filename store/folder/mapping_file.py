"""Mapping file: the table `[documents]` of a folder's `newsgraph.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from store.documents.field_mapping import DERIVED, FIELDS, FieldMapping
from store.errors import StoreError
from store.locales import is_language_tag
from store.urls import is_web_url

MAPPING_FILE = "newsgraph.toml"
TABLE = "documents"


def format_mapping(mapping: FieldMapping) -> str:
    """The mapping as the text of a mapping file."""
    lines = [f"[{TABLE}]"]
    for name in _PLAIN_KEYS:
        value = getattr(mapping, name)
        if value and value != FieldMapping.__struct_defaults__[_INDEX[name]]:
            lines.append(f"{name} = {_toml(value)}")
    for name, provider in (("provider", mapping.provider), *mapping.providers.items()):
        if provider is not None:
            table = name if name == "provider" else f"providers.{_toml(name)}"
            lines += ["", f"[{TABLE}.{table}]", f"domain = {_toml(provider.domain)}"]
            lines += [f"name = {_toml(provider.name)}"] if provider.name else []
    if mapping.fields:
        lines += ["", f"[{TABLE}.fields]"]
        lines += [f"{field} = {_toml(sources)}" for field, sources in mapping.fields.items()]
    return "\n".join(lines) + "\n"


_PLAIN_KEYS = "base_url permalink list_separator collections locales default_locale".split()
_INDEX = {name: i for i, name in enumerate(FieldMapping.__struct_fields__)}


def _toml(value: str | Sequence[str]) -> str:
    """A value in TOML, whose basic strings are those of JSON."""
    if isinstance(value, str):
        return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
    return f"[{', '.join(map(_toml, value))}]"


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
    default = [mapping.default_locale] if mapping.default_locale else []
    for locale in (*mapping.locales, *default):
        if not is_language_tag(locale):
            raise MappingError(
                f"{source}, [{TABLE}]: {locale!r} is no locale. Write a language tag, such as "
                "ja or zh-TW."
            )
    if not mapping.list_separator:
        raise MappingError(f"{source}, [{TABLE}]: list_separator is empty. Write a character.")
    return mapping
