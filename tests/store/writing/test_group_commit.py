"""Concurrent writes share a flush, and each behaves as if it were alone."""

from __future__ import annotations

import asyncio
import resource
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store import (
    Batch,
    ConflictError,
    MemoryRepository,
    RefusedError,
    StoreUnavailableError,
    TinyDBRepository,
)
from store.names import article_id
from tests.support.sizes import scaled
from tests.support.writer_setup import REQUIRED, WriterSetup, document, path_of

SLUGS = [f"2026-01-02-{name}" for name in "abcdef"]


class CountingRepository(MemoryRepository):
    """Counts the batches."""

    batches = 0

    async def apply(self, batch: Batch) -> int:
        """Count it."""
        self.batches += 1
        return await super().apply(batch)


class PickyRepository(MemoryRepository):
    """A store that has been written by somebody else, as far as one article is concerned."""

    async def apply(self, batch: Batch) -> int:
        """Refuse what concerns this article."""
        if article_id(SLUGS[1]) in batch.expected:
            raise ConflictError("Somebody was faster.", current=7)
        return await super().apply(batch)


def open_setup(place, repository=None, *, with_folder=True):
    """A setup with the six documents."""
    folder = Path(place) / "folder"
    folder.mkdir(exist_ok=True)
    setup = WriterSetup(repository or MemoryRepository(), folder)
    for slug in SLUGS:
        setup.edit(path_of(slug), document(slug[-1]))
    setup.load()
    return setup if with_folder else WriterSetup(setup.repository, None)


def at_once(setup, *works):
    """Run writes concurrently; return their results and errors."""

    async def all_of_them():
        return await asyncio.gather(*works, return_exceptions=True)

    return setup.run(all_of_them())


def heats(setup):
    """The articles' heats, by the last letter of the slug."""
    return {slug[-1]: article.heat for slug, article in setup.state()[0].items()}


@pytest.mark.parametrize("with_folder", [True, False])
def test_writes_of_different_documents_go_together(tmp_path, with_folder):
    """Writes that wait while another is flushed are one batch, with revisions of their own."""
    repository = CountingRepository()
    setup = open_setup(tmp_path, repository, with_folder=with_folder)
    before = repository.batches
    written = at_once(setup, *(setup.writer.put({"heat": 5}, slug=slug) for slug in SLUGS))
    assert repository.batches - before <= 2
    assert sorted(each.revision for each in written) == list(range(7, 13))
    assert [each.articles[0].revision for each in written] == [each.revision for each in written]
    assert set(heats(setup).values()) == {5}
    assert not with_folder or all("heat: 5\n" in setup.text(path_of(slug)) for slug in SLUGS)


def test_write_that_cannot_be_stops_no_other(tmp_path):
    """A write that the disk has no room for fails alone."""
    setup = open_setup(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, limits[1]))
    large = {"content": "x" * 10_000}
    try:
        done = at_once(
            setup,
            *(
                setup.writer.put(large if slug == SLUGS[2] else {"heat": 5}, slug=slug)
                for slug in SLUGS
            ),
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    failed = [SLUGS[i] for i, each in enumerate(done) if isinstance(each, Exception)]
    assert (failed, type(done[2])) == ([SLUGS[2]], StoreUnavailableError)
    assert heats(setup) == {"a": 5, "b": 5, "c": 0, "d": 5, "e": 5, "f": 5}
    assert setup.state() == setup.fresh_state()


def test_conflict_in_the_store_stops_no_other(tmp_path):
    """If the store refuses one of a group, its file is rolled back, and the others are written."""
    setup = open_setup(tmp_path, PickyRepository())
    before = setup.files()
    done = at_once(setup, *(setup.writer.put({"heat": 5}, slug=slug) for slug in SLUGS[:4]))
    assert [type(each) for each in done if isinstance(each, Exception)] == [ConflictError]
    assert heats(setup) == {"a": 5, "b": 0, "c": 5, "d": 5, "e": 0, "f": 0}
    assert setup.files()[path_of(SLUGS[1])] == before[path_of(SLUGS[1])]
    assert setup.state() == setup.fresh_state()


@pytest.mark.parametrize("with_folder", [True, False])
def test_new_articles_of_one_name_at_once_are_one(tmp_path, with_folder):
    """Two new articles that would have the same slug: the second is refused."""
    setup = open_setup(tmp_path, with_folder=with_folder)
    new = {**REQUIRED, "title": "Same"}
    done = at_once(setup, *(setup.writer.put({**new, "heat": heat}) for heat in (1, 2, 3)))
    assert sorted(type(each).__name__ for each in done) == ["RefusedError"] * 2 + ["WriteResult"]
    assert [each.refusals[0].code for each in done if isinstance(each, RefusedError)] == [
        "DUPLICATE_SLUG"
    ] * 2


def test_writes_that_meet_at_a_path_come_one_after_the_other(tmp_path):
    """An import over a file, and writes of the article that was there, do not mix."""
    setup = open_setup(tmp_path)
    path = path_of(SLUGS[0])
    other = document("z").replace("2026-01-02", "2026-01-09").replace("z", "z z")
    done = at_once(
        setup,
        setup.writer.put({"heat": 1}, slug=SLUGS[1]),
        setup.writer.import_documents([("x/post.md", other)]),
        setup.writer.import_documents([(path, document("Imported"))]),
        setup.writer.put({"heat": 2}, slug=SLUGS[0]),
        setup.writer.delete(article_id(SLUGS[0])),
        setup.writer.put({**REQUIRED, "title": "Again"}, slug=SLUGS[0]),
    )
    assert not [each for each in done if isinstance(each, Exception)]
    assert setup.get(SLUGS[0]).title == "Again"
    assert setup.get("2026-01-09-z-z")
    assert setup.state() == setup.fresh_state()


WORKS = st.lists(
    st.tuples(st.sampled_from(["put", "delete", "import"]), st.sampled_from(SLUGS[:3])),
    min_size=2,
    max_size=12,
)


@settings(
    max_examples=scaled(15, long=40), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(WORKS)
def test_what_is_written_at_once_is_as_if_one_after_the_other(works):
    """Successful writes are serialized, and the last one wins."""
    with tempfile.TemporaryDirectory() as place:
        setup = open_setup(place, TinyDBRepository.open(Path(place) / "store.json"))
        writes = {
            "put": lambda slug, n: setup.writer.put({**REQUIRED, "heat": n}, slug=slug),
            "delete": lambda slug, _: setup.writer.delete(article_id(slug)),
            "import": lambda slug, n: setup.writer.import_documents(
                [(path_of(slug), document(more=f"heat: {n}\n"))]
            ),
        }
        done = at_once(setup, *(writes[kind](slug, n) for n, (kind, slug) in enumerate(works, 1)))
        for slug in SLUGS[:3]:
            mine = [
                (each if isinstance(each, int) else each.revision, n if kind != "delete" else None)
                for n, ((kind, about), each) in enumerate(zip(works, done, strict=True), 1)
                if about == slug and not isinstance(each, RefusedError)
            ]
            assert not [n for each, n in mine if isinstance(each, Exception)]
            found = setup.find(slug)
            assert (found.heat if found else None) == (max(mine)[1] if mine else 0)
        assert setup.state() == setup.fresh_state()
        setup.run(setup.repository.close())
