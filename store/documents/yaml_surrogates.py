r"""Surrogate escapes: `"\ud83d\ude00"`, as JSON writes an emoji, which YAML parsers refuse.

Each escape is masked by one of equal length that the parser accepts, so that positions stay, and
put back into the parsed scalars: a pair as its character, a lone one as it is.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import lru_cache
from operator import add

_ESCAPE = re.compile(
    r"((?<!\\)(?:\\\\)*)"
    r"(\\(?-i:u)d(?:[89ab][0-9a-f]{2}(\\(?-i:u)d[c-f][0-9a-f]{2})?|[c-f][0-9a-f]{2}))",
    re.IGNORECASE,
)
_MASK, _SECOND_MASK = r"\uFdD0", r"\uFdD1"
_MASK_VALUE, _SECOND_VALUE = "\ufdd0", "\ufdd1"  # noncharacters, which no text has


class MaskedText:
    """A YAML text whose surrogate escapes are masked. Restore its scalars in their order.

    Attributes:
        text: The masked text, as long as the original.
        is_masked: Whether the text has surrogate escapes.
    """

    def __init__(self, text: str) -> None:
        self._positions: list[int] = []
        self._sources: list[str] = []
        self._next = 0
        self.text = _ESCAPE.sub(self._mask, text) if "\\ud" in text.lower() else text
        self.is_masked = bool(self._positions)

    def _mask(self, match: re.Match[str]) -> str:
        backslashes, source, is_pair = match.groups()
        self._positions.append(match.start(2))
        self._sources.append(source)
        mask = _MASK + _SECOND_MASK if is_pair else _MASK
        return backslashes + mask if backslashes else mask

    def restore(self, value: str, start: int, end: int, is_escaped: bool) -> str:
        """Return a scalar's value without masks; `start` and `end` are its range in the text.

        `is_escaped`: the scalar is double-quoted, so its escapes are characters.
        """
        first = bisect_left(self._positions, start, self._next)
        self._next = last = bisect_left(self._positions, end, first)
        if first == last:
            return value
        sources = self._sources[first:last]
        mask, pair_mask = _MASK, _MASK + _SECOND_MASK
        if is_escaped:
            mask, pair_mask = _MASK_VALUE, _MASK_VALUE + _SECOND_VALUE
            sources = [_decode(source) for source in sources]
        parts = value.replace(pair_mask, mask).split(mask)
        return "".join(map(add, parts, sources)) + mask.join(parts[len(sources) :])


@lru_cache(1_000)
def _decode(source: str) -> str:
    """Decode an escape: a pair as its character, a lone one as a lone surrogate."""
    units = source.encode("ascii").decode("unicode_escape")
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
