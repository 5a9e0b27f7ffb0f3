"""JSON in and out, as bytes."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import orjson

_CONTAINERS = (dict, list)
_OBJECT_VALUES = 10  # to coerce an input object takes as long as ten texts


MAX_BRACKETS = 60_000
"""How many opening brackets and braces a text may have that is decoded: 300,000 lists in 1 MB take
40 ms. Those within strings count, too; a document of 1 MB with a link in each line has 20,000."""


def decode(text: bytes | str) -> Any:
    """The value of a JSON text. Raises: ValueError: it is not JSON in UTF-8, or holds too much."""
    if isinstance(text, str):
        brackets = text.count("[") + text.count("{")
    else:
        brackets = text.count(b"[") + text.count(b"{")
    if brackets > MAX_BRACKETS:
        raise ValueError(f"it has {brackets} brackets and braces; {MAX_BRACKETS} are allowed")
    return orjson.loads(text)


def encode(value: Any) -> bytes:
    """The JSON text of a value, in UTF-8.

    orjson refuses lone surrogates and integers over 64 bits, which documents may hold; the slower
    standard library writes those. NaN and infinities are null either way.
    Raises: TypeError: it holds something that JSON cannot say.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError:
        return json.dumps(_finite(value), separators=(",", ":")).encode()


def nesting(value: Any) -> int:
    """How many lists and objects lie within each other at most; 0 for a scalar."""
    depth = 0
    level = [value] if isinstance(value, _CONTAINERS) else []
    while level:
        depth += 1
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, _CONTAINERS)
        ]
    return depth


def holds_more(value: Any, values: int) -> bool:
    """Whether a decoded value holds more than so many others, an object counting as ten.

    Nothing beyond that many is looked at.
    """
    left = values
    level = [value] if isinstance(value, _CONTAINERS) else []
    while level:
        for container in level:
            left -= len(container) + (_OBJECT_VALUES if isinstance(container, dict) else 0)
            if left < 0:
                return True
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, _CONTAINERS)
        ]
    return False


def held_bytes(value: Any) -> int:
    """What a decoded value takes in memory, each of its parts counted where it stands.

    That is up to 25 times the length of its text: an empty list is 56 bytes, and two characters.
    """
    size_bytes = 0
    pending = [value]
    while pending:
        each = pending.pop()
        size_bytes += sys.getsizeof(each)
        if isinstance(each, dict):
            pending.extend(each)
            pending.extend(each.values())
        elif isinstance(each, list):
            pending.extend(each)
    return size_bytes


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value
