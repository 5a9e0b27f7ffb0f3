"""Line counter: the lines of YAML positions, as editors count them."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Any

_YAML_BREAKS = re.compile("[\r\x85\u2028\u2029]")

_LINE_FEED = re.compile("\n")


class LineCounter:
    """Counts lines by line feeds only. YAML also breaks lines at a lone CR, at NEL, LS and PS.

    Attributes:
        first_line: The line of the text's start in its file.
        is_plain: Whether the text has no other line breaks, so that YAML counts the same.
    """

    def __init__(self, text: str, first_line: int) -> None:
        self.first_line = first_line
        self.is_plain = _YAML_BREAKS.search(text) is None
        self._line_feeds = [] if self.is_plain else [m.start() for m in _LINE_FEED.finditer(text)]

    def line_of(self, mark: Any) -> int:
        """Return the line of a parser's mark."""
        if self.is_plain:
            return self.first_line + int(mark.line)
        return self.first_line + bisect_left(self._line_feeds, mark.index)
