"""Pauses of a server's event loop while its store changes: a table of gaps.

`python -m tests.benchmarks.pauses --data DIR [--articles 100000] [--json FILE] [--where]`

A probe on the loop reads two pages each millisecond, one by date and one by heat, and records how
long it waited for each turn. These gaps contain all that blocks the loop: its own work, threads
that hold the interpreter lock, and other processes on the machine. Of each gap, `own` is the part
that this process caused: at most the CPU time that it used meanwhile, and at most the gap without
the time in which the loop's thread waited for a core. The row `nothing runs` shows the noise of the
machine. `--where` also prints what ran in long gaps, and `--only imports` measures only rows with
that word.

The folder of documents in DIR is generated once; each run starts with a `newsgraph load` of it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import platform
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cache, partial
from itertools import count, islice
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import msgspec
import uvloop

from gql import gc_tuning
from gql.composition.app import shorten_switch_interval
from gql.executor.execution import run_sync
from gql.folder_watcher import FolderWatcher
from store import (
    ArticleQuery,
    DocumentWriter,
    FolderLoader,
    LoadReport,
    OrderField,
    OrderStep,
    TinyDBRepository,
    Visibility,
    Window,
    topic_filter,
)
from tests.benchmarks.corpus import documents, write_corpus

_EVERY_S = 0.001
_IDLE_S = 5.0
_CHANGED = 1_000
_IMPORTS, _IMPORTED = 40, 100
_PUTS_S = 10.0
_LONG_MS = 8.0
_BY_HEAT = (OrderStep(OrderField.HEAT),)
_PAGES = (
    ArticleQuery(Window(first=20), topic_filter("tides"), with_total=True),
    ArticleQuery(Window(first=20), order=_BY_HEAT),
)
_NUMBERS = count(1)
_NEW = "_news/imported"


class Gap(NamedTuple):
    """The wait of the probe for a turn, in milliseconds.

    Attributes:
        wall: In wall time.
        own: The part that this process caused.
    """

    wall: float
    own: float


def _long_and_often(each: tuple[str, int]) -> tuple[bool, int]:
    return not each[0].startswith(">"), -each[1]


class PauseRow(msgspec.Struct):
    """The measurements during one activity; gaps in milliseconds."""

    name: str
    took_s: float
    cpu_s: float
    done: int
    turns: int
    over_8: int
    over_20: int
    longest: float
    own_over_8: int
    own_over_20: int
    own_longest: float
    where: dict[str, int]

    @classmethod
    def of(cls, name: str, took: _ClockReading, done: int, probe: LoopProbe) -> PauseRow:
        """The row of a probe's measurements."""
        gaps = probe.gaps
        walls = [gap.wall for gap in gaps]
        owns = [gap.own for gap in gaps]
        return cls(
            name=name,
            took_s=took.wall,
            cpu_s=took.used,
            done=done,
            turns=len(gaps),
            over_8=sum(ms > 8 for ms in walls),
            over_20=sum(ms > 20 for ms in walls),
            longest=max(walls, default=0),
            own_over_8=sum(ms > 8 for ms in owns),
            own_over_20=sum(ms > 20 for ms in owns),
            own_longest=max(owns, default=0),
            where=dict(sorted(probe.where.items(), key=_long_and_often)[:12]),
        )

    def line(self) -> str:
        """The row as text."""
        return (
            f"{self.name:<44} {self.took_s:7.2f} {self.cpu_s:6.2f} {self.done:6,} {self.turns:7,} "
            f"{self.over_8:6,} {self.over_20:6,} {self.longest:8.1f} "
            f"{self.own_over_8:6,} {self.own_over_20:6,} {self.own_longest:8.1f}"
        )


_HEAD = (
    f"{'while':<44} {'took s':>7} {'CPU s':>6} {'done':>6} {'turns':>7} "
    f"{'> 8 ms':>6} {'> 20':>6} {'longest':>8} {'own> 8':>6} {'> 20':>6} {'longest':>8}"
)


class _ClockReading(NamedTuple):
    """A reading of clocks, or the difference of two, in seconds.

    Attributes:
        wall: Wall time.
        used: CPU time of this process.
        waited: The time for which the calling thread waited for a core.
    """

    wall: float
    used: float
    waited: float

    @classmethod
    def now(cls) -> _ClockReading:
        """The current reading."""
        waited_ns = 0
        with suppress(OSError):  # not on Linux
            waited_ns = int(os.pread(_schedstat(), 100, 0).split()[1])
        return cls(time.perf_counter(), time.process_time(), waited_ns / 1e9)

    def since(self, before: _ClockReading) -> _ClockReading:
        """The difference to an earlier reading."""
        return _ClockReading(*(now - then for now, then in zip(self, before, strict=True)))

    def gap(self, before: _ClockReading) -> Gap:
        """The gap since an earlier reading."""
        wall, used, waited = self.since(before)
        return Gap(wall * 1e3, max(0.0, min(used, wall - waited)) * 1e3)


