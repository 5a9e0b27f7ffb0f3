"""Bracket edit: edits of lists and mappings in brackets, with commas between the entries."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from .source_tree import SourceEntry, SourceNode, UneditableError
from .tree_edit import TreeEditor, runs_of

_REST_OF_LINE = re.compile(r"[ \t]*(?P<comma>,?)[ \t]*(?:#.*)?$", re.MULTILINE)
_NEXT_COMMA = re.compile(r"(?:\s|#[^\n]*)*,")
_BLANKS = re.compile(r"\s*")


class BracketEditor(TreeEditor):
    """Edits what stands in brackets, one entry after the other or each on lines of its own."""

    _allows_last_comma = False
    """Whether a comma may follow the last item of a list."""

    def __init__(
        self, text: str, root: SourceNode, key_order: Sequence[str], *, is_fine: bool
    ) -> None:
        super().__init__(text, root, key_order, is_fine=is_fine)
        self._ends: dict[int, int] = {}  # the largest end of the edits at a position

    def _undo_edits(self, count: int) -> None:
        super()._undo_edits(count)
        self._ends = {}
        for edit in self._edits:
            self._note_edit(edit.start, edit.end)

    def _note_edit(self, start: int, end: int) -> None:
        self._ends[start] = max(end, self._ends.get(start, 0))

    def _edit(self, start: int, end: int, text: str) -> None:
        super()._edit(start, end, text)
        if self._edits and self._edits[-1].start == start:
            self._note_edit(start, end)

    @abstractmethod
    def _write_value(self, value: Any, former: SourceNode | None, position: int) -> str:
        """Write a value in the style of the one that it replaces, at a position of the text."""

    @abstractmethod
    def _write_entry(self, node: SourceNode, key: str, value: Any, position: int) -> str:
        """Write an entry of a mapping."""

    def _insert_key(
        self, node: SourceNode, remaining: Sequence[SourceEntry], key: str, value: Any
    ) -> None:
        before = self._entry_before(node, remaining, key)
        text = self._write_entry(node, key, value, _position(remaining, before))
        self._insert_text(node, remaining, before, text)

    def _insert_item(
        self,
        node: SourceNode,
        remaining: Sequence[SourceEntry],
        before: SourceEntry | None,
        value: Any,
        moved: SourceEntry | None,
    ) -> None:
        if moved:
            text = self._text[moved.start : moved.end]
        else:
            text = self._write_value(value, _model(remaining), _position(remaining, before))
        self._insert_text(node, remaining, before, text)

    def _insert_text(
        self,
        node: SourceNode,
        remaining: Sequence[SourceEntry],
        before: SourceEntry | None,
        new: str,
    ) -> None:
        text = self._text
        position = _position(remaining, before)
        indent = text[line_start(text, position) : position]
        on_lines = not indent.strip()
        gap = f"\n{indent}" if on_lines else self._gap(node)
        if before is None:
            self._edit(position, position, f"{new},{gap}")
            return
        rest = _REST_OF_LINE.match(text, before.end) if on_lines else None
        if self._ends.get(before.end, 0) > before.end:
            self._edit(before.end, before.end, f",{gap}{new}")  # all behind it go
        elif rest is None:
            self._edit(before.end, before.end, f",{self._gap(node)}{new}")
        elif rest["comma"]:
            self._edit(rest.end(), rest.end(), f"{gap}{new},")
        elif _NEXT_COMMA.match(text, before.end):  # it begins another line
            self._edit(before.end, before.end, f",{gap}{new}")
        else:  # a comment behind the last entry stays there
            is_first = rest.end() not in self._ends
            self._edit(before.end, before.end, "," if is_first else "")
            self._edit(rest.end(), rest.end(), f"{gap}{new}" if is_first else f",{gap}{new}")

    def _gap(self, node: SourceNode) -> str:
        """Return the blanks behind the first comma of a collection, or of the root."""
        for collection in (node, self.root):
            if len(collection.entries) > 1:
                first, second = collection.entries[:2]
                blanks = self._text[first.end : second.start].strip(",")
                return " " if blanks.strip() or "\n" in blanks else blanks
        return " "

    def _remove(self, node: SourceNode, gone: Sequence[SourceEntry]) -> None:
        entries, text = node.entries, self._text
        for first, last in runs_of(entries, gone):
            if first == 0 and last == len(entries) - 1:
                raise UneditableError
            run = entries[first : last + 1]
            if self._has_own_lines(node, run):
                for entry in run:
                    end = text.find("\n", entry.end) + 1
                    self._edit(line_start(text, entry.start), end, "")
                continue
            start, end = entries[first].start, entries[last].end
            if last + 1 < len(entries):
                end = entries[last + 1].start
            elif not text[entries[first - 1].end : start].strip(", \t\n"):  # no comment
                start = entries[first - 1].end
            self._edit(start, end, "")

    def _has_own_lines(self, node: SourceNode, run: Sequence[SourceEntry]) -> bool:
        """Whether entries can go with their lines, which hold nothing else but comments."""
        text = self._text
        return (
            self._allows_last_comma
            and node.kind == "sequence"
            and not any(text[line_start(text, e.start) : e.start].strip() for e in run)
            and all(_REST_OF_LINE.match(text, e.end) for e in run)
        )

    def _replace(self, parent: SourceNode, entry: SourceEntry, new: Any) -> None:  # noqa: ARG002  # the interface
        node = entry.value
        self._edit(node.start, node.end, self._write_value(new, node, entry.start))


def line_start(text: str, position: int) -> int:
    """Return the start of the line of a position; lines end with line feeds."""
    return text.rfind("\n", 0, position) + 1


def line_end(text: str, position: int) -> int:
    """Return the end of the line of a position, before its line feed."""
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def indentation(text: str, position: int) -> str:
    """Return the blanks that begin the line of a position."""
    match = re.compile(r"[ \t]*").match(text, line_start(text, position))
    return match[0] if match else ""


def _model(remaining: Sequence[SourceEntry]) -> SourceNode | None:
    """Return an item whose style a new one has; None if the first two differ."""
    return remaining[0].value if len({entry.value.style for entry in remaining[:2]}) == 1 else None


def _position(remaining: Sequence[SourceEntry], before: SourceEntry | None) -> int:
    """Return the position of the entry next to which a new one stands."""
    if not remaining:
        raise UneditableError
    return (before or remaining[0]).start
