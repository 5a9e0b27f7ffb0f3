"""Names that look like settings and are none: a misspelt one would be heeded by nobody."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches


def unknown_keys(file: str, text: str, keys: Iterable[str], known: Collection[str]) -> list[str]:
    """What to say of a TOML file's `keys` that are not `known` as settings, a line each."""
    return [
        f"{file}{_line(text, key)}: there is no setting {key!r}."
        + _hint(key.lower().replace("-", "_"), known)
        for key in keys
        if key not in known
    ]


def unknown_variables(names: Iterable[str], prefix: str, known: Collection[str]) -> list[str]:
    """What to say of the variables with this prefix that are not `known`, a line each."""
    unknown = sorted(name for name in names if name.startswith(prefix) and name not in known)
    # What all of them begin with says nothing about which is near.
    ends = {name.removeprefix(prefix) for name in known}
    return [
        f"There is no setting {name}; it is ignored."
        + _hint(name.removeprefix(prefix), ends, prefix)
        for name in unknown
    ]


def _hint(name: str, known: Collection[str], prefix: str = "") -> str:
    nearest = get_close_matches(name, known, n=1)
    if nearest:
        return f" Did you mean {prefix}{nearest[0]}?"
    return " `newsgraph serve --help` lists all settings."


def _line(text: str, key: str) -> str:
    """`:3` for the line on which a key or a table of this name stands; nothing if none is found."""
    written = rf"^[ \t]*\[*[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*[]=.]"
    found = re.search(written, text, re.MULTILINE)
    if found is None:
        return ""
    line = text.count("\n", 0, found.start()) + 1
    return f":{line}"
