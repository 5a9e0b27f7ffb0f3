"""Explores what power cuts may leave of a store's files, and opens the store in each such state.

A life is a store that is written to, in groups and by two repositories, closed and opened again,
while its file takes in the log all the time. `crash_disk` records what that does to the files. In
each state that a cut may leave, the store has to open without an error; to hold every batch that
was acknowledged before the cut, and of others whole ones only; to be opened once more as the same;
to tell who followed `changes` till then what came after the last cursor; and to be written to. Some
lives begin in a state that a cut has left.

`python -m tests.stress.crash_states --states 5000 --seed 1` explores so many states, and says how
far it is. What fails is kept in a folder that the error names.
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
STATES_OF_A_LIFE = 25
_LARGE_BATCH = 3  # so that some batches go into the file at once
_SHARE_AFTER_A_CUT = 0.3
_NEVER = 1 << 62
_SHOWN = 6
_TELL_EVERY = 20
_CHANGES = """query ($after: String) { changes(after: $after, first: 100) {
  nodes { cursor kind } pageInfo { hasNextPage } } }"""
_SIZES = PageSizes(maximum=100)
_AFTER = Batch(puts=(make_article("after"),))


class CrashStateError(AssertionError):
    """A state in which the store is not what it has to be."""


async def contents_of(repository: Repository) -> object:
    """Everything that a store says, but for times."""
    snapshot = await repository.snapshot()
    everything = Window(first=1_000)
    topics = await snapshot.topic_page(everything, Visibility.ALL)
    diagnostics = await snapshot.diagnostic_page(everything)
    return await contents(repository), list(topics.items), list(diagnostics.items)


class Followed(NamedTuple):
    """Where somebody who follows `changes` was once a batch was acknowledged.

    Attributes:
        cursor: The last one; None where nothing had happened.
        revision: The store's.
        names: What topics were called.
    """

    cursor: str | None = None
    revision: int = 0
    names: Mapping[str, str] = {}

    async def on(self, repository: Repository) -> tuple[Followed, list[str]]:
        """Where the same one is now, and the kinds of changes that it was told till then."""
        graph, cursor, kinds = GraphClient(repository, viewer=EDITOR, sizes=_SIZES), self.cursor, []
        while True:
            page = (await graph.query_async(_CHANGES, after=cursor))["changes"]
            kinds += [node["kind"] for node in page["nodes"]]
            cursor = page["nodes"][-1]["cursor"] if page["nodes"] else cursor
            if not page["pageInfo"]["hasNextPage"]:
                snapshot = await repository.snapshot()
                return Followed(cursor, snapshot.revision, snapshot.topic_names), kinds


class Life(NamedTuple):
    """What became of a store.

    Attributes:
        recording: What was done to its files.
        models: What it had to be in the beginning and after each batch, in their order.
        states: What these say.
        begun: How many operations there were when each batch was begun.
        acknowledged: How many there were when it was acknowledged.
        followed: Where a follower was after how many operations, when no batch was on its way.
    """

    recording: Recording
    models: list[MemoryRepository]
    states: list[object]
    begun: list[int]
    acknowledged: list[int]
    followed: list[tuple[int, Followed]]

    def may_be(self, count: int) -> range:
        """As after which batches the store may be after a cut behind so many operations."""
        least = sum(each <= count for each in self.acknowledged)
        most = sum(each <= count for each in self.begun)
        return range(least - 1, most)

    def model(self, state: object) -> MemoryRepository:
        """A store in memory that says this."""
        return copy(self.models[self.states.index(state)])


def some_batch(rng: Random, world: StoreModel) -> Batch:
    """Something to write; some of it changes nothing, or leaves only its key."""
    paths = [f"{rng.choice('ab')}.md" for _ in range(rng.choice([0, 0, 1]))]
    sources = tuple(SourceFile(path=p, size_bytes=rng.randrange(9), mtime_ns=1) for p in paths)
    batch = msgspec.structs.replace(
        random_batch(rng, world), sources=sources, removed_sources=("c.md",) if paths else ()
    )
    return under_key(batch, rng.choice([None, None, *KEYS]))


async def live(
    recorded: tuple[Path, Path],
    rng: Random,
    model: MemoryRepository,
    history_limit: int,
    steps: int,
) -> Life:
    """The life of a store, of so many groups of writes, closings and openings.

    `recorded`: its folder, and where `recording` keeps inodes. `model`: what it is in the
    beginning.
    """
    folder, inodes = recorded
    world = StoreModel()
    world.without_nan()
    models, states, begun, acknowledged = [copy(model)], [await contents_of(model)], [0], [0]
    followed: list[tuple[int, Followed]] = []

    ever: list[TinyDBRepository] = []

    def opened() -> TinyDBRepository:
        log_bytes = rng.choice([1, 1, 3_000, 1 << 20])
        ever.append(
            TinyDBRepository.open(folder / STORE, history_limit=history_limit, log_bytes=log_bytes)
        )
        return ever[-1]

    with recording(folder, inodes) as made:
        repositories = [opened(), opened()]

        async def write(repository: Repository, batch: Batch) -> None:
            number = len(begun)
            begun.append(len(made))
            acknowledged.append(_NEVER)
            await repository.apply(batch)
            acknowledged[number] = len(made)

        for _ in range(steps):
            place = rng.randrange(2)
            match rng.choice(["write"] * 6 + ["close", "leave"]):
                case "write":
                    batches = [some_batch(rng, world) for _ in range(rng.choice([1, 1, 2, 3]))]
                    for batch in batches:
                        await model.apply(batch)
                        models.append(copy(model))
                        states.append(await contents_of(model))
                    await asyncio.gather(*(write(repositories[place], b) for b in batches))
                    last = followed[-1][1] if followed else Followed()
                    now, _ = await last.on(repositories[place])
                    followed.append((len(made), now))
                case "close":
                    await repositories[place].close()
                    repositories[place] = opened()
                case "leave":
                    repositories[place] = opened()
        for repository in ever:
            await repository.close()
        made.check()
    return Life(made, models, states, begun, acknowledged, followed)


class Cut(NamedTuple):
    """A state that a power cut leaves: after how many operations, in words, and the disk."""

    place: int
    kind: str
    disk: Disk


def cuts(life: Life, rng: Random) -> Iterator[Cut]:
    """States that cuts leave, one more often in order, the next in none, without an end."""
    made = life.recording
    writes = [n for n, each in enumerate(made.operations) if isinstance(each, Write)]
    while True:
        count = rng.randrange(len(made) + 1)
        yield Cut(count, "in order", made.after(count))
        if writes:
            torn = rng.choice(writes)
            size = len(made.operations[torn].data)  # type: ignore[union-attr]  # a write
            torn_bytes = rng.choice([0, 1, size - 1, rng.randrange(size + 1)])
            disk = made.after(torn, max(torn_bytes, 0))
            yield Cut(torn, f"in order, torn at byte {torn_bytes} of {size}", disk)
        for _ in range(2):
            count = rng.randrange(len(made) + 1)
            yield Cut(count, "in no order", made.left_after(count, rng))


async def said(path: Path, history_limit: int) -> tuple[object, object]:
    """What a store says when it is opened; and by what else its states are told apart."""
    repository = TinyDBRepository.open(path, history_limit=history_limit)
    found, snapshot = await contents_of(repository), await repository.snapshot()
    await repository.close()
    return found, (snapshot.definitions, snapshot.version if snapshot.revision else "")


async def check(life: Life, cut: Cut, folder: Path, history_limit: int) -> object:
    """What the store says in the state of a cut, once it is held to what it has to be.

    Raises: CrashStateError.
    """
    path = folder / STORE
    cut.disk.put(folder, life.recording.inodes)
    found, whole = await said(path, history_limit)
    expected = life.may_be(cut.place)
    if not any(life.states[number] == found for number in expected):
        of = [number for number, state in enumerate(life.states) if state == found]
        raise CrashStateError(
            f"the store is as after batch {of or 'none of all'}, and has to be as after one of "
            f"{[*expected]}"
        )
    if (found, whole) != await said(path, history_limit):
        raise CrashStateError("opened again, the store is another")
    # Whatever the cut has left, followers and the next writer go on from it.
    repository = TinyDBRepository.open(path, history_limit=history_limit)
    await check_followed(life, cut, repository, history_limit)
    revision = (await repository.snapshot()).revision + 1
    if await repository.apply(_AFTER) != revision:
        raise CrashStateError("the store does not go on from where it is")
    after = await contents_of(repository)
    await repository.close()
    if (await said(path, history_limit))[0] != after:
        raise CrashStateError("what is written after the cut is not there when it is opened again")
    return found


async def check_followed(life: Life, cut: Cut, repository: Repository, history_limit: int) -> None:
    """Hold to the last cursor that was given before a cut. Raises: CrashStateError."""
    before = [each for operations, each in life.followed if operations <= cut.place]
    if not before:
        return
    now, kinds = await before[-1].on(repository)
    missed = now.revision - before[-1].revision
    is_known = missed < history_limit and now.names == before[-1].names
    if is_known and (len(kinds) != missed or "GAP" in kinds):
        raise CrashStateError(f"of {missed} changes after a cursor {kinds} are told")


class Explorer:
    """Explores states, life after life.

    Attributes:
        seen: How many states there were, by kind, of how many lives.
    """

    def __init__(self, seed: int, place: Path) -> None:
        self.seen = Counter[str]()
        self._seed = seed
        self._rng = Random(seed)
        self._place = place
        self._left: tuple[Cut, MemoryRepository, int] | None = None

    async def one_life(self, most: int) -> None:
        """Let a store live, and open it in at most so many states.

        Raises: CrashStateError, and whatever the store raises: its state is kept then, and named.
        """
        rng, folder = self._rng, self._folder("life")
        history_limit, model = rng.choice([2, 10, 10_000]), None
        if self._left is not None and rng.random() < _SHARE_AFTER_A_CUT:
            cut, model, history_limit = self._left
            cut.disk.put(folder, self._place / "inodes")
            self.seen["lives after a cut"] += 1
        model = model or MemoryRepository(history_limit)
        recorded = folder, self._folder("inodes")
        life = await live(recorded, rng, model, history_limit, rng.choice([4, 10, 20]))
        for cut in islice(cuts(life, rng), min(most, STATES_OF_A_LIFE)):
            found = await self._checked(life, cut, history_limit)
            self._left = cut, life.model(found), history_limit
            self.seen["states"] += 1
            self.seen[cut.kind.partition(" at ")[0]] += 1
        self.seen["lives"] += 1
        self.seen["operations"] += len(life.recording)
        self.seen["batches"] += len(life.begun) - 1

    async def _checked(self, life: Life, cut: Cut, history_limit: int) -> object:
        try:
            return await check(life, cut, self._folder("state"), history_limit)
        except Exception as error:
            kept = self._folder("failed")
            cut.disk.put(kept)
            last = life.recording.operations[: cut.place][-_SHOWN:]
            error.add_note(
                f"Seed {self._seed}, state {self.seen['states']}, {cut.kind}: after {cut.place} of "
                f"{len(life.recording)} operations. Its files are in {kept}. The last: {last}"
            )
            raise

    def _folder(self, name: str) -> Path:
        """An empty folder of this name."""
        folder = self._place / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder


def explore(
    states: int, seed: int, place: Path, progress: Callable[[Counter[str]], None] = lambda _: None
) -> Counter[str]:
    """Explore so many states, in folders of a place; how many there were, by kind.

    `progress` is told after each life. Raises: as `Explorer.one_life`.
    """
    explorer = Explorer(seed, place)
    with (
        asyncio.Runner() as runner,
        mock.patch.object(store_files, "LARGE_BATCH", _LARGE_BATCH),
    ):
        while (left := states - explorer.seen["states"]) > 0:
            runner.run(explorer.one_life(left))
            progress(explorer.seen)
    return explorer.seen


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Open the store in states that power cuts leave.")
    parser.add_argument("--states", type=int, default=5_000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="where chance begins")
    arguments = parser.parse_args()
    logging.getLogger("store").setLevel(logging.ERROR)  # torn lines are what this is about
    started = time.monotonic()

    def tell(seen: Counter[str]) -> None:
        if seen["lives"] % _TELL_EVERY == 0:
            print(f"{time.monotonic() - started:6.0f} s  {dict(seen)}", flush=True)

    place = Path(tempfile.mkdtemp(prefix="crash-states-"))
    seen = explore(arguments.states, arguments.seed, place, tell)
    shutil.rmtree(place)
    print(f"{time.monotonic() - started:6.0f} s  {dict(seen)}: all as they have to be")


if __name__ == "__main__":
    main()
