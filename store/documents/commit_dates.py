"""Commit dates: when documents were committed first and last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec


class CommitDates(msgspec.Struct, frozen=True):
    """The author dates of a file's first and last commit, in seconds since 1970."""

    first: int
    last: int

    @property
    def first_text(self) -> str:
        """The date of the first commit, as documents have dates."""
        return _format(self.first)

    @property
    def last_text(self) -> str:
        """The date of the last commit."""
        return _format(self.last)


class CommitTable(msgspec.Struct, frozen=True):
    """The commit dates of a folder's files.

    Attributes:
        dates: By path, relative to the folder. Files that were never committed have none.
        problem: Why there are no dates at all; "" if there are.
        remedy: What to do about it.
    """

    dates: Mapping[str, CommitDates] = {}
    problem: str = ""
    remedy: str = ""

    def select(self, paths: Iterable[str]) -> CommitTable:
        """The part of the table that has these files."""
        dates = {path: self.dates[path] for path in paths if path in self.dates}
        return CommitTable(dates, self.problem, self.remedy)


def _format(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
