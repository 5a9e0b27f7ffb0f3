"""Flags for settings: a command names the settings it heeds and receives them all, effective."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from gql.settings import Settings, flag_name, ignored_variables, load_settings, variable_name

from .output import print_warning

_PANEL = "Settings"
Command = Callable[..., None]


def with_settings(*names: str, folder: str | None = None) -> Callable[[Command], Command]:
    """Give a command a flag for each of these settings, and call it with `settings`.

    `folder`: help for an argument DIR that sets `folder`; it is optional unless the help ends with
    an exclamation mark, which is not shown.
    """

    def decorate(command: Command) -> Command:
        own = [
            parameter
            for parameter in inspect.signature(command, eval_str=True).parameters.values()
            if parameter.name != "settings"
        ]

        def run(**values: Any) -> None:
            flags = {name: values.pop(name) for name in [*names, "folder"] if name in values}
            for warning in ignored_variables():
                print_warning(warning)
            command(settings=load_settings(flags), **values)

        arguments = [_folder(folder)] if folder else []
        options = [_option(name) for name in names]
        run.__signature__ = inspect.Signature([*arguments, *own, *options])  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in [*arguments, *own, *options]}
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        return run

    return decorate


def _folder(help: str) -> inspect.Parameter:
    required = help.endswith("!")
    argument = typer.Argument(
        metavar="DIR", help=help.rstrip("!"), file_okay=False, exists=True, show_default=False
    )
    kind: Any = Path if required else Path | None
    return inspect.Parameter(
        "folder",
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if required else None,
        annotation=Annotated[kind, argument],
    )


def _option(name: str) -> inspect.Parameter:
    """The flag of a setting. Its default is None, so that a flag not given says nothing."""
    field = Settings.model_fields[name]
    kind = _kind(field.annotation)
    declared = f"{flag_name(name)}/--no-{flag_name(name)[2:]}" if kind is bool else flag_name(name)
    default = _shown(field.default)
    source = f"{variable_name(name)}{default and f', default {default}'}"
    option = typer.Option(
        declared,
        help=f"{field.description} [dim]{source}[/dim]",
        show_default=False,
        rich_help_panel=_PANEL,
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, option],
    )


def _kind(annotation: Any) -> Any:
    """What the command line parses: numbers and switches; words are left to the settings."""
    for kind in (bool, int, Path):
        if annotation is kind or kind in get_args(annotation):
            return kind
    return str


def _shown(default: Any) -> str:
    if default is None or default == ():
        return ""
    return ("on" if default else "off") if isinstance(default, bool) else str(default)


def as_environment(settings: Settings, **changes: Any) -> Mapping[str, str]:
    """The environment variables that give other processes these settings, with some changed."""
    values = {**settings.model_dump(), **changes}
    return {
        variable_name(name): ",".join(value) if isinstance(value, tuple) else str(value)
        for name, value in values.items()
        if value is not None
    }
