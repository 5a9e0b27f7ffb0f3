"""Line counter: the lines of YAML positions, as editors count them."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Any

_YAML_BREAKS = re.compile("[\r\x85\u2028\u2029]")


class LineCounter:
    """Counts lines by line feeds only. YAML also breaks lines at a lone CR, at NEL, LS and PS.

    Attributes:
        first_line: The line of the text's start in its file.
    """

    def __init__(self, text: str, first_line: int) -> None:
        self.first_line = first_line
        self._line_feeds: list[int] | None = None
        if _YAML_BREAKS.search(text):
            self._line_feeds = [i for i, character in enumerate(text) if character == "\n"]

    def line_of(self, mark: Any) -> int:
        """Return the line of a parser's mark."""
        if self._line_feeds is None:
            return self.first_line + int(mark.line)
        return self.first_line + bisect_left(self._line_feeds, mark.index)
