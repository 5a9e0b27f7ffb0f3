"""The package check: detects another package named `gql` or `store`.

PyPI has a GraphQL client library whose import name is `gql`, too. In one environment the two break
each other with confusing errors, so newsgraph checks for it at the start.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import store


class PackageConflictError(Exception):
    """Another package shares a name with ours; the message says which, and what to do."""


def check_packages() -> None:
    """Raise PackageConflictError unless `gql` and `store` are newsgraph's packages."""
    root = Path(__file__).parent.parent
    store_root = Path(store.__file__ or "").parent.parent
    if store_root != root:
        raise PackageConflictError(
            f"The package store comes from {store_root}, not from newsgraph in {root}. "
            "Give newsgraph an environment of its own."
        )
    try:
        version = metadata.version("gql")
    except metadata.PackageNotFoundError:
        return
    raise PackageConflictError(
        f"The GraphQL client library gql {version} is installed here and shares its name with a "
        "package of newsgraph. Give newsgraph an environment of its own, or uninstall gql."
    )
