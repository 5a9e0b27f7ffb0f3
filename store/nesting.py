"""A quick look at how deep a YAML text may be nested, which costs next to nothing."""

from __future__ import annotations

import re

_BRACKET = re.compile(r"[][{}]")


def looks_deep(text: str, max_depth: int) -> bool:
    """Whether a YAML text may be nested deeper than that; False is sure, True only a suspicion."""
    # A level of block style takes a space, or half of one where a list stands under its key.
    level = max(1, max_depth // 2)
    return (
        (text.count("[") + text.count("{") > max_depth and _bracket_depth(text) > max_depth)
        or (" " * level in text and re.search(rf"^ {{{level}}}", text, re.MULTILINE) is not None)
        or (
            text.count("- ") + text.count("? ") >= level
            and re.search(rf"(?:[-?] +){{{level}}}", text) is not None
        )
    )


def _bracket_depth(text: str) -> int:
    depth = deepest = 0
    for bracket in _BRACKET.findall(text):
        depth = depth + 1 if bracket in "[{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest
