"""Row encoding: the JSON of response objects, by orjson."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from .errors import FallbackError


def to_json(value: Any) -> bytes:
    """The JSON of a value. Raises: FallbackError: the reference executor encodes it otherwise."""
    try:
        return orjson.dumps(value, option=orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError as error:  # a TypeError would count as a fault
        raise FallbackError(str(error)) from error


def to_json_each(values: Sequence[Any]) -> list[bytes]:
    """The JSON of each of n > 0 values: n values -> n texts."""
    if len(values) == 1:
        return [to_json(values[0])]
    parts = [_NUL] * (2 * len(values) + 1)  # one call for all values is much faster
    parts[1::2] = values
    return [text[1:-1] for text in to_json(parts).split(b"\0")[1:-1]]


_NUL: Any = orjson.Fragment(b"\0")  # a separator that JSON never contains
