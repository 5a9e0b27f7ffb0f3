"""Source tree: the YAML nodes of a front matter with their positions in its text.

An edit in place needs to know where each key and value starts and ends. Positions count characters
from 0. The tree keeps aliases and merge keys as they are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from .frontmatter import parse_events

LINE_BREAKS = "\n\r\x85\u2028\u2029"
"""The characters that end a line in YAML."""

_LINE_BREAK = re.compile(f"[{LINE_BREAKS}]")
_BLANKS = " \t\ufeff" + LINE_BREAKS
_BLOCK_SCALARS = ("|", ">")
_OPENING = {"sequence": "[", "mapping": "{"}

Kind = Literal["scalar", "sequence", "mapping", "alias"]


class UneditableError(Exception):
    """The text cannot be edited in place."""


class SourceNode(msgspec.Struct, eq=False, gc=False):
    """A value as it is written.

    Attributes:
        start, end: Its range in the text, with anchor and tag, without comments behind it.
        text: The text of a scalar, or of the scalar that an alias stands for.
        style: The style of a scalar: "" for plain, else `'`, `"`, `|` or `>`.
        is_flow: Whether a collection is written in brackets.
        is_compact: Whether it is a pair in a sequence in brackets, without brackets of its own.
        anchor: The name of its anchor.
        is_tagged: Whether it has a tag.
        entries: The members of a collection.
        target: The node that an alias stands for.
    """

    kind: Kind
    start: int
    end: int
    text: str = ""
    style: str = ""
    is_flow: bool = False
    is_compact: bool = False
    anchor: str | None = None
    is_tagged: bool = False
    entries: list[SourceEntry] = []
    target: SourceNode | None = None

    @property
    def is_null(self) -> bool:
        """Whether this is YAML's null."""
        is_plain = self.kind == "scalar" and not self.style and not self.is_tagged
        return is_plain and self.text in ("", "~", "null", "Null", "NULL")

    @property
    def is_block(self) -> bool:
        """Whether this is a collection that is written by indentation."""
        return self.kind in _OPENING and not self.is_flow

    def walk(self) -> Iterator[SourceNode]:
        """Yield this node and all below, in the order of the text; aliases are not followed."""
        yield self
        for entry in self.entries:
            if entry.key:
                yield entry.key
            yield from entry.value.walk()


class SourceEntry(msgspec.Struct, eq=False, gc=False):
    """A member of a collection.

    Attributes:
        key: The key; None in a sequence.
        value: The value.
        start: The position of the key, of its `?`, or of the `-`.
        after: The position after the `:` or `-`.
    """

    key: SourceNode | None
    value: SourceNode
    start: int
    after: int

    @property
    def end(self) -> int:
        """The end of the value."""
        return max(self.value.end, self.after)

    @property
    def name(self) -> str | None:
        """The text of the key."""
        return self.key.text if self.key else None

    @property
    def is_merge(self) -> bool:
        """Whether the key is YAML's merge key."""
        key = self.key
        return key is not None and key.kind == "scalar" and not key.style and key.text == "<<"


def read_source(text: str) -> SourceNode:
    """Read the root mapping of a valid front matter. Raises: UneditableError."""
    builder = _SourceBuilder(text)
    for event in parse_events(text):
        builder.add(event)
    if builder.root is None or builder.root.kind != "mapping":
        raise UneditableError
    return builder.root


def merged_entries(node: SourceNode) -> list[SourceEntry]:
    """Return the entries that a mapping gets from merge keys only, one for each key."""
    own = {entry.name for entry in node.entries if not entry.is_merge}
    entries: dict[str | None, SourceEntry] = {}
    for merge in node.entries:
        if not merge.is_merge:
            continue
        target = merge.value.target or merge.value
        items = [e.value for e in target.entries] if target.kind == "sequence" else [target]
        for item in items:
            mapping = item.target or item
            for entry in (*mapping.entries, *merged_entries(mapping)):
                if not entry.is_merge and entry.name not in own:
                    entries.setdefault(entry.name, entry)
    return list(entries.values())


def line_start(text: str, position: int) -> int:
    """Return the start of the line of a position."""
    while position and text[position - 1] not in LINE_BREAKS:
        position -= 1
    return position


