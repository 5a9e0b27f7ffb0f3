"""The command that shows the settings."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from gql.settings import Settings, setting_sources, variable_name

from .options import with_settings
from .output import escape, out, print_json


@with_settings()
def config(
    settings: Settings,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Show the effective settings, and where each comes from.

    [bold]Examples[/]

    NEWSGRAPH_PORT=8080 newsgraph config
    """
    values: dict[str, Any] = settings.model_dump(mode="json")
    where = setting_sources()
    if json:
        print_json(
            {name: {"value": value, "origin": where[name]} for name, value in values.items()}
        )
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Setting", no_wrap=True)
    table.add_column("Value", overflow="fold")
    table.add_column("From", no_wrap=True)
    for name, value in values.items():
        origin = where[name].split()[0]  # which variable_name, the first column says
        style = "dim" if origin == "default" else "green"
        table.add_row(variable_name(name), escape(_shown(value)), origin, style=style)
    out.print(table, soft_wrap=False)
    out.print("[dim]What each is for: newsgraph serve --help[/]")


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
