"""The sources of settings: command line, environment, `.env`, `newsgraph.toml`, defaults.

The first source with a value takes precedence, in this order. Both files are in the working
directory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic_settings import TomlConfigSettingsSource

from store.folder.mapping_file import TABLE

from .settings import ENV_FILE, PREFIX, TOML_FILE, Settings, SettingsError
from .unknown_settings import unknown_keys, unknown_variables


def load_settings(flags: Mapping[str, Any] | None = None) -> Settings:
    """Load the settings from all sources.

    `flags`: a value for each setting that the command has a flag for; None: it is not given. Errors
    name only these flags; without `flags`, the flag of every setting.

    Raises: SettingsError.
    """
    arguments = {name: value for name, value in (flags or {}).items() if value is not None}
    try:
        _check_toml_keys()
        return Settings(**arguments)
    except ValidationError as error:
        raise SettingsError("\n".join(map(partial(_format_error, flags), error.errors()))) from None
    except ValueError as error:  # invalid TOML
        raise SettingsError(f"{TOML_FILE}: {error}") from None


def _check_toml_keys() -> None:
    keys = {**TomlConfigSettingsSource(Settings).toml_data}
    keys.pop(TABLE, None)  # the mapping of the documents in this folder
    if keys.keys() - Settings.model_fields.keys():
        text = TOML_FILE.read_text("utf-8")
        raise SettingsError(
            "\n".join(unknown_keys(str(TOML_FILE), text, keys, Settings.model_fields))
        )


def ignored_variables() -> list[str]:
    """A warning for each unknown variable with our prefix, in the environment or in `.env`.

    It is no error, since other programs may use the prefix, too.
    """
    names = {name.upper() for name in (*os.environ, *dotenv_values(ENV_FILE))}
    return unknown_variables(names, PREFIX, [variable_name(name) for name in Settings.model_fields])


def _format_error(flags: Mapping[str, Any] | None, error: Any) -> str:
    message = re.sub(r"^Value error, ", "", error["msg"])
    if not error["loc"]:
        return message
    name = str(error["loc"][0])
    names = [variable_name(name)]
    if flags is None or name in flags:
        names.append(flag_name(name))
    return f"{name} ({', '.join(names)}) is {error['input']!r}: {message}"


def variable_name(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def flag_name(name: str) -> str:
    """The command-line flag of a setting."""
    return "--" + name.replace("_", "-")


def setting_sources(flags: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The source of each setting: a flag, a variable, a file or the default."""
    from_env_file = {key.upper() for key in dotenv_values(ENV_FILE)}
    from_environment = {key.upper() for key in os.environ}
    from_toml = TomlConfigSettingsSource(Settings).toml_data

    def source(name: str) -> str:
        if flags and flags.get(name) is not None:
            return f"flag {flag_name(name)}"
        if variable_name(name) in from_environment:
            return f"environment {variable_name(name)}"
        if variable_name(name) in from_env_file:
            return str(ENV_FILE)
        return str(TOML_FILE) if name in from_toml else "default"

    return {name: source(name) for name in Settings.model_fields}
