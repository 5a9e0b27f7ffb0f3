"""The measuring: who is asked what, in which order, how often."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from .agreement import answers, check_same, ready_answer
from .data import Data
from .load import Bodies, Run, once, rotate, write_bodies
from .queries import Query, Workload, sample
from .servers import CEILING, Server, Start, running

_SAMPLES = 15
_WAVES = 5  # of as many requests as there are connections; the last one is cut off at the end
_LONGEST_S = 60
_WARM_SHARE = 4  # a quarter of the disjoint bodies

Cell = tuple[str, str]
"""The names of a query and a server."""
Runs = Mapping[Cell, Sequence[Run]]
"""One run a round."""
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, how often and how long."""

    queries: Sequence[Query]
    servers: Sequence[str]
    rounds: int
    seconds: int
    connections: int


class _Meter:
    """Warms servers up and measures them, slow ones for longer."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._seconds: dict[Cell, int] = {}

    def warm_up(self, server: Server, bodies: Bodies) -> None:
        """Ask the same for a while before a run, without looking at the answers."""
        rotate(server, bodies, max(1, self._plan.seconds // 3), self._plan.connections)
        server.drain()

    def run(self, server: Server, bodies: Bodies) -> Run:
        """A run after warm-up, long enough that answers cut off at its end hardly count."""
        self.warm_up(server, bodies)
        cell = (bodies.query, server.name)
        seconds = self._seconds.get(cell, self._plan.seconds)
        while True:
            run = rotate(server, bodies, seconds, self._plan.connections)
            server.drain()
            if run.requests >= _WAVES * self._plan.connections:
                return run
            if seconds > _LONGEST_S:
                raise RuntimeError(
                    f"{server.name} answers {bodies.query} {run.requests} times in {seconds} s; "
                    "that is too slow to be measured."
                )
            seconds *= 3
            self._seconds[cell] = seconds


def measure_warm(plan: Plan, data: Data, work: Path, tell: Tell) -> Runs:
    """Rounds over queries that a server has met before; in a round, each query on each server.

    All servers are there from the start, but only the one that is measured runs.
    Raises: DisagreementError: they do not say the same. RuntimeError: one does not work.
    """
    start = _start(data, work)
    workloads = {q: Workload(q, data.articles).rotating() for q in plan.queries}
    runs: dict[Cell, list[Run]] = {}
    meter = _Meter(plan)
    with ExitStack() as stack:
        tell("starting the servers and comparing what they say")
        servers = _servers(plan, start, workloads, stack)
        files = {
            q: write_bodies(q.name, "rotating", bodies, work) for q, bodies in workloads.items()
        }
        for number in range(plan.rounds):
            for query in plan.queries:
                for server in servers:
                    with server.awake():
                        run = meter.run(server, files[query])
                    runs.setdefault((query.name, server.name), []).append(run)
                    tell(_progress(number, plan.rounds, query, server, run))
    return runs


def measure_cold(plan: Plan, data: Data, work: Path, tell: Tell) -> Runs:
    """Rounds over documents that a server has not rendered for the query since it started.

    In each round each server is started anew. A quarter of the documents warms it up, so that
    just-in-time compilers are through with their work; then every other document is asked for
    once, one request at a time.
    """
    start = _start(data, work)
    runs: dict[Cell, list[Run]] = {}
    meter = _Meter(plan)
    workloads = {q: _split(Workload(q, data.articles).disjoint(), q, work) for q in plan.queries}
    for number in range(plan.rounds):
        for name in plan.servers:
            with running(name, start) as server:
                for query, (warm, cold) in workloads.items():
                    meter.warm_up(server, warm)
                    run = once(server, cold)
                    runs.setdefault((query.name, name), []).append(run)
                    tell(_progress(number, plan.rounds, query, server, run))
    return runs


def _start(data: Data, work: Path) -> Start:
    ready = work / "ready"
    ready.mkdir(exist_ok=True)
    return Start(data, ready, work)


def _split(bodies: Sequence[bytes], query: Query, work: Path) -> tuple[Bodies, Bodies]:
    """The bodies to warm up with, and those to measure."""
    warm = len(bodies) // _WARM_SHARE
    return (
        write_bodies(query.name, "warm", bodies[:warm], work),
        write_bodies(query.name, "cold", bodies[warm:], work),
    )


def _servers(
    plan: Plan, start: Start, workloads: Mapping[Query, Sequence[bytes]], stack: ExitStack
) -> Sequence[Server]:
    """All servers, asleep; those that execute queries were seen to agree."""
    servers: dict[str, Server] = {}
    for name in sorted(plan.servers, key=lambda name: name == CEILING):
        if name == CEILING:
            _agree(list(servers.values()), start, workloads)
        servers[name] = stack.enter_context(running(name, start))
    if CEILING not in servers:
        _agree(list(servers.values()), start, workloads)
    for server in servers.values():
        server.sleep()
    return [servers[name] for name in plan.servers]


def _agree(
    servers: Sequence[Server], start: Start, workloads: Mapping[Query, Sequence[bytes]]
) -> None:
    """Check that servers agree on some answers, and keep a typical one for the ceiling."""
    for query, bodies in workloads.items():
        some = sample(bodies, _SAMPLES)
        first, *others = servers
        expected = answers(first, query.name, some)
        for other in others:
            found = answers(other, query.name, some)
            check_same(f"{query.name}, {first.name} and {other.name}", expected, found)
        (start.ready / f"{query.name}.json").write_bytes(ready_answer(expected))


def _progress(number: int, rounds: int, query: Query, server: Server, run: Run) -> str:
    return (
        f"round {number + 1}/{rounds}  {query.name}  {server.name:<10}  "
        f"{run.per_second:>9,.1f} /s  {run.cpu_us:>9,.0f} us CPU  "
        f"load generator {run.load_share:.0%}"
    )
