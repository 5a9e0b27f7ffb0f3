"""Diagnostics: stable codes for the problems of files, and functions that build a Diagnostic."""

from __future__ import annotations

import re
from enum import StrEnum

from store.model import Diagnostic, Severity

MAX_DIAGNOSTICS = 100
"""Largest number of warnings for one file: thousands help nobody and take a lot of memory."""

_FIELD = re.compile(r"`([^`]+)`")
_PARTS = re.compile(r"[][.]+")


class DiagnosticCode(StrEnum):
    """The kind of a problem. Codes are stable: scripts and dashboards may rely on them."""

    # The file
    UNREADABLE_FILE = "UNREADABLE_FILE"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    NOT_UTF8 = "NOT_UTF8"
    DANGLING_LINK = "DANGLING_LINK"
    LINK_LEAVES_FOLDER = "LINK_LEAVES_FOLDER"
    NO_COMMIT_DATES = "NO_COMMIT_DATES"
    NO_FRONT_MATTER = "NO_FRONT_MATTER"
    UNCLOSED_FRONT_MATTER = "UNCLOSED_FRONT_MATTER"
    # Its front matter
    UNREADABLE_YAML = "UNREADABLE_YAML"
    UNREADABLE_TOML = "UNREADABLE_TOML"
    UNREADABLE_JSON = "UNREADABLE_JSON"
    TOO_DEEP = "TOO_DEEP"
    ALIASES_EXPLODE = "ALIASES_EXPLODE"
    TOO_MANY_VALUES = "TOO_MANY_VALUES"
    DUPLICATE_KEY = "DUPLICATE_KEY"
    # Its fields
    MISSING_TITLE = "MISSING_TITLE"
    MISSING_DATE = "MISSING_DATE"
    MISSING_PROVIDER = "MISSING_PROVIDER"
    WRONG_TYPE = "WRONG_TYPE"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    BAD_DATE = "BAD_DATE"
    BAD_URL = "BAD_URL"
    BAD_TEXT = "BAD_TEXT"
    TOO_MANY_PROBLEMS = "TOO_MANY_PROBLEMS"
    # Across documents
    DUPLICATE_SLUG = "DUPLICATE_SLUG"
    DUPLICATE_URL = "DUPLICATE_URL"
    UNKNOWN_TOPIC = "UNKNOWN_TOPIC"
    UNKNOWN_PARENT = "UNKNOWN_PARENT"
    TOPIC_CYCLE = "TOPIC_CYCLE"


def error(
    path: str,
    code: DiagnosticCode,
    message: str,
    *,
    line: int | None = None,
    remedy: str | None = None,
) -> Diagnostic:
    """Build the diagnostic of a problem because of which the file was rejected."""
    return Diagnostic(
        path=path, severity=Severity.ERROR, code=code, message=message, line=line, remedy=remedy
    )


def warning(
    path: str,
    code: DiagnosticCode,
    message: str,
    *,
    line: int | None = None,
    remedy: str | None = None,
) -> Diagnostic:
    """Build the diagnostic of a problem of an accepted file."""
    return Diagnostic(
        path=path, severity=Severity.WARNING, code=code, message=message, line=line, remedy=remedy
    )


def info(
    path: str,
    code: DiagnosticCode,
    message: str,
    *,
    line: int | None = None,
    remedy: str | None = None,
) -> Diagnostic:
    """Build a diagnostic that needs no action."""
    return Diagnostic(
        path=path, severity=Severity.INFO, code=code, message=message, line=line, remedy=remedy
    )


def field_path(diagnostic: Diagnostic) -> tuple[str, ...]:
    """Return the path of the field that a diagnostic's message starts with.

    `related[0].webUrl` gives ("related", "0", "webUrl"); without a field the path is empty.
    """
    match = _FIELD.match(diagnostic.message)
    return tuple(part for part in _PARTS.split(match[1]) if part) if match else ()
