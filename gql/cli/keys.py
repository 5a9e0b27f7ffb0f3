"""The commands on API keys: `keys add`, `keys list` and `keys revoke`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from gql.access import ApiKey, KeyFile, parse_expiry
from gql.identity.viewer import Permission
from gql.settings import Settings
from gql.store_factory import create_store_folder

from .options import STORE_LOCATION, Json, with_settings
from .output import err, escape, out, print_json, print_warning

KEY_FILE_LOCATION = ("keys", *STORE_LOCATION)

keys = typer.Typer(
    name="keys",
    help="Make, list and revoke API keys.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@keys.command()
@with_settings(*KEY_FILE_LOCATION)
def add(
    settings: Settings,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name, such as the key's user.")],
    *,
    scope: Annotated[
        list[Permission],
        typer.Option(
            help="A scope (permission) of the key; repeat it for several. WRITE includes "
            "READ_DRAFTS, ADMIN includes all."
        ),
    ],
    expires: Annotated[
        str | None,
        typer.Option(help="The expiry: 90d, or a date such as 2027-01-01. Default: never."),
    ] = None,
) -> None:
    """Make an API key and print it. It is printed only once.

    [bold]Examples[/]

    newsgraph keys add newsroom --scope WRITE --scope READ_SECURED --expires 90d

    newsgraph keys add proofreader --scope READ_DRAFTS --folder articles
    """
    expiry = parse_expiry(expires, datetime.now(UTC)) if expires else None
    if settings.keys is None and settings.store is None:
        create_store_folder(settings.keys_path.parent)
    file = _restricted_key_file(settings)
    text, key = file.add(name, scope, expiry)
    out.print(text, markup=False)
    err.print(
        f"Key [bold]{escape(key.name)}[/]: {', '.join(key.scopes)}; {_format_expiry(key)}. "
        "Save it now: it is not stored, and is not shown again.\n"
        "[dim]Send it as[/] Authorization: Bearer KEY"
    )


@keys.command("list")
@with_settings(*KEY_FILE_LOCATION)
def list_keys(
    settings: Settings,
    *,
    json: Json = False,
) -> None:
    """List the keys: name, scopes, expiry and last characters.

    [bold]Examples[/]

    newsgraph keys list --json | jq '.[].name'
    """
    file = KeyFile(settings.keys_path)
    entries = file.read()
    if json:
        print_json([_as_json(key) for key in entries])
        return
    if not entries:
        out.print(
            f"There are no keys. [dim]Make one with: newsgraph keys add NAME --scope … "
            f"{escape(file.option)}[/]"
        )
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Name", "Scopes", "Created", "Expires", "Key"):
        table.add_column(column, overflow="fold")
    for key in entries:
        created = f"{key.created:%Y-%m-%d}"
        table.add_row(
            escape(key.name), ", ".join(key.scopes), created, _format_expiry(key), f"…{key.hint}"
        )
    out.print(table, soft_wrap=False)


@keys.command()
@with_settings(*KEY_FILE_LOCATION)
def revoke(
    settings: Settings,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the key.")],
) -> None:
    """Revoke a key. Running servers notice within a second.

    [bold]Examples[/]

    newsgraph keys revoke proofreader
    """
    _restricted_key_file(settings).revoke(name)
    out.print(f"[bold]Revoked[/] the key {escape(name)}.")


def _restricted_key_file(settings: Settings) -> KeyFile:
    """The key file, after its mode is restricted to its owner and group."""
    file = KeyFile(settings.keys_path)
    mode = file.restrict_mode()
    if mode is not None:
        print_warning(
            f"Other users could access the key file {file.path} (mode {mode:04o}): the names and "
            "scopes of the keys, but not the keys. Its mode is restricted now."
        )
    return file


def _format_expiry(key: ApiKey) -> str:
    if key.expires is None:
        return "never expires"
    expired = "" if key.is_valid(datetime.now(UTC)) else "expired "
    return f"{expired or 'until '}{key.expires:%Y-%m-%d %H:%M} UTC"


def _as_json(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "scopes": list(key.scopes),
        "created": key.created,
        "expires": key.expires,
        "expired": not key.is_valid(datetime.now(UTC)),
        "hint": key.hint,
    }
