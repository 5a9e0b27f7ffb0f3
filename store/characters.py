"""Invalid characters: control characters, lone surrogates and noncharacters, which YAML forbids.

In texts they are replaced. Bidirectional controls are replaced in names only, where they make one
name look like another; in texts they have a use. Lines for a terminal have all of them escaped.
"""

from __future__ import annotations

import re

_CONTROL = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff"
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # https://www.unicode.org/reports/tr9/
_BLOCK = 1 << 15
_INVALID_IN_TEXT = re.compile(f"[{_CONTROL}]")
# YAML allows a byte order mark only at the start.
_INVALID_IN_YAML = re.compile(f"[{_CONTROL}\ufeff]")

_BIDI_CONTROL = re.compile(f"[{_BIDI}]")
_INVISIBLE = re.compile(
    f"[\x00-\x1f\x7f-\x9f{_BIDI}\u2028\u2029\ufeff\ufff9-\ufffb\ud800-\udfff\ufffe\uffff]"
)


def clean_text(text: str) -> str:
    """Replace invalid characters by U+FFFD."""
    return text if _is_clean(text) else _replace(_INVALID_IN_TEXT, text)


def clean_yaml(text: str) -> str:
    """Replace characters that a YAML parser refuses by U+FFFD."""
    return text if _is_clean(text) else _replace(_INVALID_IN_YAML, text)


def find_invalid(text: str) -> int | None:
    """Return the index of the first character that a YAML parser refuses; None without one."""
    match = None if _is_clean(text) else _INVALID_IN_YAML.search(text)
    return match.start() if match else None


def clean_name(text: str) -> str:
    """Replace bidirectional controls in a name by U+FFFD."""
    return text if text.isascii() else _BIDI_CONTROL.sub("\ufffd", text)


def escape_invisible(text: str) -> str:
    r"""Escape characters that a terminal interprets or hides, such as `\x1b` and `\u202e`."""
    if text.isprintable():
        return text
    return _INVISIBLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def escape_invisible_in_json(text: str) -> str:
    """Escape such characters in JSON; white space between values stays, and so does the value."""
    return _INVISIBLE.sub(
        lambda match: match[0] if match[0] in "\n\r\t" else f"\\u{ord(match[0]):04x}", text
    )


def _replace(invalid: re.Pattern[str], text: str) -> str:
    """Replace in blocks: a megabyte of invalid characters would hold the interpreter for 0.1 s."""
    blocks = (text[at : at + _BLOCK] for at in range(0, len(text), _BLOCK))
    return "".join(invalid.sub("\ufffd", block) for block in blocks)


def _is_clean(text: str) -> bool:
    """A fast check, true for nearly every text and only for valid ones."""
    return text.replace("\n", " ").isprintable()
