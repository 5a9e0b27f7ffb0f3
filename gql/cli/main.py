"""The command `newsgraph`: its commands, and what becomes of their failures."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Annotated

import typer

from gql.package_check import PackageConflictError, check_packages
from gql.settings import SettingsError
from store import FolderNotEmptyError, StoreError, TargetExistsError

from .backups import backup, restore
from .documents import check, export, load
from .graph import query, schema, stats
from .keys import keys
from .output import out, print_error
from .serve import serve
from .settings import config

BAD_USAGE = 2
STORE_FAILED = 3

app = typer.Typer(
    name="newsgraph",
    help="Serve a folder of news articles with YAML front matter as a GraphQL graph.",
    epilog="Exit codes: 0 all is well; 1 documents have errors, or a query has; 2 wrong usage or "
    "settings; 3 the store or a folder cannot be read or written.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (serve, load, check, export, backup, restore, query, schema, stats, config):
    app.command()(command)
app.add_typer(keys)


def print_version(asked: bool) -> None:
    """Print which newsgraph this is, and end, where that is what was asked for."""
    if asked:
        out.print(f"newsgraph {metadata.version('newsgraph')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[  # its callback has done all
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Take the options that go before a command."""


def main() -> None:
    """Run the command line and exit with a documented code."""
    try:
        check_packages()
        app()
    except (
        SettingsError,
        PackageConflictError,
        FolderNotEmptyError,
        TargetExistsError,
    ) as error:
        fail(str(error), BAD_USAGE)
    except StoreError as error:
        fail(str(error), STORE_FAILED)


def fail(message: str, exit_code: int) -> None:
    """Say what went wrong and exit."""
    print_error(message)
    sys.exit(exit_code)
