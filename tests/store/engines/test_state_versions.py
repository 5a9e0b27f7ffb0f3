"""Versions of states: a version names the same state everywhere and for good."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from random import Random

import msgspec
import pytest

from store import ArticleQuery, Batch, Snapshot, TinyDBRepository, Visibility, Window
from store.model import Article, TopicDefinition
from tests.support.cursors import KEY
from tests.support.factories import article

LIMIT = 4
EVERYTHING = ArticleQuery(Window(first=100))
FILES = ("store.json", "store.json.log")


def opened(path: Path) -> TinyDBRepository:
    """The store in these files, as one more process has it."""
    return TinyDBRepository.open(path, history_limit=LIMIT, log_bytes=2_000, cursor_key=KEY)


async def shown(snapshot: Snapshot, visibility: Visibility) -> bytes:
    """All that readers of a visibility see of a state, its history included."""
    [page] = await snapshot.pages([EVERYTHING], visibility)
    articles = [public_form(each, visibility) for each in page.items]
    topics = (await snapshot.topic_page(Window(first=100), visibility)).items
    history = await snapshot.changes(None, visibility)
    told = [(c.revision, c.kind, c.id, c.at) for c in history.changes]
    rest = (topics, told, history.gap, history.end, await snapshot.newest_change(visibility))
    return msgspec.json.encode((articles, rest))


def public_form(found: Article, visibility: Visibility) -> Article:
    """An article as readers of a visibility get it."""
    secured = None if visibility is Visibility.PUBLISHED else found.secured
    revision = found.revision_for(visibility)
    return msgspec.structs.replace(found, secured=secured, revision=revision, public_revision=0)


def random_batch(rng: Random) -> Batch:
    """A write that everybody sees, or only some."""
    slug = rng.choice(["one", "two", "three"])
    put = article(
        slug,
        published=rng.random() < 0.5,
        secured=rng.choice([None, "a", "b"]),
        heat=rng.choice([0, 0, 0, 1]),
    )
    kind = rng.random()
    if kind < 0.1:
        return Batch(topics=(TopicDefinition(slug="t", name=rng.choice("AB")),))
    return Batch(deletes=(put.id,)) if kind < 0.2 else Batch(puts=(put,))


def copy_files(source: Path, target: Path) -> None:
    """Put a copy of a store in another folder."""
    target.mkdir(exist_ok=True)
    for name in FILES:
        (target / name).unlink(missing_ok=True)
        if (source / name).exists():
            shutil.copy2(source / name, target / name)


class Lives:
    """A store that two processes have open, with backups that are put back now and then.

    Attributes:
        known: What was seen under each name of a state.
    """

    def __init__(self, folder: Path, rng: Random) -> None:
        self.known: dict[tuple[Visibility, str], bytes] = {}
        self._rng = rng
        self._path = folder / FILES[0]
        self._backup = folder / "backup"
        self._repositories = [opened(self._path), opened(self._path)]

    async def begin(self) -> None:
        """Have something written: what a store is called that has no file is its process's own."""
        await self._repositories[0].apply(Batch(puts=(article("first"),)))

    async def step(self) -> None:
        """Write, open one anew, make a backup, or put it back; then look at the state's names."""
        kind, repositories = self._rng.random(), self._repositories
        if kind < 0.75:
            await self._rng.choice(repositories).apply(random_batch(self._rng))
        elif kind < 0.85:
            number = self._rng.randrange(2)
            await repositories[number].close()
            repositories[number] = opened(self._path)
        elif kind < 0.95 or not self._backup.exists():
            await self._copied(self._path.parent, self._backup)
        else:
            await self._copied(self._backup, self._path.parent)
        await self.check()

    async def _copied(self, source: Path, target: Path) -> None:
        for repository in self._repositories:
            await repository.close()
        copy_files(source, target)
        self._repositories = [opened(self._path), opened(self._path)]

    async def check(self) -> None:
        """Both processes call the state alike, and what each name stands for is what it was."""
        one, other = [await repository.snapshot() for repository in self._repositories]
        assert one.versions == other.versions
        for snapshot in (one, other):
            for each in Visibility:
                now = await shown(snapshot, each)
                assert self.known.setdefault((each, snapshot.versions[each]), now) == now

    async def close(self) -> None:
        """Close both."""
        for repository in self._repositories:
            await repository.close()


@pytest.mark.parametrize("seed", range(6))
def test_name_stands_for_one_state_also_after_restarts_and_restored_backups(tmp_path, seed):
    """For readers of each visibility, their history included, at every process."""

    async def live() -> int:
        lives = Lives(tmp_path, Random(seed))
        await lives.begin()
        for _ in range(60):
            await lives.step()
        await lives.close()
        names = [{name for visibility, name in lives.known if visibility is v} for v in Visibility]
        assert 5 < len(names[0]) <= len(names[1]) < len(names[2])
        return len(lives.known)

    assert asyncio.run(live()) > 30


def test_store_of_a_former_version_has_the_whole_state_s_name_for_the_public(tmp_path):
    """Until the next write that the public sees; what is kept of the history is there."""
    path = tmp_path / FILES[0]

    async def write(*batches: Batch) -> Snapshot:
        repository = opened(path)
        for batch in batches:
            await repository.apply(batch)
        found = await repository.snapshot()
        await repository.close()
        return found

    drafts = [Batch(puts=(article("draft", heat=n, published=False),)) for n in range(3)]
    asyncio.run(write(*drafts, *(Batch(puts=(article(f"a{n}"),)) for n in range(LIMIT - 1))))
    tables = json.loads(path.read_text())
    for name in ("versions", "completeFrom"):
        tables["meta"]["1"].pop(name, None)
    del tables["meta"]["1"]["checksum"]
    tables["meta"]["1"]["format"] = 2
    path.write_text(json.dumps(tables))
    (tmp_path / FILES[1]).unlink(missing_ok=True)
    former = asyncio.run(write())
    assert set(former.versions.values()) == {former.version}
    history = asyncio.run(former.changes(None, Visibility.PUBLISHED))
    assert [change.slug[-2:] for change in history.changes] == ["a1", "a2"]
    assert history.gap is not None  # up to a0: nobody knows what came before
    edited = asyncio.run(write(*drafts))
    assert edited.versions[Visibility.PUBLISHED] == former.version != edited.version
    assert asyncio.run(edited.changes(None, Visibility.PUBLISHED)) == history
    seen = asyncio.run(write(Batch(puts=(article("new"),))))
    assert set(seen.versions.values()) == {seen.version}