def line_end(text: str, position: int) -> int:
    """Return the end of the line of a position, before its line break."""
    match = _LINE_BREAK.search(text, position)
    return match.start() if match else len(text)


def skip_trivia(text: str, position: int, blanks: str = _BLANKS) -> int:
    """Return the first position that holds neither a blank nor a comment."""
    while position < len(text):
        if text[position] == "#" and (not position or text[position - 1] in _BLANKS + ","):
            position = line_end(text, position)
        elif text[position] in blanks:
            position += 1
        else:
            break
    return position


class _Open(msgspec.Struct):
    """A collection whose end has not come yet. `position`: the end of what was read of it."""

    node: SourceNode
    position: int
    key: SourceNode | None = None


class _SourceBuilder:
    def __init__(self, text: str) -> None:
        self.root: SourceNode | None = None
        self._text = text
        self._stack: list[_Open] = []
        self._anchors: dict[str, SourceNode] = {}

    def add(self, event: Any) -> None:
        """Add a parser's event."""
        name = type(event).__name__
        start, end = event.start_mark, event.end_mark
        if name == "ScalarEvent":
            self._add_scalar(event, start.index, end.index)
        elif name == "AliasEvent":
            target = self._anchors.get(event.anchor)
            text = target.text if target else ""
            self._add(SourceNode("alias", start.index, end.index, text, target=target))
        elif name in ("SequenceStartEvent", "MappingStartEvent"):
            kind: Kind = "sequence" if name == "SequenceStartEvent" else "mapping"
            self._open(kind, event, start.index)
        elif name in ("SequenceEndEvent", "MappingEndEvent"):
            self._close(end.index)

    def _add_scalar(self, event: Any, start: int, end: int) -> None:
        style = event.style or ""
        if style in _BLOCK_SCALARS:
            source = self._text[start:end]
            if "+" not in source.split("\n", 1)[0].split("#", 1)[0]:
                end = start + len(source.rstrip(_BLANKS))
        node = SourceNode("scalar", start, end, event.value, style, anchor=event.anchor)
        node.is_tagged = event.tag is not None
        self._note_anchor(node)
        self._add(node)

    def _open(self, kind: Kind, event: Any, start: int) -> None:
        node = SourceNode(kind, start, start, anchor=event.anchor, entries=[])
        node.is_tagged = event.tag is not None
        node.is_flow = bool(event.flow_style)
        self._note_anchor(node)
        position = start
        for _ in range((event.anchor is not None) + node.is_tagged):
            while position < len(self._text) and self._text[position] not in _BLANKS:
                position += 1
            position = skip_trivia(self._text, position)
        if node.is_flow:
            node.is_compact = self._text[position : position + 1] != _OPENING[kind]
            position += not node.is_compact
        self._stack.append(_Open(node, position))

    def _close(self, end: int) -> None:
        node = self._stack.pop().node
        if node.is_flow and not node.is_compact:
            node.end = end
        elif node.entries:
            node.end = node.entries[-1].end
        self._add(node)

    def _note_anchor(self, node: SourceNode) -> None:
        if node.anchor is not None:
            self._anchors[node.anchor] = node

    def _add(self, node: SourceNode) -> None:
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        if parent.node.kind == "mapping" and parent.key is None:
            parent.key = node
            return
        entry = self._build_entry(parent, node)
        parent.node.entries.append(entry)
        parent.position, parent.key = entry.end, None

    def _build_entry(self, parent: _Open, value: SourceNode) -> SourceEntry:
        text, collection = self._text, parent.node
        start = skip_trivia(text, parent.position, _BLANKS + "," * collection.is_flow)
        if collection.kind == "mapping":
            key = parent.key
            if key is None:
                raise UneditableError
            after = skip_trivia(text, key.end)
            if text[after : after + 1] == ":":
                after += 1
            elif value.start == value.end:
                after = key.end
            else:
                raise UneditableError
            if start != key.start and text[start : start + 1] != "?":
                raise UneditableError
        elif collection.is_flow:
            key, after = None, start
        else:
            if text[start : start + 1] != "-":
                raise UneditableError
            key, after = None, start + 1
        if value.start == value.end:
            value.start = value.end = after
        return SourceEntry(key, value, start, after)
