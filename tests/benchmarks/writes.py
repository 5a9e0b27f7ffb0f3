"""The cost of durable writes, also for concurrent readers: `python -m tests.benchmarks.writes`.

Each round measures everything once, and medians over the rounds are printed, so that a slow moment
of the machine affects all alike. Writers put articles, a batch each; a line of the baseline loops
is as long as a record of the log. Another process requests reads, a snapshot and a page of 20 each,
over a connection, as clients do; like the server's protocol, the read runs as soon as its request
arrives. No read waits for the one before, nor for a timer of the loop, which is the one that the
server runs on. The store is pinned to one core, and the reader to another.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import struct
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Sequence
from itertools import count
from pathlib import Path

import msgspec
import uvloop

from gql import gc_tuning
from gql.composition.app import shorten_switch_interval
from gql.executor.execution import run_sync
from store import ArticleQuery, Batch, Snapshot, TinyDBRepository, Visibility, Window, topic_filter
from store.model import Article
from tests.benchmarks.http.servers import LOAD_CORE, SERVER_CORE
from tests.benchmarks.store import articles

_ROUND_S = 2.0
_WRITES_PER_S = 1_000
_READER_PROCESS = """
import socket, struct, sys, time
with socket.create_connection(("127.0.0.1", int(sys.argv[2]))) as server:
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    until = time.monotonic() + float(sys.argv[1])
    while time.monotonic() < until:
        time.sleep(0.001)
        server.sendall(struct.pack("d", time.monotonic()))
"""
_SENT_AT = struct.Struct("d")
_PAGE = ArticleQuery(Window(first=20), topic_filter("tides"), with_total=True)
_NUMBERS = count(1)
_LOADS = {f"32 writers at {_WRITES_PER_S:,}/s": _WRITES_PER_S, "32 writers": 0}
"""Under what load reads are measured: writes a second, 0 for as many as can be."""


class Measurements:
    """Measurements by name, in the order of the first ones."""

    def __init__(self) -> None:
        self._taken: dict[str, list[float]] = defaultdict(list)

    def add(self, name: str, value: float) -> None:
        """Add a measurement."""
        self._taken[name].append(value)

    def median(self, name: str) -> float:
        """The median of the measurements with a name."""
        return statistics.median(self._taken[name])

    def show(self) -> None:
        """Print the medians."""
        for name, values in self._taken.items():
            low, high = min(values), max(values)
            print(f"{name:<58} {self.median(name):10,.2f}   ({low:,.2f} to {high:,.2f})")


async def _write(
    repository: TinyDBRepository,
    corpus: Sequence[Article],
    until: float,
    start: float,
    every_s: float,
) -> int:
    """One writer, which puts changed articles at a limited rate; returns the number of writes."""
    written = 0
    while time.perf_counter() < until:
        if every_s:
            await asyncio.sleep(start + written * every_s - time.perf_counter())
        await _put(repository, corpus)
        written += 1
    return written


async def _put(repository: TinyDBRepository, corpus: Sequence[Article]) -> None:
    number = next(_NUMBERS)
    article = corpus[number * 7919 % len(corpus)]
    await repository.apply(Batch(puts=(msgspec.structs.replace(article, heat=number),)))


async def _writes_per_s(
    repository: TinyDBRepository, corpus: Sequence[Article], writers: int, rate: float = 0
) -> float:
    """The rate of several writers, unlimited or limited to a common rate."""
    start = time.perf_counter()
    until, every_s = start + _ROUND_S, writers / rate if rate else 0
    starts = (start + number * every_s / writers for number in range(writers))
    done = await asyncio.gather(
        *(_write(repository, corpus, until, begin, every_s) for begin in starts)
    )
    return sum(done) / (time.perf_counter() - start)


class _ReadProtocol(asyncio.Protocol):
    """Runs requested reads, and records their latencies in milliseconds."""

    def __init__(self, repository: TinyDBRepository) -> None:
        self.taken: list[float] = []
        self.lost = asyncio.get_running_loop().create_future()
        self._repository = repository
        self._waiting: set[asyncio.Task[None]] = set()

    def data_received(self, data: bytes) -> None:
        """Read at once if the newest state is in memory."""
        for (sent_at,) in _SENT_AT.iter_unpack(data):
            snapshot = self._repository.current()
            read = self._read(sent_at, snapshot)
            if snapshot is not None:
                run_sync(read)
            else:
                self._waiting.add(asyncio.ensure_future(read))

    async def _read(self, sent_at: float, snapshot: Snapshot | None) -> None:
        snapshot = snapshot or await self._repository.snapshot()
        await snapshot.pages([_PAGE], Visibility.PUBLISHED)
        self.taken.append((time.monotonic() - sent_at) * 1e3)

    def connection_lost(self, error: Exception | None) -> None:
        """The client has disconnected."""
        self.lost.set_result(error)


async def _reads(repository: TinyDBRepository) -> list[float]:
    reader = _ReadProtocol(repository)
    server = await asyncio.get_running_loop().create_server(lambda: reader, "127.0.0.1")
    async with server:
        port = server.sockets[0].getsockname()[1]
        asking = await asyncio.create_subprocess_exec(
            *("taskset", "-c", str(LOAD_CORE)),
            *(sys.executable, "-c", _READER_PROCESS, str(_ROUND_S - 0.1), str(port)),
        )
        await reader.lost
        await asking.wait()
    return reader.taken


async def _measure_reads(
    figures: Measurements,
    name: str,
    repository: TinyDBRepository,
    load: Awaitable[float] | None = None,
) -> None:
    reading = asyncio.create_task(_reads(repository))
    if load:
        figures.add(f"durable writes, {name}, read (documents/s)", await load)
    taken = sorted(await reading)
    figures.add(f"read, {name}, p50 (ms)", taken[len(taken) // 2])
    figures.add(f"read, {name}, p99 (ms)", taken[len(taken) * 99 // 100])


def _appends_per_s(path: Path, line_bytes: int, grouped: int) -> float:
    """Lines per second that a baseline loop makes durable, several with each flush."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    lines = b"x" * line_bytes * grouped
    done, start = 0, time.perf_counter()
    while time.perf_counter() < start + _ROUND_S / 2:
        os.write(handle, lines)
        os.fdatasync(handle)
        done += grouped
    took = time.perf_counter() - start
    os.close(handle)
    path.unlink()
    return done / took