@cache
def _schedstat() -> int:
    """https://docs.kernel.org/scheduler/sched-stats.html"""
    return os.open("/proc/thread-self/schedstat", os.O_RDONLY | os.O_CLOEXEC)


class LoopProbe:
    """Takes a turn of the loop each millisecond, as a reader of the repository."""

    def __init__(self, repository: TinyDBRepository) -> None:
        self.gaps: list[Gap] = []
        self.where: Counter[str] = Counter()
        self._repository = repository
        self._last = _ClockReading.now()
        self._runs = False
        self._collects_since = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure until the block ends."""
        self.gaps, self.where, self._runs = [], Counter(), True
        self._last = _ClockReading.now()
        self._turn()
        try:
            yield
        finally:
            self._turn()
            self._runs = False

    def _turn(self) -> None:
        if not self._runs:
            return
        now = _ClockReading.now()
        self.gaps.append(now.gap(self._last))
        self._last = now
        self.read()
        asyncio.get_running_loop().call_later(_EVERY_S, self._turn)

    def read(self) -> None:
        """Read as the server does if the newest state is in memory."""
        if snapshot := self._repository.current():
            for page in run_sync(snapshot.pages(_PAGES, Visibility.PUBLISHED)):
                assert len(list(page.items)) == 20

    def record_collection(self, phase: str, info: dict[str, int]) -> None:
        """Record a long run of the garbage collector. For `gc.callbacks`."""
        now = time.thread_time()
        if phase == "start":
            self._collects_since = now
        elif (now - self._collects_since) * 1e3 > _LONG_MS:
            self.where[f"garbage collector, generation {info['generation']}"] += 1

    def sample_stack(self, _number: int, frame: FrameType | None) -> None:
        """Record the running code if the next turn is late. A signal handler."""
        own = _ClockReading.now().gap(self._last).own
        if self._runs and own > _LONG_MS:
            for other in sys._current_frames().values():
                if place := _innermost_lines(frame if other is sys._getframe() else other):
                    self.where[f"{'> 20 ms: ' if own > 20 else ''}{place}"] += 1


def _innermost_lines(frame: FrameType | None) -> str | None:
    """The innermost frames of a thread in the store or the server."""
    found: list[str] = []
    while frame is not None and len(found) < 3:
        code = frame.f_code
        if "/store/" in code.co_filename or "/gql/" in code.co_filename:
            name = code.co_filename.rpartition("/")[2]
            if (code.co_name, name) != ("_work", "worker_thread.py"):
                found.append(f"{name}:{frame.f_lineno} {code.co_name}")
        frame = frame.f_back
    return " < ".join(found) or None


class _ServedFolder:
    """A served folder and the activities that change it."""

    def __init__(self, folder: Path, store: Path, repository: TinyDBRepository) -> None:
        self.folder = folder
        self.store = store
        self.repository = repository
        self.loader = FolderLoader(repository, folder)
        self.writer = DocumentWriter(repository, folder)
        self.paths = sorted(
            path for path in (folder / "_news").rglob("*.md") if _NEW not in path.as_posix()
        )
        self.slugs = [path.stem for path in self.paths]
        self.new = documents(_IMPORTS * _IMPORTED // 2, seed=2)
        self._reports: asyncio.Queue[LoadReport | None] = asyncio.Queue()

    def change_files(self) -> None:
        """Edit `_CHANGED` files all over the folder."""
        step = len(self.paths) // _CHANGED or 1
        for path in self.paths[next(_NUMBERS) % step :: step][:_CHANGED]:
            path.write_text(_edited_text(path), encoding="utf-8")

    async def idle(self, for_s: float) -> int:
        """Do nothing."""
        await asyncio.sleep(for_s)
        return 0

    async def load(self) -> int:
        """A load, as `--watch` does each minute."""
        return (await self.loader.load()).read

    async def load_elsewhere(self) -> int:
        """`newsgraph load` of changed files by another process, while this one serves."""
        await asyncio.to_thread(self.change_files)
        await asyncio.to_thread(_load, self.folder, self.store)
        await self.repository.snapshot()
        return _CHANGED

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Watch the folder, as `--watch` does."""
        watcher = FolderWatcher(
            self.folder,
            FolderLoader(self.repository, self.folder),
            self.repository,
            lock_file=self.store.with_name("watch"),
            on_reload=self._reports.put_nowait,
        )
        async with watcher.running():
            await self._reports.get()  # of the first look at all files
            yield

    async def edits(self) -> int:
        """Edit files while the folder is watched, until all were loaded."""
        await asyncio.to_thread(self.change_files)
        read = 0
        while read < _CHANGED:
            report = await self._reports.get()
            read += report.read if report else 0
        return read

    async def imports(self) -> int:
        """Imports without pause; half of the documents are new, with dates between others."""
        for number in range(_IMPORTS):
            await self.writer.import_documents(await asyncio.to_thread(self._documents, number))
        return _IMPORTS

    def _documents(self, number: int) -> list[tuple[str, str]]:
        half = _IMPORTED // 2
        new = [(f"{_NEW}/{Path(path).name}", text) for path, text in islice(self.new, half)]
        known = self.paths[number * half * 7 :: len(self.paths) // half or 1][:half]
        return [*new, *((p.relative_to(self.folder).as_posix(), _edited_text(p)) for p in known)]

    async def puts(self, callers: int) -> int:
        """Single puts without pause, by several callers."""
        until = time.perf_counter() + _PUTS_S
        return sum(await asyncio.gather(*(self._put(until) for _ in range(callers))))

    async def _put(self, until: float) -> int:
        done = 0
        while time.perf_counter() < until:
            number = next(_NUMBERS)
            await self.writer.put(
                {"heat": number}, slug=self.slugs[number * 7919 % len(self.slugs)]
            )
            done += 1
        return done

    async def checkpoint(self) -> int:
        """A checkpoint of the log that earlier writes have filled."""
        await self.repository._checkpoints.run(self.repository._position)
        return 1

    async def close(self) -> int:
        """The shutdown of the server."""
        await self.repository.close()
        return 1


def _edited_text(path: Path) -> str:
    """The text of a document with another heat."""
    lines = path.read_text(encoding="utf-8").split("\n")
    at = next(i for i, line in enumerate(lines) if line.startswith("heat:"))
    lines[at] = f"heat: {next(_NUMBERS)}"
    return "\n".join(lines)


def _load(folder: Path, store: Path) -> None:
    command = [sys.executable, "-m", "gql", "load", str(folder), "--store", str(store)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class _PauseTable:
    """The rows, each measured and printed."""

    def __init__(self, probe: LoopProbe, only: str, *, where: bool) -> None:
        self.rows: list[PauseRow] = []
        self._probe = probe
        self._only = only
        self._where = where

    async def measure(self, name: str, run: Callable[[], Awaitable[int]]) -> None:
        """Measure the gaps during an activity, which returns a count."""
        if self._only not in name:
            return
        started = _ClockReading.now()
        with self._probe.running():
            done = await run()
        row = PauseRow.of(name, _ClockReading.now().since(started), done, self._probe)
        self.rows.append(row)
        print(row.line(), flush=True)
        if self._where:
            for place, times in row.where.items():
                print(f"    {times:5} {place}", flush=True)


async def _measure(folder: Path, store: Path, only: str, *, where: bool) -> list[PauseRow]:
    gc_tuning.disable_collector()
    repository = TinyDBRepository.open(store)
    site = _ServedFolder(folder, store, repository)
    await site.load()
    gc_tuning.freeze_and_enable()
    shorten_switch_interval()
    probe = LoopProbe(repository)
    table = _PauseTable(probe, only, where=where)
    if where:
        signal.signal(signal.SIGALRM, probe.sample_stack)
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
        gc.callbacks.append(probe.record_collection)
    print(_HEAD)
    await table.measure("an order is made, as at a start", partial(site.idle, 0.5))
    probe.read()  # so that no other row has it
    await table.measure("nothing runs", partial(site.idle, _IDLE_S))
    await table.measure("a look at all files, none changed", site.load)
    async with site.watched():
        await table.measure(f"{_CHANGED:,} changed files, --watch", site.edits)
    await table.measure(f"{_IMPORTS} imports of {_IMPORTED}, with a folder", site.imports)
    for callers in (1, 32):
        await table.measure(f"puts, {callers} callers, with a folder", partial(site.puts, callers))
    await table.measure("a checkpoint", site.checkpoint)
    await table.measure(f"{_CHANGED:,} changed files, newsgraph load", site.load_elsewhere)
    await site.puts(1)
    await table.measure("close", site.close)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return table.rows


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--data", type=Path, required=True, help="where to keep the documents")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--only", default="", help="measure the rows with this in their names")
    parser.add_argument("--where", action="store_true", help="also what ran in gaps over 8 ms")
    given = parser.parse_args()
    folder, store = given.data / f"folder-{given.articles}", given.data / f"{given.articles}.json"
    if not folder.is_dir():
        write_corpus(folder, given.articles)
    shutil.rmtree(folder / _NEW, ignore_errors=True)
    _load(folder, store)
    print(
        f"{given.articles:,} articles, Python {platform.python_version()}, {os.cpu_count()} cores"
    )
    rows = uvloop.run(_measure(folder, store, given.only, where=given.where))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak_mb:,.0f} MB")
    if given.json:
        given.json.write_bytes(msgspec.json.encode({"peak_mb": peak_mb, "rows": rows}))


if __name__ == "__main__":
    main()
