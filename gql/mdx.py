"""MDX: Markdown with JSX and modules, https://mdxjs.com. What is code is taken out of the Markdown.

Each pattern looks at a bounded part of the text, or only forward: the time is linear.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

_TOKEN = re.compile(
    r"^ {0,3}(?P<fence>`{3,}|~{3,})[^\n]*$"
    r"|^(?P<module>import|export)\b(?=[ \t{*\"'])"
    r"|(?P<ticks>`+)"
    r"|(?P<comment>\{[ \t\n]*/\*)"
    r"|(?P<tag></?(?:[A-Za-z_$][\w.:$-]*(?=[\s/>{])|(?=>)))"
    r"|\\.",
    re.MULTILINE,
)
_BLANK_LINE = re.compile(r"\n[ \t]*(?:\n|\Z)")
_COMMENT_END = re.compile(r"\*/[ \t\n]*\}")
_IN_TAG = re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`|[{}<>]|[^\"'`{}<>]+|.", re.DOTALL)
_BLANKS = re.compile(r"[ \t]*")
_MAX_TOKENS = 20_000
_MAX_TAG = 5_000
_MAX_MODULE_BLOCKS = 50
_OPENING, _CLOSING = "({[", ")}]"


@lru_cache(maxsize=4)  # several fields of a row need the same text
def mdx_to_markdown(mdx: str) -> str | None:
    """Return the Markdown of MDX: without imports, exports, comments and the tags of components.

    Tags of HTML stay, but not those with expressions. What is in code spans and fences stays.
    None for a text with too many of all these.
    """
    if sum(1 for _ in islice(_TOKEN.finditer(mdx), _MAX_TOKENS + 1)) > _MAX_TOKENS:
        return None
    return "".join(_Scanner(mdx).parts())


class _Scanner:
    """A scan of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ticks: dict[int, list[int]] | None = None
        self._blank = 0  # the next blank line
        self._has_comment_end = True
        self._open_module = 0  # the end of a module whose brackets do not close

    def parts(self) -> Iterator[str]:
        """Yield the parts of the text that stay."""
        text = self._text
        position = copied = 0
        begins_line = True
        while match := _TOKEN.search(text, position):
            start, position = match.span()
            end: int | None = None
            if match["fence"]:
                position = self._fence_end(match["fence"], position)
            elif match["module"]:
                end = self._module_end(start)
            elif match["ticks"]:
                position = self._code_span_end(match["ticks"], position)
            elif match["comment"]:
                end = self._comment_end(position)
            elif match["tag"]:
                position, is_removed = self._tag_end(match["tag"], position)
                end = position if is_removed else None
            if end is not None:
                part = text[copied:start]
                yield part
                line = part.rpartition("\n")[2]
                begins_line = not line.strip() and (begins_line or "\n" in part)
                if begins_line:  # the blanks behind it would be an indentation
                    end = _BLANKS.match(text, end).end()  # type: ignore[union-attr]  # it matches nothing, too
                copied = position = end
        yield text[copied:]

    def _fence_end(self, fence: str, position: int) -> int:
        closing = re.compile(rf"^ {{0,3}}{fence[0]}{{{len(fence)},}}[ \t]*$", re.MULTILINE)
        match = closing.search(self._text, position)
        return match.end() if match else len(self._text)

    def _module_end(self, position: int) -> int:
        """Return the end of an import or export: a blank line outside of brackets."""
        first: int | None = None
        depth = 0
        blocks = _MAX_MODULE_BLOCKS if position >= self._open_module else 1
        for _ in range(blocks):
            match = _BLANK_LINE.search(self._text, position)
            end = match.start() if match else len(self._text)
            first = end if first is None else first
            block = self._text[position:end]
            depth += sum(map(block.count, _OPENING)) - sum(map(block.count, _CLOSING))
            if depth <= 0:
                return end
            if match is None:
                break
            position = end + 1
        self._open_module = max(self._open_module, position)
        return len(self._text) if first is None else first

    def _code_span_end(self, ticks: str, position: int) -> int:
        """Return the end of a code span; that of the backticks if it is not closed."""
        if self._ticks is None:
            self._ticks = defaultdict(list)
            for match in re.finditer("`+", self._text):
                self._ticks[len(match[0])].append(match.start())
        if self._blank < position:
            blank = _BLANK_LINE.search(self._text, position)
            self._blank = blank.start() if blank else len(self._text)
        starts = self._ticks[len(ticks)]
        i = bisect_right(starts, position - 1)
        is_closed = i < len(starts) and starts[i] < self._blank
        return starts[i] + len(ticks) if is_closed else position

    def _comment_end(self, position: int) -> int | None:
        match = _COMMENT_END.search(self._text, position) if self._has_comment_end else None
        self._has_comment_end = match is not None
        return match.end() if match else None

    def _tag_end(self, tag: str, position: int) -> tuple[int, bool]:
        """Return the end of a tag, and whether it goes. What is no tag ends where it is one."""
        name = tag.strip("</")
        depth = 0
        has_expression = False
        for match in _IN_TAG.finditer(self._text, position, position + _MAX_TAG):
            sign = match[0]
            if sign == "{":
                depth, has_expression = depth + 1, True
            elif sign == "}":
                depth -= 1
            elif sign == ">" and depth <= 0:
                is_component = not name or not name[0].islower() or "." in name
                return match.end(), is_component or has_expression
            elif sign == "<" and depth <= 0:
                return match.start(), False
        return min(position + _MAX_TAG, len(self._text)), False
