"""Damage to a store's files: it is detected, or harmless, and it can be repaired."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from store import (
    Batch,
    FolderLoader,
    StoreCorruptError,
    StoreError,
    TinyDBRepository,
    salvage_store,
)
from store.filesystem.file_lock import lock_file
from tests.support.repository_contract import make_article
from tests.support.writer_setup import document

IN_FILE, IN_LOG = {"a", "b"}, {"c", "d", "e"}
EVERYTHING = IN_FILE | IN_LOG


class Files(NamedTuple):
    """A store's files, with "a" and "b" in the file, and the others in the log."""

    file: Path
    log: Path

    @property
    def lock(self) -> Path:
        """The lock file."""
        return lock_file(self.file)

    @classmethod
    def at(cls, file: Path) -> Files:
        """The files of a store by the first of them."""
        return cls(file, file.with_name(f"{file.name}.log"))


def made(folder: Path, prefix: str = "") -> Files:
    """A store in a folder, as after a killed process."""
    folder.mkdir(exist_ok=True)
    files = Files.at(folder / "store.json")
    write(files, *(prefix + title for title in sorted(IN_FILE)), closes=True)
    write(files, *(prefix + title for title in sorted(IN_LOG)))
    return files


def write(files: Files, *titles: str, closes: bool = False) -> None:
    """Write articles, a batch each."""

    async def run() -> None:
        repository = TinyDBRepository.open(files.file)
        for title in titles:
            await repository.apply(Batch(puts=(make_article(title),)))
        if closes:
            await repository.close()

    asyncio.run(run())


def served(files: Files) -> set[str]:
    """The titles in the store when it is opened now. Raises: StoreError."""
    snapshot = asyncio.run(TinyDBRepository.open(files.file).snapshot())
    return {article.title for article in snapshot.articles.values()}


@pytest.fixture
def files(tmp_path) -> Files:
    """A store."""
    return made(tmp_path / "site")


# --- the table ---


def edit_lines(change: Callable[[list[bytes]], list[bytes]], *, of_log: bool = True):
    """Change a file's lines."""

    def damage(files: Files) -> None:
        path = files.log if of_log else files.file
        path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))

    return damage


def flip(place: int):
    """Change a byte of the log."""

    def damage(files: Files) -> None:
        text = bytearray(files.log.read_bytes())
        text[place] ^= 0x10
        files.log.write_bytes(text)

    return damage


def edit_tables(change: Callable[[dict[str, Any]], object]):
    """Change the file's tables, as an edit by hand."""

    def damage(files: Files) -> None:
        tables = json.loads(files.file.read_text())
        change(tables)
        files.file.write_text(json.dumps(tables))

    return damage


def text(content: str):
    """Replace the content of the file."""
    return lambda files: files.file.write_text(content)


def another(files: Files) -> Files:
    """Another store."""
    return made(files.file.parent.parent / "other", "x")


def older(name: str, *, closes: bool = True):
    """Restore only one of the files, from before a write."""

    def damage(files: Files) -> None:
        path = getattr(files, name)
        shutil.copy(path, path.with_suffix(".backup"))
        write(files, "f", closes=closes)
        shutil.copy(path.with_suffix(".backup"), path)

    return damage


def instead(name: str, make: Callable[[Path], object]):
    """Replace a file by something else."""

    def damage(files: Files) -> None:
        path = getattr(files, name)
        path.unlink()
        make(path)

    return damage


