"""The command `newsgraph`: its subcommands, and the exit codes of errors."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Annotated

import typer

from gql.package_check import PackageConflictError, check_packages
from gql.settings import SettingsError
from store import FolderNotEmptyError, StoreError, TargetExistsError
from store.errors import system_remedy

from .backups import backup, restore
from .documents import check, export, load
from .graph import query, schema, stats
from .init import init
from .keys import keys
from .output import out, print_error
from .preview import preview
from .serve import serve
from .settings import config

USAGE_ERROR = 2
STORE_ERROR = 3

app = typer.Typer(
    name="newsgraph",
    help="Serve a folder of news articles (YAML front matter) over GraphQL.",
    epilog="Exit codes: 0 success; 1 errors in documents or in the response of a query; "
    "2 wrong usage or settings; 3 the store or a folder cannot be read or written.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (
    serve,
    init,
    load,
    check,
    export,
    backup,
    restore,
    query,
    schema,
    stats,
    preview,
    config,
):
    app.command()(command)
app.add_typer(keys)


def print_version(is_requested: bool) -> None:
    """Print the version and exit, if `--version` is given."""
    if is_requested:
        out.print(f"newsgraph {metadata.version('newsgraph')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[  # its callback prints it
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Declare the options that go before a subcommand."""


def main() -> None:
    """Run the command line, and exit with a documented exit code."""
    try:
        check_packages()
        app()
    except (
        SettingsError,
        PackageConflictError,
        FolderNotEmptyError,
        TargetExistsError,
    ) as error:
        exit_with_error(str(error), USAGE_ERROR)
    except StoreError as error:
        exit_with_error(str(error), STORE_ERROR)
    except PermissionError as error:
        remedy = system_remedy(error, "Give the user that runs newsgraph the right to it.")
        message = f"{error.filename} cannot be read or written: {error.strerror}. {remedy}"
        exit_with_error(message, STORE_ERROR)


def exit_with_error(message: str, exit_code: int) -> None:
    """Print an error and exit."""
    print_error(message)
    sys.exit(exit_code)
