"""JSON encoding and decoding, with limits on what is decoded."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import orjson

_CONTAINERS = (dict, list)
_OBJECT_WEIGHT = 10  # to coerce an input object takes as long as ten texts

MAX_BRACKETS = 60_000
"""The most opening brackets and braces of a text, also within strings.

To decode 300,000 lists in 1 MB takes 40 ms. A document of 1 MB with a link in each line has 20,000.
"""


def decode(text: bytes | str) -> Any:
    """Decode a JSON text. Raises: ValueError: no JSON in UTF-8, or too many brackets and braces."""
    if isinstance(text, str):
        brackets = text.count("[") + text.count("{")
    else:
        brackets = text.count(b"[") + text.count(b"{")
    if brackets > MAX_BRACKETS:
        raise ValueError(f"it has {brackets} brackets and braces; {MAX_BRACKETS} are allowed")
    return orjson.loads(text)


def encode(value: Any) -> bytes:
    """Encode a value as JSON, in UTF-8.

    orjson refuses lone surrogates and integers over 64 bits, which documents may hold; the slower
    standard library encodes those. Both write NaN and infinities as null.
    Raises: TypeError: a value without a JSON form.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError:
        return json.dumps(_finite(value), separators=(",", ":")).encode()


def nesting_depth(value: Any) -> int:
    """The nesting depth of lists and objects; 0 for a scalar."""
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


def exceeds_value_count(value: Any, limit: int) -> bool:
    """Whether a decoded value has more values within it than the limit; an object counts as ten.

    Stops at the limit.
    """
    left = limit
    level = [value] if isinstance(value, _CONTAINERS) else []
    while level:
        for container in level:
            left -= len(container) + (_OBJECT_WEIGHT if isinstance(container, dict) else 0)
            if left < 0:
                return True
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, _CONTAINERS)
        ]
    return False


def memory_bytes(value: Any) -> int:
    """The memory of a decoded value; a part that occurs twice counts twice.

    That is up to 25 times the length of its text: an empty list has 56 bytes, and two characters.
    """
    size_bytes = 0
    pending = [value]
    while pending:
        part = pending.pop()
        size_bytes += sys.getsizeof(part)
        if isinstance(part, dict):
            pending.extend(part)
            pending.extend(part.values())
        elif isinstance(part, list):
            pending.extend(part)
    return size_bytes


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value
