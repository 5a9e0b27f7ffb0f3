"""Changing what a document says, and of its text nothing but the lines that say it.

People write these documents and keep them under version control: comments, quoting, order and
line endings are theirs. The edit goes by lines, and what it gives is read again before it is used;
a text that cannot be changed in this way (keys on one line, a value that others refer to) is
written anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .article_reader import read_document
from .frontmatter import Limits, Parts, parse, split
from .reading import YAML_ENDINGS, Reading
from .serializer import FIELDS, Document, article_document, document_text
from .yaml_tree import Mapping as Tree
from .yaml_tree import Scalar
from .yaml_tree_builder import UnreadableError
from .yaml_writer import write_mapping

_MARK = "\ufeff"
_KEY = re.compile(r"[^\s#].*?:(?:\s|$)")
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'""")
_BEFORE = re.compile(r":[ \t]+")
_BEHIND = re.compile(r"[ \t]+#.*|[ \t]*")


class Edit(NamedTuple):
    """What to change: values by key, None for keys to remove; the content of the body, "" for none
    and None to leave it.
    """

    values: Mapping[str, Any]
    content: str | None = None


def edit_between(before: Document, after: Document) -> Edit:
    """What makes the one document say what the other says."""
    old, new = before.values, after.values
    keys = [*new, *(key for key in old if key not in new)]
    changed = {key: new.get(key) for key in keys if key not in old or old[key] != new.get(key)}
    same_content = before.content == after.content
    return Edit(changed, None if same_content else after.content or "")


class Edited(NamedTuple):
    """A text, and what is read from it."""

    text: str
    reading: Reading


def changed_text(path: str, text: str, before: Document, after: Document, limits: Limits) -> Edited:
    """The text of a file, which says `before`, changed to say `after`.

    Lines of keys that do not change stay as they are, where that is possible at all.
    """
    line_by_line = _edited(path, text, edit_between(before, after), limits)
    edited = None if line_by_line is None else _read(path, line_by_line, limits)
    # Reading takes most of the time, so the whole is read only where this does not tell enough.
    if edited and edited.reading.article and article_document(edited.reading.article) == after:
        return edited
    whole = _read(path, document_text(after), limits)
    if whole.reading.article is None:
        return whole  # and whoever reads it is told what is wrong with it
    if edited and edited.reading.article == whole.reading.article:
        return edited
    return whole


def _read(path: str, text: str, limits: Limits) -> Edited:
    return Edited(text, read_document(path, _encoded(text), limits))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _edited(path: str, text: str, edit: Edit, limits: Limits) -> str | None:
    """The text with an edit done line by line; None where the lines do not allow it."""
    mark = _MARK if text.startswith(_MARK) else ""
    plain = text.removeprefix(_MARK)
    try:
        parts = split(plain.replace("\r\n", "\n"), all_yaml=path.lower().endswith(YAML_ENDINGS))
        if parts is None:
            return None
        lines = _Lines(plain, parts, parse(parts, limits).root)
    except UnreadableError:
        return None
    if edit.content is not None and lines.content_is_key:
        edit = Edit({**edit.values, "content": edit.content or None})
    elif "content" in edit.values and not lines.content_is_key:
        edit = Edit(edit.values, edit.content or "")  # a body that only a key could say again
    return mark + lines.edited(edit) if lines.can_take(edit) else None


class _Replacement(NamedTuple):
    """Lines from `first` up to `end`, and those to have in their place."""

    first: int
    end: int
    lines: list[str]


