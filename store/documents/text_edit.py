"""Text edit: changes fields of a document and no other line of its text.

People keep documents under version control, so comments, quotes, order and line endings stay. The
edit replaces lines, and its result is parsed before it is used. A text that cannot be edited by
lines (several keys on one line, an alias of the value elsewhere) is serialized as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .article_reader import read_article
from .front_matter_reader import YAML_EXTENSIONS
from .frontmatter import DocumentParts, ParseLimits, parse_front_matter, split_front_matter
from .parse_result import ParseResult
from .serializer import FIELD_KEYS, DocumentData, article_to_document, serialize_document
from .yaml_tree import MappingNode, ScalarNode
from .yaml_tree_builder import FrontMatterError
from .yaml_writer import write_mapping

_BYTE_ORDER_MARK = "\ufeff"
_KEY_LINE = re.compile(r"[^\s#].*?:(?:\s|$)")
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'""")
_SEPARATOR = re.compile(r":[ \t]+")
_TRAILING_COMMENT = re.compile(r"[ \t]+#.*|[ \t]*")


class DocumentDiff(NamedTuple):
    """The difference of two documents.

    Attributes:
        values: New values by key; None removes the key.
        content: The new content of the body; "" removes it, None leaves it.
    """

    values: Mapping[str, Any]
    content: str | None = None


def diff_documents(before: DocumentData, after: DocumentData) -> DocumentDiff:
    """Compute the difference of two documents."""
    old, new = before.values, after.values
    keys = [*new, *(key for key in old if key not in new)]
    changed = {key: new.get(key) for key in keys if key not in old or old[key] != new.get(key)}
    same_content = before.content == after.content
    return DocumentDiff(changed, None if same_content else after.content or "")


class EditedText(NamedTuple):
    """An edited text and its parse result."""

    text: str
    parse_result: ParseResult


def edit_text(
    path: str, text: str, before: DocumentData, after: DocumentData, limits: ParseLimits
) -> EditedText:
    """Edit the text of a document from `before` to `after`.

    Lines of other keys stay, if the text can be edited by lines.
    """
    line_by_line = _edit_lines(path, text, diff_documents(before, after), limits)
    edited = None if line_by_line is None else _parse(path, line_by_line, limits)
    # Parsing takes most of the time, so the whole is parsed only if this check is not enough.
    if (
        edited
        and edited.parse_result.article
        and article_to_document(edited.parse_result.article) == after
    ):
        return edited
    whole = _parse(path, serialize_document(after), limits)
    if whole.parse_result.article is None:
        return whole  # invalid: the caller reports its diagnostics
    if edited and edited.parse_result.article == whole.parse_result.article:
        return edited
    return whole


def _parse(path: str, text: str, limits: ParseLimits) -> EditedText:
    return EditedText(text, read_article(path, _encode(text), limits))


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _edit_lines(path: str, text: str, diff: DocumentDiff, limits: ParseLimits) -> str | None:
    """Edit a text by lines; None if its lines do not allow that."""
    mark = _BYTE_ORDER_MARK if text.startswith(_BYTE_ORDER_MARK) else ""
    plain = text.removeprefix(_BYTE_ORDER_MARK)
    try:
        parts = split_front_matter(
            plain.replace("\r\n", "\n"), all_yaml=path.lower().endswith(YAML_EXTENSIONS)
        )
        if parts is None:
            return None
        root = parse_front_matter(parts, limits).root
    except FrontMatterError:
        return None
    lines = _LineEditor(plain, parts, root)
    diff = _write_own_author_key(_write_own_draft_keys(diff, root), root)
    if diff.content is not None and lines.content_is_key:
        diff = DocumentDiff({**diff.values, "content": diff.content or None})
    elif "content" in diff.values and not lines.content_is_key:
        # The content would not survive as a body: a key has it, and the body goes.
        diff = DocumentDiff(diff.values, diff.content or "")
    return mark + lines.apply(diff) if lines.can_apply(diff) else None


def _write_own_draft_keys(diff: DocumentDiff, root: MappingNode) -> DocumentDiff:
    """Write `published` under the document's own keys, such as `draft`."""
    if "published" not in diff.values:
        return diff
    is_draft = diff.values["published"] is False
    own = {key: is_draft for key in root.entries if key.lower() == "draft"}
    own |= {key: not is_draft for key in root.entries if key.lower() == "published"}
    if not own:
        return diff
    others = {key: value for key, value in diff.values.items() if key != "published"}
    return DocumentDiff(others | own, diff.content)


def _write_own_author_key(diff: DocumentDiff, root: MappingNode) -> DocumentDiff:
    """Write `authors` under the document's own key, which may be `author`."""
    if "authors" not in diff.values or "author" not in root.entries:
        return diff
    values = dict(diff.values)
    authors = values.pop("authors")
    if "authors" in root.entries:
        return DocumentDiff({**values, "authors": authors, "author": None}, diff.content)
    is_one_name = authors is not None and len(authors) == 1 and isinstance(authors[0], str)
    is_scalar = isinstance(root.entries["author"], ScalarNode)
    value = authors[0] if is_one_name and is_scalar else authors
    return DocumentDiff({**values, "author": value}, diff.content)


