"""The commands on documents: `load`, `check` and `export`."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from gql import gc_tuning
from gql.settings import Settings
from gql.store_factory import load_options, open_store
from store import (
    Batch,
    FolderLoader,
    LoadReport,
    Severity,
    Visibility,
    check_folder,
    export_folder,
)
from store.folder.scanner import EXTENSIONS

from .options import STORE_LOCATION, Json, with_settings
from .output import (
    count_of,
    escape,
    format_severity_counts,
    out,
    print_diagnostics,
    print_json,
    print_warning,
    progress_bar,
)

READING_SETTINGS = ("max_document_bytes", "max_document_depth", "include_folders")
AcceptLoss = Annotated[
    bool,
    typer.Option(
        "--accept-loss",
        help="Salvage a damaged store: continue with what can be read, and keep copies of its "
        "files.",
    ),
]


@with_settings(
    *STORE_LOCATION, *READING_SETTINGS, directory="The folder of documents.", requires_folder=True
)
def load(
    settings: Settings,
    *,
    prune: Annotated[
        bool, typer.Option(help="Delete documents that came from another folder, even all.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option(help="Load files even if a mutation has changed their article since.")
    ] = False,
    accept_loss: AcceptLoss = False,
    json: Json = False,
) -> None:
    """Load a folder into the store. Only changed files are read.

    [bold]Examples[/]

    newsgraph load articles

    newsgraph load articles --store /var/lib/newsgraph/store.json --json
    """
    report = asyncio.run(
        load_folder(settings, prune=prune, overwrite=overwrite, accept_loss=accept_loss)
    )
    if json:
        print_json(msgspec.to_builtins(report))
    else:
        print_report(report, settings)


async def load_folder(
    settings: Settings, *, prune: bool = False, overwrite: bool = False, accept_loss: bool = False
) -> LoadReport:
    """Load the folder of the settings into their store, with a progress bar on a terminal."""
    assert settings.folder is not None  # noqa: S101  # for callers that have a folder
    gc_tuning.disable_collector()
    repository = open_store(settings, loss_is_accepted=accept_loss)
    try:
        options = load_options(settings, prune=prune, overwrite=overwrite)
        loader = FolderLoader(repository, settings.folder, options)
        with progress_bar("Reading documents") as progress:
            report = await loader.load(progress)
        await repository.apply(Batch())  # so that an empty folder makes a store, too
        return report
    finally:
        await repository.close()


def print_report(report: LoadReport, settings: Settings) -> None:
    """Print the report of a load, in two lines."""
    folder = escape(str(settings.folder))
    command = escape(f"newsgraph check {shlex.quote(str(settings.folder))}")
    out.print(
        f"[bold]Loaded[/]    {count_of(report.articles, 'article')} from {folder} "
        f"[dim]({count_of(report.read, 'file')} read, {report.unchanged:,} unchanged, "
        f"{report.removed:,} removed, {report.seconds:.2f} s)[/]"
    )
    hint = f" [dim]({command} shows them)[/]"
    problems = format_severity_counts(report.diagnostics)
    out.print(f"[bold]Problems[/]  {problems}{hint if any(report.diagnostics.values()) else ''}")
    print_conflicts(report)
    print_hint_if_empty(report, settings)


def print_conflicts(report: LoadReport) -> None:
    """Print a warning for each conflict between a file and a mutation."""
    for path in report.detached:
        print_warning(
            f"{path} was skipped: a mutation has changed its article since it was loaded. "
            "To load the file, use --overwrite, or change the file."
        )
    for path in report.overwritten:
        print_warning(f"{path} was loaded over the changes of a mutation.")


def print_hint_if_empty(report: LoadReport, settings: Settings) -> None:
    """Print what counts as a document, or how to map documents of another tool, if none fits."""
    if not report.articles and report.diagnostics.get(Severity.ERROR):
        command = escape(f"newsgraph init {shlex.quote(str(settings.folder))}")
        out.print(
            f"[yellow]No document has the fields of newsgraph.[/] If another tool reads them, map "
            f"their keys: {command}"
        )
    if not report.articles and not any(report.diagnostics.values()):
        out.print(
            f"[yellow]No documents found.[/] Documents are files that end with "
            f"{' '.join(EXTENSIONS)}, outside hidden folders and folders that begin with _ "
            "(except _news, _posts and --include-folders)."
        )


@with_settings(
    "folder", *READING_SETTINGS, directory="The folder of documents.", requires_folder=True
)
def check(settings: Settings, *, json: Json = False) -> None:
    """Check a folder: print its errors and warnings. The exit code is 1 if there are errors.

    [bold]Examples[/]

    newsgraph check articles

    newsgraph check articles --json | jq '.diagnostics[].code'
    """
    assert settings.folder is not None  # noqa: S101  # it is required
    with progress_bar("Reading documents") as progress:
        report, diagnostics = asyncio.run(
            check_folder(settings.folder, load_options(settings), progress)
        )
    if json:
        numbers = {"articles": report.articles, "files": report.read, "seconds": report.seconds}
        print_json({**numbers, "diagnostics": msgspec.to_builtins(diagnostics)})
    else:
        print_diagnostics(diagnostics)
        problems = format_severity_counts(report.diagnostics)
        articles = count_of(report.articles, "article")
        out.print(f"{articles} in {escape(str(settings.folder))}, problems: {problems}")
        print_hint_if_empty(report, settings)
    if report.diagnostics.get(Severity.ERROR):
        raise typer.Exit(1)


@with_settings(*STORE_LOCATION)
def export(
    settings: Settings,
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder to write.", file_okay=False)
    ],
    *,
    force: Annotated[bool, typer.Option(help="Write even if the folder is not empty.")] = False,
) -> None:
    """Export every document of the store, drafts too, as files that load back the same.

    [bold]Examples[/]

    newsgraph export backup --store articles/.newsgraph/store.json
    """
    written = asyncio.run(_export(settings, directory, force=force))
    out.print(f"[bold]Wrote[/] {count_of(written, 'file')} to {escape(str(directory))}")


async def _export(settings: Settings, directory: Path, *, force: bool) -> int:
    repository = open_store(settings, must_exist=True)
    try:
        total = (await (await repository.snapshot()).counts(Visibility.ALL)).articles
        with progress_bar("Writing documents") as progress:
            return await export_folder(
                repository,
                directory,
                overwrite=force,
                progress=lambda written: progress(written, total),
            )
    finally:
        await repository.close()
