"""Variants of newsgraph beside a plain one: other settings, or a writer beside the readers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from gql.access import KeyFile
from gql.http.persisted.trusted_documents import document_hash
from gql.identity.viewer import Permission
from tests.benchmarks.http.data import Data
from tests.benchmarks.http.load import LoadRun
from tests.benchmarks.http.measure import BenchmarkPlan, Runs
from tests.benchmarks.http.queries import BenchmarkQuery
from tests.benchmarks.http.report import run_json
from tests.benchmarks.http.servers import NEWSGRAPH, Variant

SETTINGS_GOAL, WRITER_GOAL = 0.90, 0.85

_ORIGIN = "https://reader.example"
_NEVER_REACHED = "999999999/second"


def with_settings(work: Path, texts: Collection[str] = ()) -> Mapping[str, Variant]:
    """Variants with CORS, with a rate limit that is never reached, and with an API key.

    With the texts of the operations also one that gets their hashes, and executes nothing else.
    """
    keys = work / "reader-keys.json"
    text, _ = KeyFile(keys).add("reader", [Permission.READ_SECURED], None)
    trusted = work / "trusted.json"
    trusted.write_bytes(orjson.dumps({document_hash(text): text for text in texts}))
    settings = {"trusted_documents": str(trusted), "trusted_only": "true"}
    by_hash = {"trusted documents by hash": Variant(settings, by_hash=True)} if texts else {}
    return {
        **by_hash,
        "CORS origins": Variant({"cors_origins": _ORIGIN}, {"origin": _ORIGIN}),
        "rate limit": Variant({"rate_limit": _NEVER_REACHED}),
        "API key": Variant({"keys": str(keys)}, {"authorization": f"Bearer {text}"}),
    }


def with_writer(work: Path, data: Data, writes_per_s: int) -> Mapping[str, Variant]:
    """A variant over a copy of the store, with a client that writes during measurements.

    Only the writer uses the key.
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


def print_ratios(plan: BenchmarkPlan, runs: Runs, facts: Sequence[str], goal: float) -> None:
    """Print the rate of each variant as a share of the plain server's."""
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


def rate(run: LoadRun) -> float:
    """Requests per second."""
    return run.per_second


def per_cpu_second(run: LoadRun) -> float:
    """Requests per second of the server's CPU time, which neighbours disturb less."""
    return 1e6 / run.cpu_us


def measured(plan: BenchmarkPlan, runs: Runs) -> list[BenchmarkQuery]:
    """The queries that were measured on all servers."""
    return [q for q in plan.queries if all((q.name, server) in runs for server in plan.servers)]


def ratios(
    plan: BenchmarkPlan, runs: Runs, value: Callable[[LoadRun], float] = rate
) -> dict[str, dict[str, float]]:
    """The median of each variant and query, as a share of the plain server's."""

    def of(query: BenchmarkQuery, server: str) -> float:
        return median(map(value, runs[query.name, server]))

    return {
        name: {q.name: of(q, name) / of(q, NEWSGRAPH) for q in measured(plan, runs)}
        for name in plan.servers
        if name != NEWSGRAPH
    }


def ratio_summary(found: Mapping[str, Mapping[str, float]], goal: float) -> list[str]:
    """A line for each variant, with mean and minimum."""
    lines = []
    for name, by_query in found.items():
        query, least = min(by_query.items(), key=lambda item: item[1])
        lines.append(
            f"{name}: geometric mean {geometric_mean(by_query.values()):.1%}, "
            f"lowest {least:.1%} ({query}); goal {goal:.0%}"
        )
    return lines


def as_json(plan: BenchmarkPlan, runs: Runs, facts: Sequence[str], goal: float) -> dict[str, Any]:
    """All runs and ratios."""
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
