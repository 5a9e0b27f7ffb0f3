"""Unknown settings: messages for misspelt names, which would be ignored silently."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches


def unknown_keys(file: str, text: str, keys: Iterable[str], settings: Collection[str]) -> list[str]:
    """A message for each key of a TOML file that is not a setting."""
    return [
        f"{file}{_line(text, key)}: there is no setting {key!r}."
        + _hint(key.lower().replace("-", "_"), settings)
        for key in keys
        if key not in settings
    ]


def unknown_variables(names: Iterable[str], prefix: str, settings: Collection[str]) -> list[str]:
    """A message for each variable with this prefix that is not a setting."""
    unknown = sorted(name for name in names if name.startswith(prefix) and name not in settings)
    # Without the common prefix, which would make all of them similar.
    suffixes = {name.removeprefix(prefix) for name in settings}
    return [
        f"There is no setting {name}; it is ignored."
        + _hint(name.removeprefix(prefix), suffixes, prefix)
        for name in unknown
    ]


def _hint(name: str, settings: Collection[str], prefix: str = "") -> str:
    nearest = get_close_matches(name, settings, n=1)
    if nearest:
        return f" Did you mean {prefix}{nearest[0]}?"
    return " `newsgraph serve --help` lists all settings."


def _line(text: str, key: str) -> str:
    """`:3` if line 3 has the key or the table of this name; empty if no line has it."""
    pattern = rf"^[ \t]*\[*[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*[]=.]"
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        return ""
    line = text.count("\n", 0, match.start()) + 1
    return f":{line}"
