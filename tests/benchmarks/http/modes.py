"""Newsgraphs compared with a plain one: with settings on, or with a writer beside the readers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

from rich.console import Console
from rich.table import Table

from gql.access import KeyFile
from gql.identity.viewer import Permission
from tests.benchmarks.http.data import Data
from tests.benchmarks.http.load import Run
from tests.benchmarks.http.measure import Plan, Runs
from tests.benchmarks.http.queries import Query
from tests.benchmarks.http.report import run_json
from tests.benchmarks.http.servers import NEWSGRAPH, Variant

SETTINGS_GOAL, WRITER_GOAL = 0.90, 0.85

_ORIGIN = "https://reader.example"
_NEVER_REACHED = "999999999/second"


def with_settings(work: Path) -> Mapping[str, Variant]:
    """Newsgraphs with CORS, with a rate limit that nobody reaches, and asked with a key."""
    keys = work / "reader-keys.json"
    text, _ = KeyFile(keys).add("reader", [Permission.READ_SECURED], None)
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
    text, _ = KeyFile(folder / "keys.json").add("writer", [Permission.WRITE], None)
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
    found, by_cpu = ratios(plan, runs), ratios(plan, runs, per_cpu_second)
    table = Table("Query", "Plain requests/s", *(f"{name} (by CPU)" for name in found))
    for column in table.columns[1:]:
        column.justify = "right"
    for query in measured(plan, runs):
        plain = median(run.per_second for run in runs[query.name, NEWSGRAPH])
        shown = [f"{found[n][query.name]:.0%} ({by_cpu[n][query.name]:.0%})" for n in found]
        title = f"{query.name} {query.title}"
        table.add_row(title, f"{plain:,.0f}", *shown)
    lines = [*ratio_summary(found, goal), "by CPU time:", *ratio_summary(by_cpu, goal)]
    console.print(table, *lines, *facts, sep="\n", highlight=False, markup=False)


def rate(run: Run) -> float:
    """Requests a second."""
    return run.per_second


def per_cpu_second(run: Run) -> float:
    """Requests a second of the server's CPU time, which neighbours disturb less."""
    return 1e6 / run.cpu_us


def measured(plan: Plan, runs: Runs) -> list[Query]:
    """The queries that were measured on all servers."""
    return [q for q in plan.queries if all((q.name, server) in runs for server in plan.servers)]


def ratios(
    plan: Plan, runs: Runs, value: Callable[[Run], float] = rate
) -> dict[str, dict[str, float]]:
    """For each variant and query, the median by that of the plain newsgraph."""

    def of(query: Query, server: str) -> float:
        return median(map(value, runs[query.name, server]))

    return {
        name: {q.name: of(q, name) / of(q, NEWSGRAPH) for q in measured(plan, runs)}
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
        "ratiosByCpu": ratios(plan, runs, per_cpu_second),
        "runs": [
            {"query": query, "server": server, "runs": [run_json(run) for run in some]}
            for (query, server), some in runs.items()
        ],
    }
