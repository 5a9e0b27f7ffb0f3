"""Parse results: the article or topic of a document, and its diagnostics."""

from __future__ import annotations

import msgspec

from store.model import Article, Diagnostic, TopicDefinition

from .diagnostics import MAX_DIAGNOSTICS, DiagnosticCode, error, warning


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

    def empty_result(self) -> ParseResult:
        """A reading that holds nothing but the notes."""
        return ParseResult(diagnostics=tuple(self.diagnostics))


def _more_problems(path: str, line: int | None) -> Diagnostic:
    return warning(
        path,
        DiagnosticCode.TOO_MANY_PROBLEMS,
        f"The file has more problems, from this line on, than the first {MAX_DIAGNOSTICS}.",
        line=line,
        remedy="Correct these, and the rest is shown.",
    )
