"""The results of generated operations, as a table with a summary."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import geometric_mean, median
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.http.load import LoadRun
from tests.benchmarks.http.measure import Runs
from tests.benchmarks.http.operations import GeneratedOperation
from tests.benchmarks.http.queries import BenchmarkQuery
from tests.benchmarks.http.report import run_json
from tests.benchmarks.http.servers import CEILING, NEWSGRAPH, PEER

SHARE, SUBSTRING_SHARE, TIMES_PEER = 0.35, 0.15, 1.3
MEAN_SHARE, MEAN_TIMES_PEER = 0.75, 6.0
COLUMNS = (
    "Name",
    "Kind",
    "Operation",
    "Bytes",
    "Requests/s",
    "of the ceiling",
    "by CPU",
    "x Mercurius",
    "by CPU",
    "p99 ms",
    "Goal",
)


def as_query(operation: GeneratedOperation) -> BenchmarkQuery:
    """A generated operation as a query with goals."""
    share = SUBSTRING_SHARE if operation.is_substring else SHARE
    return BenchmarkQuery(operation.name, operation.title, operation.text, share, TIMES_PEER)


@dataclass(frozen=True, slots=True)
class OperationResult:
    """The measurements of an operation.

    Attributes:
        operation: The operation.
        runs: Its runs by server; a server that does not support it has none.
    """

    operation: GeneratedOperation
    runs: Mapping[str, Sequence[LoadRun]]

    @property
    def share(self) -> float | None:
        """Newsgraph's rate as a share of the ceiling's."""
        return self._by(CEILING, _rate)

    @property
    def cpu_share(self) -> float | None:
        """The same by CPU time per request, which neighbours disturb less."""
        return self._by(CEILING, _per_cpu_second)

    @property
    def times_peer(self) -> float | None:
        """Newsgraph's rate as a multiple of the peer's."""
        return self._by(PEER, _rate)

    @property
    def cpu_times_peer(self) -> float | None:
        """The same by CPU time per request."""
        return self._by(PEER, _per_cpu_second)

    def _by(self, server: str, measured: Callable[[LoadRun], float]) -> float | None:
        ours, others = self.runs.get(NEWSGRAPH), self.runs.get(server)
        if not ours or not others:
            return None
        return median(map(measured, ours)) / median(map(measured, others))

    @property
    def misses(self) -> list[str]:
        """The missed goals, in words."""
        query = as_query(self.operation)
        share, times = self.share, self.times_peer
        found = [] if self.runs.get(NEWSGRAPH) else ["failed"]
        if share is not None and share < query.ceiling_share:
            found.append(f"< {query.ceiling_share:.0%}")
        if times is not None and times < query.times_peer:
            found.append(f"< {query.times_peer:g} x")
        return found


def _rate(run: LoadRun) -> float:
    return run.per_second


def _per_cpu_second(run: LoadRun) -> float:
    return 1e6 / run.cpu_us


def results(operations: Sequence[GeneratedOperation], runs: Runs) -> list[OperationResult]:
    """The measurements of each operation."""
    return [
        OperationResult(
            one, {server: some for (name, server), some in runs.items() if name == one.name}
        )
        for one in operations
    ]


def print_results(found: Sequence[OperationResult], facts: Sequence[str]) -> None:
    """Print the table and its summary."""
    console = Console(width=None if Console().is_terminal else 200)
    table = Table(*COLUMNS)
    for column in table.columns[3:10]:
        column.justify = "right"
    for result in found:
        table.add_row(*_cells(result))
    console.print(table, *summary(found), "", *facts, sep="\n", highlight=False, markup=False)


def _cells(result: OperationResult) -> Sequence[str]:
    operation, ours = result.operation, result.runs.get(NEWSGRAPH, ())
    return (
        operation.name,
        operation.kind,
        operation.title,
        _median([run.mean_bytes for run in ours], 0),
        _median(list(map(_rate, ours)), 0),
        _percent(result.share),
        _percent(result.cpu_share),
        _times(result.times_peer),
        _times(result.cpu_times_peer),
        _median([run.p99_ms for run in ours], 1),
        ", ".join(result.misses),
    )


def _median(values: Sequence[float], digits: int) -> str:
    return f"{median(values):,.{digits}f}" if values else "-"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}" if share >= 0.1 else f"{share:.1%}"


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}"


def summary(found: Sequence[OperationResult]) -> list[str]:
    """The lines of the summary."""
    plain = [r for r in found if not r.operation.is_substring]
    parts = [r for r in found if r.operation.is_substring]
    lines = [
        *_summed("share of the ceiling", found, "share", MEAN_SHARE),
        *_least("lowest share", plain, "share", SHARE),
        *_least("lowest share of substring filters", parts, "share", SUBSTRING_SHARE),
        *_summed("share of the ceiling by CPU time", found, "cpu_share", MEAN_SHARE),
        *_least("lowest share by CPU time", plain, "cpu_share", SHARE),
        *_summed("times Mercurius", found, "times_peer", MEAN_TIMES_PEER),
        *_least("lowest times Mercurius", found, "times_peer", TIMES_PEER),
    ]
    lines += _summed("times Mercurius by CPU time", found, "cpu_times_peer", MEAN_TIMES_PEER)
    lines += _least("lowest times Mercurius by CPU time", found, "cpu_times_peer", TIMES_PEER)
    misses = sum(1 for result in found if result.misses)
    return [*lines, f"{len(found)} operations, {misses} of them below a goal"]


def _values(found: Sequence[OperationResult], which: str) -> list[tuple[float, OperationResult]]:
    return [(value, r) for r in found if (value := getattr(r, which)) is not None]


def _summed(title: str, found: Sequence[OperationResult], which: str, goal: float) -> list[str]:
    values = [value for value, _ in _values(found, which)]
    if not values:
        return []
    return [
        f"geometric mean, {title}: {_shown(geometric_mean(values), which)} {_goal(goal, which)}"
    ]


def _least(title: str, found: Sequence[OperationResult], which: str, goal: float) -> list[str]:
    values = _values(found, which)
    if not values:
        return []
    value, result = min(values, key=lambda pair: pair[0])
    operation = result.operation
    where = f"{operation.name} {operation.kind}: {operation.title}"
    return [f"{title}: {_shown(value, which)} {_goal(goal, which)}, {where}"]


def _shown(value: float, which: str) -> str:
    return f"{value:.1%}" if which.endswith("share") else f"{value:.2f}"


def _goal(goal: float, which: str) -> str:
    return f"(goal {goal:.0%})" if which.endswith("share") else f"(goal {goal:g})"


def as_json(found: Sequence[OperationResult], facts: Sequence[str]) -> dict[str, Any]:
    """All measurements."""
    return {
        "facts": list(facts),
        "summary": summary(found),
        "operations": [
            {
                "name": result.operation.name,
                "kind": result.operation.kind,
                "title": result.operation.title,
                "isSubstring": result.operation.is_substring,
                "traits": sorted(result.operation.traits),
                "text": result.operation.text,
                "bodies": len(result.operation.bodies),
                "share": result.share,
                "cpuShare": result.cpu_share,
                "timesPeer": result.times_peer,
                "cpuTimesPeer": result.cpu_times_peer,
                "runs": {
                    server: [run_json(run) for run in runs] for server, runs in result.runs.items()
                },
            }
            for result in found
        ],
    }
