"""Text edit: changes fields of a document and no other character of its text.

People keep documents under version control, so comments, quotes, order and line endings stay. The
result is parsed before it is used. A text that cannot be edited in place is written anew: with
its comments, and with the source text of all values that stay.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from store.characters import clean_text

from .article_reader import extract_content, read_article
from .field_mapping import map_fields
from .front_matter_reader import YAML_EXTENSIONS
from .frontmatter import DocumentParts, ParseLimits, parse_front_matter, split_front_matter
from .own_keys import translate_change
from .parse_result import ParseResult
from .serializer import FIELD_KEYS, DocumentData, article_to_document, serialize_document
from .source_tree import UneditableError
from .yaml_edit import TextEdit, YamlEditor, apply_edits
from .yaml_rewrite import rewrite_mapping
from .yaml_tree import MappingNode, ScalarNode
from .yaml_tree_builder import FrontMatterError

_BYTE_ORDER_MARK = "\ufeff"


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
    """An edited text and its parse result.

    Attributes:
        text: The text.
        parse_result: Its parse result.
        is_rewritten: Whether more than the changed values differs.
        is_serialized: Whether nothing of the former text is left, not even its keys.
    """

    text: str
    parse_result: ParseResult
    is_rewritten: bool = False
    is_serialized: bool = False


def edit_text(
    path: str, text: str, before: DocumentData, after: DocumentData, limits: ParseLimits
) -> EditedText:
    """Edit the text of a document from `before` to `after`."""
    whole: EditedText | None = None
    for new, expected, is_rewritten in _candidates(path, text, before, after, limits):
        edited = EditedText(new, read_article(path, _encode(new), limits), is_rewritten)
        article = edited.parse_result.article
        # Parsing takes most of the time, so the whole is parsed only if this check is not enough.
        if article and article_to_document(article) == expected:
            return edited
        whole = whole or _serialize(path, after, limits)
        if whole.parse_result.article is None:
            return whole  # invalid: the caller reports its diagnostics
        if article == whole.parse_result.article:
            return edited
    return whole or _serialize(path, after, limits)


def _serialize(path: str, document: DocumentData, limits: ParseLimits) -> EditedText:
    text = serialize_document(document)
    parse_result = read_article(path, _encode(text), limits)
    return EditedText(text, parse_result, is_rewritten=True, is_serialized=True)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _candidates(
    path: str, text: str, before: DocumentData, after: DocumentData, limits: ParseLimits
) -> Iterator[tuple[str, DocumentData, bool]]:
    """Yield edited texts, the one with the smallest difference first.

    Each has the data that it must be read as, and whether it is rewritten.
    """
    source = _read_source_text(path, text)
    if source is None:
        return
    try:
        root = parse_front_matter(source.parts, limits).root
    except FrontMatterError:
        return
    diff = _adapt_diff(diff_documents(before, after), source, root)
    yaml, old = source.parts.yaml, before.values
    if limits.mapping is not None:
        names = map_fields(limits.mapping, path, root, source.parts.body).names
        change = translate_change(names, limits.mapping, root, old, diff.values)
        old, diff = change.old, DocumentDiff(change.new, diff.content)
        after = after._replace(values=after.values | change.metadata)
    for is_fine in (True, False):
        try:
            edits = YamlEditor(yaml, FIELD_KEYS, is_fine=is_fine).edits(old, diff.values)
            yield source.apply(edits, diff.content), after, False
        except UneditableError:
            continue
    try:
        new = rewrite_mapping(yaml, diff.values, FIELD_KEYS)
        yield source.apply([TextEdit(0, len(yaml), new)], diff.content), after, True
    except UneditableError:
        return


def _adapt_diff(diff: DocumentDiff, source: _SourceText, root: MappingNode) -> DocumentDiff:
    """Write values under the document's own keys: `draft`, and `content` instead of a body."""
    diff = _write_own_author_key(_write_own_draft_keys(diff, root), root)
    content_is_key = "content" in root.entries and not source.parts.body.strip()
    if diff.content is not None and (content_is_key or not source.is_closed):
        return DocumentDiff({**diff.values, "content": diff.content or None})
    if "content" in diff.values and not content_is_key:
        # The content would not survive as a body: a key has it, and the body goes.
        return DocumentDiff(diff.values, diff.content or "")
    return diff


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


class _SourceText(NamedTuple):
    """A document's text, split for edits.

    Attributes:
        text: The text as it is, without a byte order mark.
        plain: The text with line feeds as line ends; positions count in it.
        parts: The parts of `plain`.
        start: The position of the front matter.
        mark: The byte order mark, if there is one.
    """

    text: str
    plain: str
    parts: DocumentParts
    start: int
    mark: str

    @property
    def is_closed(self) -> bool:
        """Whether a line ends the front matter, so that a body can follow."""
        return self.start + len(self.parts.yaml) < len(self.plain)

    def apply(self, yaml_edits: list[TextEdit], content: str | None) -> str:
        """Apply edits of the front matter, and give the body a new content."""
        edits = [TextEdit(self.start + s, self.start + e, new) for s, e, new in yaml_edits]
        if content is not None:
            edits.append(self._content_edit(content))
        return self.mark + apply_edits(self.text, self._restore_line_ends(edits))

    def _content_edit(self, content: str) -> TextEdit:
        """Replace the characters of the body's content that differ."""
        plain, body = self.plain, clean_text(self.parts.body)
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
        return "\r\n" if i < len(ends) and ends[i] == at else "\n"


def _read_source_text(path: str, text: str) -> _SourceText | None:
    """Split a text for edits; None without front matter."""
    mark = _BYTE_ORDER_MARK if text.startswith(_BYTE_ORDER_MARK) else ""
    text = text.removeprefix(_BYTE_ORDER_MARK)
    plain = text.replace("\r\n", "\n")
    try:
        parts = split_front_matter(plain, all_yaml=path.lower().endswith(YAML_EXTENSIONS))
    except FrontMatterError:
        return None
    if parts is None:
        return None
    start = 0
    for _ in range(parts.yaml_line):
        start = plain.index("\n", start) + 1
    return _SourceText(text, plain, parts, start, mark)


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
