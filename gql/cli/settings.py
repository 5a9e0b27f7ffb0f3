"""The command `config`, which shows the settings."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from gql.settings import Settings, setting_sources, variable_name
from store.folder.mapping_file import format_mapping, load_mapping

from .options import Json, with_settings
from .output import escape, out, print_json


@with_settings("folder")
def config(
    settings: Settings,
    *,
    json: Json = False,
) -> None:
    """Show the effective settings and their sources.

    [bold]Examples[/]

    NEWSGRAPH_PORT=8080 newsgraph config
    """
    values: dict[str, Any] = settings.model_dump(mode="json")
    sources = setting_sources({"folder": settings.folder})
    mapping = load_mapping(settings.folder) if settings.folder else None
    if json:
        print_json(
            {name: {"value": value, "origin": sources[name]} for name, value in values.items()}
        )
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Setting", no_wrap=True)
    table.add_column("Value", overflow="fold")
    table.add_column("From", no_wrap=True)
    for name, value in values.items():
        origin = sources[name].split()[0]  # the first column names the variable
        style = "dim" if origin == "default" else "green"
        table.add_row(variable_name(name), escape(_format_value(value)), origin, style=style)
    out.print(table, soft_wrap=False)
    if mapping is not None:
        out.print(f"\n{escape(format_mapping(mapping))}", highlight=False)
    out.print("[dim]Descriptions: newsgraph serve --help[/]")


def _format_value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
