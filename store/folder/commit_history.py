"""Commit history: when the files of a folder were committed first and last, as git tells.

One `git log` reads the dates of all files. The repository is not trusted: its configuration runs no
program, and nothing is fetched. What git prints is bounded in time and in size, and git in memory.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Timer

from store.documents.commit_dates import CommitDates, CommitTable

from .scanner import EXTENSIONS

_TIMEOUT_S = 60.0
_HEAD_TIMEOUT_S = 10.0
_MAX_FILES = 500_000
_MAX_TEXT = 1 << 20  # of one commit's date or one path
_CHUNK_BYTES = 1 << 16
_COMMIT = "\x01"
_MAX_MEMORY_BYTES = 1 << 30  # of git: a compressed commit may be a thousand times as large
_MAX_SECONDS = 253_402_300_800  # the year 10000
_ENDINGS = tuple(extension.upper() for extension in EXTENSIONS)

_SAFE_OPTIONS = (
    "--no-pager",
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.sshCommand=false"),
    *("-c", "core.gitProxy="),
    *("-c", "credential.helper="),
    *("-c", "protocol.allow=never"),
    *("-c", "safe.bareRepository=explicit"),
)
_LOG = (
    *("log", f"--format={_COMMIT}%at", "--name-only", "-z", "--relative", "--no-renames"),
    *("--no-show-signature", "--no-ext-diff", "--no-textconv", "--no-color", "--no-notes"),
    *("--no-mailmap", "--diff-filter=AM", "-O/dev/null"),  # not the configured order, a file
)
_OTHER_SOURCES = "Use other sources of dates."
_CHECK = "Check the repository: git fsck"
_REASONS = {
    "not a git repository": (
        "the folder is in no git repository",
        "Clone the folder with git, or use other sources of dates.",
    ),
    "dubious ownership": (
        "the git repository belongs to another user",
        "If you trust it: git config --global --add safe.directory {folder}",
    ),
    "unknown revision": (
        "the git repository has no commit",
        "Commit the documents.",
    ),
}


class _GitError(Exception):
    """Git cannot tell dates: the reason, and what to do about it."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


class CommitHistory:
    """The commit dates of a folder's files, read anew when another commit is checked out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._head = ""
        self._table = CommitTable()

    def read(self) -> CommitTable:
        """Return the dates. Blocks while git reads them, at most a minute."""
        try:
            head = self._find_head()
            if head != self._head:
                self._table = CommitTable(self._read_dates(head))
                self._head = head
        except _GitError as error:
            self._head = ""
            self._table = CommitTable(problem=str(error), remedy=error.remedy)
        return self._table

    def _find_head(self) -> str:
        """The commit that is checked out. Raises: _GitError."""
        command = [_git(), *_SAFE_OPTIONS, "rev-parse", "--is-shallow-repository", "HEAD"]
        try:
            result = subprocess.run(  # noqa: S603  # git, with arguments of ours
                command,
                cwd=self._folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_HEAD_TIMEOUT_S,
                start_new_session=True,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _GitError(f"git failed: {error}"[:200], _OTHER_SOURCES) from error
        if result.returncode:
            raise self._explain(result.stderr.decode("utf-8", "replace"))
        is_shallow, _, commit = result.stdout.decode("ascii", "replace").strip().partition("\n")
        if is_shallow == "true":
            raise _GitError(
                "the git repository is a shallow clone, without most of its history",
                "Fetch the history: git fetch --unshallow",
            )
        return commit

    def _explain(self, output: str) -> _GitError:
        for part, (reason, remedy) in _REASONS.items():
            if part in output:
                return _GitError(reason, remedy.format(folder=self._folder.resolve()))
        first = output.strip().partition("\n")[0][:200]
        return _GitError(f"git failed: {first}", _CHECK)

    def _read_dates(self, head: str) -> dict[str, CommitDates]:
        """The dates of all files up to a commit. Raises: _GitError."""
        command = [_git(), *_SAFE_OPTIONS, *_LOG, head, "--", "."]
        try:
            process = subprocess.Popen(  # noqa: S603  # git, with arguments of ours
                command,
                cwd=self._folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise _GitError(f"git failed: {error}", _OTHER_SOURCES) from error
        _limit_memory(process)
        timer = Timer(_TIMEOUT_S, _kill, (process,))
        timer.start()
        try:
            dates = _collect_dates(_read_texts(process))
            if process.wait():
                raise _GitError("git could not read the history, or not in a minute", _CHECK)
            return dates
        finally:
            timer.cancel()
            _kill(process)
            process.communicate()


def _git() -> str:
    git = shutil.which("git")
    if git is None:
        raise _GitError("git is not installed", "Install git, or use other sources of dates.")
    return git


def _environment() -> dict[str, str]:
    """The environment of git: none of its variables, nothing of the system's configuration."""
    others = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return others | {
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_ALLOW_PROTOCOL": "none",
    }


def _limit_memory(process: subprocess.Popen[bytes]) -> None:
    """Limit the memory of git, where the system can limit that of another process."""
    if sys.platform == "linux":
        with suppress(OSError):  # git has ended
            limit = (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES)
            resource.prlimit(process.pid, resource.RLIMIT_DATA, limit)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End git and what it has started."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _read_texts(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Yield the texts that git separates by NUL. Raises: _GitError."""
    assert process.stdout  # noqa: S101  # it is a pipe
    rest = b""
    while chunk := process.stdout.read(_CHUNK_BYTES):
        *texts, rest = (rest + chunk).split(b"\0")
        if len(rest) > _MAX_TEXT:
            raise _GitError("the history is too large", _OTHER_SOURCES)
        for text in texts:
            yield text.decode("utf-8", "surrogateescape").lstrip("\n")
    yield rest.decode("utf-8", "surrogateescape").lstrip("\n")


def _collect_dates(texts: Iterator[str]) -> dict[str, CommitDates]:
    """The dates of each document in a log, which begins with the last commit."""
    dates: dict[str, CommitDates] = {}
    date: int | None = None
    for text in texts:
        if text.startswith(_COMMIT):
            digits = text[1:].strip()
            is_date = digits.isascii() and digits.isdigit() and len(digits) <= 12
            date = int(digits) if is_date and int(digits) < _MAX_SECONDS else None
        elif date is not None and text.upper().endswith(_ENDINGS):
            last = dates[text].last if text in dates else date
            dates[text] = CommitDates(first=date, last=last)
            if len(dates) > _MAX_FILES:
                raise _GitError("the history is too large", _OTHER_SOURCES)
    return dates
