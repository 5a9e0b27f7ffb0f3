"""The cost of an operation in the executors: `python -m tests.benchmarks.executor`.

The queries of the HTTP benchmark over the generated corpus, in three modes: compiled with a warm
row cache, compiled with a cold one, and on graphql-core. In the first and the last mode, requests
rotate; in the second, no document is requested twice. Medians of alternating rounds, minimum and
maximum in parentheses, in process time.

Then the same queries over thousands of values, plain and beside a writer that changes the heat of
an article ten times a second: between two writes come as many requests as a server responds to in a
tenth of a second, if everything except the executor takes `OVERHEAD_US`. The share is that of the
rate.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Sequence
from itertools import count, cycle, islice
from pathlib import Path

import msgspec
import orjson

from gql.executor import CompiledExecutor
from gql.http import DocumentLimits, Executor, GraphQLRequest, ReferenceExecutor
from gql.identity.viewer import PUBLIC
from gql.schema import Context, PageSizes, build_schema
from store import Snapshot, TinyDBRepository
from store.concurrency.cooperative import run_to_end
from store.engines.indexed.snapshot import IndexedSnapshot
from tests.benchmarks.http.data import Data, make_data
from tests.benchmarks.http.queries import QUERIES, BenchmarkQuery, Workload

MIB = 1 << 20
SCHEMA = build_schema()
SIZES = PageSizes(20, 1_000)
ROUNDS = 9
ADMISSION_REQUESTS = 3  # times: a result is kept at the second, what stands around it at the third
WARM, COLD, REFERENCE = 200, 20, 5  # requests a round
MODES = ("warm", "cold", "reference")
OVERHEAD_US = 35
WRITES_PER_S = 10
WRITES = 10  # a round


class ExecutorBenchmark:
    """A query, its requests, and the executors."""

    def __init__(self, query: BenchmarkQuery, data: Data, snapshot: Snapshot) -> None:
        workload = Workload(query, data.articles, data.cursors)
        self.query = query
        self.snapshot = snapshot
        self.rotating = _requests(workload.rotating()[:WARM])
        self.fresh = workload.disjoint()[:COLD]
        self.reference = ReferenceExecutor(SCHEMA, DocumentLimits())
        self.compiled = compiled_executor(self.reference)

    async def prepare(self) -> None:
        """Check that both executors agree, and fill the row cache."""
        for request in self.rotating * ADMISSION_REQUESTS:
            await self.compiled(request, self.context())
        for request in self.rotating[:3]:
            results = [
                await mode(request, self.context()) for mode in (self.compiled, self.reference)
            ]
            assert results[0].executor == "compiled", self.query.name
            assert results[0].body == results[1].body, self.query.name

    def context(self) -> Context:
        """The context of a public request."""
        return Context(self.snapshot, PUBLIC, SIZES)

    async def round(self, mode: str) -> float:
        """Microseconds per request of a round."""
        if mode == "warm":
            return await self.timed(self.compiled, self.rotating)
        if mode == "reference":
            return await self.timed(self.reference, self.rotating[:REFERENCE])
        fresh = compiled_executor(ReferenceExecutor(SCHEMA, DocumentLimits()))
        first, *rest = _requests(self.fresh)
        await fresh(first, self.context())  # compiles the plan, which is measured apart
        return await self.timed(fresh, rest)

    async def timed(self, execute: Executor, requests: Sequence[GraphQLRequest]) -> float:
        """Microseconds of process time per request."""
        start = time.process_time()
        for request in requests:
            await execute(request, self.context())
        return (time.process_time() - start) / len(requests) * 1e6

    def compile(self) -> float:
        """Milliseconds to compile the plan of a parsed and validated document."""
        reference = ReferenceExecutor(SCHEMA, DocumentLimits())
        reference.get_document(self.query.text)
        compiled, [request] = compiled_executor(reference), _requests(self.fresh[:1])
        start = time.process_time()
        assert compiled.compiled_query(request, PUBLIC) is not None
        return (time.process_time() - start) * 1e3


class WriteLoadBenchmark:
    """A query over thousands of values, on a store that a writer changes."""

    def __init__(self, query: BenchmarkQuery, data: Data, snapshot: IndexedSnapshot) -> None:
        self.query = query
        self.articles = data.articles
        self.snapshot = snapshot
        compiled = compiled_executor(ReferenceExecutor(SCHEMA, DocumentLimits()))
        requests = _requests(Workload(query, data.articles, data.cursors).rotating())
        self._executor = compiled  # which has the plans
        self._runs = [
            ready.run for each in requests if (ready := compiled.sync_query(each, PUBLIC))
        ]
        assert len(self._runs) == len(requests), query.name
        self._rotating = cycle(self._runs)
        self._numbers = count(1)
        for run in self._runs * ADMISSION_REQUESTS:
            run(snapshot)

    def plain(self) -> float:
        """Microseconds per request without a writer, after the last write is revalidated."""
        self._timed(len(self._runs))
        return self._timed(len(self._runs)) / len(self._runs) * 1e6

    def written(self, plain_us: float) -> float:
        """Microseconds per request beside the writer."""
        between = round(1e6 / WRITES_PER_S / (OVERHEAD_US + plain_us))
        taken_s = 0.0
        for _ in range(WRITES):
            self._write()
            taken_s += self._timed(between)
        return taken_s / between / WRITES * 1e6

    def _timed(self, requests: int) -> float:
        snapshot = self.snapshot
        start = time.process_time()
        for run in islice(self._rotating, requests):
            assert run(snapshot) is not None, self.query.name
        return time.process_time() - start

    def _write(self) -> None:
        number, old = next(self._numbers), self.snapshot
        id = self.articles[number * 7919 % len(self.articles)].id
        changed = msgspec.structs.replace(old.articles[id], heat=number % 500)
        steps = old.derive({id: changed}, old.definitions, old.diagnostics, old.history)
        self.snapshot = run_to_end(steps)


def compiled_executor(reference: ReferenceExecutor) -> CompiledExecutor:
    """An executor with an empty row cache; plans belong to the reference's documents."""
    return CompiledExecutor(reference, SIZES, row_cache_bytes=128 * MIB)


