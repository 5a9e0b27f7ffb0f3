"""YAML tree: nodes with their source text and line numbers.

Scalars keep their source text, because the meaning of `2021` or `yes` depends on the field. Lines
count from 1 in the file. A tree has no cycles, so the garbage collector does not track it.
"""

from __future__ import annotations

import msgspec


class ScalarNode(msgspec.Struct, gc=False):
    """A single value as written. `plain`: unquoted, so YAML would infer a type."""

    text: str
    plain: bool
    line: int


class SequenceNode(msgspec.Struct, gc=False):
    """A YAML sequence."""

    items: list[Node]
    line: int


class MappingNode(msgspec.Struct, gc=False):
    """A YAML mapping in source order; `key_lines` has the line of each key."""

    entries: dict[str, Node]
    key_lines: dict[str, int]
    line: int


Node = ScalarNode | SequenceNode | MappingNode
