"""Faults of processes and disks: all acknowledged writes survive."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from store import Batch, OutcomeUnknownError, StoreUnavailableError, TinyDBRepository
from store.engines.changes import HISTORY_LIMIT
from store.filesystem import atomic_file
from store.model import ChangeKind
from tests.store.engines.tinydb.test_storage import files_of_at_most, held, put
from tests.support.repository_contract import ALL, make_article, without_revision
from tests.support.store_writer import WRITERS, pair

KILLS = 50


@contextmanager
def helper(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Another process on a store; see `store_writer`."""
    command = [sys.executable, "-m", "tests.support.store_writer", *arguments]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        yield process


def answer(process: subprocess.Popen[str], line: str) -> str:
    """The response of a process to a line."""
    assert process.stdin
    assert process.stdout
    print(line, file=process.stdin, flush=True)
    return process.stdout.readline()


async def assert_whole(path: Path, acknowledged: dict[int, int]) -> None:
    """Check that acknowledged pairs or later ones are there, whole, and the history fits."""
    repository = TinyDBRepository.open(path)
    snapshot = await repository.snapshot()
    found = {article.title: article for article in snapshot.articles.values()}
    for writer in range(WRITERS):
        one, other = (found.get(f"{writer}-{side}") for side in "ab")
        number = one.heat if one else 0
        assert number >= acknowledged.get(writer, 0)
        assert not number or (without_revision(one), without_revision(other)) == pair(
            writer, number
        )
    history = await snapshot.changes(None, ALL, HISTORY_LIMIT)
    revisions = [change.revision for change in history.changes]
    assert revisions == list(range(revisions[0], snapshot.revision + 1))
    last = {change.id: change for change in history.changes if change.kind is ChangeKind.PUT}
    assert all(last[id].revision == a.revision for id, a in snapshot.articles.items() if id in last)


def test_killed_under_load_loses_nothing_that_was_acknowledged(tmp_path):
    """A process that is killed during writes and checkpoints loses no acknowledged write."""
    path = tmp_path / "store.json"
    chance = random.Random(5)
    acknowledged: dict[int, int] = {}
    with helper("load", str(path)) as process:
        for _ in range(KILLS):
            line = f"{chance.randint(1, 150)} {chance.uniform(0, 0.02)}"
            said = json.loads(answer(process, line))
            acknowledged |= {int(writer): int(number) for writer, number in said.items()}
            asyncio.run(assert_whole(path, acknowledged))
    assert set(acknowledged) == set(range(WRITERS))
    assert sum(acknowledged.values()) > KILLS


def test_two_processes_that_count_lose_no_count(tmp_path):
    """Concurrent increments in two processes are all counted."""
    path = tmp_path / "store.json"
    put(path, make_article("old"))
    with helper("count", str(path), "60") as one, helper("count", str(path), "60") as two:
        for process in (one, two):
            assert answer(process, "go when you are ready") == "ready\n"
        assert [process.wait(timeout=60) for process in (one, two)] == [0, 0]
    assert held(path)["counter"].heat == 120


def test_full_disk_in_a_group_is_everyones_error_and_nobodys_loss(tmp_path):
    """If the log is full, every writer of the group gets an error; later the store continues."""
    path = tmp_path / "store.json"
    put(path, make_article("old"))

    async def check() -> None:
        repository = TinyDBRepository.open(path)
        batches = [Batch(puts=(make_article(f"n{n}", content="x" * 500),)) for n in range(5)]
        size_bytes = path.with_name("store.json.log").stat().st_size
        with files_of_at_most(size_bytes + 1_000):
            done = await asyncio.gather(*map(repository.apply, batches), return_exceptions=True)
        assert [type(each) for each in done] == [StoreUnavailableError] * 5
        assert "raise the limit" in str(done[0])
        assert (await repository.snapshot()).revision == 1
        assert await asyncio.gather(*map(repository.apply, batches)) == [2, 3, 4, 5, 6]

    asyncio.run(check())
    assert set(held(path)) == {"old", *(f"n{n}" for n in range(5))}