class _Lines:
    """A file's lines, and which of them belong to which key. Lines count from 0 here."""

    def __init__(self, text: str, parts: Parts, root: Tree) -> None:
        self._lines = text.split("\n")
        self._eol = "\r" if self._lines[0].endswith("\r") else ""
        self._root = root
        self._start = parts.yaml_line
        self._end = parts.yaml_line + parts.yaml.count("\n")
        if parts.yaml and not parts.yaml.endswith("\n"):  # a file that is all YAML
            self._lines.append("")
            self._end += 1
        self._has_body = self._end < len(self._lines) - 1
        self._starts = sorted({line - 1 for line in root.key_lines.values()} | self._apparent())
        self.content_is_key = "content" in root.entries and not parts.body.strip()

    def _apparent(self) -> set[int]:
        """The lines that look like a key's first; a key that is written twice is known once."""
        return {i for i in range(self._start, self._end) if _KEY.match(self._lines[i])}

    def can_take(self, edit: Edit) -> bool:
        """Whether each key to change has lines of its own, and there is a body to change."""
        firsts = list(self._root.key_lines.values())
        own = all(
            firsts.count(line) == 1 and not self._lines[line - 1][:1].isspace()
            for key, line in self._root.key_lines.items()
            if key in edit.values
        )
        return own and (edit.content is None or self._has_body)

    def edited(self, edit: Edit) -> str:
        """The text with other values, and with another body."""
        replacements = sorted(self._replacements(edit.values), key=lambda r: (r.first, r.end))
        lines: list[str] = []
        done = 0
        for first, end, new in replacements:
            lines += self._lines[done:first] + [line + self._eol for line in new]
            done = end
        if edit.content is None:
            return "\n".join(lines + self._lines[done:])
        lines += self._lines[done : self._end + 1]
        body = ["", *edit.content.split("\n")] if edit.content else []
        return "\n".join([*lines, *(line + self._eol for line in body), ""])

    def _replacements(self, values: Mapping[str, Any]) -> Iterator[_Replacement]:
        known = [key for key in FIELDS if key in values]
        for key in [*known, *(key for key in values if key not in FIELDS)]:
            if key not in self._root.key_lines:
                if values[key] is not None:
                    yield self._inserted(key, values[key])
                continue
            first, end = self._span(key)
            new = [] if values[key] is None else self._written(key, values[key], first, end)
            yield _Replacement(first, end, new)

    def _span(self, key: str) -> tuple[int, int]:
        """The lines of a key, without the blank lines and comments before the next one."""
        first = self._root.key_lines[key] - 1
        end = next((start for start in self._starts if start > first), self._end)
        while end > first + 1 and _is_between(self._lines[end - 1]):
            end -= 1
        return first, end

    def _written(self, key: str, value: Any, first: int, end: int) -> list[str]:
        """The lines of a value; where one line takes the place of another, its comment stays."""
        new = _block({key: value})
        node = self._root.entries[key]
        if len(new) > 1 or end > first + 1 or not isinstance(node, Scalar):
            return new
        around = _around(node, self._lines[first].removesuffix(self._eol))
        return [_block({"": value})[0].partition(": ")[2].join(around)] if around else new

    def _inserted(self, key: str, value: Any) -> _Replacement:
        """A new key, behind the one that usually stands before it."""
        place = self._place(key)
        new = _block({key: value})
        if len(new) > 1 and place > self._start and self._lines[place - 1].strip():
            new = ["", *new]
        return _Replacement(place, place, new)

    def _place(self, key: str) -> int:
        if key not in FIELDS:
            return self._end
        earlier = [k for k in FIELDS[: FIELDS.index(key)] if k in self._root.key_lines]
        return self._span(earlier[-1])[1] if earlier else self._start


def _around(scalar: Scalar, line: str) -> tuple[str, str] | None:
    """What stands before and behind a value on its key's line; None where that is not sure."""
    for before in _BEFORE.finditer(line):
        start = before.end()
        if scalar.plain:
            end = start + len(scalar.text) if line.startswith(scalar.text, start) else None
        else:
            quoted = _QUOTED.match(line, start)
            end = quoted.end() if quoted else None
        if end is not None and _BEHIND.fullmatch(line, end):
            return line[:start], line[end:]
    return None


def _block(values: Mapping[str, Any]) -> list[str]:
    return write_mapping(values).rstrip("\n").split("\n")


def _is_between(line: str) -> bool:
    return not line.strip() or line.startswith("#")
