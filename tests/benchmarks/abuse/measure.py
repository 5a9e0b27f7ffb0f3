"""The measuring of one kind of request, on a server of its own."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random

import msgspec

from tests.benchmarks.abuse.client import CLOSED, Client, Outcome
from tests.benchmarks.abuse.kinds import PLAIN, Kind
from tests.benchmarks.abuse.probe import probing
from tests.benchmarks.abuse.server import Server, serving

HOLD_MS, P99_MS, ACCEPTED_CPU_MS, REFUSED_CPU_MS = 50.0, 100.0, 500.0, 50.0
GROWTH_MB = 16.0
LOG_BYTES = 16_384
_WARM_UP = 200
_CPU_ATTEMPTS = 20
_STEPS = 12

Tell = Callable[[str], None]


class Row(msgspec.Struct):
    """What one kind of request of one size costs; times in milliseconds.

    Attributes:
        group: What is attacked.
        name: The kind.
        size: Of how many parts.
        code: The status, and the code of the error.
        is_refused: Whether the server did not do what it was asked to.
        attempts: How many were sent in all.
        cpu: CPU time of the server for one, the median.
        cpu_most: The most of one.
        hold: The longest time that the server left another client waiting, by its own doing.
        p50: How long another client waited for its answers, the median.
        p99: The 99th percentile.
        longest: The longest.
        rss_before: The server's memory before, in MB.
        rss_after: And after all attempts.
        sent: Bytes that one sends.
        received: Bytes of its answer.
        logged: Bytes that the server logs for one.
    """

    group: str
    name: str
    size: int
    code: str
    is_refused: bool
    attempts: int
    cpu: float
    cpu_most: float
    hold: float
    p50: float
    p99: float
    longest: float
    rss_before: float
    rss_after: float
    sent: int
    received: int
    logged: int

    def misses(self) -> list[str]:
        """The goals that it does not meet."""
        cpu = REFUSED_CPU_MS if self.is_refused else ACCEPTED_CPU_MS
        goals = {
            "hold": self.hold <= HOLD_MS,
            "CPU": self.cpu <= cpu,
            "p99": self.p99 < P99_MS,
            "RSS": not self.is_refused or self.rss_after - self.rss_before <= GROWTH_MB,
            "log": self.logged <= max(LOG_BYTES, self.sent),
            "ended": self.code != "server ended",
        }
        return [name for name, is_met in goals.items() if not is_met]


@dataclass(frozen=True)
class Plan:
    """How to measure.

    Attributes:
        store: The file of the store.
        work: A folder for the server.
        repo: The newsgraph to measure.
        seconds: How long each kind is repeated beside another client.
        attempts: How many are sent in all, where there is time for them.
        seed: What the requests are drawn by.
    """

    store: Path
    work: Path
    repo: Path
    seconds: float
    attempts: int
    seed: int


def measure(group: str, kind: Kind, plan: Plan) -> Iterator[Row]:
    """The kind at its full size; where that is refused, at the largest that is accepted, too."""
    rng = Random(f"{plan.seed} {kind.name}")
    with serving(plan.store, plan.work, plan.repo) as server:
        client = Client(server.port, server.key)
        try:
            for _ in range(_WARM_UP):
                PLAIN.attempt(client, rng, 1)
            if kind.prepare:
                kind.prepare(client, rng)
            yield (row := _row(group, kind, kind.size, _Run(server, client, rng, plan)))
            if kind.is_scaled and row.is_refused:
                size = _largest_accepted(kind, client, rng)
                if size:
                    yield _row(group, kind, size, _Run(server, client, rng, plan))
        finally:
            client.close()


@dataclass
class _Run:
    server: Server
    client: Client
    rng: Random
    plan: Plan


def _attempt(kind: Kind, size: int, client: Client, rng: Random) -> Outcome:
    try:
        return kind.attempt(client, rng, size)
    except OSError as error:
        return Outcome(f"{CLOSED}: {type(error).__name__}", True, 0, 0)


def _largest_accepted(kind: Kind, client: Client, rng: Random) -> int:
    """By bisection: the largest size that is accepted, roughly; 0 where none is."""
    low, high = 0, kind.size
    for _ in range(_STEPS):
        if high - low <= max(1, low // 50):
            break
        size = (low + high) // 2
        if _attempt(kind, size, client, rng).is_refused:
            high = size
        else:
            low = size
    if not low and not _attempt(kind, 1, client, rng).is_refused:
        return 1
    return low


def _row(group: str, kind: Kind, size: int, run: _Run) -> Row:
    server, client, rng, plan = run.server, run.client, run.rng, run.plan
    server.drain()
    rss_before, log_before = server.rss_mb, server.log_bytes
    outcome, used = _cpu(kind, size, run)
    attempts = len(used)
    logged = (server.log_bytes - log_before) // attempts  # the other client's lines come later
    with probing(server.port, server.pid) as probe:
        deadline = time.monotonic() + plan.seconds
        while time.monotonic() < deadline:
            _attempt(kind, size, client, rng)
            attempts += 1
    deadline = time.monotonic() + plan.seconds
    while attempts < plan.attempts and time.monotonic() < deadline:
        _attempt(kind, size, client, rng)
        attempts += 1
    server.drain()
    waits = probe.waits
    return Row(
        group=group,
        name=kind.name,
        size=size,
        code="server ended" if server.has_ended else outcome.code,
        is_refused=outcome.is_refused,
        attempts=attempts,
        cpu=statistics.median(used),
        cpu_most=max(used),
        hold=waits.hold,
        p50=waits.p50,
        p99=waits.p99,
        longest=waits.longest,
        rss_before=rss_before,
        rss_after=server.rss_mb,
        sent=outcome.sent,
        received=outcome.received,
        logged=logged,
    )


def _cpu(kind: Kind, size: int, run: _Run) -> tuple[Outcome, list[float]]:
    """The outcome of the last attempt, and the CPU time of each, in milliseconds.

    What the server does after the last one, for clients that await no answer, is shared by all.
    """
    used: list[float] = []
    began_s = run.server.cpu_s
    deadline = time.monotonic() + run.plan.seconds
    for number in count(1):
        before_s = run.server.cpu_s
        outcome = _attempt(kind, size, run.client, run.rng)
        used.append(max(0.0, run.server.cpu_s - before_s) * 1e3)
        if number >= _CPU_ATTEMPTS or time.monotonic() > deadline:
            break
    run.server.drain()
    later = max(0.0, (run.server.cpu_s - began_s) * 1e3 - sum(used)) / len(used)
    return outcome, [each + later for each in used]
