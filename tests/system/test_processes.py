"""Several processes on one store: writes are visible to all, and no lock is held forever."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from gql.access import KeyFile
from gql.identity.viewer import Permission
from store import Batch, StoreBusyError, StoreUnavailableError, TinyDBRepository
from store.engines.tinydb.files import follower, locks
from store.engines.tinydb.files.owner_file import OwnerFile
from store.filesystem.file_lock import lock_file, locked, lockless_file_system
from tests.store.engines.tinydb.test_storage import held, put
from tests.stress.two_servers import (
    ServerClient,
    Servers,
    missed_after_paging,
    missed_after_subscribing,
    non_monotonic_reads,
    stale_reads,
    two_servers,
)
from tests.support.mutation_client import FIELDS, PUT
from tests.support.repository_contract import make_article
from tests.support.server_process import TIMEOUT_S, run_newsgraph
from tests.support.sizes import scaled
from tests.support.writer_setup import REQUIRED, WriterSetup
from tests.system.test_faults import answer, helper

NEW = Batch(puts=(make_article("ours"),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with the article "old"."""
    path = tmp_path / "store.json"
    put(path, make_article("old"))
    return path


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Two servers on one store."""
    with two_servers(tmp_path_factory.mktemp("servers")) as servers:
        yield servers


# --- what one acknowledges, all show ---


def test_read_after_an_acknowledgement_shows_the_write_at_every_server(servers):
    """A read at another process shows every write acknowledged before it."""
    assert stale_reads(servers, scaled(100, long=300)) == 0


def test_reads_at_one_server_after_the_other_never_step_back(servers):
    """Reads that alternate between servers are monotonic."""
    assert non_monotonic_reads(servers, scaled(100, long=300)) == 0


def test_client_that_subscribes_at_one_server_and_reads_at_another_misses_nothing(servers):
    """A subscription delivers all writes that a later read at another server lacks."""
    assert missed_after_subscribing(servers, scaled(50, long=150)) == 0


def test_client_that_pages_changes_at_one_server_and_reads_at_another_misses_nothing(servers):
    """Changes after the cursor include all writes that the read lacks."""
    assert missed_after_paging(servers, scaled(50, long=150)) == 0


def test_reader_sees_what_was_acknowledged_whatever_happens_to_the_files(path):
    """Also after a checkpoint by another process, and after the lock file was replaced."""

    async def check() -> None:
        reader, writer = TinyDBRepository.open(path), TinyDBRepository.open(path, log_bytes=1)
        for number in range(1, 60):
            if number % 7 == 0:
                lock_file(path).unlink()
            if number % 20 == 0:
                await writer.close()
                writer = TinyDBRepository.open(path, log_bytes=1)
            await writer.apply(Batch(puts=(make_article("old", heat=number),)))
            seen = (await reader.snapshot()).articles[make_article("old").id]
            assert seen.heat == number
        await writer.close()

    asyncio.run(check())


def test_reader_does_not_show_what_is_not_committed(path):
    """A log record becomes visible only after its commit."""

    async def check() -> None:
        reader, writer = TinyDBRepository.open(path), TinyDBRepository.open(path)
        lock, log = writer._files.try_lock(), writer._position.log
        assert lock is not None
        assert log is not None
        await asyncio.to_thread(append_foreign_line, path, log.inode)
        assert (await reader.snapshot()).revision == 1
        lock.close()
        assert (await TinyDBRepository.open(path).snapshot()).revision == 2
        assert (await reader.snapshot()).revision == 2

    asyncio.run(check())


def append_foreign_line(path: Path, inode: int) -> None:
    """Append a record to a log, as another writer does."""
    copy = path.with_name("copy.json")
    for end in ("", ".log"):
        Path(f"{copy}{end}").write_bytes(Path(f"{path}{end}").read_bytes())
    stat = path.stat()
    os.utime(copy, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    asyncio.run(_append_to_copy(copy))
    log = Path(f"{path}.log")
    assert log.stat().st_ino == inode
    with log.open("ab") as file:
        file.write(Path(f"{copy}.log").read_bytes()[log.stat().st_size :])


async def _append_to_copy(path: Path) -> None:
    repository = TinyDBRepository.open(path)
    await repository.apply(NEW)


# --- the lock file is removed ---


def test_lock_file_removed_all_the_time_loses_nothing(path):
    """Two writers exclude each other even if their lock files are removed."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-m", "tests.support.store_writer", "put", str(path)]
    acknowledged: set[str] = set()
    with (
        subprocess.Popen([*command, "a", "150", "1"], **pipes) as one,
        subprocess.Popen([*command, "b", "150", "1"], **pipes) as two,
    ):
        for process in (one, two):
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        readers = [
            threading.Thread(target=lambda p=process: acknowledged.update(map(str.strip, p.stdout)))
            for process in (one, two)
        ]
        for process, reader in zip((one, two), readers, strict=True):
            print("go", file=process.stdin, flush=True)
            reader.start()
        while one.poll() is None or two.poll() is None:
            lock_file(path).unlink(missing_ok=True)
        for reader in readers:
            reader.join()
        assert (one.returncode, two.returncode) == (0, 0)
    assert acknowledged == {f"{name}-{number}" for name in "ab" for number in range(150)}
    assert set(held(path)) == {"old"} | acknowledged


