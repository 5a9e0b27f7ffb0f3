"""Explores the states in which power cuts may leave a store's files.

A run writes to a store through two repositories, in groups, and closes and reopens them, with
frequent checkpoints. `crash_disk` records the operations on its files. In each state that a power
cut may leave, the store must open without an error; hold every batch that was acknowledged before
the cut, and no part of another; be the same when it is opened again; continue the change history
after the last cursor; and accept writes. Some runs start from such a state.

`python -m tests.stress.crash_states --states 5000 --seed 1` prints its progress. The files of a
failure stay in a folder that the error names.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple
from unittest import mock

import msgspec

from gql.identity.viewer import Permission, Viewer
from gql.schema import PageSizes
from store import (
    Batch,
    MemoryRepository,
    Repository,
    SourceFile,
    TinyDBRepository,
    Visibility,
    Window,
)
from store.engines.tinydb.files import store_files
from tests.store.engines.tinydb.test_write_ahead_log import KEYS, contents, under_key
from tests.stress.crash_disk import Disk, Recording, Write, recording
from tests.support.graph_client import GraphClient
from tests.support.random_store import StoreModel, random_batch
from tests.support.repository_contract import make_article

EDITOR = Viewer({Permission.READ_DRAFTS})
STORE = "store.json"
STATES_PER_RUN = 25
_LARGE_BATCH = 3  # so that some batches go into the file at once
_SHARE_AFTER_CRASH = 0.3
_NOT_YET = 1 << 62
_SHOWN_OPERATIONS = 6
_PROGRESS_EVERY = 20
_CHANGES = """query ($after: String) { changes(after: $after, first: 100) {
  nodes { cursor kind } pageInfo { hasNextPage } } }"""
_SIZES = PageSizes(maximum=100)
_LATER_BATCH = Batch(puts=(make_article("after"),))


class CrashStateError(AssertionError):
    """A store that is wrong after a crash."""


async def full_contents(repository: Repository) -> object:
    """The whole content of a store, without times."""
    snapshot = await repository.snapshot()
    everything = Window(first=1_000)
    topics = await snapshot.topic_page(everything, Visibility.ALL)
    diagnostics = await snapshot.diagnostic_page(everything)
    return await contents(repository), list(topics.items), list(diagnostics.items)


class HistoryPosition(NamedTuple):
    """The position of a consumer of `changes` after a write.

    Attributes:
        cursor: The last cursor; None before the first change.
        revision: The revision of the store.
        names: The names of the topics.
    """

    cursor: str | None = None
    revision: int = 0
    names: Mapping[str, str] = {}

    async def read_from(self, repository: Repository) -> tuple[HistoryPosition, list[str]]:
        """The position after all changes of a repository, and the kinds of these changes."""
        graph, cursor, kinds = GraphClient(repository, viewer=EDITOR, sizes=_SIZES), self.cursor, []
        while True:
            page = (await graph.query_async(_CHANGES, after=cursor))["changes"]
            kinds += [node["kind"] for node in page["nodes"]]
            cursor = page["nodes"][-1]["cursor"] if page["nodes"] else cursor
            if not page["pageInfo"]["hasNextPage"]:
                snapshot = await repository.snapshot()
                return HistoryPosition(cursor, snapshot.revision, snapshot.topic_names), kinds


class RecordedRun(NamedTuple):
    """The recorded writes to a store.

    Attributes:
        recording: The operations on its files.
        models: The expected store at the start and after each batch.
        states: The contents of these models.
        started: The number of operations when each batch started.
        acknowledged: The number of operations when each batch was acknowledged.
        positions: Positions of a consumer, each with the number of operations, between writes.
    """

    recording: Recording
    models: list[MemoryRepository]
    states: list[object]
    started: list[int]
    acknowledged: list[int]
    positions: list[tuple[int, HistoryPosition]]

    def possible_states(self, count: int) -> range:
        """The numbers of the states that a crash after `count` operations may leave."""
        least = sum(each <= count for each in self.acknowledged)
        most = sum(each <= count for each in self.started)
        return range(least - 1, most)

    def model(self, state: object) -> MemoryRepository:
        """A copy of the model with this content."""
        return copy(self.models[self.states.index(state)])


def random_store_batch(rng: Random, store_model: StoreModel) -> Batch:
    """A random batch; some are no-ops, or only store a write key."""
    paths = [f"{rng.choice('ab')}.md" for _ in range(rng.choice([0, 0, 1]))]
    sources = tuple(SourceFile(path=p, size_bytes=rng.randrange(9), mtime_ns=1) for p in paths)
    batch = msgspec.structs.replace(
        random_batch(rng, store_model), sources=sources, removed_sources=("c.md",) if paths else ()
    )
    return under_key(batch, rng.choice([None, None, *KEYS]))


async def record_run(
    folders: tuple[Path, Path],
    rng: Random,
    model: MemoryRepository,
    history_limit: int,
    steps: int,
) -> RecordedRun:
    """Record the writes, closings and reopenings of a store, for some steps.

    `folders`: its folder, and the one for the inodes of `recording`. `model`: its content at the
    start.
    """
    folder, inodes = folders
    store_model = StoreModel()
    store_model.without_nan()
    models, states, started, acknowledged = [copy(model)], [await full_contents(model)], [0], [0]
    positions: list[tuple[int, HistoryPosition]] = []

    all_opened: list[TinyDBRepository] = []

    def opened() -> TinyDBRepository:
        log_bytes = rng.choice([1, 1, 3_000, 1 << 20])
        all_opened.append(
            TinyDBRepository.open(folder / STORE, history_limit=history_limit, log_bytes=log_bytes)
        )
        return all_opened[-1]

    with recording(folder, inodes) as record:
        repositories = [opened(), opened()]

        async def write(repository: Repository, batch: Batch) -> None:
            number = len(started)
            started.append(len(record))
            acknowledged.append(_NOT_YET)
            await repository.apply(batch)
            acknowledged[number] = len(record)

        for _ in range(steps):
            number = rng.randrange(2)
            match rng.choice(["write"] * 6 + ["close", "leave"]):
                case "write":
                    batches = [
                        random_store_batch(rng, store_model)
                        for _ in range(rng.choice([1, 1, 2, 3]))
                    ]
                    for batch in batches:
                        await model.apply(batch)
                        models.append(copy(model))
                        states.append(await full_contents(model))
                    await asyncio.gather(*(write(repositories[number], b) for b in batches))
                    last = positions[-1][1] if positions else HistoryPosition()
                    now, _ = await last.read_from(repositories[number])
                    positions.append((len(record), now))
                case "close":
                    await repositories[number].close()
                    repositories[number] = opened()
                case "leave":
                    repositories[number] = opened()
        for repository in all_opened:
            await repository.close()
        record.check()
    return RecordedRun(record, models, states, started, acknowledged, positions)


class CrashState(NamedTuple):
    """A state that a power cut leaves.

    Attributes:
        operations: The number of operations before the cut.
        kind: The kind of the cut.
        disk: The files.
    """

    operations: int
    kind: str
    disk: Disk


def crash_states(run: RecordedRun, rng: Random) -> Iterator[CrashState]:
    """Random states after power cuts: ordered, torn and unordered ones, without end."""
    record = run.recording
    writes = [n for n, each in enumerate(record.operations) if isinstance(each, Write)]
    while True:
        count = rng.randrange(len(record) + 1)
        yield CrashState(count, "in order", record.after(count))
        if writes:
            torn = rng.choice(writes)
            size = len(record.operations[torn].data)  # type: ignore[union-attr]  # a write
            torn_bytes = rng.choice([0, 1, size - 1, rng.randrange(size + 1)])
            disk = record.after(torn, max(torn_bytes, 0))
            yield CrashState(torn, f"in order, torn at byte {torn_bytes} of {size}", disk)
        for _ in range(2):
            count = rng.randrange(len(record) + 1)
            yield CrashState(count, "in no order", record.unordered_after(count, rng))


async def read_store(path: Path, history_limit: int) -> tuple[object, object]:
    """The content of a store after an open, and further values that distinguish its states."""
    repository = TinyDBRepository.open(path, history_limit=history_limit)
    content, snapshot = await full_contents(repository), await repository.snapshot()
    await repository.close()
    return content, (snapshot.definitions, snapshot.version if snapshot.revision else "")


async def check(run: RecordedRun, crash: CrashState, folder: Path, history_limit: int) -> object:
    """Check a store after a crash; returns its content. Raises: CrashStateError."""
    path = folder / STORE
    crash.disk.put(folder, run.recording.inodes)
    content, version = await read_store(path, history_limit)
    expected = run.possible_states(crash.operations)
    if not any(run.states[number] == content for number in expected):
        of = [number for number, state in enumerate(run.states) if state == content]
        raise CrashStateError(
            f"the store is in the state after batch {of or '(none)'}; expected one of {[*expected]}"
        )
    if (content, version) != await read_store(path, history_limit):
        raise CrashStateError("the store differs when it is opened again")
    # Consumers and the next writer continue from this state.
    repository = TinyDBRepository.open(path, history_limit=history_limit)
    await check_history(run, crash, repository, history_limit)
    revision = (await repository.snapshot()).revision + 1
    if await repository.apply(_LATER_BATCH) != revision:
        raise CrashStateError("the next write gets a wrong revision")
    after = await full_contents(repository)
    await repository.close()
    if (await read_store(path, history_limit))[0] != after:
        raise CrashStateError("a write after the crash is lost when the store is opened again")
    return content


async def check_history(
    run: RecordedRun, crash: CrashState, repository: Repository, history_limit: int
) -> None:
    """Check the history after the last cursor before a crash. Raises: CrashStateError."""
    before = [each for operations, each in run.positions if operations <= crash.operations]
    if not before:
        return
    now, kinds = await before[-1].read_from(repository)
    missed = now.revision - before[-1].revision
    is_retained = missed < history_limit and now.names == before[-1].names
    if is_retained and (len(kinds) != missed or "GAP" in kinds):
        raise CrashStateError(f"expected {missed} changes after a cursor: {kinds}")


class Explorer:
    """Explores crash states, run after run.

    Attributes:
        counts: The number of states by kind, of runs, operations and batches.
    """

    def __init__(self, seed: int, place: Path) -> None:
        self.counts = Counter[str]()
        self._seed = seed
        self._rng = Random(seed)
        self._place = place
        self._left: tuple[CrashState, MemoryRepository, int] | None = None

    async def explore_run(self, most: int) -> None:
        """Record a run, and check at most `most` of its crash states.

        Raises: CrashStateError, and all errors of the store, with a note that names the kept files.
        """
        rng, folder = self._rng, self._folder("run")
        history_limit, model = rng.choice([2, 10, 10_000]), None
        if self._left is not None and rng.random() < _SHARE_AFTER_CRASH:
            crash, model, history_limit = self._left
            crash.disk.put(folder, self._place / "inodes")
            self.counts["runs after a crash"] += 1
        model = model or MemoryRepository(history_limit)
        folders = folder, self._folder("inodes")
        run = await record_run(folders, rng, model, history_limit, rng.choice([4, 10, 20]))
        for crash in islice(crash_states(run, rng), min(most, STATES_PER_RUN)):
            content = await self._check(run, crash, history_limit)
            self._left = crash, run.model(content), history_limit
            self.counts["states"] += 1
            self.counts[crash.kind.partition(" at ")[0]] += 1
        self.counts["runs"] += 1
        self.counts["operations"] += len(run.recording)
        self.counts["batches"] += len(run.started) - 1

    async def _check(self, run: RecordedRun, crash: CrashState, history_limit: int) -> object:
        try:
            return await check(run, crash, self._folder("state"), history_limit)
        except Exception as error:
            kept = self._folder("failed")
            crash.disk.put(kept)
            last = run.recording.operations[: crash.operations][-_SHOWN_OPERATIONS:]
            error.add_note(
                f"Seed {self._seed}, state {self.counts['states']}, {crash.kind}: "
                f"after {crash.operations} of "
                f"{len(run.recording)} operations. Its files are in {kept}. The last: {last}"
            )
            raise

    def _folder(self, name: str) -> Path:
        """An empty folder with this name."""
        folder = self._place / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder


def explore(
    states: int, seed: int, place: Path, progress: Callable[[Counter[str]], None] = lambda _: None
) -> Counter[str]:
    """Explore a number of states, in subfolders of `place`; returns counts by kind.

    `progress` is called after each run. Raises: as `Explorer.explore_run`.
    """
    explorer = Explorer(seed, place)
    with (
        asyncio.Runner() as runner,
        mock.patch.object(store_files, "LARGE_BATCH", _LARGE_BATCH),
    ):
        while (left := states - explorer.counts["states"]) > 0:
            runner.run(explorer.explore_run(left))
            progress(explorer.counts)
    return explorer.counts


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Open the store in states that power cuts leave.")
    parser.add_argument("--states", type=int, default=5_000, help="the number of states")
    parser.add_argument("--seed", type=int, default=1, help="the seed of random choices")
    arguments = parser.parse_args()
    logging.getLogger("store").setLevel(logging.ERROR)  # it warns of torn lines
    started = time.monotonic()

    def tell(seen: Counter[str]) -> None:
        if seen["runs"] % _PROGRESS_EVERY == 0:
            print(f"{time.monotonic() - started:6.0f} s  {dict(seen)}", flush=True)

    place = Path(tempfile.mkdtemp(prefix="crash-states-"))
    seen = explore(arguments.states, arguments.seed, place, tell)
    shutil.rmtree(place)
    print(f"{time.monotonic() - started:6.0f} s  {dict(seen)}: all correct")


if __name__ == "__main__":
    main()
