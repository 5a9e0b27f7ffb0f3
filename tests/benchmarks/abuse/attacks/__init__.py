"""The attacks: expensive requests, grouped by their target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.benchmarks.abuse.attacks import (
    bodies,
    documents,
    filters,
    heads,
    imports,
    responses,
    sockets,
)
from tests.benchmarks.abuse.attacks.attack import Attack, operation

PLAIN = operation("a plain query", lambda *_: "{ articles(first: 20) { nodes { id title } } }")
"""The baseline of comparisons."""

ATTACKS: Mapping[str, Sequence[Attack]] = {
    "filters": filters.ATTACKS,
    "documents": documents.ATTACKS,
    "answers": responses.ATTACKS,
    "bodies": bodies.ATTACKS,
    "imports": imports.ATTACKS,
    "heads": heads.ATTACKS,
    "sockets": sockets.ATTACKS,
}
"""All attacks, by group."""

__all__ = ["ATTACKS", "PLAIN", "Attack"]