def _open_s(path: Path) -> float:
    start = time.perf_counter()
    TinyDBRepository.open(path)
    return time.perf_counter() - start


async def _wait_for_checkpoint(repository: TinyDBRepository, corpus: Sequence[Article]) -> None:
    """Wait for a pending checkpoint, so that it does not disturb the next measurement."""
    while repository._files.checkpoints.is_due(repository._position):
        await _put(repository, corpus)
        if repository._checkpoints.task is not None:
            await asyncio.wait((repository._checkpoints.task,))


async def _round(
    figures: Measurements, repository: TinyDBRepository, corpus: Sequence[Article], folder: Path
) -> None:
    size = len(msgspec.json.encode(corpus[0])) + 250
    for grouped in (1, 32):
        figures.add(
            f"bare append + flush, {grouped} a flush (lines/s)",
            await asyncio.to_thread(_appends_per_s, folder / "bare", size, grouped),
        )
    for writers in (1, 32):
        figures.add(
            f"durable writes, {writers} writers (documents/s)",
            await _writes_per_s(repository, corpus, writers),
        )
    await _wait_for_checkpoint(repository, corpus)
    await _measure_reads(figures, "idle", repository)
    for name, rate in _LOADS.items():
        await _wait_for_checkpoint(repository, corpus)
        load = _writes_per_s(repository, corpus, 32, rate)
        await _measure_reads(figures, name, repository, load)
    await _wait_for_checkpoint(repository, corpus)
    figures.add("open, with the log as it is (s)", await asyncio.to_thread(_open_s, folder / "s"))


async def _measure(documents: int, rounds: int, folder: Path) -> None:
    corpus = articles(documents)
    repository = TinyDBRepository.open(folder / "s")
    await repository.apply(Batch(puts=tuple(corpus)))
    gc_tuning.freeze_and_enable()
    shorten_switch_interval()
    figures = Measurements()
    for _ in range(rounds):
        await _round(figures, repository, corpus, folder)
    await repository.close()
    figures.add("open, with an empty log (s)", await asyncio.to_thread(_open_s, folder / "s"))
    figures.show()
    for grouped in (1, 32):
        bare = figures.median(f"bare append + flush, {grouped} a flush (lines/s)")
        share = figures.median(f"durable writes, {grouped} writers (documents/s)") / bare
        print(f"{f'share of the bare loop, {grouped} a flush':<58} {share:10.2f}")
    for name in _LOADS:
        loaded, idle = (figures.median(f"read, {each}, p99 (ms)") for each in (name, "idle"))
        print(f"{f'p99 of reads, {name} / idle':<58} {loaded / idle:10.2f}")


def main() -> None:
    """Print a table of the costs on this machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many articles")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to keep the store while measuring")
    given = parser.parse_args()
    os.sched_setaffinity(0, {SERVER_CORE})
    print(f"{given.count:,} articles, Python {platform.python_version()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        uvloop.run(_measure(given.count, given.rounds, Path(folder)))


if __name__ == "__main__":
    main()
