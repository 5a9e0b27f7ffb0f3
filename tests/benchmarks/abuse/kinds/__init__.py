"""The kinds of requests, by what they attack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.benchmarks.abuse.kinds import (
    answers,
    bodies,
    documents,
    filters,
    heads,
    imports,
    sockets,
)
from tests.benchmarks.abuse.kinds.kind import Kind, operation

PLAIN = operation("a plain query", lambda *_: "{ articles(first: 20) { nodes { id title } } }")
"""What all others are compared with."""

KINDS: Mapping[str, Sequence[Kind]] = {
    "filters": filters.KINDS,
    "documents": documents.KINDS,
    "answers": answers.KINDS,
    "bodies": bodies.KINDS,
    "imports": imports.KINDS,
    "heads": heads.KINDS,
    "sockets": sockets.KINDS,
}
"""All kinds, in groups."""

__all__ = ["KINDS", "PLAIN", "Kind"]
