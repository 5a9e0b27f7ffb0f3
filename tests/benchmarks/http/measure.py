"""The measurements: rounds over queries and servers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.http.data import Data
from tests.benchmarks.http.load import (
    BodyFile,
    LoadRun,
    send_once,
    send_repeatedly,
    send_twice,
    write_bodies,
)
from tests.benchmarks.http.queries import BenchmarkQuery, Workload, sample
from tests.benchmarks.http.response_check import (
    DisagreementError,
    UnsupportedQueryError,
    check_equal,
    fetch_data,
    typical_response,
)
from tests.benchmarks.http.servers import (
    CEILING,
    PEER,
    STRAWBERRY,
    BenchmarkServer,
    ServerInputs,
    Variant,
    run_server,
)
from tests.benchmarks.http.writer import background_writes

_SAMPLES = 15
_WAVES = 5  # of as many requests as there are connections; the last one is cut off at the end
_LONGEST_S = 60
_COMPILING_S = 3
_WARM_SHARE = 4  # a quarter of the disjoint bodies

_WITHOUT_CACHES = {CEILING, PEER, STRAWBERRY}
"""Servers without caches, which are as fast on new bodies once their code is compiled."""

Cell = tuple[str, str]
"""The names of a query and a server."""
Runs = Mapping[Cell, Sequence[LoadRun]]
"""One run a round."""
Workloads = Mapping[str, Sequence[bytes]]
"""The bodies that rotate, by the name of the query."""
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BenchmarkPlan:
    """The plan of a benchmark.

    Attributes:
        queries: The queries, or generated operations as queries.
        servers: The names of the servers.
        rounds: The number of rounds.
        seconds: The length of a measured run.
        connections: The number of connections.
        warm_up_s: The longest warm-up before a run, which ends when each body was sent twice;
            0 for a third of `seconds`.
        samples: The number of bodies of each query whose responses are compared.
        may_skip: Whether a server may not support a query, or be too slow for it; then that
            measurement is skipped.
    """

    queries: Sequence[BenchmarkQuery]
    servers: Sequence[str]
    rounds: int
    seconds: int
    connections: int
    warm_up_s: int = 0
    samples: int = _SAMPLES
    may_skip: bool = False


class _Meter:
    """Warms up servers and measures them, slow ones for longer."""

    def __init__(self, plan: BenchmarkPlan) -> None:
        self._plan = plan
        self._seconds: dict[Cell, int] = {}

    def warm_up(self, server: BenchmarkServer, bodies: BodyFile) -> None:
        """Send requests before a run, and ignore the responses."""
        connections = self._plan.connections
        if not self._plan.warm_up_s:
            send_repeatedly(server, bodies, max(1, self._plan.seconds // 3), connections)
        elif server.name not in _WITHOUT_CACHES:
            send_twice(server, bodies, self._plan.warm_up_s, connections)
        elif server.name != CEILING:  # it has nothing to warm
            send_twice(server, bodies, min(_COMPILING_S, self._plan.warm_up_s), connections)
        server.drain()

    def run(self, server: BenchmarkServer, bodies: BodyFile) -> LoadRun:
        """A run after a warm-up, long enough that requests cut off at its end do not matter."""
        self.warm_up(server, bodies)
        cell = (bodies.query, server.name)
        seconds = self._seconds.get(cell, self._plan.seconds)
        while True:
            run = send_repeatedly(server, bodies, seconds, self._plan.connections)
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


def measure_warm(
    plan: BenchmarkPlan, workloads: Workloads, inputs: ServerInputs, progress: Progress
) -> Runs:
    """Rounds over queries with warm caches; in a round, each query on each server.

    All servers run from the start, but all except the measured one are suspended.
    Raises: DisagreementError: their responses differ. RuntimeError: one fails.
    """
    runs: dict[Cell, list[LoadRun]] = {}
    meter = _Meter(plan)
    with ExitStack() as stack:
        progress("starting the servers and comparing what they say")
        servers, skipped = _start_servers(plan, inputs, workloads, stack, progress)
        for number in range(plan.rounds):
            for query in plan.queries:
                for server in servers:
                    if (query.name, server.name) in skipped:
                        continue
                    bodies = server.variant.bodies(workloads[query.name])
                    file = write_bodies(query.name, "rotating", bodies, inputs.logs)
                    try:
                        with server.resumed(), background_writes(server, inputs.data):
                            run = meter.run(server, file)
                    except RuntimeError as error:
                        if not plan.may_skip:
                            raise
                        progress(f"{query.name} failed on {server.name}: {error}")
                        continue
                    runs.setdefault((query.name, server.name), []).append(run)
                    progress(_progress(number, plan.rounds, query, server, run))
                    file.file.unlink()
    return runs


def measure_cold(plan: BenchmarkPlan, inputs: ServerInputs, progress: Progress) -> Runs:
    """Rounds over documents that are not in a server's caches.

    In each round each server is restarted. A quarter of the documents warms up just-in-time
    compilers; then every other document is requested once, one request at a time.
    """
    data, work = inputs.data, inputs.logs
    runs: dict[Cell, list[LoadRun]] = {}
    meter = _Meter(plan)
    workloads = {
        q: _split(Workload(q, data.articles, data.cursors).disjoint(), q, work)
        for q in plan.queries
    }
    for number in range(plan.rounds):
        for name in plan.servers:
            with run_server(name, inputs) as server:
                for query, (warm, cold) in workloads.items():
                    meter.warm_up(server, warm)
                    run = send_once(server, cold)
                    runs.setdefault((query.name, name), []).append(run)
                    progress(_progress(number, plan.rounds, query, server, run))
    return runs


def make_inputs(
    data: Data,
    work: Path,
    settings: Mapping[str, str] | None = None,
    variants: Mapping[str, Variant] | None = None,
) -> ServerInputs:
    """The inputs of the servers, in a working folder."""
    ready = work / "ready"
    ready.mkdir(exist_ok=True)
    return ServerInputs(data, ready, work, settings or {}, variants or {})


def _split(bodies: Sequence[bytes], query: BenchmarkQuery, work: Path) -> tuple[BodyFile, BodyFile]:
    """The bodies for the warm-up, and those to measure."""
    warm = len(bodies) // _WARM_SHARE
    return (
        write_bodies(query.name, "warm", bodies[:warm], work),
        write_bodies(query.name, "cold", bodies[warm:], work),
    )


def _start_servers(
    plan: BenchmarkPlan,
    inputs: ServerInputs,
    workloads: Workloads,
    stack: ExitStack,
    progress: Progress,
) -> tuple[Sequence[BenchmarkServer], frozenset[Cell]]:
    """All servers, suspended after the check of their responses, and the cells to skip."""
    servers: dict[str, BenchmarkServer] = {}
    skipped: frozenset[Cell] = frozenset()
    for name in sorted(plan.servers, key=lambda name: name == CEILING):
        if name == CEILING:
            skipped = _compare_responses(plan, list(servers.values()), inputs, workloads, progress)
        servers[name] = stack.enter_context(run_server(name, inputs))
    if CEILING not in servers:
        skipped = _compare_responses(plan, list(servers.values()), inputs, workloads, progress)
    for server in servers.values():
        server.suspend()
    return [servers[name] for name in plan.servers], skipped


def _compare_responses(
    plan: BenchmarkPlan,
    servers: Sequence[BenchmarkServer],
    inputs: ServerInputs,
    workloads: Workloads,
    progress: Progress,
) -> frozenset[Cell]:
    """Check that the servers agree, and save a typical response for the ceiling.

    Returns the cells of unsupported queries.
    Raises: DisagreementError: names every such query.
    """
    skipped: set[Cell] = set()
    faults: list[str] = []
    for query in plan.queries:
        try:
            skipped |= _compare_query(plan, query, servers, inputs, workloads[query.name])
        except DisagreementError as error:
            faults.append(str(error))
    if faults:
        raise DisagreementError("\n".join(faults))
    for name, server in sorted(skipped):
        progress(f"{server} does not take {name}")
    return frozenset(skipped)


def _compare_query(
    plan: BenchmarkPlan,
    query: BenchmarkQuery,
    servers: Sequence[BenchmarkServer],
    inputs: ServerInputs,
    bodies: Sequence[bytes],
) -> frozenset[Cell]:
    """The same for one query."""
    some = sample(bodies, plan.samples)
    first, *others = servers
    expected = fetch_data(first, query.name, some)
    (inputs.ready / f"{query.name}.json").write_bytes(typical_response(expected))
    skipped = set()
    for other in others:
        try:
            found = fetch_data(other, query.name, other.variant.bodies(some))
        except UnsupportedQueryError as error:
            if not plan.may_skip:
                raise DisagreementError(str(error)) from None
            skipped.add((query.name, other.name))
        else:
            check_equal(f"{query.name}, {first.name} and {other.name}", expected, found)
    return frozenset(skipped)


def _progress(
    number: int, rounds: int, query: BenchmarkQuery, server: BenchmarkServer, run: LoadRun
) -> str:
    return (
        f"round {number + 1}/{rounds}  {query.name}  {server.name:<10}  "
        f"{run.per_second:>9,.1f} /s  {run.cpu_us:>9,.0f} us CPU  "
        f"load generator {run.load_share:.0%}"
    )