def _requests(bodies: Sequence[bytes]) -> list[GraphQLRequest]:
    decoded = [orjson.loads(body) for body in bodies]
    return [GraphQLRequest(query=each["query"], variables=each["variables"]) for each in decoded]


def _row(name: str, cells: Sequence[str]) -> None:
    print(f"{name:<6}" + "".join(f"{cell:>25}" for cell in cells), flush=True)


def _format(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{statistics.median(values):,.0f} ({low:,.0f}-{high:,.0f})"


def _precise(values: Sequence[float]) -> str:
    return f"{statistics.median(values):,.1f} ({min(values):,.1f}-{max(values):,.1f})"


async def measure(data: Data, rounds: int) -> None:
    """Print a row for each query."""
    repository = TinyDBRepository.open(data.store)
    benches = [
        ExecutorBenchmark(query, data, await repository.snapshot()) for query in QUERIES.values()
    ]
    for bench in benches:
        await bench.prepare()
    timings: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for bench in benches:
            for mode in MODES:
                timings.setdefault((bench.query.name, mode), []).append(await bench.round(mode))
    _row("", [*(f"{mode}, us" for mode in MODES), "plan, ms"])
    for bench in benches:
        cells = [_format(timings[bench.query.name, mode]) for mode in MODES]
        compiled = statistics.median(bench.compile() for _ in range(rounds))
        _row(bench.query.name, [*cells, f"{compiled:.2f}"])
    measure_written(data, benches[0].snapshot, rounds)
    await repository.close()


def measure_written(data: Data, snapshot: Snapshot, rounds: int) -> None:
    """Print for each query the share of its rate that a writer leaves."""
    assert isinstance(snapshot, IndexedSnapshot)
    _row("", ["plain, us", "beside a writer, us", "share of the rate"])
    for query in QUERIES.values():
        bench = WriteLoadBenchmark(query, data, snapshot)
        plain, written, shares = [], [], []
        for _ in range(rounds):
            plain.append(bench.plain())
            written.append(bench.written(plain[-1]))
            shares.append(100 * (OVERHEAD_US + plain[-1]) / (OVERHEAD_US + written[-1]))
        snapshot = bench.snapshot  # a second write to one state would begin a new structure
        _row(query.name, [_precise(plain), _precise(written), f"{_format(shares)} %"])


def main() -> None:
    """Print the costs on this machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many articles")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of which the median counts")
    parser.add_argument("--folder", type=Path, help="where to keep the corpus between runs")
    given = parser.parse_args()
    print(f"{given.count:,} articles, Python {platform.python_version()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        asyncio.run(measure(make_data(folder, given.count), given.rounds))


if __name__ == "__main__":
    main()
