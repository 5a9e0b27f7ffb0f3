"""Front matter formats: which one a document has, and where TOML and JSON begin and end.

TOML stands between lines `+++`, as Hugo and Zola write it. JSON is an object at the top of the
file, or stands between lines `;;;`. A name after `---` says the format, too: `---json`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from .diagnostics import DiagnosticCode
from .line_ends import plain_line_ends
from .yaml_tree_builder import FrontMatterError

YAML_EXTENSIONS = (".yaml", ".yml")
"""The extensions of files that are front matter as a whole."""

_OPENING = re.compile(
    r"(?P<toml>\+\+\+)[ \t]*(?:\n|\Z)"
    r"|(?P<json>;;;)[ \t]*(?:\n|\Z)"
    r"|---[ \t]*(?P<name>toml|json)[ \t]*(?:\n|\Z)",
    re.IGNORECASE,
)
_CLOSING = {
    mark: re.compile(rf"^{re.escape(mark)}[ \t]*(?:\n|\Z)", re.MULTILINE)
    for mark in ("+++", ";;;", "---")
}
_JSON_OBJECT = re.compile(r'\{\s*(?:"|\}[ \t]*(?:\n|\Z))')


class FrontMatterFormat(StrEnum):
    """The format of a document's front matter."""

    YAML = "yaml"
    TOML = "toml"
    JSON = "json"


class FormatParts(NamedTuple):
    """A text with TOML or JSON front matter, split.

    Attributes:
        format: The format.
        text: The front matter without its delimiters.
        first_line: The line on which it starts, from 1.
        body: The text after it; None where only the parser can find the end.
    """

    format: FrontMatterFormat
    text: str
    first_line: int
    body: str | None


def split_format(text: str) -> FormatParts | None:
    """Split a text whose front matter is TOML or JSON; None for every other text.

    Raises: FrontMatterError: the front matter is not closed.
    """
    opening = _OPENING.match(text)
    if opening is None:
        is_object = _JSON_OBJECT.match(text)
        return FormatParts(FrontMatterFormat.JSON, text, 1, None) if is_object else None
    mark = text[:3]
    name = opening["name"] or ("toml" if opening["toml"] else "json")
    format = FrontMatterFormat(name.lower())
    closing = _CLOSING[mark].search(text, opening.end())
    if closing is None:
        raise FrontMatterError(
            DiagnosticCode.UNCLOSED_FRONT_MATTER,
            f"The {format.upper()} front matter that opens here is never closed.",
            1,
            f"End the front matter with a line that holds only {mark}.",
        )
    return FormatParts(format, text[opening.end() : closing.start()], 2, text[closing.end() :])


def front_matter_format(text: str) -> FrontMatterFormat:
    """The format of a text's front matter; YAML where it is not known to be another."""
    try:
        parts = split_format(plain_line_ends(text.removeprefix("\ufeff")))
    except FrontMatterError:
        return FrontMatterFormat.YAML
    return parts.format if parts else FrontMatterFormat.YAML
