"""Line ends: LF, CRLF, or CR alone in a file whose first line ends so."""

from __future__ import annotations

import re

_LINE_END = re.compile("\r\n?|\n")


def plain_line_ends(text: str) -> str:
    """Return a text with line feeds as line ends."""
    first = _LINE_END.search(text)
    text = text.replace("\r\n", "\n")
    return text.replace("\r", "\n") if first and first[0] == "\r" else text
