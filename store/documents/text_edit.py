"""Text edit: changes fields of a document and no other character of its text.

People keep documents under version control, so comments, quotes, order and line endings stay. The
result is parsed before it is used. A text that cannot be edited in place is written anew: with
its comments, and with the source text of all values that stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .article_reader import read_article
from .field_mapper import map_fields
from .format_writer import serialize_document_as
from .front_matter_format import FrontMatterFormat
from .frontmatter import ParseOptions
from .json_edit import JsonEditor
from .own_keys import translate_change, without_paths
from .parse_result import ParseResult
from .serializer import FIELD_KEYS, DocumentData, article_to_document
from .source_document import SourceDocument, read_source_document
from .source_tree import UneditableError
from .toml_edit import NullError, TomlEditor
from .tree_edit import TextEdit
from .yaml_edit import YamlEditor
from .yaml_rewrite import rewrite_mapping
from .yaml_tree import MappingNode, ScalarNode

_EDITORS: Mapping[FrontMatterFormat, type[YamlEditor | TomlEditor | JsonEditor]] = {
    FrontMatterFormat.YAML: YamlEditor,
    FrontMatterFormat.TOML: TomlEditor,
    FrontMatterFormat.JSON: JsonEditor,
}


class UnwritableError(Exception):
    """The format of the document cannot hold the change. The message says why."""


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
    changed = {key: value for key, value in new.items() if key not in old or old[key] != value}
    changed |= {key: None for key in old if key not in new}
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
    path: str, text: str, before: DocumentData, after: DocumentData, options: ParseOptions
) -> EditedText:
    """Edit the text of a document from `before` to `after`. Raises: UnwritableError."""
    source = read_source_document(path, text, options)
    format = source.format if source else FrontMatterFormat.YAML
    if source and (problem := source.duplicate_key):
        raise UnwritableError(f"{problem.message} Remove one of the two from the file.")
    whole: EditedText | None = None
    for new, expected, is_rewritten in _candidates(path, source, before, after, options):
        edited = EditedText(new, read_article(path, _encode(new), options), is_rewritten)
        article = edited.parse_result.article
        # Parsing takes most of the time, so the whole is parsed only if this check is not enough.
        if article and expected.matches(article_to_document(article)):
            return edited
        whole = whole or _serialize(path, after, options, format)
        if whole.parse_result.article is None:
            return whole  # invalid: the caller reports its diagnostics
        if article == whole.parse_result.article:
            return edited
    return whole or _serialize(path, after, options, format)


class _Expected(NamedTuple):
    """The data that an edited text must be read as, but for the metadata at some paths."""

    document: DocumentData
    ignored: Sequence[Sequence[str]] = ()

    def matches(self, document: DocumentData) -> bool:
        """Whether a document has this data."""
        if not self.ignored or document == self.document:
            return document == self.document
        values, expected = (
            without_paths(data.values, self.ignored) for data in (document, self.document)
        )
        return (values, document.content) == (expected, self.document.content)


def _serialize(
    path: str, document: DocumentData, options: ParseOptions, format: FrontMatterFormat
) -> EditedText:
    try:
        text = serialize_document_as(document, format)
    except NullError:
        raise UnwritableError("TOML has no null. Send another value, or none.") from None
    parse_result = read_article(path, _encode(text), options)
    return EditedText(text, parse_result, is_rewritten=True, is_serialized=True)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _candidates(
    path: str,
    source: SourceDocument | None,
    before: DocumentData,
    after: DocumentData,
    options: ParseOptions,
) -> Iterator[tuple[str, _Expected, bool]]:
    """Yield edited texts, the one with the smallest difference first.

    Each has the data that it must be read as, and whether it is rewritten.
    """
    if source is None:
        return
    root, text, old = source.root, source.front_matter, before.values
    diff = _adapt_diff(diff_documents(before, after), source)
    expected = _Expected(after)
    if options.mapping is not None:
        names = map_fields(options.mapping, path, root, source.body).names
        change = translate_change(names, options.mapping, root, old, diff.values)
        old, diff = change.old, DocumentDiff(change.new, diff.content)
        after = after._replace(values=after.values | change.metadata)
        expected = _Expected(after, change.sources)
    for is_fine in (True, False):
        try:
            editor = _EDITORS[source.format](text, FIELD_KEYS, is_fine=is_fine)
            yield source.apply(editor.edits(old, diff.values), diff.content), expected, False
        except UneditableError:
            continue
    if source.format is not FrontMatterFormat.YAML:
        return
    try:
        new = rewrite_mapping(text, diff.values, FIELD_KEYS)
        yield source.apply([TextEdit(0, len(text), new)], diff.content), expected, True
    except UneditableError:
        return


def _adapt_diff(diff: DocumentDiff, source: SourceDocument) -> DocumentDiff:
    """Write values under the document's own keys: `draft`, and `content` instead of a body."""
    root = source.root
    diff = _write_own_author_key(_write_own_draft_keys(diff, root), root)
    content_is_key = "content" in root.entries and not source.body.strip()
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
