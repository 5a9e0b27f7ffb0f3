"""Mapping file: the table `[documents]` of a folder's `newsgraph.toml`."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from store.documents.field_mapping import DERIVED, FIELDS, FieldMapping
from store.documents.line_ends import plain_line_ends
from store.documents.toml_tree import load_toml
from store.documents.yaml_tree_builder import FrontMatterError
from store.errors import StoreError
from store.locales import is_language_tag
from store.urls import is_web_url

MAPPING_FILE = "newsgraph.toml"
TABLE = "documents"
_MAX_BYTES, _MAX_DEPTH, _MAX_VALUES = 1 << 20, 32, 10_000


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
        text = _read_text(path)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(f"{path} cannot be read: {error}.") from None
    try:
        root = load_toml(plain_line_ends(text), max_depth=_MAX_DEPTH, max_nodes=_MAX_VALUES)
    except FrontMatterError as error:
        _, message, line, _ = error.problem
        message = message.removeprefix("The front matter ")
        raise MappingError(f"{path}, line {line}: the file {message}") from None
    table = root.get(TABLE)
    return None if table is None else parse_mapping(table, str(path))


def _read_text(path: Path) -> str:
    """Read a regular file of bounded size: a pipe would block. Raises: OSError. MappingError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise MappingError(f"{path} is no regular file. Replace it by one, or remove it.")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(_MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > _MAX_BYTES:
        raise MappingError(f"{path} is larger than {_MAX_BYTES:,} bytes.")
    return data.decode("utf-8-sig")


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
    _check_locales(mapping, source)
    for collection in mapping.collections:
        _check_collection(collection, source)
    if not mapping.list_separator:
        raise MappingError(f"{source}, [{TABLE}]: list_separator is empty. Write a character.")
    folders = tuple(str(PurePosixPath(each)) for each in mapping.collections)
    providers = {str(PurePosixPath(key)): value for key, value in mapping.providers.items()}
    return msgspec.structs.replace(mapping, collections=folders, providers=providers)


def _check_locales(mapping: FieldMapping, source: str) -> None:
    """Check that the locales are language tags. Raises: MappingError."""
    default = [mapping.default_locale] if mapping.default_locale else []
    for locale in (*mapping.locales, *default):
        if not is_language_tag(locale):
            raise MappingError(
                f"{source}, [{TABLE}]: {locale!r} is no locale. Write a language tag, such as "
                "ja or zh-TW."
            )


def _check_collection(collection: str, source: str) -> None:
    """Check that a collection is a path to a folder below the mapping's. Raises: MappingError."""
    path = PurePosixPath(collection)
    if path.is_absolute() or not path.parts or ".." in path.parts:
        raise MappingError(
            f"{source}, [{TABLE}]: collections has {collection!r}. Write the path of a folder "
            "below this one, such as content/posts, or leave out `collections` to read all folders."
        )
