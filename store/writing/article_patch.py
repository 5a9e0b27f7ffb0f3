"""Article patch: changes fields of a document, or creates a document from fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import msgspec

from store.characters import clean_text, escape_invisible
from store.documents.article_reader import SLUG_KEY, find_placement, read_article
from store.documents.diagnostics import DiagnosticCode, field_path
from store.documents.field_mapper import map_fields
from store.documents.field_mapping import FieldMapping
from store.documents.field_values import RELATIVE_URL_REMEDY, URL_REMEDY
from store.documents.frontmatter import ParseOptions
from store.documents.own_keys import translate_change
from store.documents.parse_result import ParseResult
from store.documents.serializer import (
    FIELD_KEYS,
    DocumentData,
    article_to_document,
    normalize_content,
    serialize_document,
    serialize_fields,
)
from store.documents.text_edit import EditedText, UnwritableError, edit_text
from store.documents.yaml_tree import MappingNode
from store.errors import Refusal, RefusedError
from store.model import Article, Diagnostic, Severity
from store.names import is_jekyll_named

from .import_batch import MAX_REFUSALS, encode_document
from .nested_metadata import keep_metadata
from .new_document_folder import BAD_LOCALE, find_folder
from .write_set import Notice

ALL_METADATA = "\x00metadata"
"""The key of fields that stands for all metadata. No document can have it."""

BAD_SLUG = "BAD_SLUG"
KEYS_NOT_WRITABLE = "KEYS_NOT_WRITABLE"
FORMAT_NOT_WRITABLE = "FORMAT_NOT_WRITABLE"

_FORBIDDEN_IN_SLUG = re.compile(r'[/\\:*?"<>|]')
# Parts of messages that are true of a file only: a refused value is kept nowhere.
_FILE_NOTE = re.compile(
    r"; the [a-z ]+ (?:is|are) kept in `metadata`|; in a name they were replaced by \ufffd"
    r"|; the first [0-9,]+ are used, the others are kept in `metadata`"
)
REQUIRED_CODES = frozenset(
    (
        DiagnosticCode.MISSING_TITLE,
        DiagnosticCode.MISSING_DATE,
        DiagnosticCode.MISSING_PROVIDER,
    )
)
_REQUIRED = ("title", "publishedDateTime", "provider")
_INPUT_REMEDIES = {
    "Add the provider's web domain, like `domain: example.com`.": "Send `provider.domain`, such as "
    "example.com.",
    "Add the provider's name.": "Send `provider.name`.",
    "Add the story's title.": "Send the story's `title`.",
    RELATIVE_URL_REMEDY: URL_REMEDY,
    "Split the file, or raise the limit.": "Send less, or have the limit raised.",
}
_REWRITTEN = Notice(
    "DOCUMENT_REWRITTEN",
    "The front matter could not be edited in place and was written anew: more lines than those of "
    "the changed fields differ.",
)
_UNNAMED = "article"  # no slug: the slug is derived from title and date


class PatchedDocument(msgspec.Struct, frozen=True):
    """A new or changed document, its parse result and its article."""

    path: str
    text: str
    parse_result: ParseResult
    article: Article
    notices: tuple[Notice, ...] = ()


def create_document(
    slug: str | None,
    fields: Mapping[str, Any],
    options: ParseOptions,
    *,
    needs_locale: bool = False,
) -> PatchedDocument:
    """Create a document from fields. Without a slug it is derived from title and date.

    `needs_locale`: the locale becomes a part of the article's identity.
    Raises: RefusedError: the document is invalid.
    """
    fields = {key: value for key, value in fields.items() if key != ALL_METADATA}
    _refuse_invalid_characters(fields)
    folder = find_folder(fields.get("locale"), options.mapping, needs_locale=needs_locale)
    path = f"{folder}/{slug or _UNNAMED}.md"
    document = _apply_fields(DocumentData({}), fields)
    text = serialize_document(document)
    parse_result = read_article(path, encode_document(text), options)
    article = _accept(parse_result, fields, ParseResult)
    if slug is None:
        path = f"{folder}/{article.slug}.md"
        parse_result = read_article(path, encode_document(text), options)
        article = _accept(parse_result, fields, ParseResult)
    elif article.slug != slug:
        raise RefusedError(Refusal(BAD_SLUG, f"The slug {slug!r} ends with its locale.", ("slug",)))
    if options.mapping is not None:
        own_text = serialize_document(_with_own_keys(document, path, options.mapping))
        own_result = read_article(path, encode_document(own_text), options)
        if own_result.article is not None and own_result.article == parse_result.article:
            text, parse_result, article = own_text, own_result, own_result.article
    patched = PatchedDocument(path, text, parse_result, article)
    _refuse_ignored_values(patched, DocumentData({}), document, fields, options)
    return patched


def _refuse_ignored_values(
    patched: PatchedDocument,
    before: DocumentData,
    after: DocumentData,
    fields: Mapping[str, Any],
    options: ParseOptions,
) -> None:
    """Refuse a change of fields that a mapping reads from elsewhere, such as the folder.

    Raises: RefusedError.
    """
    mapping = options.mapping
    if mapping is None:
        return
    values = article_to_document(patched.article).values
    whole = after._replace(values={key: values[key] for key in _REQUIRED} | after.values)
    plain = msgspec.structs.replace(options, mapping=None)
    own = read_article(patched.path, encode_document(serialize_document(whole)), plain).article
    wanted = article_to_document(own).values if own else {}
    ignored = [
        key
        for key in fields
        if (key in wanted and values.get(key) != wanted[key])
        or (key not in after.values and key in values and values[key] == before.values.get(key))
    ]
    if ignored:
        raise RefusedError(*(_ignored_refusal(key, patched.path, mapping) for key in ignored))


def _ignored_refusal(key: str, path: str, mapping: FieldMapping) -> Refusal:
    sources = ", ".join(f"`{source}`" for source in mapping.fields.get(key, ()))
    return Refusal(
        KEYS_NOT_WRITABLE,
        f"`{key}` cannot be changed so in {path}: the mapping of the folder takes it from "
        f"{sources or 'elsewhere'}, where this value cannot be written.",
        (key,),
    )


def _with_own_keys(document: DocumentData, path: str, mapping: FieldMapping) -> DocumentData:
    """Return a new document under the keys that the documents of its folder use."""
    nothing = MappingNode({}, {}, 1)
    names = map_fields(mapping, path, nothing, "").names
    change = translate_change(names, mapping, nothing, {}, document.values)
    return DocumentData(change.new, document.content)


def patch_document(
    article: Article, path: str, text: str | None, fields: Mapping[str, Any], options: ParseOptions
) -> PatchedDocument:
    """Change fields of an article's document; None removes a field.

    `text` is the text of its file, None without a file. The slug stays: if it came from the title,
    the file is renamed after the slug. In a folder with a mapping the document gets a key for it
    instead, since the name of a file is part of an address in the site of another tool.
    Raises: RefusedError: the document is invalid, or has a new problem, or the format of its
        front matter cannot hold the change.
    """
    fields = dict(fields)
    removes_metadata = ALL_METADATA in fields
    fields.pop(ALL_METADATA, None)
    _refuse_invalid_characters(fields)
    before = article_to_document(article)
    fields = keep_metadata(article, fields)
    present = msgspec.structs.replace(article, metadata={}) if removes_metadata else article
    after = _apply_fields(article_to_document(present), fields)
    edited = _edit(path, text, before, after, options)

    def parse_before() -> ParseResult:
        return read_article(path, encode_document(text or serialize_document(before)), options)

    if text is not None and options.mapping is not None:
        # The messages of a document with keys of its own do not name the fields.
        _accept(
            read_article(path, encode_document(serialize_document(after)), options),
            fields,
            parse_before,
        )
        if edited.is_serialized:
            raise RefusedError(_own_keys_refusal(path))
    changed = _accept(edited.parse_result, fields, parse_before)
    notices = (_REWRITTEN,) if edited.is_rewritten else ()
    patched = PatchedDocument(path, edited.text, edited.parse_result, changed, notices)
    if changed.slug != article.slug:
        has_own_name = text is not None and options.mapping is not None
        keep_slug = _with_slug if has_own_name else _rename
        patched = keep_slug(patched, article, after, options)
        changed = _accept(patched.parse_result, fields, parse_before)
        patched = msgspec.structs.replace(patched, article=changed)
    if changed.id != article.id:
        raise RefusedError(_other_id_refusal(patched.path, changed))
    _refuse_ignored_values(patched, before, after, fields, options)
    return patched


def _edit(
    path: str, text: str | None, before: DocumentData, after: DocumentData, options: ParseOptions
) -> EditedText:
    """Edit a text from `before` to `after`, or write a new one. Raises: RefusedError."""
    if text is None:
        new = serialize_document(after)
        return EditedText(new, read_article(path, encode_document(new), options))
    try:
        return edit_text(path, text, before, after, options)
    except UnwritableError as error:
        raise RefusedError(_format_refusal(path, str(error))) from None


def _rename(
    document: PatchedDocument, article: Article, after: DocumentData, options: ParseOptions
) -> PatchedDocument:
    """Rename the file after the slug of the article. The new article is not accepted yet."""
    text = _with_translation_key(document.path, document.text, after, options)
    path = _renamed(document.path, article, options)
    message = f"The file is now {path}: its name gives the slug, which stays."
    return msgspec.structs.replace(
        document,
        path=path,
        text=text,
        parse_result=read_article(path, encode_document(text), options),
        notices=(*document.notices, Notice("FILE_RENAMED", message)),
    )


def _renamed(path: str, article: Article, options: ParseOptions) -> str:
    """Return the path under which a document keeps its slug; a suffix with its locale stays."""
    stem = find_placement(path, article.locale, options.mapping).stem
    rest = PurePosixPath(path).name[len(stem) :]
    return str(PurePosixPath(path).with_name(article.slug + rest))


def _with_slug(
    document: PatchedDocument, article: Article, after: DocumentData, options: ParseOptions
) -> PatchedDocument:
    """Write the slug of the article into its document. The new article is not accepted yet.

    Raises: RefusedError: the document cannot hold it beside the keys that it has.
    """
    pinned = after._replace(values=after.values | {SLUG_KEY: article.slug})
    edited = edit_text(document.path, document.text, after, pinned, options)
    if edited.is_serialized:
        raise RefusedError(_own_keys_refusal(document.path))
    return msgspec.structs.replace(document, text=edited.text, parse_result=edited.parse_result)


def _with_translation_key(path: str, text: str, after: DocumentData, options: ParseOptions) -> str:
    """Write the translation key that came from the path, which is about to change."""
    key = after.values.get("translationKey")
    return text if key is None else _with_value("translationKey", path, text, after, options)


def _with_value(key: str, path: str, text: str, after: DocumentData, options: ParseOptions) -> str:
    """Write a value that the text does not have yet."""
    without = {name: value for name, value in after.values.items() if name != key}
    return edit_text(path, text, after._replace(values=without), after, options).text


def _other_id_refusal(path: str, changed: Article) -> Refusal:
    return Refusal(
        BAD_LOCALE,
        f"With the locale {changed.locale!r} the article would get another id, because of the "
        f"path {path} or the locales of the folder. Create an article in that locale instead.",
        ("locale",),
    )


def _own_keys_refusal(path: str) -> Refusal:
    return Refusal(
        KEYS_NOT_WRITABLE,
        f"The change cannot be written under the keys that the document {path} uses. Edit the "
        "file, or import it whole.",
    )


def _format_refusal(path: str, reason: str) -> Refusal:
    return Refusal(FORMAT_NOT_WRITABLE, f"The document {path} cannot be changed so. {reason}")


def find_slug_problem(slug: str) -> str | None:
    """Find the problem of a slug, as a sentence; None for a slug that can be a file's name."""
    is_name = not _FORBIDDEN_IN_SLUG.search(slug) and slug == slug.strip(" .") == escape_invisible(
        slug
    )
    if is_jekyll_named(slug) and is_name:
        return None
    return "A slug has a date and a title, like 2020-06-11-title, and must be a valid file name."


