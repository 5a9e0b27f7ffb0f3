r"""Surrogate escapes: `"\ud83d\ude00"`, as JSON writes an emoji, which YAML parsers refuse.

Each escape is masked by one of equal length that the parser accepts, so that positions stay, and
put back into the parsed scalars: a pair as its character, a lone one as it is.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ESCAPE = re.compile(
    r"""
    ((?<!\\)(?:\\\\)*)\\(?-i:u)
    (?: (d[89ab][0-9a-f]{2}) \\(?-i:u)(d[c-f][0-9a-f]{2}) | (d[89a-f][0-9a-f]{2}) )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MASK = r"\uFdD0"
_MASK_VALUE = "\ufdd0"  # a noncharacter, which no text has


class _Escape(NamedTuple):
    """An escape in the text.

    Attributes:
        position: Its position.
        source: Its source text.
        value: The character, or the lone surrogate.
    """

    position: int
    source: str
    value: str


class MaskedText:
    """A YAML text whose surrogate escapes are masked. Restore its scalars in their order.

    Attributes:
        text: The masked text, as long as the original.
        is_masked: Whether the text has surrogate escapes.
    """

    def __init__(self, text: str) -> None:
        self._escapes: list[_Escape] = []
        self._next = 0
        self.text = _ESCAPE.sub(self._mask, text) if "\\ud" in text.lower() else text
        self.is_masked = bool(self._escapes)

    def _mask(self, match: re.Match[str]) -> str:
        backslashes, high, low, lone = match.groups()
        source = match[0][len(backslashes) :]
        value = (
            chr(int(lone, 16))
            if lone
            else chr(0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF))
        )
        self._escapes.append(_Escape(match.start() + len(backslashes), source, value))
        return backslashes + _MASK * (len(source) // len(_MASK))

    def restore(self, value: str, start: int, end: int, is_escaped: bool) -> str:
        """Return a scalar's value without masks; `start` and `end` are its range in the text.

        `is_escaped`: the scalar is double-quoted, so its escapes are characters.
        """
        parts: list[str] = []
        done = 0
        while self._next < len(self._escapes) and self._escapes[self._next].position < end:
            escape = self._escapes[self._next]
            self._next += 1
            if escape.position < start:  # in a comment
                continue
            mask = (_MASK_VALUE if is_escaped else _MASK) * (len(escape.source) // len(_MASK))
            at = value.find(mask, done)
            if at >= 0:
                parts += (value[done:at], escape.value if is_escaped else escape.source)
                done = at + len(mask)
        return "".join((*parts, value[done:]))
