"""The measuring: who is asked what, in which order, how often."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.http.agreement import (
    DisagreementError,
    NotTakenError,
    answers,
    check_same,
    ready_answer,
)
from tests.benchmarks.http.data import Data
from tests.benchmarks.http.load import Bodies, Run, once, rotate, twice, write_bodies
from tests.benchmarks.http.queries import Query, Workload, sample
from tests.benchmarks.http.servers import CEILING, PEER, STRAWBERRY, Server, Start, Variant, running
from tests.benchmarks.http.writer import writing

_SAMPLES = 15
_WAVES = 5  # of as many requests as there are connections; the last one is cut off at the end
_LONGEST_S = 60
_COMPILING_S = 3
_WARM_SHARE = 4  # a quarter of the disjoint bodies

_WITHOUT_MEMORY = {CEILING, PEER, STRAWBERRY}
"""Servers to which it is all the same whether a body came before, once their code is compiled."""

Cell = tuple[str, str]
"""The names of a query and a server."""
Runs = Mapping[Cell, Sequence[Run]]
"""One run a round."""
Workloads = Mapping[str, Sequence[bytes]]
"""The bodies that rotate, by the name of the query."""
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, how often and how long.

    Attributes:
        queries: The queries, or generated operations as queries.
        servers: The names of the servers.
        rounds: How often everything is measured.
        seconds: The length of a measured run.
        connections: How many at once.
        warm_up_s: The longest warm-up before a run, which ends when each body was answered twice;
            0 for a third of `seconds`.
        samples: Of how many bodies of each query the answers are compared.
        may_skip: Whether a server may lack what a query needs, or be too slow for it; then it is
            not measured there, and the others are.
    """

    queries: Sequence[Query]
    servers: Sequence[str]
    rounds: int
    seconds: int
    connections: int
    warm_up_s: int = 0
    samples: int = _SAMPLES
    may_skip: bool = False


