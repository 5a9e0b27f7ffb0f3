"""YAML edit: changes values of a front matter and no other character of its text.

The new values are compared with the former ones down to the smallest that differ. Only these are
written anew, in the style of the text: its indentation, brackets and quotes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

import msgspec

from .source_text import source_flow_text
from .source_tree import (
    LINE_BREAKS,
    SourceEntry,
    SourceNode,
    UneditableError,
    line_end,
    line_start,
    merged_entries,
    read_source,
)
from .yaml_writer import Layout, block_lines, entry_lines, flow_text, scalar_text

_IDENTITY_KEYS = ("url", "webUrl", "originalUrl", "ampWebUrl", "cdnAmpWebUrl", "title")
_MAX_ALIGNED = 200
"""Largest number of list items to align by content: it may take quadratic time."""


class TextEdit(NamedTuple):
    """The replacement of a range of a text."""

    start: int
    end: int
    text: str


def apply_edits(text: str, edits: Iterable[TextEdit]) -> str:
    """Apply edits of ranges that do not overlap. Raises: UneditableError: they overlap."""
    parts: list[str] = []
    done = 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        if start < done:
            raise UneditableError
        parts += (text[done:start], new)
        done = end
    return "".join((*parts, text[done:]))


class YamlEditor:
    """Collects the edits of one front matter.

    Args:
        text: The front matter, which is valid.
        key_order: Keys of the root in their usual order, for new ones.
        is_fine: Whether to look for differences within a value. If not, a value that differs is
            replaced as a whole.
    """

    def __init__(self, text: str, key_order: Sequence[str], *, is_fine: bool = True) -> None:
        self.root = read_source(text)
        self._text = text
        self._key_order = key_order
        self._is_fine = is_fine
        self._edits: list[TextEdit] = []
        self._layout = _detect_layout(text, self.root)
        self._aliased = {id(node.target) for node in self.root.walk() if node.target}

    def edits(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[TextEdit]:
        """Return the edits that give the root these new values; None removes a key.

        Raises: UneditableError.
        """
        changed = {key: value for key, value in new.items() if value is not None}
        removed = [key for key, value in new.items() if value is None]
        self._update_entries(self.root, old, changed, removed)
        self._move_anchors()
        return self._edits

    # Entries of mappings

    def _update_mapping(
        self, node: SourceNode, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> None:
        changed = {k: v for k, v in new.items() if k not in old or old[k] != v}
        self._update_entries(node, old, changed, [key for key in old if key not in new])

    def _update_entries(
        self,
        node: SourceNode,
        old: Mapping[str, Any],
        changed: Mapping[str, Any],
        removed: Sequence[str],
    ) -> None:
        names = set(removed)
        gone = [entry for entry in node.entries if entry.name in names and not entry.is_merge]
        if node.entries and len(gone) == len(node.entries):
            raise UneditableError
        self._remove(node, gone)
        merged = {entry.name for entry in merged_entries(node)}
        own = {entry.name: entry for entry in node.entries}  # the last of equal keys counts
        added = {key: value for key, value in changed.items() if key not in own}
        if node is self.root:  # null hides a merged value
            added |= {key: None for key in removed if key in merged}
        elif not merged.isdisjoint(removed):
            raise UneditableError
        for key, value in changed.items():
            if key in own:
                self._update(node, own[key], old.get(key), value)
        kept = [entry for entry in node.entries if entry.is_merge or entry.name not in names]
        for key in self._in_order(added):
            self._insert_key(node, kept, key, added[key])

    def _in_order(self, keys: Iterable[str]) -> list[str]:
        present = list(keys)
        usual = [key for key in self._key_order if key in present]
        return [*usual, *(key for key in present if key not in usual)]

    def _insert_key(
        self, node: SourceNode, kept: Sequence[SourceEntry], key: str, value: Any
    ) -> None:
        before = kept[-1] if kept else None
        if node is self.root and key in self._key_order:
            earlier = self._key_order[: self._key_order.index(key)]
            names = {entry.name: entry for entry in kept}
            before = next((names[name] for name in reversed(earlier) if name in names), None)
        if node.is_flow:
            self._insert_flow(kept, before, flow_text({key: value})[1:-1])
            return
        lines = entry_lines(key, value, self._layout)
        if node is self.root and len(lines) > 1 and before and "\n\n" in self._text:
            lines = ["", *lines]
        self._insert_lines(node, kept, before, lines)

    # Items of sequences

    def _update_sequence(self, node: SourceNode, old: Sequence[Any], new: Sequence[Any]) -> None:
        entries = [entry for entry in node.entries if not entry.value.is_null]
        if all(entry.value.kind == "scalar" for entry in entries):
            old = [entry.value.text if isinstance(new[0], str) else None for entry in entries]
        elif len(entries) != len(old):
            raise UneditableError
        gone: list[SourceEntry] = []
        inserts: list[tuple[int, Any]] = []
        for _, i, end, j, new_end in _align(old, new):
            pairs = min(end - i, new_end - j)
            for k in range(pairs):
                self._update(node, entries[i + k], old[i + k], new[j + k])
            gone += entries[i + pairs : end]
            inserts += [(i + pairs, value) for value in new[j + pairs : new_end]]
        if len(gone) == len(node.entries):
            raise UneditableError
        moved = {_key(old[entries.index(entry)]): entry for entry in gone}
        self._remove(node, gone)
        kept = [entry for entry in node.entries if entry not in gone]
        for at, value in inserts:
            before = next((e for e in reversed(entries[:at]) if e not in gone), None)
            self._insert_item(node, kept, before, value, moved.get(_key(value)))

    def _insert_item(
        self,
        node: SourceNode,
        kept: Sequence[SourceEntry],
        before: SourceEntry | None,
        value: Any,
        moved: SourceEntry | None,
    ) -> None:
        styles = {entry.value.style for entry in kept}
        style = styles.pop() if len(styles) == 1 else ""
        if node.is_flow:
            self._insert_flow(kept, before, flow_text(value, style))
            return
        if moved and not any(n.anchor for n in moved.value.walk()):
            lines = [self._text[moved.start : line_end(self._text, moved.end)]]
        else:
            lines = _item_lines(value, self._layout, style)
        self._insert_lines(node, kept, before, lines)

    # Values

    def _update(self, parent: SourceNode, entry: SourceEntry, old: Any, new: Any) -> None:
        """Give an entry a new value, by its smallest differences."""
        if old == new:
            return
        node = entry.value
        is_editable = self._is_fine and not node.is_compact and not self._is_shared(node)
        edits = len(self._edits)
        try:
            if is_editable and node.kind == "mapping" and _are(old, new, Mapping):
                self._update_mapping(node, old, new)
                return
            if is_editable and node.kind == "sequence" and _are(old, new, list):
                self._update_sequence(node, old, new)
                return
        except UneditableError:
            del self._edits[edits:]
        self._replace(parent, entry, new)

    def _is_shared(self, node: SourceNode) -> bool:
        """Whether aliases elsewhere stand for the node."""
        return id(node) in self._aliased

    def _replace(self, parent: SourceNode, entry: SourceEntry, new: Any) -> None:
        node = entry.value
        is_collection = isinstance(new, Mapping | list) and bool(new)
        if parent.is_flow or (is_collection and node.is_flow and node.entries):
            self._replace_inline(entry, flow_text(new, node.style))
        elif not is_collection:
            self._replace_by_scalar(parent, entry, new)
        else:
            self._replace_by_block(parent, entry, new)

    def _replace_inline(self, entry: SourceEntry, text: str) -> None:
        node = entry.value
        pad = " " if node.start == entry.after and entry.after > entry.start else ""
        self._edit(node.start, node.end, pad + text)

    def _replace_by_scalar(self, parent: SourceNode, entry: SourceEntry, new: Any) -> None:
        node, text = entry.value, self._text
        indent = " " * (self._column(parent.entries[0].start) + 2)
        inline = scalar_text(new, node.style, indent)
        if node.is_block and node.start > line_end(text, entry.after):
            first = line_end(text, entry.after)  # a comment behind the key stays
            self._edit(entry.after, entry.after, f" {inline}")
            self._edit(first, node.end, "")
        else:
            self._replace_inline(entry, inline)

    def _replace_by_block(self, parent: SourceNode, entry: SourceEntry, new: Any) -> None:
        node, text = entry.value, self._text
        column = self._column(parent.entries[0].start)
        _, lines = block_lines(new, self._layout)
        if entry.key is None:
            pad = node.start == entry.after
            indent = " " * (self._column(node.start) + pad)
            self._replace_inline(entry, lines[0] + _joined(lines[1:], indent))
            return
        same_kind = node.kind == ("mapping" if isinstance(new, Mapping) else "sequence")
        if node.is_block and same_kind:
            indent = " " * self._column(node.entries[0].start)
        else:
            offset = self._layout.sequence if isinstance(new, list) else self._layout.indent
            indent = " " * column + offset
        if node.is_block and node.start > line_end(text, entry.after):
            self._edit(line_end(text, entry.after), node.end, _joined(lines, indent))
            return
        end = line_end(text, node.end)
        if not text[node.end : end].strip():
            self._edit(entry.after, end, _joined(lines, indent))
        else:
            self._edit(entry.after, node.end, "")  # the comment stays behind the key
            self._edit(end, end, _joined(lines, indent))

    # Edits

    def _edit(self, start: int, end: int, text: str) -> None:
        if self._text[start:end] != text:
            self._edits.append(TextEdit(start, end, text))

    def _column(self, position: int) -> int:
        return position - line_start(self._text, position)

    def _insert_lines(
        self,
        node: SourceNode,
        kept: Sequence[SourceEntry],
        before: SourceEntry | None,
        lines: Sequence[str],
    ) -> None:
        """Insert lines behind an entry of a block collection, or before the first."""
        text = self._text
        indent = " " * self._column(node.entries[0].start)
        if before is None:
            at = kept[0].start
            new = _joined(lines, indent).lstrip() + "\n" + indent
            self._edits.append(TextEdit(at, at, new))
            return
        end = before.end
        if end and text[end - 1] in LINE_BREAKS:  # a block scalar that keeps its last blank lines
            self._edits.append(TextEdit(end, end, _joined(lines, indent)[1:] + "\n"))
        else:
            end = line_end(text, end)
            self._edits.append(TextEdit(end, end, _joined(lines, indent)))

    def _insert_flow(
        self,
        kept: Sequence[SourceEntry],
        before: SourceEntry | None,
        text: str,
    ) -> None:
        if not kept:
            raise UneditableError
        at = before.end if before else kept[0].start
        self._edits.append(TextEdit(at, at, f", {text}" if before else f"{text}, "))

    def _remove(self, node: SourceNode, gone: Sequence[SourceEntry]) -> None:
        entries = node.entries
        for first, last in _runs(entries, gone):
            following = entries[last + 1] if last + 1 < len(entries) else None
            start, end = entries[first].start, entries[last].end
            if node.is_flow:
                if following:
                    end = following.start
                elif first:
                    start = entries[first - 1].end
                self._edit(start, end, "")
            elif self._text[line_start(self._text, start) : start].strip():  # behind a dash
                if following is None:
                    raise UneditableError
                self._edit(start, following.start, "")
            else:
                for entry in entries[first : last + 1]:
                    self._remove_lines(entry)

    def _remove_lines(self, entry: SourceEntry) -> None:
        text = self._text
        start, end = line_start(text, entry.start), entry.end
        if not (end > start and text[end - 1] in LINE_BREAKS):
            end = line_end(text, end)
            if end < len(text):
                end += 1
            elif start:
                start -= 1
        self._edit(start, end, "")

    def _move_anchors(self) -> None:
        """Write a value that is removed, but used by aliases, at the first of these."""
        removed = sorted((edit.start, edit.end) for edit in self._edits if edit.end > edit.start)

        def is_removed(node: SourceNode) -> bool:
            i = bisect_right(removed, (node.start, len(self._text) + 1)) - 1
            return i >= 0 and node.end <= removed[i][1]

        moved: set[int] = set()
        for alias in list(self.root.walk()) if self._aliased else ():
            node = alias.target
            if node is None or id(node) in moved or is_removed(alias) or not is_removed(node):
                continue
            moved.add(id(node))
            text = f"&{node.anchor} {source_flow_text(self._text, node)}"
            self._edit(alias.start, alias.end, text)


def _detect_layout(text: str, root: SourceNode) -> Layout:
    """Return the indentation of the first lists and mappings in a text."""
    indent = sequence = None
    for node in root.walk():
        if indent and sequence is not None:
            break
        if node.kind != "mapping" or not node.is_block:
            continue
        for entry in node.entries:
            value = entry.value
            if value.is_block and value.start > line_end(text, entry.after) and value.entries:
                inner = value.entries[0].start
                offset = inner - line_start(text, inner)
                offset -= entry.start - line_start(text, entry.start)
                if value.kind == "sequence" and sequence is None and offset >= 0:
                    sequence = " " * offset
                elif value.kind == "mapping" and indent is None and offset > 0:
                    indent = " " * offset
    default = Layout()
    return Layout(indent or default.indent, default.sequence if sequence is None else sequence)


def _item_lines(value: Any, layout: Layout, style: str) -> list[str]:
    if isinstance(value, Mapping | list) and value:
        _, below = block_lines(value, layout)
        return [f"- {below[0]}", *("  " + line for line in below[1:])]
    quotes = style if style in ("'", '"') else ""
    return [f"- {scalar_text(value, quotes, '')}"]


def _align(old: Sequence[Any], new: Sequence[Any]) -> list[tuple[str, int, int, int, int]]:
    """Align the items of two lists, as `SequenceMatcher.get_opcodes` does."""
    old_keys, new_keys = [_identity(value) for value in old], [_identity(value) for value in new]
    if max(len(old), len(new)) <= _MAX_ALIGNED:
        matcher = SequenceMatcher(None, old_keys, new_keys, autojunk=False)
        return list(matcher.get_opcodes())
    return [("replace", 0, len(old), 0, len(new))]


def _identity(value: Any) -> Any:
    """Return what makes an item of a list the same one after a change."""
    if isinstance(value, Mapping):
        return next((value[key] for key in _IDENTITY_KEYS if key in value), None)
    return _key(value)


def _key(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def _are(old: Any, new: Any, kind: Any) -> bool:
    is_empty_list = kind is list and not (old and new)
    return isinstance(old, kind) and isinstance(new, kind) and not is_empty_list


def _runs(entries: Sequence[SourceEntry], gone: Sequence[SourceEntry]) -> list[tuple[int, int]]:
    """Return the first and last index of each run of entries that go."""
    runs: list[tuple[int, int]] = []
    starts = {entry.start for entry in gone}
    for i, entry in enumerate(entries):
        if entry.start not in starts:
            continue
        if runs and runs[-1][1] == i - 1:
            runs[-1] = (runs[-1][0], i)
        else:
            runs.append((i, i))
    return runs


def _joined(lines: Iterable[str], indent: str) -> str:
    return "".join("\n" + (indent + line if line else "") for line in lines)
