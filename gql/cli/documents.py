"""Commands on documents: load them into the store, check them, write them out again."""

from __future__ import annotations

import asyncio
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

from .options import with_settings
from .output import (
    escape,
    out,
    plural,
    print_diagnostics,
    print_json,
    print_warning,
    problems_text,
    progress_bar,
)

READING = ("max_document_bytes", "max_document_depth", "include_folders")
AcceptLoss = Annotated[
    bool,
    typer.Option(
        "--accept-loss",
        help="Go on with what can be read of a damaged store; its files are kept aside.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@with_settings("store", *READING, folder="The folder of documents.!")
def load(
    settings: Settings,
    *,
    prune: Annotated[
        bool, typer.Option(help="Drop what came from another folder, even everything.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option(help="Take files also where a mutation has changed the article since.")
    ] = False,
    accept_loss: AcceptLoss = False,
    json: Json = False,
) -> None:
    """Load a folder into the store, reading only files that have changed.

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
    """Load the settings' folder into the settings' store, with a bar on a terminal."""
    assert settings.folder is not None  # noqa: S101  # who calls this has a folder
    gc_tuning.disable_collector()
    repository = open_store(settings, loss_is_accepted=accept_loss)
    try:
        options = load_options(settings, prune=prune, overwrite=overwrite)
        loader = FolderLoader(repository, settings.folder, options)
        with progress_bar("Reading documents") as progress:
            report = await loader.load(progress)
        await repository.apply(Batch())  # an empty folder leaves a store, too
        return report
    finally:
        await repository.close()


def print_report(report: LoadReport, settings: Settings) -> None:
    """What a load did, in two lines."""
    folder = escape(str(settings.folder))
    out.print(
        f"[bold]Loaded[/]    {plural(report.articles, 'article')} from {folder} "
        f"[dim]({plural(report.read, 'file')} read, {report.unchanged:,} unchanged, "
        f"{report.removed:,} removed, {report.seconds:.2f} s)[/]"
    )
    hint = f" [dim](newsgraph check {folder} shows them)[/]"
    problems = problems_text(report.diagnostics)
    out.print(f"[bold]Problems[/]  {problems}{hint if any(report.diagnostics.values()) else ''}")
    print_mutated(report)
    print_hint_if_empty(report)


def print_mutated(report: LoadReport) -> None:
    """What became of files whose articles mutations had changed in the store alone."""
    for path in report.detached:
        print_warning(
            f"{path} was not taken: a mutation has changed its article since it was loaded. "
            "Load with --overwrite to take the file, or change the file."
        )
    for path in report.overwritten:
        print_warning(f"{path} was taken in place of what a mutation had changed.")


def print_hint_if_empty(report: LoadReport) -> None:
    """What is taken for a document, where nothing in the folder was one, nor a bad one."""
    if not report.articles and not any(report.diagnostics.values()):
        out.print(
            f"[yellow]No document was found there.[/] Taken are files that end with "
            f"{' '.join(EXTENSIONS)}, but not in hidden folders, nor in those that begin with _ "
            "(_news, _posts and --include-folders aside)."
        )


@with_settings(*READING, folder="The folder of documents.!")
def check(settings: Settings, *, json: Json = False) -> None:
    """Read a folder and print what is wrong with it, as a compiler would; exit 1 on errors.

    [bold]Examples[/]

    newsgraph check articles

    newsgraph check articles --json | jq '.diagnostics[].code'
    """
    assert settings.folder is not None  # noqa: S101  # DIR is required
    with progress_bar("Reading documents") as progress:
        report, diagnostics = asyncio.run(
            check_folder(settings.folder, load_options(settings), progress)
        )
    if json:
        numbers = {"articles": report.articles, "files": report.read, "seconds": report.seconds}
        print_json({**numbers, "diagnostics": msgspec.to_builtins(diagnostics)})
    else:
        print_diagnostics(diagnostics)
        problems = problems_text(report.diagnostics)
        articles = plural(report.articles, "article")
        out.print(f"{articles} in {escape(str(settings.folder))}, problems: {problems}")
        print_hint_if_empty(report)
    if report.diagnostics.get(Severity.ERROR):
        raise typer.Exit(1)


@with_settings("store")
def export(
    settings: Settings,
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write.", file_okay=False)
    ],
    *,
    force: Annotated[bool, typer.Option(help="Write into a folder that is not empty.")] = False,
) -> None:
    """Write every document of the store, drafts too, as front matter that loads back the same.

    [bold]Examples[/]

    newsgraph export backup --store articles/.newsgraph/store.json
    """
    written = asyncio.run(_export(settings, directory, force=force))
    out.print(f"[bold]Wrote[/] {plural(written, 'file')} to {escape(str(directory))}")


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
