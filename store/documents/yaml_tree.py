"""The located tree that front matter is read into: what was written, and on which line.

Values keep their source text, because what `2021` or `yes` means depends on the field it is
written for. Lines count from 1 in the file. A tree has no cycles, so the garbage collector need not
look through it.
"""

from __future__ import annotations

import msgspec


class ScalarNode(msgspec.Struct, gc=False):
    """One value as written. `plain`: without quotes, so that YAML would guess its type."""

    text: str
    plain: bool
    line: int


class SequenceNode(msgspec.Struct, gc=False):
    """A list."""

    items: list[Node]
    line: int


class MappingNode(msgspec.Struct, gc=False):
    """Keys and values in the order written; `key_lines` has the line of each key."""

    entries: dict[str, Node]
    key_lines: dict[str, int]
    line: int


Node = ScalarNode | SequenceNode | MappingNode
