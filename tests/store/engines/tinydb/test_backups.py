"""Backup and restore: every client that follows a restored store gets a gap."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tinydb import TinyDB

from gql.identity.viewer import PUBLIC, Permission, Viewer
from store import (
    Batch,
    StoreCorruptError,
    StoreUnavailableError,
    TargetExistsError,
    TinyDBRepository,
    back_up,
    restore,
)
from tests.store.engines.tinydb.test_storage import files_of_at_most
from tests.support.change_consumer import ChangeConsumer
from tests.support.factories import article
from tests.support.graph_client import GraphClient

ROOT = Path(__file__).parents[4]

EDITOR = Viewer({Permission.READ_DRAFTS})
PAGE = """query ($after: String) { changes(after: $after) {
  nodes { cursor kind slug } latestCursor } }"""
FOREIGN = "x" * 56


def moved(source: Path, target: Path) -> None:
    """Rename a copy into place, as a new inode."""
    copy = source.with_suffix(".copy")
    shutil.copy2(source, copy)
    copy.replace(target)


WAYS: dict[str, Callable[[Path, Path], object]] = {
    "cp": shutil.copyfile,
    "cp -a": shutil.copy2,
    "mv": moved,
}


class Site:
    """A store with a backup.

    Attributes:
        repository: The store, as a server has it open.
    """

    def __init__(self, path: Path, way: str, *, is_running: bool) -> None:
        self._files = [
            path.with_name(f"{path.name}.log"),
            path,
        ]  # in the order of the documentation
        self._copy = WAYS[way]
        self._is_running = is_running
        self.repository = TinyDBRepository.open(path)

    def put(self, *slugs: str, published: bool = True) -> None:
        """Write articles."""
        for slug in slugs:
            batch = Batch(puts=(article(slug, published=published),))
            asyncio.run(self.repository.apply(batch))

    def back_up(self) -> None:
        """Copy the files."""
        for file in self._files:
            shutil.copy2(file, file.with_suffix(".backup"))

    def restore(self) -> None:
        """Restore the copies: between a stop and a start, or while the server runs."""
        if not self._is_running:
            asyncio.run(self.repository.close())
        for file in self._files:
            self._copy(file.with_suffix(".backup"), file)
        if not self._is_running:
            self.repository = TinyDBRepository.open(self._files[1])

    def cursors(self, viewer: Viewer) -> dict[str, str]:
        """The viewer's newest cursor of each kind."""
        graph = GraphClient(self.repository).as_viewer(viewer)
        page = graph.query(PAGE)["changes"]
        [gap] = graph.query(PAGE, after=FOREIGN)["changes"]["nodes"]
        return {
            "change": page["nodes"][-1]["cursor"],
            "gap": gap["cursor"],
            "latest": page["latestCursor"],
        }

    def told(self, viewer: Viewer, after: str) -> list[str]:
        """The kinds of a viewer's changes after a cursor, with the names of articles."""
        nodes = (
            GraphClient(self.repository)
            .as_viewer(viewer)
            .query(PAGE, after=after)["changes"]["nodes"]
        )
        return [f"{node['kind']} {(node['slug'] or '')[11:]}".strip() for node in nodes]


@pytest.fixture(params=WAYS)
def way(request) -> str:
    """How the copies are restored."""
    name: str = request.param
    return name


@pytest.fixture(params=["stopped", "running"])
def site(request, tmp_path, way) -> Site:
    """A store of an article and a draft, backed up; restored while it runs or is stopped."""
    site = Site(tmp_path / "store.json", way, is_running=request.param == "running")
    site.put("kept")
    site.put("draft", published=False)
    site.back_up()
    return site


@pytest.mark.parametrize("later", [1, 9])
def test_cursor_newer_than_the_backup_gives_a_gap(site, later):
    """For every kind of cursor and viewer, also when the store has more changes again."""
    before = site.cursors(PUBLIC)
    site.put("lost")
    site.put("lost draft", published=False)
    seen = {viewer: site.cursors(viewer) for viewer in (PUBLIC, EDITOR)}
    site.restore()
    site.put(*(f"n{number}" for number in range(later)))
    for viewer, cursors in seen.items():
        for kind, cursor in cursors.items():
            assert site.told(viewer, cursor) == ["GAP"], (viewer.permissions, kind)
    for kind, cursor in before.items():
        assert site.told(PUBLIC, cursor) == [f"PUT n{n}" for n in range(later)], kind


