"""Manifests: the files in which build tools of clients list their GraphQL documents.

- Relay's compiler and the client preset of GraphQL Code Generator write `{"id": "text"}`.
- Apollo's generate-persisted-query-manifest writes `apollo-persisted-query-manifest`, version 1.
- A `.graphql` or `.gql` file is one document, with one operation or several.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

MAX_DOCUMENTS = 10_000
MAX_BYTES = 1 << 26
"""The bounds of all manifests together, in documents and bytes."""

MANIFEST_SUFFIXES = (".json",)
DOCUMENT_SUFFIXES = (".graphql", ".gql")
APOLLO_FORMAT = "apollo-persisted-query-manifest"

_DEFINITION = re.compile(r"^[ \t]*(query|mutation|subscription|fragment)\s+(\w+)", re.MULTILINE)


class ManifestError(Exception):
    """A manifest that cannot be used; the message has the file, the line and the remedy."""


class DocumentEntry(msgspec.Struct, frozen=True):
    """A document in a manifest, or a file that is a document.

    Attributes:
        path: The file.
        id: The document's id; None for a file, whose id is the hash of its text.
        text: The document's text.
        file_text: The text of the file, from which the line is computed for messages.
    """

    path: Path
    id: str | None
    text: str
    file_text: str

    @property
    def is_file(self) -> bool:
        """Whether the document is a file of its own."""
        return self.id is None

    @property
    def location(self) -> str:
        """The file and the line of the entry, for messages."""
        return str(self.path) if self.is_file else f"{self.path}:{_key_line(self)}"

    def describe(self, line: int, column: int) -> str:
        """A position in the document, for messages: file, line, id and definition."""
        definition = _definition_at(self.text, line)
        if self.is_file:
            return f"{self.path}:{line}:{column}: {definition or 'the document'}"
        about = f" ({definition})" if definition else ""
        return f"{self.location}: document {self.id}{about}, line {line}, column {column}"


def read_documents(path: Path) -> list[DocumentEntry]:
    """The documents of a manifest, or of all manifests and documents below a folder.

    Raises: ManifestError: a file cannot be read or used, or there is no document.
    """
    entries: list[DocumentEntry] = []
    size_bytes = 0
    for file in _files(path):
        text = _read(file, MAX_BYTES - size_bytes)
        size_bytes += len(text)
        entries.extend(_file_entries(file, text))
        if len(entries) > MAX_DOCUMENTS:
            raise ManifestError(f"{path}: there are more than {MAX_DOCUMENTS:,} documents.")
    if not entries:
        raise ManifestError(f"{path}: there is no document. Write one there, or unset the setting.")
    return entries


def _files(path: Path) -> list[Path]:
    """The file, or the files below a folder, in a stable order and without hidden ones."""
    if not path.is_dir():
        return [path]
    suffixes = MANIFEST_SUFFIXES + DOCUMENT_SUFFIXES
    return sorted(
        file
        for file in path.rglob("*")
        if file.suffix in suffixes
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )


def _read(file: Path, max_bytes: int) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(max_bytes + 1)
    except OSError as error:
        raise ManifestError(f"{file} cannot be read: {error.strerror}.") from None
    if len(content) > max_bytes:
        raise ManifestError(f"{file}: the documents have more than {MAX_BYTES >> 20} MiB.")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ManifestError(f"{file}:{line}: it is not in UTF-8.") from None


def _file_entries(file: Path, text: str) -> Iterator[DocumentEntry]:
    if file.suffix in DOCUMENT_SUFFIXES:
        yield DocumentEntry(file, None, text, text)
        return
    for id, document in _manifest_documents(file, text):
        entry = DocumentEntry(file, id, document, text)
        if not id:
            raise ManifestError(f"{entry.path}:{_key_line(entry)}: an id is empty.")
        yield entry


def _manifest_documents(file: Path, text: str) -> Iterator[tuple[str, str]]:
    """The ids and texts of a manifest."""
    try:
        value = json.loads(text, object_pairs_hook=_unique_keys)
    except json.JSONDecodeError as error:
        raise ManifestError(f"{file}:{error.lineno}: it is not JSON: {error.msg}.") from None
    except _RepeatedKeyError as error:
        line = _line(text, text.rfind(json.dumps(error.key)))
        raise ManifestError(f"{file}:{line}: the key {error.key!r} occurs twice.") from None
    except RecursionError:
        raise ManifestError(f"{file}: it is nested too deeply.") from None
    if isinstance(value, dict) and "format" in value and not _is_text_map(value):
        yield from _apollo_documents(file, text, value)
    elif isinstance(value, dict) and _is_text_map(value):
        yield from value.items()
    else:
        raise ManifestError(
            f"{file}:{_odd_line(text, value)}: it is no manifest. Expected is an object of ids "
            f'and texts (Relay, codegen), or {{"format": "{APOLLO_FORMAT}", …}} (Apollo).'
        )


def _apollo_documents(file: Path, text: str, value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if (value["format"], value.get("version")) != (APOLLO_FORMAT, 1):
        line = _line(text, text.find('"format"'))
        raise ManifestError(
            f"{file}:{line}: the format is {value['format']!r}, version {value.get('version')!r}; "
            f"expected is {APOLLO_FORMAT!r}, version 1."
        )
    operations = value.get("operations")
    if not isinstance(operations, list):
        raise ManifestError(f"{file}: operations is not a list.")
    for number, operation in enumerate(operations, 1):
        match operation:
            case {"id": str(id), "body": str(body)}:
                yield id, body
            case _:
                raise ManifestError(f"{file}: operation {number} has no id or no body.")


class _RepeatedKeyError(ValueError):
    """An object of a JSON text has a key twice."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object from its pairs. Raises: _RepeatedKeyError."""
    value: dict[str, Any] = {}
    for key, item in pairs:
        if key in value:
            raise _RepeatedKeyError(key)
        value[key] = item
    return value


def _is_text_map(value: dict[str, Any]) -> bool:
    return all(isinstance(text, str) for text in value.values())


def _odd_line(text: str, value: Any) -> int:
    """The line of the first key whose value is no text; 1 for a value that is no object."""
    if not isinstance(value, dict):
        return 1
    key = next(key for key, item in value.items() if not isinstance(item, str))
    return _line(text, text.find(json.dumps(key)))


def _key_line(entry: DocumentEntry) -> int:
    """The line of an entry's id in its file."""
    forms = (json.dumps(entry.id), json.dumps(entry.id, ensure_ascii=False))
    positions = (entry.file_text.find(form) for form in forms)
    return _line(entry.file_text, next((each for each in positions if each >= 0), 0))


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, max(position, 0)) + 1


def _definition_at(text: str, line: int) -> str:
    """The kind and the name of the last definition that begins at or before a line."""
    lines = "\n".join(text.splitlines()[:line])
    definitions = _DEFINITION.findall(lines)
    return " ".join(definitions[-1]) if definitions else ""
