"""Characters that no text should hold: control characters, lone surrogates, and what is none.

YAML does not allow them in a text, and no reader wants to meet them in a value.
"""

from __future__ import annotations

import re

_CONTROL = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff"
_BLOCK = 1 << 15
_BAD_IN_TEXT = re.compile(f"[{_CONTROL}]")
_BAD_IN_YAML = re.compile(f"[{_CONTROL}\ufeff]")  # YAML allows a byte order mark only at the start


def clean_text(text: str) -> str:
    """The text with U+FFFD in the place of such characters."""
    return text if _is_clean(text) else _replaced(_BAD_IN_TEXT, text)


def clean_yaml(text: str) -> str:
    """YAML with U+FFFD in the place of what its parser would refuse."""
    return text if _is_clean(text) else _replaced(_BAD_IN_YAML, text)


def first_bad(text: str) -> int | None:
    """Where in YAML the first character is that its parser would refuse; None without one."""
    found = None if _is_clean(text) else _BAD_IN_YAML.search(text)
    return found.start() if found else None


def _replaced(bad: re.Pattern[str], text: str) -> str:
    """In blocks: a megabyte of such characters at once would keep the interpreter for 0.1 s."""
    blocks = (text[at : at + _BLOCK] for at in range(0, len(text), _BLOCK))
    return "".join(bad.sub("\ufffd", block) for block in blocks)


def _is_clean(text: str) -> bool:
    """A quick look, which clears nearly every text."""
    return text.replace("\n", " ").isprintable()
