"""Front matter reader: from a file's bytes to its YAML tree and body, with diagnostics."""

from __future__ import annotations

import msgspec

from store.characters import clean_text
from store.model import Diagnostic

from .diagnostics import DiagnosticCode, error
from .format_parser import parse_format
from .front_matter_format import YAML_EXTENSIONS, FrontMatterFormat, split_format
from .frontmatter import ParseOptions, parse_front_matter, split_front_matter
from .line_ends import plain_line_ends
from .missing_front_matter import data_file, missing_front_matter
from .parse_result import DiagnosticCollector
from .yaml_tree import MappingNode
from .yaml_tree_builder import FrontMatterError, ParseProblem


class FrontMatter(msgspec.Struct):
    """The front matter of a file as a tree, its body, and the format of the front matter."""

    root: MappingNode
    body: str
    format: FrontMatterFormat = FrontMatterFormat.YAML


def read_front_matter(
    data: bytes, options: ParseOptions, collector: DiagnosticCollector
) -> FrontMatter | None:
    """Read front matter and body from a file's bytes; None, with a diagnostic, if that fails."""
    text = _decode(data, options, collector)
    if text is None:
        return None
    try:
        front_matter, problems = _parse(text, options, collector.path)
    except FrontMatterError as e:
        is_data = options.mapping is not None and collector.path.lower().endswith(YAML_EXTENSIONS)
        if is_data and e.problem.code == DiagnosticCode.WRONG_TYPE:
            collector.diagnostics.append(data_file(collector.path))
        else:
            collector.add_error(*e.problem)
        return None
    if front_matter is None:
        collections = options.mapping.collections if options.mapping else ()
        collector.diagnostics.append(missing_front_matter(collector.path, text, collections))
        return None
    for problem in problems:
        collector.add_warning(*problem)
    front_matter.body = _clean_body(text, front_matter.body, collector)
    return front_matter


def _parse(
    text: str, options: ParseOptions, path: str
) -> tuple[FrontMatter | None, list[ParseProblem]]:
    """Parse front matter in any format; None without front matter. Raises: FrontMatterError."""
    all_yaml = path.lower().endswith(YAML_EXTENSIONS)
    other = None if all_yaml else split_format(text)
    if other is not None:
        root, problems, body = parse_format(other, options)
        return FrontMatter(root, body, other.format), problems
    parts = split_front_matter(text, all_yaml=all_yaml)
    if parts is None:
        return None, []
    tree = parse_front_matter(parts, options)
    return FrontMatter(tree.root, parts.body), tree.problems


def too_large_diagnostic(path: str, size_bytes: int, options: ParseOptions) -> Diagnostic:
    """Return the diagnostic of a file that exceeds the size limit."""
    return error(
        path,
        DiagnosticCode.FILE_TOO_LARGE,
        f"The file has {size_bytes:,} bytes; the limit is {options.max_size_bytes:,}.",
        remedy="Split the file, or raise the limit.",
    )


def _decode(data: bytes, options: ParseOptions, collector: DiagnosticCollector) -> str | None:
    if len(data) > options.max_size_bytes:
        collector.diagnostics.append(too_large_diagnostic(collector.path, len(data), options))
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
    return plain_line_ends(text)


def _clean_body(text: str, raw_body: str, collector: DiagnosticCollector) -> str:
    body = clean_text(raw_body)
    if body != raw_body:
        collector.add_warning(
            DiagnosticCode.BAD_TEXT,
            "The body has control characters; they were replaced by \ufffd.",
            text.count("\n", 0, len(text) - len(body)) + 1,
            "Remove the invisible characters.",
        )
    return body