def test_reader_who_saw_no_lost_change_gets_no_gap(site):
    """Lost drafts are no gap to readers who cannot see drafts."""
    site.put("lost draft", published=False)
    seen = {viewer: site.cursors(viewer) for viewer in (PUBLIC, EDITOR)}
    site.restore()
    site.put("one", "two")
    assert [site.told(PUBLIC, cursor) for cursor in seen[PUBLIC].values()] == [
        ["PUT one", "PUT two"]
    ] * 3
    assert [site.told(EDITOR, cursor) for cursor in seen[EDITOR].values()] == [["GAP"]] * 3


@pytest.mark.parametrize("viewer", [PUBLIC, EDITOR])
def test_consumer_of_a_restored_store_ends_with_its_content(site, viewer):
    """It drops lost articles, and gets all later changes."""
    consumer = ChangeConsumer(site.repository, viewer)
    asyncio.run(consumer.start())
    site.put("lost")
    asyncio.run(consumer.consume())
    site.restore()
    consumer.use_repository(site.repository)
    site.put("one", "two")
    asyncio.run(consumer.consume())
    assert consumer.articles == asyncio.run(consumer.query())
    site.put("three")
    asyncio.run(consumer.consume())
    again = ChangeConsumer(TinyDBRepository.open(site.repository._files.path), viewer)
    assert consumer.articles == asyncio.run(again.query())


def test_cursor_of_a_former_store_gives_a_gap_in_a_new_one(tmp_path):
    """Also when the same articles were written, at the same revisions."""
    old, new = (Site(tmp_path / name, "cp", is_running=True) for name in ("old.json", "new.json"))
    for site in (old, new):
        site.put("one", "two")
    for cursor in old.cursors(PUBLIC).values():
        assert new.told(PUBLIC, cursor) == ["GAP"]


# --- newsgraph backup, newsgraph restore ---


def titles(path: Path) -> set[str]:
    """The titles that a store holds."""
    snapshot = asyncio.run(TinyDBRepository.open(path).snapshot())
    return {a.title.removeprefix("About ") for a in snapshot.articles.values()}


@pytest.mark.parametrize("is_running", [True, False])
def test_restore_of_a_served_store_gives_a_gap_to_readers_of_lost_changes(tmp_path, is_running):
    """Other readers continue without a gap."""
    path, copy = tmp_path / "store.json", tmp_path / "news.backup"
    site = Site(path, "cp", is_running=is_running)
    site.put("kept")
    before = site.cursors(PUBLIC)
    back_up(path, copy)
    assert copy.stat().st_mode & 0o777 == 0o600
    site.put("lost")
    seen = site.cursors(PUBLIC)
    if not is_running:
        asyncio.run(site.repository.close())
    kept = restore(path, copy)
    if not is_running:
        site.repository = TinyDBRepository.open(path)
    site.repository._file_check_at = 0.0  # as after a second
    site.put("next")
    assert titles(path) == {"kept", "next"}
    for cursor in seen.values():
        assert site.told(PUBLIC, cursor) == ["GAP"]
    for cursor in before.values():
        assert site.told(PUBLIC, cursor) == ["PUT next"]
    assert titles(kept[0]) == {"kept", "lost"}


def test_backups_during_writes_hold_all_acknowledged_writes(tmp_path):
    """Each backup is one consistent state with all writes acknowledged before it."""
    path = tmp_path / "store.json"

    async def check() -> None:
        one, two = (TinyDBRepository.open(path, log_bytes=2_000) for _ in range(2))
        done = 0

        async def write(repository: TinyDBRepository, name: str) -> None:
            nonlocal done
            for number in range(40):
                pair = tuple(article(f"{name}{number}{side}") for side in "xy")
                await repository.apply(Batch(puts=pair))
                done += 2

        async def copies() -> None:
            for number in range(10):
                least, copy = done, tmp_path / f"{number}.backup"
                await asyncio.to_thread(back_up, path, copy)
                found = await asyncio.to_thread(titles_of_backup, copy)
                assert len(found) >= least
                assert {title[:-1] + "x" for title in found} <= found
                assert {title[:-1] + "y" for title in found} <= found

        await one.apply(Batch(puts=(article("0x"), article("0y"))))
        await asyncio.gather(write(one, "a"), write(two, "b"), copies())

    asyncio.run(check())


