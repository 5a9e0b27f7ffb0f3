"""Front matter reader: from a file's bytes to its YAML tree and body, with diagnostics."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import msgspec

from store.characters import clean_text
from store.model import Diagnostic

from .diagnostics import DiagnosticCode, error, info, warning
from .frontmatter import DocumentParts, ParseLimits, parse_front_matter, split_front_matter
from .parse_result import DiagnosticCollector
from .yaml_tree import MappingNode
from .yaml_tree_builder import FrontMatterError

YAML_EXTENSIONS = (".yaml", ".yml")
_NOT_DOCUMENTS = re.compile(
    r"(?:readme|licen[cs]e|copying|changelog|changes|contributing|code[_-]of[_-]conduct|security"
    r"|authors|notice|robots|humans|requirements)\b",
    re.IGNORECASE,
)


class FrontMatter(msgspec.Struct):
    """The front matter of a file as a YAML tree, and its body."""

    root: MappingNode
    body: str


def read_front_matter(
    data: bytes, limits: ParseLimits, collector: DiagnosticCollector
) -> FrontMatter | None:
    """Read front matter and body from a file's bytes; None, with a diagnostic, if that fails."""
    text = _decode(data, limits, collector)
    if text is None:
        return None
    try:
        parts = split_front_matter(text, all_yaml=collector.path.lower().endswith(YAML_EXTENSIONS))
        if parts is None:
            collector.diagnostics.append(_no_front_matter_diagnostic(collector.path))
            return None
        tree = parse_front_matter(parts, limits)
    except FrontMatterError as e:
        collector.add_error(*e.problem)
        return None
    for problem in tree.problems:
        collector.add_warning(*problem)
    return FrontMatter(tree.root, _clean_body(text, parts, collector))


def too_large_diagnostic(path: str, size_bytes: int, limits: ParseLimits) -> Diagnostic:
    """Return the diagnostic of a file that exceeds the size limit."""
    return error(
        path,
        DiagnosticCode.FILE_TOO_LARGE,
        f"The file has {size_bytes:,} bytes; the limit is {limits.max_size_bytes:,}.",
        remedy="Split the file, or raise the limit.",
    )


def _decode(data: bytes, limits: ParseLimits, collector: DiagnosticCollector) -> str | None:
    if len(data) > limits.max_size_bytes:
        collector.diagnostics.append(too_large_diagnostic(collector.path, len(data), limits))
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
            "The body has control characters; they were replaced by \ufffd.",
            text.count("\n", 0, len(text) - len(body)) + 1,
            "Remove the invisible characters.",
        )
    return body


def _no_front_matter_diagnostic(path: str) -> Diagnostic:
    if _NOT_DOCUMENTS.match(PurePosixPath(path).name):
        return info(
            path, DiagnosticCode.NO_FRONT_MATTER, "The file has no front matter and is no document."
        )
    return warning(
        path,
        DiagnosticCode.NO_FRONT_MATTER,
        "The file has no front matter, so it is not a document.",
        line=1,
        remedy="Start it with a line ---, then `key: value` lines, then a line ---.",
    )