class _Meter:
    """Warms servers up and measures them, slow ones for longer."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._seconds: dict[Cell, int] = {}

    def warm_up(self, server: Server, bodies: Bodies) -> None:
        """Ask the same for a while before a run, without looking at the answers."""
        connections = self._plan.connections
        if not self._plan.warm_up_s:
            rotate(server, bodies, max(1, self._plan.seconds // 3), connections)
        elif server.name not in _WITHOUT_MEMORY:
            twice(server, bodies, self._plan.warm_up_s, connections)
        elif server.name != CEILING:  # it has nothing to warm
            twice(server, bodies, min(_COMPILING_S, self._plan.warm_up_s), connections)
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


def measure_warm(plan: Plan, workloads: Workloads, start: Start, tell: Tell) -> Runs:
    """Rounds over queries that a server has met before; in a round, each query on each server.

    All servers are there from the start, but only the one that is measured runs.
    Raises: DisagreementError: they do not say the same. RuntimeError: one does not work.
    """
    runs: dict[Cell, list[Run]] = {}
    meter = _Meter(plan)
    with ExitStack() as stack:
        tell("starting the servers and comparing what they say")
        servers, skipped = _servers(plan, start, workloads, stack, tell)
        for number in range(plan.rounds):
            for query in plan.queries:
                file = write_bodies(query.name, "rotating", workloads[query.name], start.logs)
                for server in servers:
                    if (query.name, server.name) in skipped:
                        continue
                    try:
                        with server.awake(), writing(server, start.data):
                            run = meter.run(server, file)
                    except RuntimeError as error:
                        if not plan.may_skip:
                            raise
                        tell(f"{query.name} failed on {server.name}: {error}")
                        continue
                    runs.setdefault((query.name, server.name), []).append(run)
                    tell(_progress(number, plan.rounds, query, server, run))
                file.file.unlink()
    return runs


def measure_cold(plan: Plan, start: Start, tell: Tell) -> Runs:
    """Rounds over documents that a server has not rendered for the query since it started.

    In each round each server is started anew. A quarter of the documents warms it up, so that
    just-in-time compilers are through with their work; then every other document is asked for
    once, one request at a time.
    """
    data, work = start.data, start.logs
    runs: dict[Cell, list[Run]] = {}
    meter = _Meter(plan)
    workloads = {
        q: _split(Workload(q, data.articles, data.cursors).disjoint(), q, work)
        for q in plan.queries
    }
    for number in range(plan.rounds):
        for name in plan.servers:
            with running(name, start) as server:
                for query, (warm, cold) in workloads.items():
                    meter.warm_up(server, warm)
                    run = once(server, cold)
                    runs.setdefault((query.name, name), []).append(run)
                    tell(_progress(number, plan.rounds, query, server, run))
    return runs


def make_start(
    data: Data,
    work: Path,
    settings: Mapping[str, str] | None = None,
    variants: Mapping[str, Variant] | None = None,
) -> Start:
    """The inputs of the servers, in a working folder."""
    ready = work / "ready"
    ready.mkdir(exist_ok=True)
    return Start(data, ready, work, settings or {}, variants or {})


def _split(bodies: Sequence[bytes], query: Query, work: Path) -> tuple[Bodies, Bodies]:
    """The bodies to warm up with, and those to measure."""
    warm = len(bodies) // _WARM_SHARE
    return (
        write_bodies(query.name, "warm", bodies[:warm], work),
        write_bodies(query.name, "cold", bodies[warm:], work),
    )


def _servers(
    plan: Plan, start: Start, workloads: Workloads, stack: ExitStack, tell: Tell
) -> tuple[Sequence[Server], frozenset[Cell]]:
    """All servers, asleep, after their answers were compared; and the cells to leave out."""
    servers: dict[str, Server] = {}
    skipped: frozenset[Cell] = frozenset()
    for name in sorted(plan.servers, key=lambda name: name == CEILING):
        if name == CEILING:
            skipped = _agree(plan, list(servers.values()), start, workloads, tell)
        servers[name] = stack.enter_context(running(name, start))
    if CEILING not in servers:
        skipped = _agree(plan, list(servers.values()), start, workloads, tell)
    for server in servers.values():
        server.sleep()
    return [servers[name] for name in plan.servers], skipped


def _agree(
    plan: Plan, servers: Sequence[Server], start: Start, workloads: Workloads, tell: Tell
) -> frozenset[Cell]:
    """Check that servers agree on some answers, and keep a typical one for the ceiling.

    Returns the cells of queries that a server does not take.
    Raises: DisagreementError: names every query in question.
    """
    skipped: set[Cell] = set()
    faults: list[str] = []
    for query in plan.queries:
        try:
            skipped |= _agree_on(plan, query, servers, start, workloads[query.name])
        except DisagreementError as error:
            faults.append(str(error))
    if faults:
        raise DisagreementError("\n".join(faults))
    for name, server in sorted(skipped):
        tell(f"{server} does not take {name}")
    return frozenset(skipped)


def _agree_on(
    plan: Plan, query: Query, servers: Sequence[Server], start: Start, bodies: Sequence[bytes]
) -> frozenset[Cell]:
    """The same for one query."""
    some = sample(bodies, plan.samples)
    first, *others = servers
    expected = answers(first, query.name, some)
    (start.ready / f"{query.name}.json").write_bytes(ready_answer(expected))
    skipped = set()
    for other in others:
        try:
            found = answers(other, query.name, some)
        except NotTakenError as error:
            if not plan.may_skip:
                raise DisagreementError(str(error)) from None
            skipped.add((query.name, other.name))
        else:
            check_same(f"{query.name}, {first.name} and {other.name}", expected, found)
    return frozenset(skipped)


def _progress(number: int, rounds: int, query: Query, server: Server, run: Run) -> str:
    return (
        f"round {number + 1}/{rounds}  {query.name}  {server.name:<10}  "
        f"{run.per_second:>9,.1f} /s  {run.cpu_us:>9,.0f} us CPU  "
        f"load generator {run.load_share:.0%}"
    )
