"""Parse results: the article or topic of a document, and its diagnostics."""

from __future__ import annotations

import msgspec

from store.model import Article, Diagnostic, TopicDefinition

from .diagnostics import MAX_DIAGNOSTICS, DiagnosticCode, error, warning
from .front_matter_format import FrontMatterFormat


class ParseResult(msgspec.Struct, frozen=True):
    """The result of parsing a file.

    Attributes:
        article: The article, if the file is a valid document.
        topic: The topic, if the file is a valid topic file.
        lines: Line numbers for diagnostics across documents: `title`, `parent`, `topics.0`… and
            `urls.0`… (in the order of the article's `topics` and `url_keys`).
        diagnostics: The problems of the file.
        format: The format of its front matter.
    """

    article: Article | None = None
    topic: TopicDefinition | None = None
    lines: dict[str, int] = {}
    diagnostics: tuple[Diagnostic, ...] = ()
    format: FrontMatterFormat = FrontMatterFormat.YAML


class DiagnosticCollector:
    """Collects the diagnostics of one file: all errors, and warnings up to a limit."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.diagnostics: list[Diagnostic] = []
        self.is_full = False

    def add_error(self, code: DiagnosticCode, message: str, line: int | None, remedy: str) -> None:
        """Add a problem because of which the file is rejected."""
        self.diagnostics.append(error(self.path, code, message, line=line, remedy=remedy))

    def add_warning(
        self, code: DiagnosticCode, message: str, line: int | None, remedy: str
    ) -> None:
        """Add a problem of a file that is accepted."""
        if len(self.diagnostics) < MAX_DIAGNOSTICS:
            self.diagnostics.append(warning(self.path, code, message, line=line, remedy=remedy))
        elif not self.is_full:
            self.is_full = True
            self.diagnostics.append(_more_problems(self.path, line))

    def empty_result(self) -> ParseResult:
        """Return a result without article and topic."""
        return ParseResult(diagnostics=tuple(self.diagnostics))


def _more_problems(path: str, line: int | None) -> Diagnostic:
    return warning(
        path,
        DiagnosticCode.TOO_MANY_PROBLEMS,
        f"The file has more problems, from this line on, than the first {MAX_DIAGNOSTICS}.",
        line=line,
        remedy="Correct these to see the others.",
    )
