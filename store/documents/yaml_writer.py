"""YAML writer: readable YAML with an exact round trip of all values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from store.timestamps import format_timestamp

from .frontmatter import implicit_type

_MAX_KEY_LENGTH = 500  # YAML wants a longer key (than 1,024, once escaped) marked with a ?

_PLAIN_TEXT = re.compile(r"[^\W\d_][\w./+-]*(?: [\w./+&'-]+)*")
_BOOLEAN_LIKE = frozenset("y Y n N".split())  # other YAML readers take them for booleans
_ESCAPED = re.compile(r'[\\"\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]')
_SHORT_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_BLOCK_STYLES = ("|", ">")
# Lines of a block scalar without escapes, of which the first is not indented.
_LITERAL = re.compile(
    r"(?![ \t\n])(?:[^\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]*\n)*"
    r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]+\n?"
)


class Layout(NamedTuple):
    """The indentation of mappings, and of lists, below their keys."""

    indent: str = "  "
    sequence: str = "  "


_LAYOUT = Layout()


def write_mapping(values: Mapping[str, Any]) -> str:
    """Write a mapping as YAML lines, in its own order.

    Values are JSON values and aware datetimes. Blank lines surround lists and mappings.
    """
    text = ""
    for key, value in values.items():
        lines = entry_lines(key, value, _LAYOUT)
        block = "".join(line + "\n" for line in lines)
        if len(lines) > 1:
            gap = "" if not text or text.endswith("\n\n") else "\n"
            block = f"{gap}{block}\n"
        text += block
    return text.rstrip("\n") + "\n" if text else ""


def entry_lines(key: str, value: Any, layout: Layout) -> list[str]:
    """Write an entry of a mapping as lines."""
    name = _quote_key(key)
    inline, below = block_lines(value, layout)
    if below:
        indent = layout.indent if isinstance(value, Mapping) else layout.sequence
        below = [indent + line for line in below]
    if len(name) <= _MAX_KEY_LENGTH:
        return [f"{name}: {inline}" if inline else f"{name}:", *below]
    return [f"? {name}", f": {inline}" if inline else ":", *below]


def block_lines(value: Any, layout: Layout) -> tuple[str, list[str]]:
    """Write a value: the text on its key's line, and the lines below, without indentation."""
    if isinstance(value, str):  # first, as most values are
        return _quote_text(value), []
    if isinstance(value, Mapping) and value:
        return "", list(chain.from_iterable(entry_lines(k, v, layout) for k, v in value.items()))
    if isinstance(value, Sequence) and value:
        return "", list(chain.from_iterable(_item_lines(item, layout) for item in value))
    return _format_scalar(value), []


def flow_text(value: Any, style: str = "") -> str:
    """Write a value in one line, with brackets around lists and mappings."""
    if isinstance(value, Mapping):
        items = (f"{_quote_key(k)}: {flow_text(v, style)}" for k, v in value.items())
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(flow_text(item, style) for item in value)}]"
    return scalar_text(value, "" if style in _BLOCK_STYLES else style, "")


def scalar_text(value: Any, style: str, indent: str) -> str:
    """Write a scalar in a style, if it can be; the lines of a block scalar get `indent`."""
    if not isinstance(value, str):
        return _format_scalar(value)
    if style == '"':
        return _double_quote(value)
    if style == "'" and not _ESCAPED.search(value.replace('"', "").replace("\\", "")):
        return "'" + value.replace("'", "''") + "'"
    if style in _BLOCK_STYLES and _LITERAL.fullmatch(value):
        chomping = "" if value.endswith("\n") else "-"
        lines = value.removesuffix("\n").split("\n")
        return "".join((f"|{chomping}", *("\n" + indent * bool(line) + line for line in lines)))
    return _quote_text(value)


def _item_lines(value: Any, layout: Layout) -> list[str]:
    inline, below = block_lines(value, layout)
    if inline:
        return [f"- {inline}"]
    return [f"- {below[0]}", *("  " + line for line in below[1:])]


def _format_scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return format_timestamp(value)
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
    return _double_quote(text)


def _double_quote(text: str) -> str:
    return f'"{_ESCAPED.sub(_escape, text)}"'


_quote_key = lru_cache(maxsize=512)(_quote_text)  # documents have few different ones


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return _SHORT_ESCAPES.get(character) or f"\\u{ord(character):04x}"
