"""Characters that no text should hold: control characters, lone surrogates, and what is none.

YAML does not allow them in a text, and no reader wants to meet them in a value. Bidirectional
controls are allowed in text, where they have a use, but not in names: they make one name look like
another. Where a person reads a line on a terminal, all of them are escaped.
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
    """The text with U+FFFD in the place of such characters."""
    return text if _is_clean(text) else _replaced(_INVALID_IN_TEXT, text)


def clean_yaml(text: str) -> str:
    """YAML with U+FFFD in the place of what its parser would refuse."""
    return text if _is_clean(text) else _replaced(_INVALID_IN_YAML, text)


def find_invalid(text: str) -> int | None:
    """Where in YAML the first character is that its parser would refuse; None without one."""
    found = None if _is_clean(text) else _INVALID_IN_YAML.search(text)
    return found.start() if found else None


def clean_name(text: str) -> str:
    """A name with U+FFFD in the place of bidirectional controls, too."""
    return text if text.isascii() else _BIDI_CONTROL.sub("\ufffd", text)


def escape_invisible(text: str) -> str:
    r"""One line that shows all characters that a terminal would obey or hide: `\x1b`, `\u202e`."""
    if text.isprintable():
        return text
    return _INVISIBLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def escape_invisible_in_json(text: str) -> str:
    """JSON of the same value that shows such characters; those between values stay."""
    return _INVISIBLE.sub(
        lambda found: found[0] if found[0] in "\n\r\t" else f"\\u{ord(found[0]):04x}", text
    )


def _replaced(bad: re.Pattern[str], text: str) -> str:
    """In blocks: a megabyte of such characters at once would keep the interpreter for 0.1 s."""
    blocks = (text[at : at + _BLOCK] for at in range(0, len(text), _BLOCK))
    return "".join(bad.sub("\ufffd", block) for block in blocks)


def _is_clean(text: str) -> bool:
    """A quick look, which clears nearly every text."""
    return text.replace("\n", " ").isprintable()
