"""The measurement of an attack, on a server of its own."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random

import msgspec

from tests.benchmarks.abuse.attack_client import CLOSED, AttackClient, AttackResult
from tests.benchmarks.abuse.attacks import PLAIN, Attack
from tests.benchmarks.abuse.probe import run_probe
from tests.benchmarks.abuse.server import AttackedServer, run_server

HOLD_MS, P99_MS, ACCEPTED_CPU_MS, REFUSED_CPU_MS = 50.0, 100.0, 500.0, 50.0
GROWTH_MB = 16.0
LOG_BYTES = 16_384
_WARM_UP = 200
_CPU_ATTEMPTS = 20
_STEPS = 12

Progress = Callable[[str], None]


class Measurement(msgspec.Struct):
    """The cost of an attack at one size; times in milliseconds.

    Attributes:
        group: The group of the attack.
        name: The name of the attack.
        size: The number of its parts.
        code: The status code, and the code of the error.
        is_refused: Whether the server refused it.
        attempts: The number of requests.
        cpu: CPU time of the server for a request, the median.
        cpu_most: The maximum.
        hold: The longest time for which the server blocked the probe and used the CPU.
        p50: The wait of the probe, the median.
        p99: The 99th percentile.
        longest: The maximum.
        rss_before: The resident set before, in MB.
        rss_after: The resident set after all requests, in MB.
        sent: The size of a request, in bytes.
        received: The size of its response, in bytes.
        logged: Bytes that the server logs for a request.
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
        """The missed goals."""
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
class MeasureOptions:
    """The options of a measurement.

    Attributes:
        store: The file of the store.
        work: The folder of the server.
        repo: The checkout to measure.
        seconds: How long each attack runs beside the probe.
        attempts: The number of requests, if there is time for them.
        seed: The seed of the requests.
    """

    store: Path
    work: Path
    repo: Path
    seconds: float
    attempts: int
    seed: int


def measure(group: str, attack: Attack, options: MeasureOptions) -> Iterator[Measurement]:
    """Measure the full size of an attack and, if that is refused, the largest accepted size."""
    rng = Random(f"{options.seed} {attack.name}")
    with run_server(options.store, options.work, options.repo) as server:
        client = AttackClient(server.port, server.key)
        try:
            for _ in range(_WARM_UP):
                PLAIN.attempt(client, rng, 1)
            if attack.prepare:
                attack.prepare(client, rng)
            yield (
                row := _measure_size(
                    group, attack, attack.size, _Target(server, client, rng, options)
                )
            )
            if attack.is_scaled and row.is_refused:
                size = _largest_accepted(attack, client, rng)
                if size:
                    yield _measure_size(group, attack, size, _Target(server, client, rng, options))
        finally:
            client.close()


@dataclass
class _Target:
    server: AttackedServer
    client: AttackClient
    rng: Random
    options: MeasureOptions


def _try(attack: Attack, size: int, client: AttackClient, rng: Random) -> AttackResult:
    try:
        return attack.attempt(client, rng, size)
    except OSError as error:
        return AttackResult(f"{CLOSED}: {type(error).__name__}", True, 0, 0)


def _largest_accepted(attack: Attack, client: AttackClient, rng: Random) -> int:
    """The largest accepted size, roughly, by bisection; 0 if there is none."""
    low, high = 0, attack.size
    for _ in range(_STEPS):
        if high - low <= max(1, low // 50):
            break
        size = (low + high) // 2
        if _try(attack, size, client, rng).is_refused:
            high = size
        else:
            low = size
    if not low and not _try(attack, 1, client, rng).is_refused:
        return 1
    return low


def _measure_size(group: str, attack: Attack, size: int, run: _Target) -> Measurement:
    server, client, rng, options = run.server, run.client, run.rng, run.options
    server.drain()
    rss_before, log_before = server.rss_mb, server.log_bytes
    outcome, used = _measure_cpu(attack, size, run)
    attempts = len(used)
    logged = (server.log_bytes - log_before) // attempts  # the other client's lines come later
    with run_probe(server.port, server.pid) as probe:
        deadline = time.monotonic() + options.seconds
        while time.monotonic() < deadline:
            _try(attack, size, client, rng)
            attempts += 1
    deadline = time.monotonic() + options.seconds
    while attempts < options.attempts and time.monotonic() < deadline:
        _try(attack, size, client, rng)
        attempts += 1
    server.drain()
    waits = probe.waits
    return Measurement(
        group=group,
        name=attack.name,
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


def _measure_cpu(attack: Attack, size: int, run: _Target) -> tuple[AttackResult, list[float]]:
    """The result of the last request, and the CPU time of each, in milliseconds.

    Work that the server does after the last response is shared among all.
    """
    used: list[float] = []
    began_s = run.server.cpu_s
    deadline = time.monotonic() + run.options.seconds
    for number in count(1):
        before_s = run.server.cpu_s
        outcome = _try(attack, size, run.client, run.rng)
        used.append(max(0.0, run.server.cpu_s - before_s) * 1e3)
        if number >= _CPU_ATTEMPTS or time.monotonic() > deadline:
            break
    run.server.drain()
    later = max(0.0, (run.server.cpu_s - began_s) * 1e3 - sum(used)) / len(used)
    return outcome, [each + later for each in used]
