"""TOML edit: the edits of a TOML front matter, in its tables, brackets and quotes.

tomlkit keeps the style of a text, too. But it takes quadratic time, writes other line ends than the
text has, and puts keys where they belong to another table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from store.timestamps import format_timestamp

from .bracket_edit import BracketEditor, indentation, line_end, line_start
from .source_tree import SourceEntry, SourceNode, UneditableError
from .toml_source import Statement, TomlTable, read_toml_source
from .toml_tree import Path
from .tree_edit import runs_of

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_COMMENTS_ABOVE = re.compile(r"(?:[ \t]*#[^\n]*\n)*\Z")


class NullError(UneditableError):
    """TOML has no null."""


class TomlEditor(BracketEditor):
    """Collects the edits of one TOML front matter. For the arguments see `TreeEditor`."""

    _allows_last_comma = True

    def __init__(self, text: str, key_order: Sequence[str], *, is_fine: bool = True) -> None:
        source = read_toml_source(text)
        super().__init__(text, source.root, key_order, is_fine=is_fine)
        self._statements = source.statements
        self._numbers = {statement.start: i for i, statement in enumerate(source.statements)}
        self._removed: set[int] = set()
        self._new_headers: dict[Path, int] = {}  # the positions of the headers to insert

    # Tables

    def _can_be_emptied(self, node: SourceNode) -> bool:
        return isinstance(node, TomlTable) and (node is self.root or bool(node.headers))

    def _insert_key(
        self, node: SourceNode, remaining: Sequence[SourceEntry], key: str, value: Any
    ) -> None:
        if not isinstance(node, TomlTable):
            super()._insert_key(node, remaining, key, value)
        elif node is self.root:
            self._insert_root_key(key, toml_entry(key, value))
        elif node.headers:
            section = self._section(node.headers[0])
            anchors = [i for i in section if i not in self._removed]
            self._insert_line(anchors[-1] if anchors else node.headers[0], toml_entry(key, value))
        else:
            self._insert_into_implicit(node, key, value)

    def _insert_root_key(self, key: str, line: str) -> None:
        """Insert a line above the first header, behind the key that usually stands before it."""
        section = [i for i in self._section(-1) if i not in self._removed]
        names: dict[str | int, int] = {self._statements[i].path[0]: i for i in section}
        anchor = section[-1] if section else None
        if key in self._key_order:
            earlier = self._key_order[: self._key_order.index(key)]
            anchor = next((names[name] for name in reversed(earlier) if name in names), None)
        if anchor is not None:
            self._insert_line(anchor, line)
        elif section:
            start = line_start(self._text, self._statements[section[0]].start)
            self._edit(start, start, f"{indentation(self._text, start)}{line}\n")
        else:
            self._edit(0, 0, f"{line}\n")

    def _insert_into_implicit(self, node: TomlTable, key: str, value: Any) -> None:
        """Insert a key into a table that only keys with dots, or headers of others, make."""
        if node.path in self._new_headers:
            start = self._new_headers[node.path]
            self._edit(start, start, f"{toml_entry(key, value)}\n")
            return
        numbers = [i for i in self._numbers_under(node) if i not in self._removed]
        dotted = [i for i in numbers if len(self._statements[i].table) < len(node.path)]
        if dotted:
            prefix = node.path[len(self._statements[dotted[-1]].table) :]
            name = ".".join((*map(toml_key, _names(prefix)), ""))
            self._insert_line(dotted[-1], name + toml_entry(key, value))
        elif numbers:
            start = line_start(self._text, self._statements[numbers[0]].start)
            above = _COMMENTS_ABOVE.search(self._text, 0, start)
            start = above.start() if above else start
            header = f"[{'.'.join(map(toml_key, _names(node.path)))}]"
            self._edit(start, start, f"{header}\n{toml_entry(key, value)}\n")
            self._new_headers[node.path] = start
        else:
            raise UneditableError

    def _insert_line(self, number: int, line: str) -> None:
        """Insert a line below a statement."""
        statement = self._statements[number]
        end = line_end(self._text, statement.end)
        self._edit(end, end, f"\n{indentation(self._text, statement.start)}{line}")

    def _section(self, header: int) -> Iterator[int]:
        """Yield the numbers of the statements below a header; of the root for -1."""
        for i in range(header + 1, len(self._statements)):
            if self._statements[i].is_header:
                return
            yield i

    def _numbers_under(self, node: SourceNode) -> list[int]:
        """Return the numbers of the statements that make a table, in order."""
        numbers = list(node.headers) if isinstance(node, TomlTable) else []
        for entry in node.entries:
            if isinstance(entry.value, TomlTable):
                numbers += self._numbers_under(entry.value)
            elif entry.key and entry.start in self._numbers:
                numbers.append(self._numbers[entry.start])
        return sorted(numbers)

    # Lists of tables

    def _insert_item(
        self,
        node: SourceNode,
        remaining: Sequence[SourceEntry],
        before: SourceEntry | None,
        value: Any,
        moved: SourceEntry | None,
    ) -> None:
        if not isinstance(node, TomlTable):
            super()._insert_item(node, remaining, before, value, moved)
            return
        if not isinstance(value, Mapping) or not remaining:
            raise UneditableError
        text = self._text
        numbers = self._numbers_under((before or remaining[0]).value)
        header = self._statements[numbers[0]]
        start = line_start(text, header.start)
        indent = indentation(text, start)
        lines = [f"[[{'.'.join(map(toml_key, _names(node.path)))}]]"]
        lines += [toml_entry(key, member) for key, member in value.items()]
        block = "\n".join(indent + line for line in lines)
        if moved and (source := self._source_of(moved)):
            block = source
        gap = "\n\n" if start > 1 and text[start - 2 : start] == "\n\n" else "\n"
        if before is None:
            self._edit(start, start, f"{block}{gap}")
            return
        last = self._statements[max(i for i in numbers if i not in self._removed)]
        end = line_end(text, last.end)
        self._edit(end, end, f"{gap}{block}")

    def _source_of(self, entry: SourceEntry) -> str | None:
        """Return the text of a table in a list, if it stands in one piece."""
        numbers = self._numbers_under(entry.value)
        if numbers[-1] - numbers[0] != len(numbers) - 1:
            return None
        first, last = self._statements[numbers[0]], self._statements[numbers[-1]]
        return self._text[line_start(self._text, first.start) : line_end(self._text, last.end)]

    # Values

    def _remove(self, node: SourceNode, gone: Sequence[SourceEntry]) -> None:
        if not isinstance(node, TomlTable):
            super()._remove(node, gone)
            return
        for first, last in runs_of(node.entries, gone):
            for entry in node.entries[first : last + 1]:
                self._remove_statements(entry)

    def _remove_statements(self, entry: SourceEntry) -> None:
        """Remove the lines of an entry, and those between a header and the last line below it."""
        holder = SourceNode("mapping", 0, 0, entries=[entry])
        numbers = self._numbers_under(holder)
        self._removed.update(numbers)
        run: list[Statement] = []
        for i, number in enumerate(numbers):
            run.append(self._statements[number])
            if run[0].is_header and numbers[i + 1 : i + 2] == [number + 1]:
                continue
            end = min(line_end(self._text, run[-1].end) + 1, len(self._text))
            self._edit(line_start(self._text, run[0].start), end, "")
            run = []

    def _replace(self, parent: SourceNode, entry: SourceEntry, new: Any) -> None:
        if not isinstance(entry.value, TomlTable):
            super()._replace(parent, entry, new)
            return
        if parent.kind != "mapping" or entry.name is None:
            raise UneditableError
        self._remove_statements(entry)
        remaining = [other for other in parent.entries if other is not entry]
        self._insert_key(parent, remaining, entry.name, new)

    def _write_entry(self, node: SourceNode, key: str, value: Any, position: int) -> str:  # noqa: ARG002  # the interface
        return toml_entry(key, value)

    def _write_value(self, value: Any, former: SourceNode | None, position: int) -> str:  # noqa: ARG002  # the interface
        if former is None or former.kind != "scalar" or not former.style:
            return toml_value(value)
        if isinstance(value, datetime):
            return former.style[0] + toml_value(value) + former.style[0]
        if not isinstance(value, str):
            return toml_value(value)
        source = self._text[former.start : former.end]
        first = "\n" if source[len(former.style) :].startswith("\n") else ""
        return _quoted(value, former.style, first) or toml_value(value)


def toml_entry(key: str, value: Any) -> str:
    """Write `key = value` in one line. Raises: NullError."""
    return f"{toml_key(key)} = {toml_value(value)}"


def toml_key(key: str) -> str:
    """Write a key."""
    return key if _BARE_KEY.fullmatch(key) else toml_value(key)


def toml_value(value: Any) -> str:
    """Write a value in one line. Raises: NullError."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return format_timestamp(value)
    if isinstance(value, Mapping):
        entries = (toml_entry(key, member) for key, member in value.items())
        return f"{{{', '.join(entries)}}}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(toml_value, value))}]"
    if value is None:
        raise NullError
    return repr(value)


def _quoted(text: str, quotes: str, first: str) -> str | None:
    """Write a text in quotes of a kind; None if it cannot be. `first`: the first line break."""
    if quotes == '"':
        return None
    is_one_line = len(quotes) == 1
    if quotes[0] == "'":
        is_literal = not _CONTROLS.search(text) and quotes not in text and not text.endswith("'")
        return (
            f"{quotes}{first}{text}{quotes}"
            if is_literal
            and ("\n" not in text or not is_one_line)
            and (first or not text.startswith("\n"))
            else None
        )
    escaped = text.replace("\\", "\\\\").replace('"""', '""\\"')
    escaped = escaped[:-1] + '\\"' if escaped.endswith('"') else escaped
    escaped = _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", escaped)
    first = first or ("\n" if text.startswith("\n") else "")
    return f"{quotes}{first}{escaped}{quotes}"


def _names(path: Path) -> list[str]:
    return [part for part in path if isinstance(part, str)]
