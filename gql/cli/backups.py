"""Commands on backups: make one of a store, also while it is served, and put one back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from gql.settings import Settings
from gql.store_factory import require_store
from store import back_up, backup_chunks
from store import restore as restore_store

from .options import with_settings
from .output import out, plural


@with_settings("store")
def backup(
    settings: Settings,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where to write; - is the output.")],
    *,
    force: Annotated[bool, typer.Option(help="Write over a file that exists.")] = False,
) -> None:
    """Write the whole store into one file, drafts and keys of cursors too: keep it secret.

    The store may be served and written to meanwhile.

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


@with_settings("store", "lock_timeout_s")
def restore(
    settings: Settings,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")],
) -> None:
    """Put a backup in the store's place, once it was checked; what was there is kept aside.

    Servers of the store notice within a second.

    [bold]Examples[/]

    newsgraph restore news.backup --store /var/lib/newsgraph/store.json
    """
    kept = restore_store(settings.store_path, file, settings.lock_timeout_s)
    out.print(f"[bold]Restored[/]  {escape(str(settings.store_path))} from {escape(str(file))}")
    if kept:
        names = ", ".join(escape(str(path)) for path in kept)
        out.print(f"[bold]Kept[/]      what was there: {plural(len(kept), 'file')}, {names}")
