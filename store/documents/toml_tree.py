"""TOML front matter: parsed by tomllib, with the line of every key and value found by a scan.

The scan comes first. It also bounds the depth and the number of values, which tomllib does not.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, time
from math import isfinite
from typing import Any, NamedTuple, Self

from store.characters import clean_text

from .diagnostics import MAX_DIAGNOSTICS, DiagnosticCode
from .json_tree import plain_float, too_deep, too_many_values
from .yaml_tree import MappingNode, Node, ScalarNode, SequenceNode
from .yaml_tree_builder import FrontMatterError, ParseProblem

Path = tuple[str | int, ...]
"""The keys and indices that lead to a value."""

# An unclosed string runs to the end of the text, so that no character is scanned twice.
TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?(?:"{3,5}|\Z)'
    r"|'''.*?(?:'{3,5}|\Z)"
    r'|"(?:[^"\\\n]|\\.)*(?:"|(?=\n)|\Z)'
    r"|'[^'\n]*(?:'|(?=\n)|\Z)"
    r"|\#[^\n]*"
    r"|[ \t\r]+"
    r"|\n(?:[ \t\r]*(?:\#[^\n]*)?\n)*"  # with the empty lines and comments below it
    r"|[\[\]{}=,.]"
    r"|[A-Za-z0-9_-]+"
    r"|.",
    re.DOTALL,
)
_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$")
_MAX_DIGITS = 100


class TomlFrontMatter(NamedTuple):
    """TOML front matter: the root table, and the problems that were no errors."""

    root: MappingNode
    problems: list[ParseProblem]


class _SourceFloat(float):
    """A float that knows its source text, without underscores."""

    source: str

    def __new__(cls, text: str) -> Self:
        value = super().__new__(cls, text)
        value.source = text.replace("_", "")
        return value


def parse_toml(text: str, first_line: int, *, max_depth: int, max_nodes: int) -> TomlFrontMatter:
    """Parse a TOML document.

    Raises: FrontMatterError: invalid TOML, or a limit is exceeded.
    """
    lines = _LineScan(text, first_line, max_depth, max_nodes).scan()
    table = _load(text, first_line)
    builder = _TreeBuilder(lines, first_line, max_depth, max_nodes)
    root = builder.mapping(table, (), 1)
    return TomlFrontMatter(root, builder.problems)


def load_toml(text: str, *, max_depth: int, max_nodes: int) -> dict[str, Any]:
    """Load a TOML document as plain values, within limits. Raises: FrontMatterError."""
    _LineScan(text, 1, max_depth, max_nodes).scan()
    return _load(text, 1)


def _load(text: str, first_line: int) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=_SourceFloat)
    except (ValueError, RecursionError) as e:
        raise _toml_error(e, first_line) from e


def _toml_error(e: Exception, first_line: int) -> FrontMatterError:
    message = str(e).splitlines()[0] if str(e) else "it is nested too deeply"
    at = _AT_LINE.search(message)
    problem = _AT_LINE.sub("", message).removesuffix(" (at end of document)")
    return FrontMatterError(
        DiagnosticCode.UNREADABLE_TOML,
        f"The front matter is not valid TOML: {problem}.",
        first_line + (int(at[1]) - 1 if at else 0),
        'Correct the line: `key = "value"`, with text in quotes, or a date such as 2020-06-11.',
    )


class _LineScan:
    """Finds the line of every key and list entry, by path. A text that is no TOML gives any lines.

    Raises FrontMatterError beyond a limit.
    """

    def __init__(self, text: str, first_line: int, max_depth: int, max_nodes: int) -> None:
        self._tokens = self._tokenize(text, first_line)
        self._current, self._line = "\n", first_line
        self._max_depth = max_depth
        self._max_nodes = max_nodes
        self._nodes = 0
        self._tables: dict[Path, int] = {}  # the last index of each list of tables
        self.lines: dict[Path, int] = {}

    @staticmethod
    def _tokenize(text: str, line: int) -> Iterator[tuple[str, int]]:
        for match in TOKEN.finditer(text):
            token = match[0]
            if token[0] == "\n":
                yield "\n", line
            elif token[0] not in " \t\r#":
                yield token, line
            line += token.count("\n")

    def _next(self) -> str:
        self._current, self._line = next(self._tokens, ("", self._line))
        return self._current

    def scan(self) -> dict[Path, int]:
        """Scan the whole text."""
        table: Path = ()
        self._next()
        while self._current:
            if self._current == "\n":
                self._next()
            elif self._current == "[":
                table = self._scan_header()
            else:
                self._scan_entry(table, 1)
                while self._current not in ("\n", ""):
                    self._next()
        return self.lines

    def _scan_header(self) -> Path:
        """Scan `[a.b]` or `[[a.b]]`; return the path of the table."""
        is_list = self._next() == "["
        if is_list:
            self._next()
        path: Path = ()
        for key in self._scan_key():
            path = (*path, *self._index(path), key)
            self.lines.setdefault(path, self._line)
        if is_list:
            self._tables[path] = self._tables.get(path, -1) + 1
        path = (*path, *self._index(path))
        self.lines.setdefault(path, self._line)
        while self._current not in ("\n", ""):
            self._next()
        return path

    def _index(self, path: Path) -> Path:
        return (self._tables[path],) if path in self._tables else ()

    def _scan_key(self) -> list[str]:
        """Scan a key with dots; its parts."""
        parts = []
        while self._current not in ("=", "]", "\n", ""):
            if self._current != ".":
                parts.append(key_text(self._current))
                self._count()
                if len(parts) > self._max_depth:
                    raise too_deep(self._max_depth, self._line)
            self._next()
        return parts

    def _scan_entry(self, table: Path, depth: int) -> None:
        """Scan `key = value`."""
        path = table
        for key in self._scan_key():
            path = (*path, key)
            self.lines.setdefault(path, self._line)
        if self._current == "=":
            self._next()
            self._scan_value(path, depth)

    def _scan_value(self, path: Path, depth: int) -> None:
        self._count()
        if depth > self._max_depth:
            raise too_deep(self._max_depth, self._line)
        if self._current == "[":
            self._scan_list(path, depth + 1)
        elif self._current == "{":
            self._scan_inline_table(path, depth + 1)
        else:  # a number or a date has several tokens
            while self._current not in (",", "]", "}", "\n", ""):
                self._next()

    def _scan_list(self, path: Path, depth: int) -> None:
        index = 0
        self._next()
        while self._current not in ("]", ""):
            if self._current in (",", "\n", "}", "="):
                index += self._current == ","
                self._next()
                continue
            self.lines[*path, index] = self._line
            self._scan_value((*path, index), depth)
        self._next()

    def _scan_inline_table(self, path: Path, depth: int) -> None:
        self._next()
        while self._current not in ("}", ""):
            if self._current in (",", "\n", "]", "="):
                self._next()
                continue
            self._scan_entry(path, depth)
        self._next()

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > self._max_nodes:
            raise too_many_values(self._max_nodes, self._line)


def key_text(token: str) -> str:
    """The key that a token stands for."""
    if token[0] == "'":
        return token[1:-1]
    if token[0] != '"' or "\\" not in token:
        return token.strip('"')
    try:
        return str(tomllib.loads(f"k = {token}")["k"])
    except ValueError:
        return token


class _TreeBuilder:
    """Builds the tree from tomllib's values."""

    def __init__(
        self, lines: dict[Path, int], first_line: int, max_depth: int, max_nodes: int
    ) -> None:
        self.problems: list[ParseProblem] = []
        self._lines = lines
        self._first_line = first_line
        self._max_depth = max_depth
        self._max_nodes = max_nodes
        self._nodes = 0

    def mapping(self, table: dict[str, Any], path: Path, depth: int) -> MappingNode:
        """The node of a table."""
        line = self._lines.get(path, self._first_line)
        self._check(depth, line)
        node = MappingNode({}, {}, line)
        for key, value in table.items():
            below = (*path, key)
            cleaned = self._clean(key, line)
            node.key_lines[cleaned] = self._lines.get(below, line)
            node.entries[cleaned] = self._node(value, below, depth + 1, node.key_lines[cleaned])
        return node

    def _node(self, value: Any, path: Path, depth: int, parent_line: int) -> Node:
        line = self._lines.get(path, parent_line)
        if isinstance(value, dict):
            return self.mapping(value, path, depth)
        self._check(depth if isinstance(value, list) else 0, line)
        if isinstance(value, list):
            items = [self._node(item, (*path, i), depth + 1, line) for i, item in enumerate(value)]
            return SequenceNode(items, line)
        if isinstance(value, str):
            return ScalarNode(self._clean(value, line), False, line)
        return _plain_scalar(value, line)

    def _check(self, depth: int, line: int) -> None:
        self._nodes += 1
        if depth > self._max_depth:
            raise too_deep(self._max_depth, line)
        if self._nodes > self._max_nodes:
            raise too_many_values(self._max_nodes, line)

    def _clean(self, text: str, line: int) -> str:
        cleaned = clean_text(text)
        if cleaned != text and len(self.problems) <= MAX_DIAGNOSTICS:
            self.problems.append(
                ParseProblem(
                    DiagnosticCode.BAD_TEXT,
                    "The text has control characters; they were replaced by \ufffd.",
                    line,
                    "Remove the invisible characters.",
                )
            )
        return cleaned


def _plain_scalar(value: Any, line: int) -> ScalarNode:
    """The node of a number, a truth value or a date: as YAML would write the same value."""
    if isinstance(value, bool):
        return ScalarNode("true" if value else "false", True, line)
    if isinstance(value, int):
        # Python does not write thousands of digits; hexadecimal numbers may have them.
        is_long = value.bit_length() > _MAX_DIGITS * 3
        return ScalarNode(f"{value:#x}" if is_long else str(value), not is_long, line)
    if isinstance(value, _SourceFloat):
        source = value.source if isfinite(value) else repr(value)
        return ScalarNode(plain_float(value, source), isfinite(value), line)
    if isinstance(value, datetime | date):
        return ScalarNode(value.isoformat(), True, line)
    assert isinstance(value, time)  # noqa: S101  # TOML has no other type
    return ScalarNode(value.isoformat(), False, line)  # YAML would read 12:30:00 as a number