def _apply_fields(document: DocumentData, fields: Mapping[str, Any]) -> DocumentData:
    """Apply fields to a document's data; None and empty lists remove a field."""
    values, content = dict(document.values), document.content
    if "published" in fields:  # an invalid `draft`, kept in the metadata, would win
        values = {key: value for key, value in values.items() if key.lower() != "draft"}
    if "authors" in fields:  # invalid ones, kept in the metadata, are replaced, too
        values.pop("author", None)
    for key, value in serialize_fields(fields).items():
        if key == "content":
            content = None if value is None else normalize_content(value)
            value = None  # noqa: PLW2901  # the content becomes the body
        if value in (None, []):
            values.pop(key, None)
        else:
            values[key] = value
    keys = [*FIELD_KEYS, *(key for key in values if key not in FIELD_KEYS)]
    return DocumentData({key: values[key] for key in keys if key in values}, content)


def _accept(
    parse_result: ParseResult, fields: Mapping[str, Any], parse_before: Callable[[], ParseResult]
) -> Article:
    """Return the article of a parse result, unless `fields` cause an error or a new warning."""
    article = parse_result.article
    refusals = [
        Refusal(d.code, _describe_input(d), _input_path(d))
        for d in parse_result.diagnostics
        if d.code != DiagnosticCode.NO_COMMIT_DATES  # no client causes it
        if article is None
        or d.severity is Severity.ERROR
        or _is_new_problem(d, fields, parse_before)
    ]
    if article and fields.get("published") and not article.published:
        message = (
            "The article stays a draft: it is in a folder `_drafts`, or has a key `draft` or "
            "`status` that says so. Change `status` by `metadata`."
        )
        refusals.append(Refusal(DiagnosticCode.WRONG_TYPE, message, ("published",)))
    if refusals or article is None:
        raise RefusedError(*refusals)
    return article


