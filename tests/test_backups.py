"""A backup that was put back: nobody goes on from what it lacks without being told."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gql.viewer import PUBLIC, Scope, Viewer
from store import Batch, TinyDBRepository

from .followers import Follower
from .graph import Graph
from .sites import article

EDITOR = Viewer({Scope.READ_DRAFTS})
PAGE = """query ($after: String) { changes(after: $after) {
  nodes { cursor kind slug } latestCursor } }"""
FOREIGN = "x" * 56


def moved(source: Path, target: Path) -> None:
    """Put a copy in place by a rename, as a new inode."""
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
        """Put the copies in place: between a stop and a start, or under the server's feet."""
        if not self._is_running:
            asyncio.run(self.repository.close())
        for file in self._files:
            self._copy(file.with_suffix(".backup"), file)
        if not self._is_running:
            self.repository = TinyDBRepository.open(self._files[1])

    def cursors(self, viewer: Viewer) -> dict[str, str]:
        """Every kind of cursor that this viewer is given now, of the newest place each."""
        graph = Graph(self.repository).seen_by(viewer)
        page = graph.ask(PAGE)["changes"]
        [gap] = graph.ask(PAGE, after=FOREIGN)["changes"]["nodes"]
        return {
            "change": page["nodes"][-1]["cursor"],
            "gap": gap["cursor"],
            "latest": page["latestCursor"],
        }

    def told(self, viewer: Viewer, after: str) -> list[str]:
        """The kinds of what a viewer is told after a cursor, with the names of articles."""
        nodes = Graph(self.repository).seen_by(viewer).ask(PAGE, after=after)["changes"]["nodes"]
        return [f"{node['kind']} {(node['slug'] or '')[11:]}".strip() for node in nodes]


@pytest.fixture(params=WAYS)
def way(request) -> str:
    """How the copies are put in place."""
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
def test_cursor_of_what_a_backup_lacks_gives_a_gap(site, later):
    """Of whatever kind it is: before and after the store has outgrown it, and for everybody."""
    before = site.cursors(PUBLIC)
    site.put("lost")
    site.put("lost draft", published=False)
    seen = {viewer: site.cursors(viewer) for viewer in (PUBLIC, EDITOR)}
    site.restore()
    site.put(*(f"n{number}" for number in range(later)))
    for viewer, cursors in seen.items():
        for kind, cursor in cursors.items():
            assert site.told(viewer, cursor) == ["GAP"], (viewer.scopes, kind)
    for kind, cursor in before.items():
        assert site.told(PUBLIC, cursor) == [f"PUT n{n}" for n in range(later)], kind


def test_reader_who_has_seen_nothing_of_what_a_backup_lacks_goes_on(site):
    """To whom only drafts are lost, which they were never told of, nothing is."""
    site.put("lost draft", published=False)
    seen = {viewer: site.cursors(viewer) for viewer in (PUBLIC, EDITOR)}
    site.restore()
    site.put("one", "two")
    assert [site.told(PUBLIC, cursor) for cursor in seen[PUBLIC].values()] == [
        ["PUT one", "PUT two"]
    ] * 3
    assert [site.told(EDITOR, cursor) for cursor in seen[EDITOR].values()] == [["GAP"]] * 3


@pytest.mark.parametrize("viewer", [PUBLIC, EDITOR])
def test_follower_of_a_restored_store_ends_with_what_it_holds(site, viewer):
    """It held what is there no more; and what is written from then on is whole."""
    follower = Follower(site.repository, viewer)
    asyncio.run(follower.begin())
    site.put("lost")
    asyncio.run(follower.listen())
    site.restore()
    follower.turn_to(site.repository)
    site.put("one", "two")
    asyncio.run(follower.listen())
    assert follower.articles == asyncio.run(follower.queried())
    site.put("three")
    asyncio.run(follower.listen())
    again = Follower(TinyDBRepository.open(site.repository._files.path), viewer)
    assert follower.articles == asyncio.run(again.queried())


def test_store_made_anew_gives_a_gap_to_those_who_knew_the_old_one(tmp_path):
    """Though the same was written into it, at the same revisions."""
    old, new = (Site(tmp_path / name, "cp", is_running=True) for name in ("old.json", "new.json"))
    for site in (old, new):
        site.put("one", "two")
    for cursor in old.cursors(PUBLIC).values():
        assert new.told(PUBLIC, cursor) == ["GAP"]