# --- a process is stopped in its turn ---


@contextmanager
def holding(path: Path, how: str = "hold") -> Iterator[subprocess.Popen[str]]:
    """A stopped process that holds the lock of a file or a folder."""
    with helper(how, str(path)) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        process.send_signal(signal.SIGSTOP)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            assert process.stdin
            process.stdin.close()


async def in_time(work: Any) -> Any:
    """The result of a coroutine, which must end in time."""
    async with asyncio.timeout(TIMEOUT_S):
        return await work


@pytest.mark.parametrize("how", [(), ("whole",)])
def test_process_stopped_at_any_step_stops_nobody_else(path, how, monkeypatch):
    """If a writer is stopped at any step, other processes read and write, or get an error."""

    async def beside(repository: TinyDBRepository) -> bool:
        snapshot = await in_time(repository.snapshot())
        assert make_article("old").id in snapshot.articles
        other = TinyDBRepository.open(path, lock_timeout_s=0.05)
        assert make_article("old").id in (await in_time(other.snapshot())).articles
        done = await in_time(asyncio.gather(repository.apply(NEW), return_exceptions=True))
        assert isinstance(done[0], int | StoreBusyError)
        await in_time(other.close())
        return isinstance(done[0], int)

    stopped = 0
    monkeypatch.setattr(follower, "READ_TIMEOUT_S", 0.05)
    with helper("stop", str(path), *how) as process:
        for step in range(1, 200):
            put(path, make_article("old", heat=step))
            repository = TinyDBRepository.open(path, lock_timeout_s=0.05)
            pid = int(answer(process, str(step)))
            stopped += pid > 0
            is_done = asyncio.run(beside(repository))
            assert answer(process, "go on") == "0\n"
            assert {"old", "new"} | ({"ours"} if is_done else set()) <= set(held(path))
            asyncio.run(in_time(repository.apply(NEW)))
            asyncio.run(in_time(repository.close()))
            if not pid:
                break
        assert process.stdin
        process.stdin.close()
    assert not pid
    assert stopped > 10


def test_server_beside_a_stopped_process_answers_and_ends(path, tmp_path):
    """Beside a stopped process, reads succeed and writes get 503 with Retry-After.

    The log names the stopped process, and SIGTERM ends the server although a write waits.
    """
    with one_server(path, tmp_path) as (server, client), holding(path) as stopped:
        status, headers, body = client.post(PUT, input={**FIELDS, "slug": "2026-01-01-x"})
        assert status == 503
        assert int(headers["retry-after"]) > 0
        assert body["data"] is None  # data with another status than 2xx would be against the rules
        [error] = body["errors"]
        assert error["extensions"]["code"] == "STORE_UNAVAILABLE"
        assert "busy" in error["message"]
        assert str(path.parent) not in error["message"]
        assert client.execute("{ articles { totalCount } }")["articles"]["totalCount"] == 1
        waiting = threading.Thread(target=send_and_leave, args=(client,))
        waiting.start()
        assert server.stop() in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
        waiting.join()
        logged = (tmp_path / "stderr.txt").read_text()
        assert f"process {stopped.pid} " in logged
        assert "kill -CONT" in logged
        assert "Traceback" not in logged
    assert set(held(path)) == {"old"}


