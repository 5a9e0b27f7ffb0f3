"""The results as a table, as Markdown and as JSON."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.http.load import LoadRun
from tests.benchmarks.http.measure import BenchmarkPlan, Runs
from tests.benchmarks.http.queries import BenchmarkQuery
from tests.benchmarks.http.servers import CEILING, MERCURIUS, NEWSGRAPH, PEER, STRAWBERRY

_BUSY = 0.95
COLUMNS = (
    "Query",
    "Server",
    "Requests/s",
    "min-max",
    "of the ceiling",
    "x Mercurius",
    "x Strawberry",
    "CPU us/request",
    "Goal",
)


@dataclass(frozen=True, slots=True)
class ReportRow:
    """The results of a query on a server, over all rounds.

    Attributes:
        query: The query.
        server: The name of the server.
        runs: The runs.
        ratios: Its median rate as a multiple of another server's, by that server's name.
    """

    query: BenchmarkQuery
    server: str
    runs: Sequence[LoadRun]
    ratios: Mapping[str, float]

    @property
    def rate(self) -> float:
        """The median of requests per second."""
        return median(run.per_second for run in self.runs)

    @property
    def cpu_us(self) -> float:
        """The median of the server's CPU time for one request, in microseconds."""
        return median(run.cpu_us for run in self.runs)

    @property
    def is_load_bound(self) -> bool:
        """Whether the load generator was the bottleneck."""
        return median(run.load_share for run in self.runs) > _BUSY

    def goals(self, *, cold: bool) -> Mapping[str, float]:
        """The goals of newsgraph, as ratios by server."""
        if self.server != NEWSGRAPH:
            return {}
        if cold:
            return {PEER: 1}
        return {CEILING: self.query.ceiling_share, PEER: self.query.times_peer}


def rows(plan: BenchmarkPlan, runs: Runs) -> list[ReportRow]:
    """A row for each query and server, in the plan's order."""
    rates = {cell: median(run.per_second for run in some) for cell, some in runs.items()}

    def row(query: BenchmarkQuery, server: str) -> ReportRow:
        rate = rates[query.name, server]
        ratios = {
            other: rate / rates[query.name, other] for other in plan.servers if other != server
        }
        return ReportRow(query, server, runs[query.name, server], ratios)

    return [row(query, server) for query in plan.queries for server in plan.servers]


def cells(row: ReportRow, *, cold: bool = False) -> Sequence[str]:
    """A row as texts, one for each column."""
    rates = [run.per_second for run in row.runs]
    ceiling = row.ratios.get(CEILING)
    return (
        f"{row.query.name} {row.query.title}",
        row.server,
        f"{row.rate:,.0f}" + (" *" if row.is_load_bound else ""),
        f"{min(rates):,.0f}-{max(rates):,.0f}",
        f"{ceiling:.0%}" if ceiling else "",
        _times(row.ratios.get(PEER)),
        _times(row.ratios.get(STRAWBERRY)),
        f"{row.cpu_us:,.0f}",
        ", ".join(_verdict(row, other, goal) for other, goal in row.goals(cold=cold).items()),
    )


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}"


def _verdict(row: ReportRow, other: str, goal: float) -> str:
    """A goal and whether it is reached: `>= 80 % of the ceiling: yes`."""
    wanted = f">= {goal:.0%} of {other}" if other == CEILING else f">= {goal:g} x {other}"
    if other not in row.ratios:
        return wanted
    return f"{wanted}: {'yes' if row.ratios[other] >= goal else 'NO'}"


def print_table(all_rows: Sequence[ReportRow], facts: Sequence[str], *, cold: bool) -> None:
    """Print the table."""
    console = Console(width=None if Console().is_terminal else 160)
    table = Table(*COLUMNS)
    for column in table.columns[2:8]:
        column.justify = "right"
    for row in all_rows:
        table.add_row(*cells(row, cold=cold), style="bold" if row.server == NEWSGRAPH else None)
    console.print(table, *facts, sep="\n", highlight=False)


def markdown(all_rows: Sequence[ReportRow], facts: Sequence[str], *, cold: bool) -> str:
    """The table and its facts, for a README."""
    right = "|".join("---:" if 2 <= place < 8 else "---" for place in range(len(COLUMNS)))
    lines = ["| " + " | ".join(COLUMNS) + " |", f"|{right}|"]
    lines += ["| " + " | ".join(cells(row, cold=cold)) + " |" for row in all_rows]
    return "\n".join([*lines, "", *(f"{fact}  " for fact in facts)])


def as_json(all_rows: Sequence[ReportRow], facts: Sequence[str]) -> dict[str, Any]:
    """All runs of all rows, and the values of the table."""
    return {
        "facts": list(facts),
        "rows": [
            {
                "query": row.query.name,
                "server": row.server,
                "requestsPerSecond": row.rate,
                "cpuMicroseconds": row.cpu_us,
                "ratios": dict(row.ratios),
                "runs": [run_json(run) for run in row.runs],
            }
            for row in all_rows
        ],
    }


def run_json(run: LoadRun) -> dict[str, float]:
    """One run as JSON."""
    return {
        "requests": run.requests,
        "seconds": run.duration_s,
        "serverCpuSeconds": run.server_cpu_s,
        "loadCpuSeconds": run.load_cpu_s,
        "meanBytes": run.mean_bytes,
        "p50Milliseconds": run.p50_ms,
        "p99Milliseconds": run.p99_ms,
    }


def describe(plan: BenchmarkPlan, articles: int, *, cold: bool) -> list[str]:
    """How and on what it was measured, as lines below the table."""
    how = (
        f"each document once, one request at a time, fresh starts: {plan.rounds}"
        if cold
        else f"{plan.connections} connections, rounds of {plan.seconds} s: {plan.rounds}"
    )
    return [
        f"Medians; {articles:,} articles; {how}; server and load generator on a core each.",
        f"* the load generator was at its limit (over {_BUSY:.0%} of its core).",
        f"{datetime.now(UTC):%Y-%m-%d}; {_machine()}.",
        _versions() + ".",
    ]


def _machine() -> str:
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*: (.+)$", info, re.MULTILINE)
    cpu = model.group(1) if model else platform.machine()
    return f"{cpu}, {os.cpu_count()} cores, Linux {platform.release()}"


def _versions() -> str:
    ours = [
        f"{name} {metadata.version(name)}"
        for name in ("uvicorn", "uvloop", "httptools", "strawberry-graphql", "graphql-core")
    ]
    theirs = [f"{name} {_npm_version(name)}" for name in ("mercurius", "graphql-jit", "fastify")]
    return ", ".join(
        [
            f"Python {platform.python_version()}",
            *ours,
            f"Node {_first_line('node', '--version').removeprefix('v')}",
            *theirs,
            " ".join(_first_line("wrk", "--version").split()[:2]),
        ]
    )


def _npm_version(package: str) -> str:
    """The pinned version in the peer's package.json."""
    pins = json.loads((MERCURIUS / "package.json").read_text(encoding="utf-8"))["dependencies"]
    return str(pins[package])


def _first_line(*command: str) -> str:
    """The first line of a program's output; wrk exits with 1 when it prints its version."""
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except FileNotFoundError:
        return f"{command[0]} none"
    return (said.stdout or said.stderr or "?").splitlines()[0]
