"""Settings: every value that an operator can set, and where each came from."""

from .public_url import public_address
from .settings import (
    PREFIX,
    Settings,
    SettingsError,
    flag,
    ignored_variables,
    load_settings,
    origins,
    variable,
)

__all__ = [
    "PREFIX",
    "Settings",
    "SettingsError",
    "flag",
    "ignored_variables",
    "load_settings",
    "origins",
    "public_address",
    "variable",
]