def _is_new_problem(
    problem: Diagnostic, fields: Mapping[str, Any], parse_before: Callable[[], ParseResult]
) -> bool:
    """Whether `fields` have caused a problem."""
    if problem.code == DiagnosticCode.MISSING_PROVIDER:  # related stories may omit it
        return False
    field = field_path(problem)
    if field:
        return field[0] in fields
    return problem.code not in {former.code for former in parse_before().diagnostics}


def _describe_input(diagnostic: Diagnostic) -> str:
    """Describe a problem to a client, which sends fields and not lines of a file."""
    message = _FILE_NOTE.sub("", diagnostic.message)
    field = field_path(diagnostic)
    if diagnostic.code in REQUIRED_CODES and field:
        remedy: str | None = f"Send `{field[0]}`; an article needs it."
    else:
        remedy = _INPUT_REMEDIES.get(diagnostic.remedy or "", diagnostic.remedy)
    return f"{message} {remedy or ''}".rstrip()


def _refuse_invalid_characters(fields: Mapping[str, Any]) -> None:
    """Refuse texts with characters that no document can hold. Raises: RefusedError."""
    paths = list(_invalid_texts(serialize_fields(fields), ()))
    if paths:
        raise RefusedError(
            *(
                Refusal(
                    DiagnosticCode.BAD_TEXT,
                    f"`{'.'.join(path)}` has control characters or half a surrogate pair. "
                    "Remove them.",
                    path if path[0] in FIELD_KEYS else ("metadata",),
                )
                for path in paths[:MAX_REFUSALS]
            )
        )


def _invalid_texts(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the paths of texts with invalid characters in a JSON value."""
    if isinstance(value, str):
        if clean_text(value) != value:
            yield path
    elif isinstance(value, Mapping):
        for key, member in value.items():
            name = clean_text(key)
            if name != key:
                yield (*path, name)
            yield from _invalid_texts(member, (*path, name))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _invalid_texts(item, (*path, str(i)))


def _input_path(diagnostic: Diagnostic) -> tuple[str, ...]:
    field = field_path(diagnostic)
    return ("metadata",) if field and field[0] not in FIELD_KEYS else field
