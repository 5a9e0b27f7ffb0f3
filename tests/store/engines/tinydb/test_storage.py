"""The store's file: readable by people, atomic in crashes, shared by processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tinydb import TinyDB, where

from store import (
    Batch,
    ConflictError,
    SourceFile,
    StoreCorruptError,
    StoreUnavailableError,
    TinyDBRepository,
    salvage_store,
)
from store.engines.tinydb.files.storage import decode_tables, read_tables
from store.filesystem.file_lock import locked
from store.model import Article, TopicDefinition
from tests.support import store_strategies
from tests.support.files import file_state
from tests.support.repository_contract import ALL, make_article, without_revision

_NOBODY = 65_534
LASTING = {f"store.json.{end}" for end in ("log", "lock", "checkpoint.lock")}
"""What lies beside a store's file."""


def put(path: Path, *articles: Article) -> None:
    """Put these articles into a store, and close it."""

    async def run() -> None:
        repository = TinyDBRepository.open(path)
        await repository.apply(Batch(puts=articles))
        await repository.close()

    asyncio.run(run())


def held(path: Path) -> dict[str, Article]:
    """The articles of a store, by title."""
    snapshot = asyncio.run(TinyDBRepository.open(path).snapshot())
    return {article.title: article for article in snapshot.articles.values()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with one article, "old"."""
    path = tmp_path / "store.json"
    put(path, make_article("old"))
    return path


# --- readable by people ---


def test_file_opens_in_plain_tinydb(path):
    """TinyDB reads the documents, with their fields unchanged."""
    with TinyDB(path, access_mode="r") as db:
        [document] = db.table("articles").search(where("slug") == "2026-01-01-old")
        assert document["publishedDateTime"] == "2026-01-01T00:00:00Z"
        assert document["provider"] == {"domain": "post.example", "name": "Post.Example"}
        (meta,) = db.table("meta").all()
        assert (meta["format"], meta["revision"]) == (3, 1)
        assert set(db.tables()) == {"articles", "changes", "meta"}


def test_file_rewritten_by_plain_tinydb_can_be_salvaged(path):
    """Changes made with TinyDB look like damage; a salvage takes them over."""
    with TinyDB(path) as db:
        db.table("articles").update({"title": "By hand"})
    with pytest.raises(StoreCorruptError, match=r"changed by hand.*--accept-loss"):
        TinyDBRepository.open(path)
    assert salvage_store(path)
    assert list(held(path)) == ["By hand"]


def test_file_has_one_document_in_each_line(path):
    """Tools for lines work: grep finds whole documents."""
    put(path, make_article("two"))
    lines = [line for line in path.read_text().splitlines() if '"title":"' in line]
    assert [json.loads("{" + line.rstrip(",") + "}").popitem()[1]["title"] for line in lines] == [
        "old",
        "two",
    ]


@pytest.mark.parametrize(
    "layout", [{}, {"indent": 2}, {"separators": (",", ":")}, {"sort_keys": True}]
)
def test_file_of_another_layout_holds_the_same(path, layout):
    """A file written by another program reads as one with a document in each line."""
    put(path, make_article("a"), make_article("b"))
    before = _values(read_tables(path))
    path.write_text(json.dumps(json.loads(path.read_text()), **layout))
    with path.open("rb") as file:
        assert _values(decode_tables(file)) == before


def _values(tables):
    return {
        name: {number: json.loads(bytes(document)) for number, document in documents.items()}
        for name, documents in tables.items()
    }


def test_file_cut_short_is_refused(path):
    """Wherever a file is truncated, opening it is an error."""
    put(path, make_article("a"), make_article("b"))
    whole = path.read_bytes()
    lines = [at for at, byte in enumerate(whole) if byte == ord("\n")]
    for end in {*lines[:-1], *(at + 1 for at in lines[:-2]), *range(1, len(whole) - 2, 37)}:
        path.write_bytes(whole[:end])
        with pytest.raises(StoreCorruptError):
            read_tables(path)


def test_new_file_is_private_and_an_old_one_keeps_its_mode(path):
    """Other users may read drafts only if the operator allows it."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    put(path, make_article("two"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_noop_batch_does_not_write(path):
    """Loading the same documents again does not change the file."""
    before = file_state(path)
    put(path, make_article("old"))
    assert file_state(path) == before


def test_link_to_a_store_stays_a_link(path, tmp_path):
    """The file that the link points to is replaced."""
    link = tmp_path / "link.json"
    link.symlink_to(path)
    put(link, make_article("two"))
    assert link.is_symlink()
    assert set(held(path)) == {"old", "two"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab"), inner, max_size=2),
    max_leaves=4,
)


@given(
    store_strategies.articles, st.dictionaries(st.text("abc", min_size=1), json_values, max_size=2)
)
def test_article_comes_back_from_the_file_as_it_was(article, metadata):
    """Every later process reads the same article, with its unknown keys."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.json"
        article = msgspec.structs.replace(article, metadata=metadata)
        put(path, article)
        [found] = held(path).values()
        assert without_revision(found) == article


# --- crashes ---


@contextlib.contextmanager
def crasher(path: Path, *how: str) -> Iterator[subprocess.Popen[str]]:
    """A process whose children can be killed at any step."""
    command = [sys.executable, "-m", "tests.support.store_writer", "crash", str(path), *how]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin
        process.stdin.close()


def killed_at(process: subprocess.Popen[str], step: int) -> bool:
    """Let a child die at this step; False when it finished before."""
    assert process.stdin
    assert process.stdout
    print(step, file=process.stdin, flush=True)
    return int(process.stdout.readline()) != 0


@pytest.mark.parametrize(("count", "how"), [(20, ()), (20, ("whole",)), (0, ())])
def test_crash_at_any_step_leaves_the_old_or_the_new_store(tmp_path, count, how):
    """After a kill in a write or in closing, the next process opens a whole store."""
    folder, backup = tmp_path / "now", tmp_path / "backup"
    backup.mkdir()
    put(backup / "store.json", *(make_article(f"old-{number}") for number in range(count)))
    old = set(held(backup / "store.json"))
    found = []
    with crasher(folder / "store.json", *how) as process:
        for step in range(1, 400):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(backup, folder)
            killed = killed_at(process, step)
            found.append(set(held(folder / "store.json")))
            assert found[-1] in (old, old | {"new"})
            assert {file.name for file in folder.iterdir()} <= {"store.json", *LASTING}
            if not killed:
                break
    assert not killed
    assert found[-1] == old | {"new"}
    # Before and after the step that counts, others were tried, so they were where we think.
    assert found.count(old) >= 5
    assert found.count(old | {"new"}) >= 5


# --- errors ---


@pytest.mark.parametrize(
    "text",
    ["garbage", '{"articles": {"1": {"slug"', "[]", '{"meta": {"1": {}}}', "\0\0\0", "\xff"],
)
def test_broken_file_is_refused_and_left_alone(tmp_path, text):
    """The error names the file and the remedy. The file is never overwritten."""
    path = tmp_path / "store.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(StoreCorruptError, match=r"store\.json.*--accept-loss"):
        TinyDBRepository.open(path)
    assert path.read_text(encoding="latin-1") == text


def as_format_2(path: Path, text: str) -> None:
    """Convert a closed store to format 2, without a checksum."""
    text = re.sub(r',"checksum":"\w+"', "", text).replace('"format":3', '"format":2')
    path.write_text(text)
    path.with_name(f"{path.name}.log").unlink()


def test_store_of_format_2_opens_and_gets_a_checksum(path):
    """An upgrade loses nothing, and damage is detected from the next checkpoint on."""
    as_format_2(path, path.read_text())
    assert set(held(path)) == {"old"}
    put(path, make_article("new"))
    assert set(held(path)) == {"old", "new"}
    path.write_text(path.read_text().replace("old", "odd"))
    with pytest.raises(StoreCorruptError, match="checksum"):
        TinyDBRepository.open(path)


def test_article_under_another_number_is_refused(path):
    """A document moved by hand is detected when the store opens."""
    as_format_2(path, path.read_text().replace('"1":', '"7":', 1))
    with pytest.raises(StoreCorruptError, match="article 7 says it has revision 1"):
        TinyDBRepository.open(path)


def test_store_damaged_while_open_is_not_overwritten(path):
    """A writer checks the file, and raises an error."""
    repository = TinyDBRepository.open(path)
    path.write_text("garbage")
    for call in (repository.snapshot(), repository.apply(Batch(puts=(make_article("new"),)))):
        with pytest.raises(StoreCorruptError):
            asyncio.run(call)
    assert path.read_text() == "garbage"


def test_store_of_a_later_version_is_refused(path):
    """An old program does not change a store of a later format."""
    text = path.read_text().replace('"format":3', '"format":99')
    path.write_text(text)
    with pytest.raises(StoreCorruptError, match=r"format 99.*Upgrade"):
        TinyDBRepository.open(path)
    assert path.read_text() == text


def test_missing_folder_is_named(tmp_path):
    """The error of opening says that the folder is missing."""
    with pytest.raises(StoreUnavailableError, match="Create the folder"):
        TinyDBRepository.open(tmp_path / "nowhere" / "store.json")


def test_folder_in_place_of_a_file_is_named(tmp_path):
    """A store is a file. The error of a folder has a remedy."""
    with pytest.raises(StoreUnavailableError, match="name a file in it"):
        TinyDBRepository.open(tmp_path)


@contextlib.contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """Limit the size of files, to simulate a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def assert_write_fails_harmlessly(path: Path, refused: contextlib.AbstractContextManager[None]):
    """A write in `refused` is an error that changes no file, and later writes work."""
    before, files = path.read_bytes(), set(path.parent.iterdir())
    repository, new = TinyDBRepository.open(path), Batch(puts=(make_article("new"),))
    with refused, pytest.raises(StoreUnavailableError, match=f"{path.name}.*[.:] [A-Z]"):
        asyncio.run(repository.apply(new))
    assert (path.read_bytes(), set(path.parent.iterdir())) == (before, files)
    snapshot = asyncio.run(repository.snapshot())
    assert snapshot.revision == 1
    assert make_article("new").id not in snapshot.articles
    assert asyncio.run(repository.apply(new)) == 2


def test_full_disk_loses_nothing(path):
    """The old file and the state in memory stay as they were."""
    assert_write_fails_harmlessly(path, files_of_at_most(300))


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Run as a user without root's rights."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_read_only_folder_loses_nothing():
    """Reads work, and the error of a write has a remedy."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.json"
        put(path, make_article("old"))
        for file in path.parent.iterdir():
            file.chmod(0o644)

        @contextlib.contextmanager
        def read_only() -> Iterator[None]:
            path.parent.chmod(0o555)
            with unprivileged():
                assert list(held(path)) == ["old"]
                yield
            path.parent.chmod(0o755)

        assert_write_fails_harmlessly(path, read_only())


# --- several processes ---


def test_writers_in_two_processes_lose_nothing(path):
    """Processes exclude each other by the write lock."""
    command = [sys.executable, "-m", "tests.support.store_writer", "put", str(path)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        subprocess.Popen([*command, "a", "40"], **pipes) as one,
        subprocess.Popen([*command, "b", "40"], **pipes) as two,
    ):
        for writer in (one, two):
            assert writer.stdout
            assert writer.stdout.readline() == "ready\n"
        for writer in (one, two):
            print("go", file=writer.stdin, flush=True)
        assert [writer.wait(timeout=60) for writer in (one, two)] == [0, 0]
    expected = {"old"} | {f"{name}-{number}" for name in "ab" for number in range(40)}
    assert set(held(path)) == expected
    assert asyncio.run(TinyDBRepository.open(path).snapshot()).revision == len(expected)


def test_repositories_on_one_file_see_each_other(path):
    """Each serves the other's acknowledged writes: articles, changes, topics, sources."""

    async def check() -> None:
        one, two = TinyDBRepository.open(path), TinyDBRepository.open(path)
        batch = Batch(
            puts=(make_article("new"),),
            deletes=(make_article("old").id,),
            topics=(TopicDefinition(slug="a", name="A"),),
            sources=(SourceFile(path="a.md", size_bytes=1, mtime_ns=1),),
        )
        await one.apply(batch)
        seen = await two.snapshot()
        assert [article.title for article in seen.articles.values()] == ["new"]
        assert (await seen.counts(ALL)).topics == 1
        assert await two.sources() == await one.sources()
        mine = await (await one.snapshot()).changes(None, ALL)
        assert await seen.changes(None, ALL) == mine

    asyncio.run(check())


def test_expectations_hold_across_repositories(path):
    """A writer with an outdated state gets a conflict."""

    async def check() -> None:
        one, two = TinyDBRepository.open(path), TinyDBRepository.open(path)
        old = make_article("old")
        await one.apply(Batch(puts=(make_article("old", heat=5),), expected={old.id: 1}))
        with pytest.raises(ConflictError) as caught:
            await two.apply(Batch(puts=(make_article("old", heat=6),), expected={old.id: 1}))
        assert caught.value.current == 2

    asyncio.run(check())


def test_concurrent_batches_of_one_process_are_all_written(path):
    """Writers of one repository share its queue."""

    async def check() -> None:
        repository = TinyDBRepository.open(path)
        batches = [Batch(puts=(make_article(f"n{n}"),)) for n in range(8)]
        revisions = await asyncio.gather(*(repository.apply(batch) for batch in batches))
        assert sorted(revisions) == list(range(2, 10))

    asyncio.run(check())


def test_cancelled_batch_is_atomic(path):
    """It is written as a whole or not at all, and later writes work."""

    async def check() -> None:
        repository = TinyDBRepository.open(path)
        task = asyncio.create_task(repository.apply(Batch(puts=(make_article("new"),))))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await repository.apply(Batch(puts=(make_article("next"),)))

    asyncio.run(check())
    assert {"old", "next"} <= set(held(path))


def lock_and_let_go(path: Path) -> None:
    """Wait for a store's write lock, as its writers do."""
    with locked(path):
        pass


def test_write_interrupted_by_the_end_of_its_loop_blocks_no_other(path):
    """At whichever step its event loop ended, the store is whole and unlocked."""

    async def leave(repository: TinyDBRepository, turns: int) -> None:
        task = asyncio.create_task(repository.apply(Batch(puts=(make_article(f"n{turns}"),))))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()

    repository = TinyDBRepository.open(path)
    for turns in range(1, 9):
        asyncio.run(leave(repository, turns))
        waiting = threading.Thread(target=lock_and_let_go, args=(path,), daemon=True)
        waiting.start()
        waiting.join(timeout=30)
        assert not waiting.is_alive()
    assert "old" in held(path)
    put(path, make_article("next"))
    assert "next" in held(path)


def test_removed_file_is_written_again_from_memory(path):
    """The next write of a running server creates it with the whole content."""

    async def check() -> None:
        repository = TinyDBRepository.open(path)
        path.unlink()
        assert (await repository.snapshot()).revision == 1
        await repository.apply(Batch(puts=(make_article("new"),)))

    asyncio.run(check())
    assert set(held(path)) == {"old", "new"}
