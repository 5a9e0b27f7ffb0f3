"""The command that shows the settings."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from ..settings import Settings, origins, variable
from .options import with_settings
from .output import out, print_json


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
    where = origins()
    if json:
        print_json(
            {name: {"value": value, "origin": where[name]} for name, value in values.items()}
        )
        return
    table = Table("setting", "value", "from", "for", box=None, pad_edge=False)
    for name, field in Settings.model_fields.items():
        value = values[name]
        shown = "" if value in (None, []) else str(value)
        table.add_row(variable(name), shown, where[name], field.description)
    out.print(table)
