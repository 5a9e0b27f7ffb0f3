"""Newsgraphs compared with a plain one: with settings on, or with a writer beside the readers."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

from rich.console import Console
from rich.table import Table

from gql.access import KeyFile
from gql.viewer import Scope

from .data import Data
from .measure import Plan, Runs
from .report import run_json
from .servers import NEWSGRAPH, Variant

SETTINGS_GOAL, WRITER_GOAL = 0.90, 0.85

_ORIGIN = "https://reader.example"
_NEVER_REACHED = "999999999/second"


def with_settings(work: Path) -> Mapping[str, Variant]:
    """Newsgraphs with CORS, with a rate limit that nobody reaches, and asked with a key."""
    keys = work / "reader-keys.json"
    text, _ = KeyFile(keys).add("reader", [Scope.READ_DRAFTS], None)
    return {
        "CORS origins": Variant({"cors_origins": _ORIGIN}, {"origin": _ORIGIN}),
        "rate limit": Variant({"rate_limit": _NEVER_REACHED}),
        "API key": Variant({"keys": str(keys)}, {"authorization": f"Bearer {text}"}),
    }


def with_writer(work: Path, data: Data, writes_per_s: int) -> Mapping[str, Variant]:
    """A newsgraph over a copy of the store that a client writes to while it is measured.

    Only the writer has the key; readers come without.
    """
    folder = work / "written"
    folder.mkdir()
    store = folder / data.store.name
    shutil.copyfile(data.store, store)
    text, _ = KeyFile(folder / "keys.json").add("writer", [Scope.WRITE], None)
    return {
        f"{writes_per_s} writes/s": Variant(
            {"keys": str(folder / "keys.json")},
            data=replace(data, store=store),
            writes_per_s=writes_per_s,
            write_key=text,
        )
    }


def print_ratios(plan: Plan, runs: Runs, facts: Sequence[str], goal: float) -> None:
    """The rate of each variant by that of the plain newsgraph, on the terminal."""
    console = Console(width=None if Console().is_terminal else 160)
    names = [name for name in plan.servers if name != NEWSGRAPH]
    table = Table("Query", "Plain requests/s", *names)
    for column in table.columns[1:]:
        column.justify = "right"
    found = ratios(plan, runs)
    for query in plan.queries:
        plain = median(run.per_second for run in runs[query.name, NEWSGRAPH])
        shown = [f"{found[name][query.name]:.0%}" for name in names]
        table.add_row(f"{query.name} {query.title}".replace("[", r"\["), f"{plain:,.0f}", *shown)
    console.print(table, *ratio_summary(found, goal), *facts, sep="\n", highlight=False)


def ratios(plan: Plan, runs: Runs) -> dict[str, dict[str, float]]:
    """For each variant and query, its median rate by that of the plain newsgraph."""

    def rate(query: str, server: str) -> float:
        return median(run.per_second for run in runs[query, server])

    return {
        name: {q.name: rate(q.name, name) / rate(q.name, NEWSGRAPH) for q in plan.queries}
        for name in plan.servers
        if name != NEWSGRAPH
    }


def ratio_summary(found: Mapping[str, Mapping[str, float]], goal: float) -> list[str]:
    """A line for each variant: mean and minimum."""
    lines = []
    for name, by_query in found.items():
        query, least = min(by_query.items(), key=lambda item: item[1])
        lines.append(
            f"{name}: geometric mean {geometric_mean(by_query.values()):.1%}, "
            f"lowest {least:.1%} ({query}); goal {goal:.0%}"
        )
    return lines


def as_json(plan: Plan, runs: Runs, facts: Sequence[str], goal: float) -> dict[str, Any]:
    """Every run, and the ratios."""
    found = ratios(plan, runs)
    return {
        "facts": list(facts),
        "summary": ratio_summary(found, goal),
        "ratios": found,
        "runs": [
            {"query": query, "server": server, "runs": [run_json(run) for run in some]}
            for (query, server), some in runs.items()
        ],
    }
