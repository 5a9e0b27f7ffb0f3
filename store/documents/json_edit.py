"""JSON edit: the edits of a JSON front matter, in its indentation, spacing and escapes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from store.characters import clean_text
from store.timestamps import format_timestamp

from .bracket_edit import BracketEditor, indentation
from .source_tree import SourceEntry, SourceNode, UneditableError

_TOKEN = re.compile(r'[ \t\r\n]*("(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s,:{}\[\]"]+)', re.DOTALL)
_ESCAPED_LETTER = re.compile(r"(?<!\\)(?:\\\\)*\\u(?!00[01])")
_DEFAULT_INDENT = "  "


class JsonEditor(BracketEditor):
    """Collects the edits of one JSON front matter. For the arguments see `TreeEditor`."""

    def __init__(self, text: str, key_order: Sequence[str], *, is_fine: bool = True) -> None:
        super().__init__(text, read_json_source(text), key_order, is_fine=is_fine)
        self._is_ascii = text.isascii() and _ESCAPED_LETTER.search(text) is not None
        nodes = [node for node in self.root.walk() if node.entries]
        first = self.root.entries[0] if self.root.entries else None
        lists = [n for n in nodes if n.kind == "sequence" and n.entries[0].value.kind == "scalar"]
        self._lists_have_lines = not lists or any(self._has_lines(node) for node in lists)
        self._colon = ": "
        if first and first.key:
            self._colon = text[first.key.end : first.value.start]
            if self._colon.strip(" :") or not self._colon.count(":"):
                self._colon = ": "
        self._indent = _DEFAULT_INDENT
        if first and self._has_lines(self.root):
            self._indent = indentation(text, first.start) or _DEFAULT_INDENT

    def _has_lines(self, node: SourceNode) -> bool:
        """Whether the entries of a collection stand on lines of their own."""
        if not node.entries:
            return False
        return "\n" in self._text[node.start : node.entries[0].start] or (
            node is self.root and "\n" in self._text[node.entries[0].end : node.entries[-1].start]
        )

    def _entry_before(
        self, node: SourceNode, remaining: Sequence[SourceEntry], key: str
    ) -> SourceEntry | None:
        """A new entry stands above the last one, whose line needs no comma then."""
        before = super()._entry_before(node, remaining, key)
        is_last = len(remaining) > 1 and before is remaining[-1]
        return remaining[-2] if is_last and self._has_lines(node) else before

    def _write_entry(self, node: SourceNode, key: str, value: Any, position: int) -> str:  # noqa: ARG002  # the interface
        name = json.dumps(key, ensure_ascii=self._is_ascii)
        return f"{name}{self._colon}{self._write_value(value, None, position)}"

    def _write_value(self, value: Any, former: SourceNode | None, position: int) -> str:
        if isinstance(value, Mapping | list | tuple) and value and self._spreads(value, former):
            lines = self._dumps(value, self._indent, (",", self._colon))
            return lines.replace("\n", "\n" + indentation(self._text, position))
        return self._dumps(value, None, (f",{self._gap(self.root)}", self._colon))

    def _spreads(self, value: Any, former: SourceNode | None) -> bool:
        """Whether a collection is written on several lines."""
        if former is not None and former.entries:
            return self._has_lines(former)
        is_plain = isinstance(value, list) and not any(
            isinstance(item, Mapping | list) for item in value
        )
        return self._has_lines(self.root) and (not is_plain or self._lists_have_lines)

    def _dumps(self, value: Any, indent: str | None, separators: tuple[str, str]) -> str:
        return json.dumps(
            value,
            indent=indent,
            ensure_ascii=self._is_ascii,
            separators=separators,
            default=format_timestamp,
        )


def read_json_source(text: str) -> SourceNode:
    """Read the root object of a valid JSON front matter, with or without its braces."""
    return _Reader(text).read_root()


class _Reader:
    """A reader of one text. Recursive: a valid front matter is not nested deeply."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._current = ""
        self._start = self._end = 0
        self._next()

    def read_root(self) -> SourceNode:
        """Read the root object."""
        if self._current == "{":
            return self._read_value()
        root = SourceNode("mapping", self._start, self._start, is_flow=True, entries=[])
        self._read_entries(root, "")
        root.end = root.entries[-1].end if root.entries else root.start
        return root

    def _next(self) -> None:
        match = _TOKEN.match(self._text, self._end)
        if match is None:
            self._current, self._start = "", len(self._text)
            return
        self._current, self._start, self._end = match[1], match.start(1), match.end()

    def _read_value(self) -> SourceNode:
        current, start, end = self._current, self._start, self._end
        if current in ("{", "["):
            kind: Any = "mapping" if current == "{" else "sequence"
            node = SourceNode(kind, start, start, is_flow=True, entries=[])
            self._next()
            self._read_entries(node, "}" if current == "{" else "]")
            node.end = self._end
            self._next()
            return node
        self._next()
        if current[:1] == '"':
            return SourceNode("scalar", start, end, clean_text(json.loads(current)), '"')
        return SourceNode("scalar", start, end, current)

    def _read_entries(self, node: SourceNode, closing: str) -> None:
        while self._current != closing:
            if not self._current:
                raise UneditableError
            start, key = self._start, None
            if node.kind == "mapping":
                key = self._read_value()
                self._next()  # the colon
            value = self._read_value()
            node.entries.append(SourceEntry(key, value, start, value.start))
            if self._current == ",":
                self._next()