class _LineReplacement(NamedTuple):
    """New `lines` for the lines from `first` up to `end`."""

    first: int
    end: int
    lines: list[str]


class _LineEditor:
    """Edits a document by lines: knows which lines belong to which key. Lines count from 0."""

    def __init__(self, text: str, parts: DocumentParts, root: MappingNode) -> None:
        self._lines = text.split("\n")
        self._eol = "\r" if self._lines[0].endswith("\r") else ""
        self._root = root
        self._start = parts.yaml_line
        self._end = parts.yaml_line + parts.yaml.count("\n")
        if parts.yaml and not parts.yaml.endswith("\n"):  # a file that is all YAML
            self._lines.append("")
            self._end += 1
        self._has_body = self._end < len(self._lines) - 1
        self._starts = sorted(
            {line - 1 for line in root.key_lines.values()} | self._find_key_like_lines()
        )
        self.content_is_key = "content" in root.entries and not parts.body.strip()

    def _find_key_like_lines(self) -> set[int]:
        """Find lines that look like the first of a key: the tree has a duplicate key only once."""
        return {i for i in range(self._start, self._end) if _KEY_LINE.match(self._lines[i])}

    def can_apply(self, diff: DocumentDiff) -> bool:
        """Whether each changed key has lines of its own, and a changed body exists."""
        firsts = list(self._root.key_lines.values())
        own = all(
            firsts.count(line) == 1 and not self._lines[line - 1][:1].isspace()
            for key, line in self._root.key_lines.items()
            if key in diff.values
        )
        return own and (diff.content is None or self._has_body)

    def apply(self, diff: DocumentDiff) -> str:
        """Return the text with the new values and the new body."""
        replacements = sorted(self._diff_replacements(diff.values), key=lambda r: (r.first, r.end))
        lines: list[str] = []
        done = 0
        for first, end, new in replacements:
            lines += self._lines[done:first] + [line + self._eol for line in new]
            done = end
        if diff.content is None:
            return "\n".join(lines + self._lines[done:])
        lines += self._lines[done : self._end + 1]
        body = ["", *diff.content.split("\n")] if diff.content else []
        return "\n".join([*lines, *(line + self._eol for line in body), ""])

    def _diff_replacements(self, values: Mapping[str, Any]) -> Iterator[_LineReplacement]:
        listed = [key for key in FIELD_KEYS if key in values]
        for key in [*listed, *(key for key in values if key not in FIELD_KEYS)]:
            if key not in self._root.key_lines:
                if values[key] is not None:
                    yield self._insert_key(key, values[key])
                continue
            first, end = self._key_span(key)
            new = [] if values[key] is None else self._render_value(key, values[key], first, end)
            yield _LineReplacement(first, end, new)

    def _key_span(self, key: str) -> tuple[int, int]:
        """Return the lines of a key, without blank lines and comments before the next key."""
        first = self._root.key_lines[key] - 1
        end = next((start for start in self._starts if start > first), self._end)
        while end > first + 1 and _is_blank_or_comment(self._lines[end - 1]):
            end -= 1
        return first, end

    def _render_value(self, key: str, value: Any, first: int, end: int) -> list[str]:
        """Render a key and its value; if one line replaces one line, its comment stays."""
        new = _yaml_lines({key: value})
        node = self._root.entries[key]
        if len(new) > 1 or end > first + 1 or not isinstance(node, ScalarNode):
            return new
        surrounding = _split_around_value(node, self._lines[first].removesuffix(self._eol))
        return (
            [_yaml_lines({"": value})[0].partition(": ")[2].join(surrounding)]
            if surrounding
            else new
        )

    def _insert_key(self, key: str, value: Any) -> _LineReplacement:
        """Insert a key after the one that precedes it in the usual order."""
        at = self._insertion_line(key)
        new = _yaml_lines({key: value})
        if len(new) > 1 and at > self._start and self._lines[at - 1].strip():
            new = ["", *new]
        return _LineReplacement(at, at, new)

    def _insertion_line(self, key: str) -> int:
        if key not in FIELD_KEYS:
            return self._end
        earlier = [k for k in FIELD_KEYS[: FIELD_KEYS.index(key)] if k in self._root.key_lines]
        return self._key_span(earlier[-1])[1] if earlier else self._start


def _split_around_value(scalar: ScalarNode, line: str) -> tuple[str, str] | None:
    """Split a line into the text before and after a value; None if that is ambiguous."""
    for before in _SEPARATOR.finditer(line):
        start = before.end()
        if scalar.plain:
            end = start + len(scalar.text) if line.startswith(scalar.text, start) else None
        else:
            quoted = _QUOTED.match(line, start)
            end = quoted.end() if quoted else None
        if end is not None and _TRAILING_COMMENT.fullmatch(line, end):
            return line[:start], line[end:]
    return None


def _yaml_lines(values: Mapping[str, Any]) -> list[str]:
    return write_mapping(values).rstrip("\n").split("\n")


def _is_blank_or_comment(line: str) -> bool:
    return not line.strip() or line.startswith("#")
