"""YAML writer: readable YAML with an exact round trip of all values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import Any

from .frontmatter import implicit_type

_INDENT = "  "
_MAX_KEY_LENGTH = 500  # YAML wants a longer key (than 1,024, once escaped) marked with a ?

_PLAIN_TEXT = re.compile(r"[^\W\d_][\w./+-]*(?: [\w./+&'-]+)*")
_BOOLEAN_LIKE = frozenset("y Y n N".split())  # other YAML readers take them for booleans
_ESCAPED = re.compile(r'[\\"\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]')
_SHORT_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def write_mapping(values: Mapping[str, Any]) -> str:
    """Write a mapping as YAML lines, in its own order.

    Values are JSON values and aware datetimes. Blank lines surround lists and mappings.
    """
    text = ""
    for key, value in values.items():
        lines = _entry_lines(key, value)
        block = "".join(line + "\n" for line in lines)
        if len(lines) > 1:
            gap = "" if not text or text.endswith("\n\n") else "\n"
            block = f"{gap}{block}\n"
        text += block
    return text.rstrip("\n") + "\n" if text else ""


def _entry_lines(key: str, value: Any) -> list[str]:
    name = _quote_key(key)
    inline, below = _value_lines(value)
    if len(name) <= _MAX_KEY_LENGTH:
        return [f"{name}: {inline}" if inline else f"{name}:", *(_INDENT + line for line in below)]
    return [f"? {name}", f": {inline}" if inline else ":", *(_INDENT + line for line in below)]


def _value_lines(value: Any) -> tuple[str, list[str]]:
    """Write a value: the text on its key's line, and the lines below."""
    if isinstance(value, str):  # first, as most values are
        return _quote_text(value), []
    if isinstance(value, Mapping) and value:
        return "", list(chain.from_iterable(_entry_lines(k, v) for k, v in value.items()))
    if isinstance(value, Sequence) and value:
        return "", list(chain.from_iterable(_item_lines(item) for item in value))
    return _format_scalar(value), []


def _item_lines(value: Any) -> list[str]:
    inline, below = _value_lines(value)
    if inline:
        return [f"- {inline}"]
    return [f"- {below[0]}", *(_INDENT + line for line in below[1:])]


def _format_scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, float):
        text = repr(value)
        # YAML reads an exponent only after a point.
        return text if "." in text or "e" not in text else text.replace("e", ".0e")
    if value is None:
        return "null"
    return str(value) if isinstance(value, int) else "{}" if isinstance(value, Mapping) else "[]"


def _quote_text(text: str) -> str:
    if _PLAIN_TEXT.fullmatch(text) and text not in _BOOLEAN_LIKE and implicit_type(text) is None:
        return text
    return f'"{_ESCAPED.sub(_escape, text)}"'


_quote_key = lru_cache(maxsize=512)(_quote_text)  # documents have few different ones


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return _SHORT_ESCAPES.get(character) or f"\\u{ord(character):04x}"