def test_full_disk_in_a_checkpoint_loses_nothing(tmp_path, caplog):
    """If a checkpoint fails, the log keeps the writes, and closing reports it."""
    path = tmp_path / "store.json"
    put(path, *(make_article(f"n{n}") for n in range(20)))

    async def check() -> None:
        repository = TinyDBRepository.open(path)
        await repository.apply(Batch(puts=(make_article("new"),)))
        with files_of_at_most(path.stat().st_size // 2):
            await repository.close()

    before = path.read_bytes()
    asyncio.run(check())
    [warning] = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert "Nothing is lost" in warning.getMessage()
    assert path.read_bytes() == before
    assert "new" in held(path)
    put(path, make_article("next"))
    assert {"new", "next"} <= set(held(path))


def test_flush_that_fails_is_no_acknowledgement(tmp_path, monkeypatch):
    """A write whose flush failed is an error, and is not there afterwards."""
    path = tmp_path / "store.json"
    put(path, make_article("old"))

    log_inode = path.with_name("store.json.log").stat().st_ino
    write = os.write

    def fail(handle: int, data: bytes) -> int:
        written = write(handle, data)
        if os.fstat(handle).st_ino == log_inode:  # it is in the file, but perhaps not on the disk
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return written

    async def check() -> None:
        repository = TinyDBRepository.open(path)
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", fail)
            with pytest.raises(StoreUnavailableError, match=r"Input/output error\. Look at"):
                await repository.apply(Batch(puts=(make_article("new"),)))
        assert (await repository.snapshot()).revision == 1
        found = (await TinyDBRepository.open(path).snapshot()).articles
        assert [article.title for article in found.values()] == ["old"]
        assert await repository.apply(Batch(puts=(make_article("next"),))) == 2

    asyncio.run(check())
    assert set(held(path)) == {"old", "next"}


def fail(*_: object, **__: object) -> None:
    """As a broken disk does."""
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def write_whole(patch: pytest.MonkeyPatch) -> None:
    """Let every batch go into the store's file, as large ones do."""
    patch.setattr("store.engines.tinydb.files.store_files.LARGE_BATCH", 0)
    patch.setattr("store.engines.tinydb.repository.SMALL_WRITE", -1)


def unknown_then_next(path: Path, patch: pytest.MonkeyPatch, module: Any, name: str) -> set[str]:
    """The titles after a write with an unknown outcome, and after another one."""

    async def check() -> set[str]:
        repository = TinyDBRepository.open(path)
        with patch.context() as broken:
            broken.setattr(module, name, fail)
            with pytest.raises(OutcomeUnknownError, match=r"It is not known .* Idempotency-Key"):
                await repository.apply(Batch(puts=(make_article("new"),)))
        await repository.apply(Batch(puts=(make_article("next"),)))
        return {a.title for a in (await repository.snapshot()).articles.values()}

    seen = asyncio.run(check())
    assert seen == set(held(path))
    return seen


def test_file_that_the_disk_does_not_confirm_is_an_unknown_outcome(tmp_path, monkeypatch):
    """If the replaced file is not confirmed, the outcome is unknown."""
    path = tmp_path / "store.json"
    put(path, make_article("old"))
    write_whole(monkeypatch)
    found = unknown_then_next(path, monkeypatch, atomic_file, "flush_folder")
    assert found == {"old", "new", "next"}


def test_line_that_cannot_be_taken_back_is_an_unknown_outcome(tmp_path, monkeypatch):
    """If a failed log record cannot be removed, the outcome is unknown."""
    path = tmp_path / "store.json"
    put(path, make_article("old"))
    write = os.write
    log_inode = path.with_name("store.json.log").stat().st_ino
    broken = [True]

    def fail_after(handle: int, data: bytes) -> int:
        written = write(handle, data)
        if broken and os.fstat(handle).st_ino == log_inode:
            broken.clear()
            fail()
        return written

    monkeypatch.setattr(os, "write", fail_after)
    found = unknown_then_next(path, monkeypatch, os, "ftruncate")
    assert found == {"old", "new", "next"}


def test_log_that_cannot_be_replaced_undoes_nothing(tmp_path, monkeypatch):
    """A write into the store's file is acknowledged even if the log cannot be replaced."""
    path = tmp_path / "store.json"
    put(path, make_article("old"))
    replace = os.replace

    def fail_for_log(source: Path, target: Path) -> None:
        if target.suffix == ".log":
            fail()
        replace(source, target)

    async def check() -> None:
        repository, other = TinyDBRepository.open(path), TinyDBRepository.open(path)
        with monkeypatch.context() as broken:
            write_whole(broken)
            broken.setattr(os, "replace", fail_for_log)
            assert await repository.apply(Batch(puts=(make_article("new"),))) == 2
        assert (await other.snapshot()).revision == 2
        assert await other.apply(Batch(puts=(make_article("next"),))) == 3
        assert await repository.apply(Batch(puts=(make_article("last"),))) == 4
        assert (await TinyDBRepository.open(path).snapshot()).revision == 4
        await repository.close()
        await other.close()

    asyncio.run(check())
    assert set(held(path)) == {"old", "new", "next", "last"}
