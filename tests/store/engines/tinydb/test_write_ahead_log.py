"""The write-ahead log: group commit, checkpoints, recovery after a crash, and several writers."""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import (
    Batch,
    ConflictError,
    LookupKey,
    MemoryRepository,
    Repository,
    StoreCorruptError,
    StoreUnavailableError,
    TinyDBRepository,
)
from store.engines.tinydb import repository as tinydb_repository
from store.engines.tinydb.files import store_files
from store.engines.tinydb.files.storage import read_tables
from store.engines.tinydb.files.store_files import LARGE_BATCH
from store.filesystem.file_lock import lock_file
from store.repository import WriteKey
from tests.store.engines.tinydb.test_storage import held, put
from tests.support import store_strategies
from tests.support.files import file_state
from tests.support.repository_contract import ALL, make_article
from tests.support.sizes import scaled


def append(path: Path, *names: str) -> None:
    """Put articles, a batch each, without closing the store, as before a crash."""

    async def run() -> None:
        repository = TinyDBRepository.open(path)
        for name in names:
            await repository.apply(Batch(puts=(make_article(name),)))

    asyncio.run(run())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with the article "old" in its file, and "one", "two" and "three" in its log."""
    path = tmp_path / "store.json"
    put(path, make_article("old"))
    append(path, "one", "two", "three")
    return path


@pytest.fixture
def log(path: Path) -> Path:
    """The log of that store."""
    return path.with_name("store.json.log")


EVERYTHING = {"old", "one", "two", "three"}


# --- group commit ---


def test_write_appends_a_line_and_leaves_the_file_unchanged(path, log):
    """The cost of a write is proportional to its changes: the log grows by a line."""
    before, lines = file_state(path), log.read_bytes().splitlines()
    append(path, "new")
    assert file_state(path) == before
    assert log.read_bytes().splitlines()[:-1] == lines


def test_line_is_json_with_a_checksum(log):
    """People and programs can read the log and check each line."""
    for line in log.read_bytes().splitlines():
        text = line.split(b'"record":', 1)[1][:-1]
        assert json.loads(line)["crc32"] == zlib.crc32(text)
    assert json.loads(line)["record"]["puts"][0]["slug"] == "2026-01-01-three"


def test_concurrent_writers_share_a_line(path, log):
    """Group commit: batches that wait together are flushed together, each with its revision."""
    lines = len(log.read_bytes().splitlines())

    async def check() -> None:
        repository = TinyDBRepository.open(path)
        batches = [Batch(puts=(make_article(f"n{n}"),)) for n in range(20)]
        revisions = await asyncio.gather(*map(repository.apply, batches))
        assert list(revisions) == list(range(5, 25))
        ids = [make_article(f"n{n}").id for n in range(20)]
        for each in (repository, TinyDBRepository.open(path)):
            snapshot = await each.snapshot()
            assert None not in await snapshot.get_many(LookupKey.ID, ids, ALL)

    asyncio.run(check())
    assert len(log.read_bytes().splitlines()) <= lines + 2


def test_conflict_in_a_group_fails_alone(path):
    """Of concurrent writers that expect the same revision one wins. Others are not affected."""

    async def check() -> None:
        repository = TinyDBRepository.open(path)
        id = make_article("old").id
        rivals = [
            Batch(puts=(make_article("old", heat=heat),), expected={id: 1}) for heat in (1, 2, 3)
        ]
        bystander = Batch(puts=(make_article("new"),))
        won, *lost, other = await asyncio.gather(
            *map(repository.apply, [*rivals, bystander]), return_exceptions=True
        )
        assert (won, other) == (5, 6)
        assert [each.current for each in lost if isinstance(each, ConflictError)] == [5, 5]

    asyncio.run(check())


def test_batch_that_cannot_be_written_fails_alone(path):
    """Its writer gets the error. Other batches of the group are not affected."""

    async def check() -> None:
        repository = TinyDBRepository.open(path)
        articles = [
            make_article("new"),
            make_article("bad", content="\ud800"),
            make_article("also"),
        ]
        done = await asyncio.gather(
            *(repository.apply(Batch(puts=(article,))) for article in articles),
            return_exceptions=True,
        )
        assert [type(each) for each in done] == [int, UnicodeEncodeError, int]

    asyncio.run(check())
    assert set(held(path)) == EVERYTHING | {"new", "also"}


# --- checkpoints ---


def test_closing_writes_a_checkpoint(path, log):
    """After `close` the file alone holds the whole store."""
    put(path, make_article("new"))
    assert len(log.read_bytes().splitlines()) == 1
    articles = read_tables(path)["articles"].values()
    assert {json.loads(bytes(each))["title"] for each in articles} == EVERYTHING | {"new"}


def test_reader_changes_neither_file_nor_log(path, log):
    """Opening and closing without writing changes nothing on the disk."""
    before = path.read_bytes(), log.read_bytes()

    async def run() -> None:
        repository = TinyDBRepository.open(path)
        await repository.snapshot()
        await repository.close()

    asyncio.run(run())
    assert (path.read_bytes(), log.read_bytes()) == before


def test_large_log_gets_a_checkpoint(tmp_path):
    """The log stays within its bound during writes, and nothing is lost."""
    path = tmp_path / "store.json"

    async def write() -> None:
        repository = TinyDBRepository.open(path, log_bytes=4_000)
        for number in range(300):
            article = make_article("same", heat=number, content="x" * 1_000)
            await repository.apply(Batch(puts=(article,)))

    asyncio.run(write())
    assert path.with_name("store.json.log").stat().st_size < 100_000
    assert held(path)["same"].heat == 299


def test_large_batch_is_written_to_a_checkpoint(path, log):
    """A load of thousands of articles is written once, not to the log first."""

    async def write() -> None:
        repository = TinyDBRepository.open(path)
        puts = tuple(make_article(f"n{number}") for number in range(LARGE_BATCH))
        await repository.apply(Batch(puts=puts))

    asyncio.run(write())
    assert len(log.read_bytes().splitlines()) == 1
    assert len(held(path)) == LARGE_BATCH + 4


def test_batch_that_is_a_small_share_of_the_store_is_written_to_the_log(path, log, monkeypatch):
    """A checkpoint would be written, and read by all other processes, for little."""
    put(path, *(make_article(f"n{number}") for number in range(20)))
    monkeypatch.setattr(store_files, "LARGE_BATCH", 3)
    monkeypatch.setattr(store_files, "LARGE_DIVISOR", 4)
    monkeypatch.setattr(tinydb_repository, "SMALL_WRITE", 0)
    file = path.read_bytes()

    async def write(count: int) -> None:
        repository = TinyDBRepository.open(path)
        puts = tuple(make_article(f"n{number}", heat=count) for number in range(count))
        await repository.apply(Batch(puts=puts))

    asyncio.run(write(5))
    assert path.read_bytes() == file
    assert len(log.read_bytes().splitlines()) == 2
    asyncio.run(write(6))
    assert path.read_bytes() != file
    assert held(path)["n5"].heat == 6


def test_history_goes_on_over_restarts_and_checkpoints(path):
    """Changes in file and log are one history. Changes beyond its limit are a gap."""

    async def check() -> None:
        repository = TinyDBRepository.open(path, history_limit=3)
        found = await (await repository.snapshot()).changes(None, ALL)
        assert found.gap is not None
        assert [found.gap.revision, *(change.revision for change in found.changes)] == [2, 3, 4]

    asyncio.run(check())
    put(path, make_article("new"))
    kept = asyncio.run(TinyDBRepository.open(path).snapshot()).history.changes
    assert [change.revision for change in kept][2:] == [3, 4, 5]


def test_noop_put_is_found_by_its_key_in_log_and_file(path, log):
    """It survives crashes and checkpoints, and other processes see it.

    A store without such puts has the format of an earlier version.
    """
    for file in (path, log):
        assert b'"unchanged"' not in file.read_bytes()
    same = Batch(
        puts=(make_article("old"),), keys={make_article("old").id: WriteKey("k", "this.a")}
    )

    async def found() -> list[tuple[int, str]]:
        repository = TinyDBRepository.open(path)
        return [
            (change.revision, change.request_step) for change in await repository.changes_of("k")
        ]

    async def write(*, closes: bool) -> None:
        repository, other = TinyDBRepository.open(path), TinyDBRepository.open(path)
        version = (await repository.snapshot()).version
        await repository.apply(same)
        assert await other.changes_of("k") == await repository.changes_of("k") != []
        for each in (repository, other):
            assert (await each.snapshot()).version == version
        if closes:
            await repository.close()

    asyncio.run(write(closes=False))
    assert b'"unchanged"' in log.read_bytes()
    assert asyncio.run(found()) == [(1, "this.a")]
    asyncio.run(write(closes=True))
    assert len(log.read_bytes().splitlines()) == 1
    assert asyncio.run(found()) == [(1, "this.a")] * 2
    assert set(held(path)) == EVERYTHING


# --- recovery ---


def test_torn_last_line_is_cut_with_a_warning(path, log, caplog):
    """Wherever the last line was torn, all lines before it are read, and writes work."""
    whole = log.read_bytes()
    lock_file(path).unlink()  # it would say that the line was told to be safe
    start = whole.rindex(b"\n", 0, -1) + 1
    for end in (start + 1, (start + len(whole)) // 2, len(whole) - 1):
        log.write_bytes(whole[:end])
        caplog.clear()
        assert set(held(path)) == EVERYTHING - {"three"}
        assert log.read_bytes() == whole[:start]
        [record] = caplog.records
        assert record.levelno == logging.WARNING
        assert f"{end - start} bytes" in record.getMessage()
    append(path, "new")
    assert set(held(path)) == EVERYTHING - {"three"} | {"new"}


def test_last_line_with_unwritten_blocks_is_cut(path, log):
    """After a power cut a line may have holes of zeros. It was never acknowledged."""
    whole = log.read_bytes()
    lock_file(path).unlink()
    log.write_bytes(whole[:-100] + bytes(50) + whole[-50:])
    assert set(held(path)) == EVERYTHING - {"three"}


def test_line_torn_by_another_process_is_cut_by_the_next_writer(path, log):
    """A writer that dies leaves no harm to the others."""

    async def check() -> None:
        repository = TinyDBRepository.open(path)
        with log.open("ab") as file:
            file.write(b'{"crc32":1,"record":{"puts":[')
        assert (await repository.snapshot()).revision == 4
        assert await repository.apply(Batch(puts=(make_article("new"),))) == 5

    asyncio.run(check())
    assert set(held(path)) == EVERYTHING | {"new"}


@pytest.mark.parametrize("line", [1, 2, 3, 4])
def test_damaged_line_is_an_error_and_stays(path, log, line):
    """The error gives the number of the line. The log is not changed."""
    lines = log.read_bytes().splitlines(keepends=True)
    lines[line - 1] = lines[line - 1].replace(b'"', b"'", 20)
    log.write_bytes(b"".join(lines))
    with pytest.raises(StoreCorruptError, match=rf"Line {line} of .*store\.json\.log.*backup"):
        TinyDBRepository.open(path)
    assert log.read_bytes() == b"".join(lines)


def test_file_and_log_that_do_not_belong_together_are_refused(path, log):
    """A restored or removed file beside another log is an error: records may be missing."""
    backup = path.read_bytes()
    put(path, make_article("new"))
    append(path, "more")
    path.write_bytes(backup)
    with pytest.raises(StoreCorruptError, match="do not belong together"):
        TinyDBRepository.open(path)
    path.unlink()
    with pytest.raises(StoreCorruptError, match="do not belong together"):
        TinyDBRepository.open(path)
    log.unlink()
    assert held(path) == {}


def test_store_removed_with_its_log_begins_anew(path, log):
    """Without both files the store is empty, whatever other files are beside it."""
    put(path, make_article("new"))
    path.unlink()
    with pytest.raises(StoreCorruptError, match="The file is missing"):
        TinyDBRepository.open(path)
    log.unlink()
    put(path, make_article("first"))
    assert set(held(path)) == {"first"}


# --- several processes ---


def test_wait_returns_after_a_write_of_another_repository(path):
    """All tasks in `wait` are notified, whichever process writes."""

    async def check() -> None:
        one, two = TinyDBRepository.open(path), TinyDBRepository.open(path)
        waiting = asyncio.ensure_future(one.wait((await one.snapshot()).version))
        await asyncio.sleep(0)
        await two.apply(Batch(puts=(make_article("new"),)))
        assert (await asyncio.wait_for(waiting, 10)).revision == 5
        assert make_article("new").id in (await one.snapshot()).articles

    asyncio.run(check())


def test_closing_ends_waiting(path):
    """Tasks in `wait` get an error when the store is closed."""

    async def check() -> None:
        repository = TinyDBRepository.open(path)
        waiting = asyncio.ensure_future(repository.wait((await repository.snapshot()).version))
        await asyncio.sleep(0)
        await repository.close()
        with pytest.raises(StoreUnavailableError, match="closed"):
            await asyncio.wait_for(waiting, 10)

    asyncio.run(check())


def test_version_is_the_same_in_all_repositories_with_the_same_state(path):
    """A state keeps its name across a checkpoint and a restart. Other states have other names."""

    async def check() -> None:
        one, two = TinyDBRepository.open(path), TinyDBRepository.open(path)
        versions = {(await each.snapshot()).version for each in (one, two)}
        assert len(versions) == 1
        await one.apply(Batch(puts=(make_article("new"),)))
        versions.add((await two.snapshot()).version)
        assert len(versions) == 2
        await one.close()
        versions.add((await two.snapshot()).version)
        versions.add((await TinyDBRepository.open(path).snapshot()).version)
        assert len(versions) == 2

    asyncio.run(check())


KEYS = ["k1", "k2"]


async def contents(repository: Repository) -> object:
    """The whole content of a store, without times."""
    snapshot = await repository.snapshot()
    history = await snapshot.changes(None, ALL)
    return (
        snapshot.revision,
        await snapshot.counts(ALL),
        await snapshot.get_many(LookupKey.SLUG, store_strategies.SLUGS, ALL),
        [(change.revision, change.kind, change.slug) for change in history.changes],
        await repository.sources(),
        [(c.revision, c.kind, c.slug) for key in KEYS for c in await repository.changes_of(key)],
    )


def under_key(batch: Batch, key: str | None) -> Batch:
    """The batch with a key for all its articles."""
    ids = [article.id for article in batch.puts] + list(batch.deletes)
    return msgspec.structs.replace(
        batch, keys=dict.fromkeys(ids, WriteKey.parse(key)) if key else {}
    )


# Often nothing but what is there already, so that some leave nothing but their keys.
same = st.just(Batch(puts=(make_article("same"),)))
keyed = st.builds(under_key, store_strategies.batches | same, st.none() | st.sampled_from(KEYS))


steps = st.lists(
    st.tuples(st.integers(0, 2), st.lists(keyed, min_size=1, max_size=3), st.booleans()),
    max_size=6,
)


async def run_both(path: Path, steps: Sequence[tuple[int, list[Batch], bool]]) -> None:
    """Run the same steps on a store in memory and on three repositories of one file."""
    memory = MemoryRepository()
    repositories = [TinyDBRepository.open(path, log_bytes=1) for _ in range(3)]
    for place, batches, closes in steps:
        for batch in batches:
            await memory.apply(batch)
        await asyncio.gather(*map(repositories[place].apply, batches))
        if closes:
            await repositories[place].close()
            repositories[place] = TinyDBRepository.open(path, log_bytes=1)
        assert await contents(repositories[place]) == await contents(memory)
    for repository in repositories:
        assert await contents(repository) == await contents(memory)
        await repository.close()
    assert await contents(TinyDBRepository.open(path)) == await contents(memory)


@settings(deadline=None, max_examples=scaled(15, long=50))
@given(steps)
def test_repositories_on_one_file_are_one_store(steps):
    """Whichever one writes, closes and opens again, all hold the content of a single store."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run_both(Path(folder) / "store.json", steps))
