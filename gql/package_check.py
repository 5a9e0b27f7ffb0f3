"""Whether the packages that Python finds are ours.

PyPI has a client library whose import name is `gql`, too. In one environment the two break each
other, in ways that are hard to read; so newsgraph says it at the start.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import store


class AlienPackageError(Exception):
    """newsgraph cannot run in this Python environment; the message says why and what to do."""


def check_environment() -> None:
    """Raise AlienPackageError unless `gql` and `store` are newsgraph's own."""
    ours = Path(__file__).parent.parent
    theirs = Path(store.__file__ or "").parent.parent
    if theirs != ours:
        raise AlienPackageError(
            f"The package store comes from {theirs}, not from newsgraph in {ours}. "
            "Give newsgraph an environment of its own."
        )
    try:
        version = metadata.version("gql")
    except metadata.PackageNotFoundError:
        return
    raise AlienPackageError(
        f"The GraphQL client library gql {version} is installed here and shares its name with a "
        "package of newsgraph. Give newsgraph an environment of its own, or uninstall gql."
    )