def titles_of_backup(copy: Path) -> set[str]:
    """The titles in a backup, as TinyDB reads it."""
    with TinyDB(copy, access_mode="r") as db:
        return {d["title"].removeprefix("About ") for d in db.table("articles").all()}


def test_backup_overwrites_no_file_and_a_damaged_one_is_not_restored(tmp_path):
    """No mistyped name loses a backup or the store, and a damaged backup changes nothing."""
    path, copy = tmp_path / "store.json", tmp_path / "news.backup"
    Site(path, "cp", is_running=True).put("kept")
    copy.write_text("mine")
    for target in (copy, path, path.with_name("store.json.log")):
        with pytest.raises(TargetExistsError, match="another file"):
            back_up(path, target)
    back_up(path, copy, overwrite=True)
    text = copy.read_bytes()
    for bad in (text[:-1], text.replace(b"kept", b"kapt", 1), b""):
        copy.write_bytes(bad)
        before = sorted(tmp_path.iterdir())
        with pytest.raises(StoreCorruptError, match=r"news\.backup"):
            restore(path, copy)
        assert (sorted(tmp_path.iterdir()), titles(path)) == (before, {"kept"})
    copy.write_bytes(text)
    path.write_text("damaged")
    restore(path, copy)
    assert titles(path) == {"kept"}


def test_backup_on_a_full_disk_changes_nothing(tmp_path):
    """Backup and restore raise an error, and leave the files as they were."""
    path, copy = tmp_path / "store.json", tmp_path / "news.backup"
    Site(path, "cp", is_running=True).put("kept")
    back_up(path, copy)
    with files_of_at_most(300):
        with pytest.raises(StoreUnavailableError, match="raise the limit"):
            back_up(path, tmp_path / "other.backup")
        with pytest.raises(StoreUnavailableError, match="raise the limit"):
            restore(path, copy)
    assert not [each for each in tmp_path.iterdir() if each.name.endswith(".new")]
    assert not (tmp_path / "other.backup").exists()
    assert titles(path) == {"kept"}


@pytest.mark.parametrize("what", ["backup", "restore"])
def test_killed_backup_or_restore_leaves_the_old_or_the_new(tmp_path, what):
    """At whichever step it is killed, neither store nor backup is incomplete."""
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from store import back_up, restore\n"
        "left, path, copy = int(sys.argv[1]), Path(sys.argv[3]), Path(sys.argv[4])\n"
        "def step(event, args):\n"
        "    global left\n"
        "    if event in ('os.rename', 'os.remove', 'os.link', 'open', 'os.utime', 'os.chmod'):\n"
        "        left -= 1\n"
        "        if left < 0: os._exit(9)\n"
        "for step_name in ('write', 'fsync', 'replace', 'pwrite'):\n"
        "    real = getattr(os, step_name)\n"
        "    def counted(*args, real=real, **more):\n"
        "        step('open', ())\n"
        "        return real(*args, **more)\n"
        "    setattr(os, step_name, counted)\n"
        "back_up(path, copy) if sys.argv[2] == 'backup' else restore(path, copy)\n"
    )
    found = []
    for left in range(40):
        folder = tmp_path / str(left)
        folder.mkdir()
        path, copy = folder / "store.json", folder / "news.backup"
        site = Site(path, "cp", is_running=True)
        site.put("kept")
        if what == "restore":
            back_up(path, copy)
            site.put("newer")
        arguments = [sys.executable, "-c", program, str(left), what, str(path), str(copy)]
        code = subprocess.run(arguments, check=False, cwd=ROOT).returncode
        found.append(titles(path))
        if what == "backup" and copy.exists():
            assert titles_of_backup(copy) == {"kept"}
        if not code:
            break
    assert code == 0
    both = [{"kept"}] if what == "backup" else [{"kept"}, {"kept", "newer"}]
    assert all(each in found for each in both)
    assert all(each in both for each in found)
