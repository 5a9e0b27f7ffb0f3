"""YAML rewrite: writes a front matter anew that cannot be edited in place.

Values that stay keep their source text, so that `01234` or `1.10` mean the same to every reader.
Comments stay before the keys that they precede. Aliases and merge keys are replaced by values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .source_text import source_flow_text
from .source_tree import (
    LINE_BREAKS,
    SourceEntry,
    SourceNode,
    line_end,
    merged_entries,
    read_source,
)
from .yaml_writer import Layout, entry_lines

_LAYOUT = Layout()
_LINE_BREAK = re.compile(f"[{LINE_BREAKS}]")


def rewrite_mapping(text: str, values: Mapping[str, Any], key_order: Sequence[str]) -> str:
    """Write a front matter anew, with new values; None removes a key. Raises: UneditableError."""
    root = read_source(text)
    names = {entry.name: i for i, entry in enumerate(root.entries)}
    lines: list[str] = []
    done = 0
    for i, entry in enumerate(root.entries):
        lines += _comments(text[done : entry.start])
        done = entry.end
        name = entry.name or ""
        if entry.is_merge:
            for merged in merged_entries(root):
                if merged.name not in values:
                    lines.append(_source_entry(text, merged))
        elif names[entry.name] > i:  # the last of equal keys counts
            continue
        elif name in values:
            value = values[name]
            lines += [] if value is None else entry_lines(name, value, _LAYOUT)
        elif root.is_block and not _is_shared(entry):
            done = line_end(text, entry.end)
            lines.append(text[entry.start : done])
        else:
            lines.append(_source_entry(text, entry))
    lines += _comments(text[done:])
    added = [key for key, value in values.items() if value is not None and key not in names]
    usual = [key for key in key_order if key in added]
    for key in [*usual, *(key for key in added if key not in usual)]:
        lines += entry_lines(key, values[key], _LAYOUT)
    return "".join(line.rstrip("\n") + "\n" for line in lines)


def _source_entry(text: str, entry: SourceEntry) -> str:
    key = "" if entry.key is None else source_flow_text(text, entry.key)
    return f"{key}: {source_flow_text(text, entry.value)}"


def _is_shared(entry: SourceEntry) -> bool:
    nodes: list[SourceNode] = [*entry.value.walk(), *([entry.key] if entry.key else [])]
    return any(n.anchor is not None or n.target is not None or n.is_tagged for n in nodes)


def _comments(trivia: str) -> Iterator[str]:
    """Yield the comments of a text that holds only comments, blanks and punctuation."""
    for line in _LINE_BREAK.split(trivia):
        _, sign, comment = line.partition("#")
        if sign:
            yield sign + comment
