"""What all files have in common when they are read: text, front matter, and notes on problems."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import msgspec

from store.characters import clean_text
from store.model import Article, Diagnostic, TopicDefinition

from . import frontmatter
from .diagnostics import MAX_DIAGNOSTICS, DiagnosticCode, error, info, warning
from .frontmatter import DocumentParts, ParseLimits
from .yaml_tree import MappingNode
from .yaml_tree_builder import FrontMatterError

YAML_EXTENSIONS = (".yaml", ".yml")
_NOT_DOCUMENTS = re.compile(
    r"(?:readme|licen[cs]e|copying|changelog|changes|contributing|code[_-]of[_-]conduct|security"
    r"|authors|notice|robots|humans|requirements)\b",
    re.IGNORECASE,
)


class ParseResult(msgspec.Struct, frozen=True):
    """What was read from a file: an article, a topic, or neither; and what was wrong with it.

    `lines` has the file's line of each field that checks across documents speak of: `title`,
    `topics.0`… and `urls.0`… (in the order of the article's `topics` and `url_keys`), `parent`.
    """

    article: Article | None = None
    topic: TopicDefinition | None = None
    lines: dict[str, int] = {}
    diagnostics: tuple[Diagnostic, ...] = ()


class DiagnosticCollector:
    """The problems of one file, noted while it is read: all errors, and the first warnings."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.diagnostics: list[Diagnostic] = []
        self.is_full = False

    def add_error(self, code: DiagnosticCode, message: str, line: int | None, remedy: str) -> None:
        """Note why the file is not taken."""
        self.diagnostics.append(error(self.path, code, message, line=line, remedy=remedy))

    def add_warning(
        self, code: DiagnosticCode, message: str, line: int | None, remedy: str
    ) -> None:
        """Note what is wrong with a file that is taken."""
        if len(self.diagnostics) < MAX_DIAGNOSTICS:
            self.diagnostics.append(warning(self.path, code, message, line=line, remedy=remedy))
        elif not self.is_full:
            self.is_full = True
            self.diagnostics.append(_more_problems(self.path, line))

    def without_document(self) -> ParseResult:
        """A reading that holds nothing but the notes."""
        return ParseResult(diagnostics=tuple(self.diagnostics))


class FrontMatter(msgspec.Struct):
    """A file's front matter as a tree, and its body."""

    root: MappingNode
    body: str


def read_front_matter(
    data: bytes, limits: ParseLimits, collector: DiagnosticCollector
) -> FrontMatter | None:
    """The front matter of a file's bytes; None, with a note, where there is none to read."""
    text = _text(data, limits, collector)
    if text is None:
        return None
    try:
        parts = frontmatter.split_front_matter(
            text, all_yaml=collector.path.lower().endswith(YAML_EXTENSIONS)
        )
        if parts is None:
            collector.diagnostics.append(_no_front_matter(collector.path))
            return None
        tree = frontmatter.parse_front_matter(parts, limits)
    except FrontMatterError as e:
        collector.add_error(*e.problem)
        return None
    for problem in tree.problems:
        collector.add_warning(*problem)
    return FrontMatter(tree.root, _clean_body(text, parts, collector))


def too_large(path: str, size_bytes: int, limits: ParseLimits) -> Diagnostic:
    """The problem of a file beyond the limit; nobody has read it."""
    return error(
        path,
        DiagnosticCode.FILE_TOO_LARGE,
        f"The file has {size_bytes:,} bytes; the limit is {limits.max_size_bytes:,}.",
        remedy="Split the file, or raise the limit.",
    )


def _more_problems(path: str, line: int | None) -> Diagnostic:
    return warning(
        path,
        DiagnosticCode.TOO_MANY_PROBLEMS,
        f"The file has more problems, from this line on, than the first {MAX_DIAGNOSTICS}.",
        line=line,
        remedy="Correct these, and the rest is shown.",
    )


def _text(data: bytes, limits: ParseLimits, collector: DiagnosticCollector) -> str | None:
    if len(data) > limits.max_size_bytes:
        collector.diagnostics.append(too_large(collector.path, len(data), limits))
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        collector.add_error(
            DiagnosticCode.NOT_UTF8,
            f"The file is not UTF-8: byte {data[e.start]:#04x} at offset {e.start}.",
            data.count(b"\n", 0, e.start) + 1,
            "Save the file as UTF-8.",
        )
        return None
    return text.replace("\r\n", "\n")


def _clean_body(text: str, parts: DocumentParts, collector: DiagnosticCollector) -> str:
    body = clean_text(parts.body)
    if body != parts.body:
        collector.add_warning(
            DiagnosticCode.BAD_TEXT,
            "There are control characters in the body; \ufffd stands in their place.",
            text.count("\n", 0, len(text) - len(body)) + 1,
            "Remove the characters that cannot be seen.",
        )
    return body


def _no_front_matter(path: str) -> Diagnostic:
    if _NOT_DOCUMENTS.match(PurePosixPath(path).name):
        return info(
            path, DiagnosticCode.NO_FRONT_MATTER, "The file has no front matter and is no document."
        )
    return warning(
        path,
        DiagnosticCode.NO_FRONT_MATTER,
        "The file has no front matter, so it is not taken for a document.",
        line=1,
        remedy="Start it with a line ---, then `key: value` lines, then a line ---.",
    )
