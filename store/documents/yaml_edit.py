"""YAML edit: the edits of a YAML front matter, in its indentation, brackets and quotes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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
from .tree_edit import TextEdit, TreeEditor, runs_of
from .yaml_writer import Layout, block_lines, entry_lines, flow_text, scalar_text


class YamlEditor(TreeEditor):
    """Collects the edits of one YAML front matter. For the arguments see `TreeEditor`."""

    def __init__(self, text: str, key_order: Sequence[str], *, is_fine: bool = True) -> None:
        super().__init__(text, read_source(text), key_order, is_fine=is_fine)
        self._layout = _detect_layout(text, self.root)
        self._aliased = {id(node.target) for node in self.root.walk() if node.target}

    def edits(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[TextEdit]:
        """See `TreeEditor`."""
        super().edits(old, new)
        self._move_anchors()
        return self._edits

    # Entries of mappings

    def _hides_merged(self, node: SourceNode, removed: Sequence[str]) -> Mapping[str, Any]:
        """Null hides a merged value in the root. Raises: UneditableError: deeper it does not."""
        merged = {entry.name for entry in merged_entries(node)}
        if node is not self.root and not merged.isdisjoint(removed):
            raise UneditableError
        return {key: None for key in removed if key in merged}

    def _insert_key(
        self, node: SourceNode, remaining: Sequence[SourceEntry], key: str, value: Any
    ) -> None:
        before = self._entry_before(node, remaining, key)
        if node.is_flow:
            self._insert_flow(remaining, before, flow_text({key: value})[1:-1])
            return
        lines = entry_lines(key, value, self._layout)
        if node is self.root and len(lines) > 1 and before and "\n\n" in self._text:
            lines = ["", *lines]
        self._insert_lines(node, remaining, before, lines)

    # Items of sequences

    def _insert_item(
        self,
        node: SourceNode,
        remaining: Sequence[SourceEntry],
        before: SourceEntry | None,
        value: Any,
        moved: SourceEntry | None,
    ) -> None:
        styles = {entry.value.style for entry in remaining}
        style = styles.pop() if len(styles) == 1 else ""
        if node.is_flow:
            self._insert_flow(remaining, before, flow_text(value, style))
            return
        if moved and not any(n.anchor for n in moved.value.walk()):
            lines = [self._text[moved.start : line_end(self._text, moved.end)]]
        else:
            lines = _item_lines(value, self._layout, style)
        self._insert_lines(node, remaining, before, lines)

    # Values

    def _is_fixed(self, node: SourceNode) -> bool:
        """See `TreeEditor`: aliases elsewhere may stand for the node."""
        return super()._is_fixed(node) or id(node) in self._aliased

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

    def _column(self, position: int) -> int:
        return position - line_start(self._text, position)

    def _insert_lines(
        self,
        node: SourceNode,
        remaining: Sequence[SourceEntry],
        before: SourceEntry | None,
        lines: Sequence[str],
    ) -> None:
        """Insert lines behind an entry of a block collection, or before the first."""
        text = self._text
        indent = " " * self._column(node.entries[0].start)
        if before is None:
            at = remaining[0].start
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
        remaining: Sequence[SourceEntry],
        before: SourceEntry | None,
        text: str,
    ) -> None:
        if not remaining:
            raise UneditableError
        at = before.end if before else remaining[0].start
        self._edits.append(TextEdit(at, at, f", {text}" if before else f"{text}, "))

    def _remove(self, node: SourceNode, gone: Sequence[SourceEntry]) -> None:
        entries = node.entries
        for first, last in runs_of(entries, gone):
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


def _joined(lines: Iterable[str], indent: str) -> str:
    return "".join("\n" + (indent + line if line else "") for line in lines)