def test_mutation_does_not_wait_for_ever_for_a_folder(tmp_path, caplog):
    """If a stopped process holds the folder's lock, a write is rejected and logged."""
    setup = WriterSetup(
        TinyDBRepository.open(tmp_path / "store.json"), tmp_path, lock_timeout_s=0.05
    )
    fields = {**REQUIRED, "title": "new"}
    with holding(tmp_path, "hold-folder"), pytest.raises(StoreBusyError):
        setup.run(in_time(setup.writer.put(fields)))
    assert f"The folder {tmp_path} has been locked" in caplog.text
    with holding(tmp_path, "hold-folder") as stopped:
        stopped.send_signal(signal.SIGKILL)
        stopped.wait()
        assert setup.put(fields).title == "new"
    setup.run(setup.repository.close())


def send_and_leave(client: ServerClient) -> None:
    """Send a write to a server that may end before it responds."""
    with suppress(OSError, HTTPException):
        client.post(PUT, input={**FIELDS, "slug": "2026-01-01-x"})


@contextmanager
def one_server(path: Path, folder: Path) -> Iterator[Any]:
    """A server on a store, and a client that may write."""
    key, _ = KeyFile(path.with_name("keys.json")).add("writer", [Permission.WRITE])
    with run_newsgraph(
        *("--store", str(path), "--lock-timeout-s", "1", "--shutdown-timeout-s", "5"), folder=folder
    ) as server:
        client = ServerClient(server.url, key)
        try:
            yield server, client
        finally:
            client.close()


def test_log_that_outgrows_its_bound_is_warned_of_once(path, caplog):
    """If a stopped process blocks checkpoints, a warning names it."""

    async def write(repository: TinyDBRepository) -> None:
        for number in range(60):
            content = "x" * 1_000
            await repository.apply(Batch(puts=(make_article("old", heat=number, content=content),)))

    repository = TinyDBRepository.open(path, log_bytes=10_000)
    with holding(path.with_name(f"{path.name}.checkpoint")) as stopped:
        asyncio.run(write(repository))
        [warning] = [each for each in caplog.records if each.levelno == logging.WARNING]
        assert f"process {stopped.pid} is stopped" in warning.getMessage()
        assert "twice its bound" in warning.getMessage()
        asyncio.run(in_time(repository.close()))
    assert held(path)["old"].heat == 59


def test_lock_that_does_not_come_free_names_who_has_it(tmp_path):
    """The error names the process that holds the lock."""
    path = tmp_path / "file"
    with (
        holding(path) as stopped,
        pytest.raises(BlockingIOError, match=f"process {stopped.pid} "),
        locked(path, timeout_s=0.05),
    ):
        pass


# --- where locks do not work ---


def test_file_system_of_this_machine_has_locks(tmp_path):
    """A local disk is not taken for a network file system."""
    assert lockless_file_system(tmp_path) is None


def test_owner_of_a_store_without_locks_is_the_only_writer(tmp_path):
    """Without locks, the owner is the only writer while it lives."""
    store = tmp_path / "store.json"
    owner = OwnerFile(store, "nfs4")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        host = os.uname().nodename
        (tmp_path / "store.json.owner").write_text(f"{other.pid} {host}\n")
        with pytest.raises(StoreUnavailableError, match=rf"Process {other.pid} on .*nfs4.*remove"):
            owner.claim()
    owner.claim()
    owner.claim()
    (tmp_path / "store.json.owner").write_text("1 another-machine\n")
    with pytest.raises(StoreUnavailableError, match="on another-machine writes"):
        owner.claim()


def test_store_without_locks_is_written_by_its_owner(path, monkeypatch, caplog):
    """Without locks, opening warns; the owner reads and writes, and closing releases the store."""
    monkeypatch.setattr(locks, "lockless_file_system", lambda _: "nfs4")

    async def write() -> None:
        repository = TinyDBRepository.open(path, log_bytes=1)
        for number in range(5):
            await repository.apply(Batch(puts=(make_article("old", heat=number + 1),)))
            assert (await repository.snapshot()).revision == number + 2
        owner = path.with_name("store.json.owner")
        owner.write_text("1 another-machine\n")
        with pytest.raises(StoreUnavailableError, match="on another-machine writes"):
            await repository.apply(NEW)
        owner.unlink()
        await repository.close()
        assert not owner.exists()

    asyncio.run(write())
    assert "Locks do not work on the file system (nfs4)" in caplog.text
    assert held(path)["old"].heat == 5
