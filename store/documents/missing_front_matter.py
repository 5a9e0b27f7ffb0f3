"""Missing front matter: why a file has none, and how bad that is.

An error where a document is lost: in a folder of documents, or where the text nearly begins with
front matter. A README is an information, and every other file a warning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

import msgspec

from store.model import Diagnostic, Severity

from .diagnostics import DiagnosticCode, error, info, warning
from .yaml_tree_builder import quote

DOCUMENT_FOLDERS = ("_news", "_posts")
_TOPICS_PREFIX = "_data/topics/"
_REMEDY = "Start it with a line ---, then `key: value` lines, then a line ---."

_README = re.compile(r"readme(?:[._-].*)?", re.IGNORECASE)
_NOT_DOCUMENTS = re.compile(
    r"licen[cs]e|copying|changelog|changes|contributing|code[_-]of[_-]conduct|security"
    r"|authors|notice|robots|humans|requirements",
    re.IGNORECASE,
)
_TEXTS = (".md", ".markdown", ".mdx", ".qmd", ".adoc")
_ASCIIDOC = ".adoc"
_ASCIIDOC_HEADER = re.compile(r"[\ufeff\s]*= \S")
_METADATA_KEY = re.compile(r"(?:title|date)[ \t]*:", re.IGNORECASE)
_MAX_LINES_BEFORE = 5
_MAX_EXAMINED = 20_000  # characters; front matter that begins later is not looked for
_KEY_LINE = re.compile(r"[\w-]+[ \t]*:(?:[ \t]|$)")
_CONTINUATION = re.compile(r"[ \t#-]|$")
_DELIMITER = re.compile(r"\S{0,3}?(?:-{2,}|[\u2010-\u2015\u2212]+-*)\S{0,3}|---[ \t].*")
_OTHER_FORMATS = (
    (re.compile(r"\+\+\+$|---[ \t]*toml$", re.IGNORECASE), "TOML"),
    (re.compile(r";;;$|---[ \t]*json$|\{[ \t]*(?:$|\")", re.IGNORECASE), "JSON"),
)
_IGNORABLE_START = "\ufeff\u200b\u200c\u200d\u2060\xa0 \t\r\n"


def missing_front_matter(path: str, text: str, collections: Sequence[str] = ()) -> Diagnostic:
    """Return the diagnostic of a file without front matter.

    `collections`: the folders of documents that the folder's mapping names.
    """
    name = PurePosixPath(path).name.split(".", maxsplit=1)[0]
    make = error if _must_be_document(path, collections) else warning
    if not text.strip(_IGNORABLE_START):
        return _empty_file(make, path)
    if _README.fullmatch(PurePosixPath(path).stem):
        return _not_a_document(path)
    reason = _find_reason(text[:_MAX_EXAMINED])
    if reason is not None:
        message, line, remedy = reason
        return error(path, DiagnosticCode.NO_FRONT_MATTER, message, line=line, remedy=remedy)
    if _NOT_DOCUMENTS.fullmatch(name) and make is warning:
        return _not_a_document(path)
    if path.lower().endswith(_ASCIIDOC) and _ASCIIDOC_HEADER.match(text):
        remedy = "Write its title and date as YAML between lines ---, before the header."
        return _diagnose(make, path, "The AsciiDoc header of the file is not read.", remedy)
    return _diagnose(make, path, "The file has no front matter, so it is not a document.", _REMEDY)


def data_file(path: str) -> Diagnostic:
    """Return the information that a YAML file in a mapped folder has data of a site."""
    message = "The file has data without a title, and is no document."
    return info(path, DiagnosticCode.NO_FRONT_MATTER, message)


def lost_front_matter(diagnostic: Diagnostic) -> Diagnostic:
    """Return a diagnostic of a file that held an article: without front matter it is an error."""
    if diagnostic.code != DiagnosticCode.NO_FRONT_MATTER or diagnostic.severity is Severity.ERROR:
        return diagnostic
    return msgspec.structs.replace(
        diagnostic,
        severity=Severity.ERROR,
        message="The file has no front matter any more; the last version of its article stays.",
        line=1,
        remedy="Restore the front matter, or remove the file.",
    )


def _must_be_document(path: str, collections: Sequence[str]) -> bool:
    """Whether a file without front matter is a document that is lost.

    In a collection of the mapping these are the texts whose name begins with no underscore: other
    files there may be pages of the site or parts of texts.
    """
    *folders, name = path.split("/")
    if path.startswith(_TOPICS_PREFIX) or any(part in DOCUMENT_FOLDERS for part in folders):
        return True
    is_text = name.lower().endswith(_TEXTS) and (name[0] != "_" or name.startswith("_index."))
    return is_text and any(path.startswith(f"{each.strip('/')}/") for each in collections)


def _not_a_document(path: str) -> Diagnostic:
    return info(
        path, DiagnosticCode.NO_FRONT_MATTER, "The file has no front matter and is no document."
    )


def _empty_file(make: Callable[..., Diagnostic], path: str) -> Diagnostic:
    if path.startswith(_TOPICS_PREFIX):
        remedy = "Write `name: …` into it, or remove it."
        return _diagnose(make, path, "The topic file is empty.", remedy)
    return _diagnose(make, path, "The file is empty.", _REMEDY)


def _diagnose(make: Callable[..., Diagnostic], path: str, message: str, remedy: str) -> Diagnostic:
    return make(path, DiagnosticCode.NO_FRONT_MATTER, message, line=1, remedy=remedy)


def _find_reason(text: str) -> tuple[str, int, str] | None:
    """Find why a text that has front matter does not begin with it: message, line, remedy."""
    lines = text.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip(_IGNORABLE_START)), None)
    if first is None:
        return None
    opening = lines[first].strip(_IGNORABLE_START)
    other = next((name for mark, name in _OTHER_FORMATS if mark.match(opening)), None)
    if other:
        message = f"This looks like {other} front matter, but does not begin so on line 1."
        return message, first + 1, "Remove what stands before it, or write YAML between lines ---."
    return _find_shifted_yaml(lines, first)


def _find_shifted_yaml(lines: list[str], first: int) -> tuple[str, int, str] | None:
    """Find why YAML between lines --- is not read; `first` is the first line with a text."""
    opening = lines[first].strip(_IGNORABLE_START)
    if _is_front_matter(lines, first):
        if opening != "---":
            message = f"The opening line is {quote(lines[first])}, not ---."
        elif lines[first] == opening:
            message = "A blank line stands before the opening ---."
        else:
            message = "A blank or an invisible character stands before the opening ---."
        return message, first + 1, "Begin the file with a line that holds only ---."
    if _KEY_LINE.match(opening) and _front_matter_end(lines, first) == "---":
        return "The opening line --- is missing.", first + 1, "Begin the file with a line ---."
    if _is_metadata(lines, first):
        message = "The metadata lines that the file begins with are not between lines ---."
        return message, first + 1, "Write a line --- before them, and one after them."
    for i in range(first + 1, min(first + _MAX_LINES_BEFORE, len(lines))):
        if lines[i].strip() == "---" and _is_front_matter(lines, i):
            message = f"Text stands before the front matter, which opens on line {i + 1}."
            return message, 1, "Move the text below the front matter."
    return None


def _is_metadata(lines: list[str], first: int) -> bool:
    """Whether `key: value` lines begin the text, a title or a date among them.

    Pelican and MultiMarkdown write metadata so, with a blank line after it.
    """
    keys = 0
    has_title_or_date = False
    for line in lines[first:]:
        if not line.strip():
            break
        if _KEY_LINE.match(line):
            keys += 1
            has_title_or_date = has_title_or_date or _METADATA_KEY.match(line) is not None
        elif not keys or not _CONTINUATION.match(line):
            return False
    return keys > 1 and has_title_or_date


def _is_front_matter(lines: list[str], i: int) -> bool:
    """Whether a line resembles an opening ---, and keys and a closing line come after it."""
    if not _DELIMITER.fullmatch(lines[i].strip(_IGNORABLE_START)):
        return False
    end = _front_matter_end(lines, i + 1)
    return bool(end) and _DELIMITER.fullmatch(end) is not None


def _front_matter_end(lines: list[str], first: int) -> str:
    """Return the first line after keys, their values and comments; "" without a key."""
    has_key = False
    for line in lines[first:]:
        if _KEY_LINE.match(line):
            has_key = True
        elif _DELIMITER.fullmatch(line.rstrip()) or not _CONTINUATION.match(line):
            return line.rstrip() if has_key else ""
    return ""
