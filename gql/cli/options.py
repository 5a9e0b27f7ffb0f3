"""Command-line options for settings: a command names its settings, and receives all of them."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from gql.settings import (
    Settings,
    SettingsError,
    flag_name,
    ignored_variables,
    load_settings,
    variable_name,
)
from store import StoreError
from store.errors import system_remedy

from .output import print_warning

STORE_LOCATION = ("store", "folder")
"""The settings that locate the store."""
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
"""The option of commands that can print JSON."""
_PANEL = "Settings"
_DIRECTORY = "directory_"  # the parameter for the argument DIR; export has a `directory`
Command = Callable[..., None]


def with_settings(
    *names: str, directory: str | None = None, requires_folder: bool = False
) -> Callable[[Command], Command]:
    """Decorate a command with an option for each of these settings; it is called with `settings`.

    Args:
        *names: The settings.
        directory: The help of an argument DIR, which sets `folder`; None for no such argument.
        requires_folder: Whether a missing folder of documents is an error.
    """

    def decorate(command: Command) -> Command:
        own = [
            parameter
            for parameter in inspect.signature(command, eval_str=True).parameters.values()
            if parameter.name != "settings"
        ]

        def run(**values: Any) -> None:
            flags = {name: values.pop(name) for name in names}
            flags = _with_directory(flags, _check_directory(values.pop(_DIRECTORY, None)))
            for warning in ignored_variables():
                print_warning(warning)
            settings = load_settings(flags)
            if requires_folder and settings.folder is None:
                raise SettingsError(
                    "There is no folder of documents: give the argument DIR, or set "
                    f"{variable_name('folder')}."
                )
            command(settings=settings, **values)

        arguments = [_directory_argument(directory)] if directory else []
        options = [_option(name) for name in names]
        run.__signature__ = inspect.Signature([*arguments, *own, *options])  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in [*arguments, *own, *options]}
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        return run

    return decorate


def _check_directory(directory: Path | None) -> Path | None:
    """Return the argument DIR. Raises: BadParameter: it is missing. StoreError: it is unreadable.

    Typer's own check calls a folder whose parent cannot be read missing.
    """
    if directory is None:
        return None
    try:
        directory.stat()
        with os.scandir(directory):
            pass
    except FileNotFoundError:
        message = f"Directory '{directory}' does not exist."
        raise typer.BadParameter(message, param_hint="'DIR'") from None
    except OSError as error:
        raise StoreError(
            f"The folder {directory} cannot be read: {error.strerror}. "
            + system_remedy(error, "Give the path of a folder that holds documents.")
        ) from None
    return directory


def _with_directory(flags: dict[str, Any], directory: Path | None) -> dict[str, Any]:
    """The flags with the argument DIR as the setting `folder`."""
    if directory is None:
        return flags
    if flags.get("folder") is not None:
        raise SettingsError("The folder is given twice, as DIR and as --folder; give one of them.")
    return {**flags, "folder": directory}


def _directory_argument(help: str) -> inspect.Parameter:
    argument = typer.Argument(
        metavar="DIR", help=help, file_okay=False, readable=False, show_default=False
    )
    return inspect.Parameter(
        _DIRECTORY,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[Path | None, argument],
    )


def _option(name: str) -> inspect.Parameter:
    """The option of a setting. Its default is None, which means that it is not given."""
    field = Settings.model_fields[name]
    kind = _parsed_type(field.annotation)
    declared = f"{flag_name(name)}/--no-{flag_name(name)[2:]}" if kind is bool else flag_name(name)
    default = _format_default(field.default)
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


def _parsed_type(annotation: Any) -> Any:
    """The type that the command line parses: a switch, a number or a path; else a string."""
    for kind in (bool, int, Path):
        if annotation is kind or kind in get_args(annotation):
            return kind
    return str


def _format_default(default: Any) -> str:
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
