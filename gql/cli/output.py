"""Terminal output of the commands: text with colours for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.markup import escape as escape_markup
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from store import Severity
from store.characters import escape_invisible, escape_invisible_in_json
from store.model import Diagnostic

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_NOUNS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def escape(text: str) -> str:
    """Escape markup and control characters, for the console."""
    return escape_markup(escape_invisible(text))


def print_error(message: str) -> None:
    """Print an error on standard error."""
    err.print(f"[bold red]error:[/] {_escape_lines(message)}")


def print_warning(message: str) -> None:
    """Print a warning on standard error."""
    err.print(f"[yellow]warning:[/] {_escape_lines(message)}")


def _escape_lines(message: str) -> str:
    return "\n".join(map(escape, message.split("\n")))


def print_json(value: Any) -> None:
    """Print JSON on standard output: indented and coloured on a terminal, else one line."""
    if out.is_terminal:
        text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
        out.print(JSONHighlighter()(escape_invisible_in_json(text)))
    else:
        sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
        sys.stdout.flush()


def print_diagnostics(diagnostics: Iterable[Diagnostic]) -> None:
    """Print diagnostics in the format of compilers, each with its remedy below."""
    for diagnostic in diagnostics:
        location = f"{diagnostic.path}:{diagnostic.line}" if diagnostic.line else diagnostic.path
        style = _STYLES[diagnostic.severity]
        out.print(
            f"[bold]{escape(location)}:[/] [{style}]{diagnostic.severity.lower()}:[/] "
            f"{escape(diagnostic.message)} [dim]\\[{diagnostic.code}][/]"
        )
        if diagnostic.remedy:
            out.print(f"  [green]remedy:[/] {escape(diagnostic.remedy)}")


def format_severity_counts(counts: Mapping[Severity, int]) -> str:
    """Format counts by severity: `2 errors, 1 warning`, in colour; `none` if all are zero."""
    parts = [
        f"[{_STYLES[severity]}]{count_of(counts[severity], noun)}[/]"
        for severity, noun in _NOUNS.items()
        if counts.get(severity)
    ]
    return ", ".join(parts) or "[green]none[/]"


def count_of(count: int, noun: str) -> str:
    """Format a count with its noun: `1 error`, `2 errors`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on standard error, if that is a terminal.

    Yields the function to call with (done, total).
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(label, total=None)

        def report(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield report
