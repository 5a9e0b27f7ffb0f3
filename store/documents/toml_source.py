"""TOML source: the values of a TOML front matter with their positions in its text.

A table may be written in several parts: by headers and by keys with dots. So the tree knows the
statements (headers, and lines `key = value`) that each table comes from.
"""

from __future__ import annotations

import tomllib
from typing import Any

import msgspec

from store.characters import clean_text

from .source_tree import SourceEntry, SourceNode, UneditableError
from .toml_tree import TOKEN, Path, key_text

_QUOTES = ('"""', "'''", '"', "'")


class Statement(msgspec.Struct, gc=False):
    """A header or a `key = value`.

    Attributes:
        path: The path of the table or value, with the indices of lists of tables.
        table: The path of the table under whose header it stands; its own for a header.
        start, end: Its range, without blanks and comments around it.
        is_header: Whether it is a header.
    """

    path: Path
    table: Path
    start: int
    end: int
    is_header: bool = False


class TomlTable(SourceNode):
    """A table, or a list of tables, that is not in brackets.

    Attributes:
        path: Its path.
        headers: The numbers of the statements that are its own headers.
    """

    path: Path = ()
    headers: list[int] = msgspec.field(default_factory=list)


class TomlSource(msgspec.Struct):
    """A TOML front matter: its root table, and its statements in order."""

    root: TomlTable
    statements: list[Statement]


def read_toml_source(text: str) -> TomlSource:
    """Read a valid TOML front matter. Raises: UneditableError."""
    reader = _Reader(text)
    reader.read()
    return TomlSource(reader.root, reader.statements)


class _Reader:
    """A reader of one text. Recursive: a valid front matter is not nested deeply."""

    def __init__(self, text: str) -> None:
        self.root = TomlTable("mapping", 0, 0, entries=[], headers=[])
        self.statements: list[Statement] = []
        self._tables: dict[Path, TomlTable] = {(): self.root}
        self._tokens = (match for match in TOKEN.finditer(text) if match[0][0] not in " \t\r#")
        self._end = 0  # of the token before
        self._current, self._start, self._token_end = "\n", 0, 0

    def _next(self) -> str:
        self._end = self._token_end
        match = next(self._tokens, None)
        if match is None:
            self._current, self._start = "", self._end
        else:
            self._current, self._start, self._token_end = match[0], match.start(), match.end()
            self._current = "\n" if self._current[0] == "\n" else self._current
        return self._current

    def read(self) -> None:
        """Read the whole text."""
        table: Path = ()
        self._next()
        while self._current:
            if self._current == "\n":
                self._next()
            elif self._current == "[":
                table = self._read_header()
            else:
                self._read_statement(table)

    def _read_header(self) -> Path:
        start = self._start
        is_list = self._next() == "["
        if is_list:
            self._next()
        *parents, last = self._read_key()
        table = self.root
        for key in parents:
            table = self._last_item(self._child(table, key, start))
        node = self._child(table, last, start, "sequence" if is_list else "mapping")
        if is_list:
            item = self._new_table("mapping", (*node.path, len(node.entries)), start)
            node.entries.append(SourceEntry(None, item, start, start))
            node = item
        node = self._last_item(node)
        node.headers.append(len(self.statements))
        while self._current == "]":
            self._next()
        self.statements.append(Statement(node.path, node.path, start, self._end, is_header=True))
        return node.path

    def _child(self, table: TomlTable, key: str, start: int, kind: Any = "mapping") -> TomlTable:
        """Return the table of a key, which may be a new one."""
        path = (*table.path, key)
        if path not in self._tables:
            node = self._new_table(kind, path, start)
            name = SourceNode("scalar", start, start, key)
            table.entries.append(SourceEntry(name, node, start, start))
        return self._tables[path]

    def _new_table(self, kind: Any, path: Path, start: int) -> TomlTable:
        node = TomlTable(kind, start, start, entries=[], path=path, headers=[])
        self._tables[path] = node
        return node

    def _last_item(self, node: TomlTable) -> TomlTable:
        """Return the last table of a list of tables; a table itself."""
        if node.kind == "sequence" and node.entries:
            return self._tables[(*node.path, len(node.entries) - 1)]
        return node

    def _read_statement(self, path: Path) -> None:
        start = self._start
        *parents, last = self._read_key()
        table = self._tables[path]
        for key in parents:
            table = self._child(table, key, start)
        entry = self._read_entry_value(last, start)
        table.entries.append(entry)
        self.statements.append(Statement((*table.path, last), path, start, self._end))

    def _read_key(self) -> list[str]:
        parts = []
        while self._current not in ("=", "]"):
            if self._current in ("", "\n"):
                raise UneditableError
            if self._current != ".":
                parts.append(key_text(self._current))
            self._next()
        return [clean_text(part) for part in parts]

    def _read_entry_value(self, name: str, start: int) -> SourceEntry:
        key = SourceNode("scalar", start, self._end, name)
        self._next()  # the equals sign
        value = self._read_value()
        return SourceEntry(key, value, start, value.start)

    def _read_value(self) -> SourceNode:
        current, start = self._current, self._start
        if current in ("[", "{"):
            kind: Any = "mapping" if current == "{" else "sequence"
            node = SourceNode(kind, start, start, is_flow=True, entries=[])
            self._next()
            self._read_entries(node, "}" if current == "{" else "]")
            self._next()
            node.end = self._end
            return node
        quotes = next((quotes for quotes in _QUOTES if current.startswith(quotes)), "")
        while self._current not in (",", "]", "}", "\n", ""):  # a date has several tokens
            self._next()
        if not quotes:
            return SourceNode("scalar", start, self._end, current)
        return SourceNode("scalar", start, self._end, _decode(current), quotes)

    def _read_entries(self, node: SourceNode, closing: str) -> None:
        while self._current != closing:
            if not self._current:
                raise UneditableError
            if self._current in (",", "\n"):
                self._next()
                continue
            start = self._start
            if node.kind == "sequence":
                value = self._read_value()
                node.entries.append(SourceEntry(None, value, start, start))
                continue
            parts = self._read_key()
            node.is_compact |= len(parts) > 1  # keys with dots: only as a whole
            node.entries.append(self._read_entry_value(parts[0], start))


def _decode(current: str) -> str:
    try:
        return clean_text(tomllib.loads(f"x = {current}")["x"])
    except ValueError:
        raise UneditableError from None
