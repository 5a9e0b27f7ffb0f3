"""Settings: their definition, their sources, and checks of unknown names."""

from .public_url import public_address
from .settings import PREFIX, Settings, SettingsError
from .sources import flag_name, ignored_variables, load_settings, setting_sources, variable_name

__all__ = [
    "PREFIX",
    "Settings",
    "SettingsError",
    "flag_name",
    "ignored_variables",
    "load_settings",
    "public_address",
    "setting_sources",
    "variable_name",
]
