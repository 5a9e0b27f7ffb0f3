"""Commands on API keys: make one, see them, take one back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from gql.access import ApiKey, KeyFile, parse_expiry
from gql.identity.viewer import Permission
from gql.settings import Settings
from gql.store_factory import create_store_folder

from .options import with_settings
from .output import err, escape, out, print_json, print_warning

PLACE = ("keys", "store", "folder")

keys = typer.Typer(
    name="keys",
    help="Make, list and revoke API keys, which give their holders rights.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@keys.command()
@with_settings(*PLACE)
def add(
    settings: Settings,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is, or what for.")],
    *,
    scope: Annotated[
        list[Permission],
        typer.Option(
            help="A right that it gives; may be given several times. WRITE gives READ_DRAFTS too, "
            "ADMIN everything."
        ),
    ],
    expires: Annotated[
        str | None,
        typer.Option(help="When it ends: 90d, or a date such as 2027-01-01. Never, if not given."),
    ] = None,
) -> None:
    """Make a key and print it, this once.

    [bold]Examples[/]

    newsgraph keys add newsroom --scope WRITE --scope READ_SECURED --expires 90d

    newsgraph keys add proofreader --scope READ_DRAFTS --folder articles
    """
    until = parse_expiry(expires, datetime.now(UTC)) if expires else None
    if settings.keys is None and settings.store is None:
        create_store_folder(settings.keys_path.parent)
    file = _closed(settings)
    text, key = file.add(name, scope, until)
    out.print(text, markup=False)
    err.print(
        f"[bold]{escape(key.name)}[/] may {', '.join(key.scopes)}, {_until(key)}. "
        "Keep the key: it is not stored and not shown again.\n"
        "[dim]Send it as[/] Authorization: Bearer KEY"
    )


@keys.command("list")
@with_settings(*PLACE)
def list_keys(
    settings: Settings,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Show the keys: whose, which rights, until when, and their last characters.

    [bold]Examples[/]

    newsgraph keys list --json | jq '.[].name'
    """
    found = KeyFile(settings.keys_path).read()
    if json:
        print_json([_as_json(key) for key in found])
        return
    if not found:
        out.print("There are no keys. [dim]Make one with: newsgraph keys add NAME --scope …[/]")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Name", "Scopes", "Created", "Ends", "Key"):
        table.add_column(column, overflow="fold")
    for key in found:
        created = f"{key.created:%Y-%m-%d}"
        table.add_row(escape(key.name), ", ".join(key.scopes), created, _until(key), f"…{key.hint}")
    out.print(table, soft_wrap=False)


@keys.command()
@with_settings(*PLACE)
def revoke(
    settings: Settings,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key is to end.")],
) -> None:
    """End a key; running servers notice within a second.

    [bold]Examples[/]

    newsgraph keys revoke proofreader
    """
    _closed(settings).revoke(name)
    out.print(f"[bold]Revoked[/] the key of {escape(name)}.")


def _closed(settings: Settings) -> KeyFile:
    """The file of keys, once others than its owner and group cannot read it any more."""
    file = KeyFile(settings.keys_path)
    mode = file.restrict_mode()
    if mode is not None:
        print_warning(
            f"Other users could read {file.path}, of which they can guess no key, but see whose "
            f"there are (mode {mode:04o}). Now they cannot."
        )
    return file


def _until(key: ApiKey) -> str:
    if key.expires is None:
        return "never expires"
    is_over = "" if key.is_valid(datetime.now(UTC)) else "expired "
    return f"{is_over or 'until '}{key.expires:%Y-%m-%d %H:%M} UTC"


def _as_json(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "scopes": list(key.scopes),
        "created": key.created,
        "expires": key.expires,
        "expired": not key.is_valid(datetime.now(UTC)),
        "hint": key.hint,
    }