REFUSED: dict[str, tuple[Callable[[Files], object], str]] = {
    "log missing": (lambda files: files.log.unlink(), "log is missing"),
    "log of another store": (
        lambda f: shutil.copy(another(f).log, f.log),
        "to another one",
    ),
    "older log": (older("log"), "belongs to another one"),
    "newer log": (older("file"), "belongs to another one"),
    "log cut at the end of a line": (edit_lines(lambda lines: lines[:-1]), "Line 4 .* missing"),
    "log cut to its first line": (edit_lines(lambda lines: lines[:1]), "Line 2 .* missing"),
    "log cut within a line": (edit_lines(lambda s: [*s[:-1], s[-1][:-9]]), "Line 4 .* missing"),
    "log cut before the last byte": (edit_lines(lambda s: [*s[:-1], s[-1][:-1]]), "Line 4"),
    "log cut within its first line": (edit_lines(lambda s: [s[0][:20]]), "Line 1"),
    "log empty": (edit_lines(lambda _: []), "Line 1 .* the log is empty"),
    "line duplicated": (edit_lines(lambda s: [*s[:2], *s[1:]]), "Line 3 .* does not follow"),
    "lines reordered": (
        edit_lines(lambda s: [s[0], s[2], s[1], s[3]]),
        "Line 2 .* does not follow",
    ),
    "line removed": (edit_lines(lambda s: [*s[:2], s[3]]), "Line 3 .* does not follow"),
    "line flipped": (flip(400), "Line 2 .* (checksum|malformed)"),
    "last line break flipped": (flip(-1), "Line 4"),
    "file missing": (lambda files: files.file.unlink(), "file is missing"),
    "file empty": (text(""), "store.json cannot be read"),
    "file {}": (text("{}"), "it is empty"),
    "file []": (text("[]"), "store.json cannot be read"),
    "file whitespace": (text(" \n "), "store.json cannot be read"),
    "article table emptied": (edit_tables(lambda t: t.update(articles={})), "checksum"),
    "article table missing": (edit_tables(lambda t: t.pop("articles")), "checksum"),
    "row removed": (edit_tables(lambda t: t["articles"].pop("1")), "checksum"),
    "value edited": (edit_tables(lambda t: t["articles"]["1"].update(title="z")), "checksum"),
    "meta removed": (edit_tables(lambda t: t.pop("meta")), "meta is missing"),
    "checksum removed": (edit_tables(lambda t: t["meta"]["1"].pop("checksum")), "checksum"),
    "file of another store": (lambda f: shutil.copy(another(f).file, f.file), "to another one"),
    "folder in place of the file": (instead("file", Path.mkdir), "name a file in it"),
    "folder in place of the log": (instead("log", Path.mkdir), "Line 1"),
    "pipe in place of the file": (instead("file", os.mkfifo), "not a regular file"),
    "pipe in place of the log": (instead("log", os.mkfifo), "Line 1 .* not a regular file"),
    "link to nowhere in place of the log": (
        instead("log", lambda path: path.symlink_to("nowhere")),
        "replace it by the file itself",
    ),
}
SERVED: dict[str, Callable[[Files], object]] = {
    "nothing happened": lambda _: None,
    "lock file missing": lambda files: files.lock.unlink(),
    "lock file garbage": lambda files: files.lock.write_bytes(random.Random(1).randbytes(64)),
    "lock file cut": lambda files: files.lock.write_bytes(b"123"),
    "lock file empty": lambda files: files.lock.write_bytes(b""),
    "both files copied elsewhere and back": lambda files: [
        (shutil.copy(path, path.with_suffix(".copy")), path.with_suffix(".copy").replace(path))
        for path in files
    ],
    "torn line that nobody was told of": lambda files: files.log.write_bytes(
        files.log.read_bytes() + b'{"crc32":1'
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_damage_is_an_error_and_can_be_salvaged(files, name):
    """The error names the damage and the remedy. Only a salvage changes files, and keeps copies."""
    damage, told = REFUSED[name]
    damage(files)
    before = {path: path.read_bytes() for path in files if path.is_file()}
    with pytest.raises(StoreError, match=told) as caught:
        served(files)
    assert "store.json" in str(caught.value)
    assert {path: path.read_bytes() for path in files if path.is_file()} == before
    if not isinstance(caught.value, StoreCorruptError):
        return
    assert f"newsgraph restore FILE --store {files.file}" in str(caught.value)
    assert f"newsgraph load DIR --accept-loss --store {files.file}" in str(caught.value)
    report = salvage_store(files.file)
    assert report is not None
    titles = served(files)
    assert len(titles) == report.articles
    assert titles <= EVERYTHING | {"f", "xa", "xb", "z"}
    kept = [path.read_bytes() for path in report.copies if path.is_file()]
    assert all(text in kept for text in before.values())
    assert salvage_store(files.file) is None
    write(files, "next", closes=True)
    assert served(files) == titles | {"next"}


@pytest.mark.parametrize("name", SERVED)
def test_harmless_changes_are_no_error(files, name):
    """The whole store is served."""
    SERVED[name](files)
    assert salvage_store(files.file) is None
    assert served(files) == EVERYTHING
    write(files, "next", closes=True)
    assert served(files) == EVERYTHING | {"next"}


# --- any byte ---


@pytest.mark.parametrize("of", ["file", "log"])
def test_change_of_any_byte_is_detected(files, of):
    """Whichever byte of file or log is changed: an error, or the whole store is served."""
    path, rng = getattr(files, of), random.Random(7)
    whole = path.read_bytes()
    ends = [0, 1, *range(len(whole) - 40, len(whole)), whole.index(b"\n")]
    for place in {*ends, *rng.sample(range(len(whole)), 60)}:
        text = bytearray(whole)
        text[place] = rng.choice([byte for byte in range(256) if byte != text[place]])
        path.write_bytes(text)
        with contextlib.suppress(StoreCorruptError):
            assert served(files) == EVERYTHING
        assert path.read_bytes() == text
    path.write_bytes(whole)
    assert served(files) == EVERYTHING


@pytest.mark.parametrize("of", ["file", "log"])
def test_truncation_at_any_byte_is_detected(files, of):
    """Wherever file or log ends: an error, or the whole store is served."""
    path, rng = getattr(files, of), random.Random(8)
    whole = path.read_bytes()
    for end in {0, 1, len(whole) - 1, *rng.sample(range(len(whole)), 30)}:
        path.write_bytes(whole[:end])
        with pytest.raises(StoreCorruptError):
            served(files)


# --- while processes run ---

RUNNING = sorted(
    {*REFUSED}
    # What is removed under a server it has in memory, and writes again; of what an inode holds it
    # looks at the size alone, and has it in memory, too.
    - {name for name in REFUSED if name.endswith("missing") and name != "article table missing"}
    - {"line flipped", "last line break flipped", "lines reordered", "line duplicated"}
    - {name for name in REFUSED if name.startswith("link to")}
)


@pytest.mark.parametrize("name", RUNNING)
def test_damage_under_two_servers_is_an_error_in_both(files, name):
    """Neither serves or writes on a damaged store. Both continue once the files are restored."""

    async def check() -> None:
        servers = [TinyDBRepository.open(files.file) for _ in range(2)]
        await asyncio.to_thread(REFUSED[name][0], files)
        damaged = {path: path.read_bytes() for path in files if path.is_file()}
        for server in servers:
            server._file_check_at = 0.0  # as after a second
            with pytest.raises(StoreError, match=r"store\.json"):
                await server.snapshot()
            with pytest.raises(StoreError, match=r"store\.json"):
                await server.apply(Batch(puts=(make_article("next"),)))
        assert {path: path.read_bytes() for path in files if path.is_file()} == damaged

    asyncio.run(check())


@pytest.mark.parametrize("name", ["log missing", "file missing", "line flipped"])
def test_state_in_memory_is_written_again(files, name):
    """Files removed or damaged under a server are whole again after its next write."""

    async def check() -> None:
        one, two = TinyDBRepository.open(files.file), TinyDBRepository.open(files.file)
        await two.apply(Batch(puts=(make_article("f"),)))
        REFUSED[name][0](files)
        await one.apply(Batch(puts=(make_article("next"),)))
        for server in (two, one):
            await server.close()

    asyncio.run(check())
    assert served(files) == EVERYTHING | {"f", "next"}


# --- repair ---


def test_load_restores_lost_documents_from_the_folder(files, tmp_path):
    """`load DIR --accept-loss` reads them from the folder again."""
    folder = tmp_path / "folder"
    shutil.rmtree(files.file.parent)
    files.file.parent.mkdir()
    folder.mkdir()
    for title in "abc":
        (folder / f"2026-01-01-{title}.md").write_text(document(title))

    async def load() -> int:
        repository = TinyDBRepository.open(files.file)
        report = await FolderLoader(repository, folder).load()
        await repository.close()
        return report.articles

    assert asyncio.run(load()) == 3
    lines = files.file.read_bytes().splitlines(keepends=True)
    bad = next(n for n, line in enumerate(lines) if b'"title":"b"' in line)
    files.file.write_bytes(b"".join([*lines[:bad], b'"9": {\n', *lines[bad + 1 :]]))
    report = salvage_store(files.file)
    assert report is not None
    assert (report.articles, report.lost_documents) == (2, 1)
    assert served(files) == {"a", "c"}
    asyncio.run(load())
    assert served(files) == {"a", "b", "c"}
