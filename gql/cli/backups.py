"""The commands on backups: `backup` and `restore`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gql.settings import Settings
from gql.store_factory import require_store
from store import back_up, backup_chunks
from store import restore as restore_store

from .options import STORE_LOCATION, with_settings
from .output import count_of, escape, out


@with_settings(*STORE_LOCATION)
def backup(
    settings: Settings,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The file, or - for standard output.")
    ],
    *,
    force: Annotated[bool, typer.Option(help="Overwrite an existing file.")] = False,
) -> None:
    """Back up the store into one file, also while it is served.

    Keep the file secret: it has drafts, and the key of its cursors.

    [bold]Examples[/]

    newsgraph backup news.backup --store /var/lib/newsgraph/store.json

    newsgraph backup - | gzip > news.backup.gz
    """
    path = require_store(settings)
    if file == "-":
        sys.stdout.buffer.writelines(backup_chunks(path))
        sys.stdout.flush()
        return
    back_up(path, Path(file), overwrite=force)
    size_bytes = Path(file).stat().st_size
    out.print(f"[bold]Wrote[/]     {escape(file)} [dim]({size_bytes:,} bytes)[/]")


@with_settings(*STORE_LOCATION, "lock_timeout_s")
def restore(
    settings: Settings,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup file.")],
) -> None:
    """Check a backup and replace the store with it, also while it is served.

    Copies of the former files are kept. Servers notice within a second.

    [bold]Examples[/]

    newsgraph restore news.backup --store /var/lib/newsgraph/store.json
    """
    copies = restore_store(settings.store_path, file, settings.lock_timeout_s)
    out.print(f"[bold]Restored[/]  {escape(str(settings.store_path))} from {escape(str(file))}")
    if copies:
        names = ", ".join(escape(str(path)) for path in copies)
        out.print(f"[bold]Copies[/]    of {count_of(len(copies), 'former file')}: {names}")
