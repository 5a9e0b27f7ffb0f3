"""Source document: a document's text, split for edits, with the line ends that it has."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from store.characters import clean_text

from .article_reader import extract_content
from .diagnostics import DiagnosticCode
from .format_parser import parse_format
from .front_matter_format import YAML_EXTENSIONS, FrontMatterFormat, split_format
from .frontmatter import ParseOptions, parse_front_matter, split_front_matter
from .line_ends import plain_line_ends
from .tree_edit import TextEdit, apply_edits
from .yaml_tree import MappingNode
from .yaml_tree_builder import FrontMatterError, ParseProblem

_BYTE_ORDER_MARK = "\ufeff"


class SourceDocument(NamedTuple):
    """A document's text, split for edits.

    Attributes:
        text: The text as it is, without a byte order mark.
        plain: The text with line feeds as line ends; positions count in it.
        mark: The byte order mark, if there is one.
        format: The format of the front matter.
        front_matter: The front matter without its delimiters.
        start: Its position.
        body: The text after it.
        root: Its tree.
        problems: Its problems that were no errors.
    """

    text: str
    plain: str
    mark: str
    format: FrontMatterFormat
    front_matter: str
    start: int
    body: str
    root: MappingNode
    problems: list[ParseProblem]

    @property
    def is_closed(self) -> bool:
        """Whether a line or a brace ends the front matter, so that a body can follow."""
        is_object = self.format is FrontMatterFormat.JSON
        return is_object or self.start + len(self.front_matter) < len(self.plain)

    @property
    def duplicate_key(self) -> ParseProblem | None:
        """The first key of JSON that occurs twice: readers differ in which of the two counts."""
        if self.format is not FrontMatterFormat.JSON:
            return None
        return next((p for p in self.problems if p.code == DiagnosticCode.DUPLICATE_KEY), None)

    def apply(self, front_matter_edits: Sequence[TextEdit], content: str | None) -> str:
        """Apply edits of the front matter, and give the body a new content."""
        edits = [TextEdit(self.start + s, self.start + e, new) for s, e, new in front_matter_edits]
        if content is not None:
            edits.append(self._content_edit(content))
        return self.mark + apply_edits(self.text, self._restore_line_ends(edits))

    def _content_edit(self, content: str) -> TextEdit:
        """Replace the characters of the body's content that differ."""
        plain, body = self.plain, clean_text(self.body)
        start = len(plain) - len(body)
        former = extract_content(body)
        if not content:
            return TextEdit(start, len(plain), "")
        if former is None:
            gap = "\n" if plain[start - 1 : start] == "\n" else "\n\n"
            return TextEdit(start, len(plain), f"{gap}{content}\n")
        start += body.index(former)
        first = _common_prefix_length(former, content)
        old_rest, new_rest = former[first:], content[first:]
        last = _common_prefix_length(old_rest[::-1], new_rest[::-1])
        end = start + len(former) - last
        return TextEdit(start + first, end, new_rest[: len(new_rest) - last])

    def _restore_line_ends(self, edits: list[TextEdit]) -> Iterator[TextEdit]:
        """Convert edits of `plain` into edits of `text`, with the line ends around them."""
        if self.plain == self.text:
            yield from edits
            return
        ends = [match.start() - i for i, match in enumerate(re.finditer("\r\n", self.text))]
        for start, end, new in edits:
            line_end = self._line_end_near(start, ends)
            yield TextEdit(
                start + bisect_left(ends, start),
                end + bisect_left(ends, end),
                new.replace("\n", line_end),
            )

    def _line_end_near(self, position: int, ends: Sequence[int]) -> str:
        """Return the line end of the line at a position, or of the one before."""
        at = self.plain.find("\n", position)
        if at < 0:
            at = self.plain.rfind("\n", 0, position)
        i = bisect_left(ends, at)
        if at < 0:
            return "\n"
        return "\r\n" if ends[i : i + 1] == [at] else self.text[at + i]


def read_source_document(path: str, text: str, options: ParseOptions) -> SourceDocument | None:
    """Split a text for edits; None without front matter that can be read."""
    mark = _BYTE_ORDER_MARK if text.startswith(_BYTE_ORDER_MARK) else ""
    text = text.removeprefix(_BYTE_ORDER_MARK)
    plain = plain_line_ends(text)
    all_yaml = path.lower().endswith(YAML_EXTENSIONS)
    try:
        other = None if all_yaml else split_format(plain)
        if other is not None:
            root, problems, body = parse_format(other, options)
            end = len(other.text) if other.body is not None else len(other.text) - len(body)
            line, format, front_matter = other.first_line - 1, other.format, other.text[:end]
        else:
            parts = split_front_matter(plain, all_yaml=all_yaml)
            if parts is None:
                return None
            root, problems = parse_front_matter(parts, options)
            line, format, front_matter = parts.yaml_line, FrontMatterFormat.YAML, parts.yaml
            body = parts.body
    except FrontMatterError:
        return None
    start = plain.index("\n") + 1 if line else 0
    return SourceDocument(text, plain, mark, format, front_matter, start, body, root, problems)


def _common_prefix_length(first: str, second: str) -> int:
    """Return the length of the longest common prefix, by bisection."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
