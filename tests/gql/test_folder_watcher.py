"""The folder watcher: each change of the folder is soon in the store, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gql.composition.app import create_app
from gql.folder_watcher import FolderWatcher, folder_watcher
from gql.settings import SettingsError, load_settings
from store import (
    ArticleQuery,
    FolderLoader,
    MemoryRepository,
    Repository,
    TinyDBRepository,
    Visibility,
    Window,
)
from tests.gql.telemetry.test_metrics import scraper
from tests.support.live_server import serve
from tests.support.sizes import scaled

pytestmark = pytest.mark.anyio

DEADLINE_S = 30
EVERYTHING = Window(first=10_000)
TEXT = "---\ntitle: {}\npublishedDateTime: 2020-06-11\nprovider: {{name: P, domain: p.example}}\n"
BROKEN = "---\ntitle: A\npublishedDateTime: [\n---\n"
TOPIC = "_data/topics/tides.yaml"


def document(title: str) -> str:
    """The text of a document."""
    return TEXT.format(title) + "---\n"


async def state(repository: Repository) -> tuple[Any, ...]:
    """Articles, topics and diagnostics, without revisions."""
    snapshot = await repository.snapshot()
    [page] = await snapshot.pages([ArticleQuery(EVERYTHING)], Visibility.ALL)
    topics = await snapshot.topic_page(EVERYTHING, Visibility.ALL)
    problems = await snapshot.diagnostic_page(EVERYTHING)
    articles = {a.slug: msgspec.structs.replace(a, revision=0) for a in page.items}
    return articles, list(topics.items), list(problems.items)


class WatcherSetup:
    """A watched folder and the reports of its loads."""

    def __init__(self, folder: Path, repository: Repository) -> None:
        self.folder = folder
        self.repository = repository
        self.loads = asyncio.Condition()
        self.failures = 0
        self.watching: asyncio.Task[None]

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def loaded(self, report: object) -> None:
        """Take the report of a load."""
        self.failures += report is None
        asyncio.get_running_loop().create_task(self._wake())

    async def _wake(self) -> None:
        async with self.loads:
            self.loads.notify_all()

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Wait until a condition holds, checked after each load."""
        async with asyncio.timeout(DEADLINE_S), self.loads:
            while not await holds():
                await self.loads.wait()

    async def titles(self) -> set[str]:
        """The titles of all articles."""
        return {article.title for article in (await state(self.repository))[0].values()}

    async def until_titles(self, *titles: str) -> None:
        """Wait until the store has exactly articles with these titles."""

        async def holds() -> bool:
            return await self.titles() == set(titles)

        await self.until(holds)

    async def until_sources(self, *paths: str) -> None:
        """Wait until exactly these files are loaded."""

        async def holds() -> bool:
            return (await self.repository.sources()).keys() == set(paths)

        await self.until(holds)

    async def until_problems(self, *problems: tuple[str, str]) -> None:
        """Wait until the store has exactly these diagnostics."""

        async def holds() -> bool:
            return await self.problems() == list(problems)

        await self.until(holds)

    async def until_topics(self, *names: str) -> None:
        """Wait until the topic tree has exactly these topics."""

        async def holds() -> bool:
            return [topic.name for topic in (await state(self.repository))[1]] == list(names)

        await self.until(holds)

    async def until_failed(self) -> None:
        """Wait until a load has failed."""

        async def holds() -> bool:
            return self.failures > 0

        await self.until(holds)

    async def problems(self) -> list[tuple[str, str]]:
        """The path and code of all diagnostics."""
        return [(d.path, d.code) for d in (await state(self.repository))[2]]


@asynccontextmanager
async def watched(
    folder: Path, repository: Repository | None = None
) -> AsyncIterator[WatcherSetup]:
    """A setup whose folder is watched until the block ends."""
    repository = repository or MemoryRepository()
    setup = WatcherSetup(folder, repository)
    lock_file = folder.with_name(f"{folder.name}.turn")
    loader = FolderLoader(repository, folder)
    watcher = FolderWatcher(folder, loader, repository, lock_file=lock_file, on_reload=setup.loaded)
    async with watcher.running() as setup.watching:
        yield setup


@pytest.fixture
def anyio_backend() -> str:
    """These tests run on asyncio."""
    return "asyncio"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one document, A."""
    made = tmp_path / "articles"
    made.mkdir()
    (made / "a.md").write_text(document("A"))
    return made


async def test_watcher_sees_what_is_added_changed_renamed_and_deleted(folder: Path) -> None:
    """Each change of a document is loaded automatically."""
    async with watched(folder) as setup:
        await setup.until_titles("A")
        setup.write("deep/er/b.md", document("B"))
        await setup.until_titles("A", "B")
        setup.write("a.md", document("A2"))
        await setup.until_titles("A2", "B")
        (folder / "a.md").rename(folder / "deep" / "c.md")
        await setup.until_sources("deep/c.md", "deep/er/b.md")
        (folder / "deep" / "c.md").unlink()
        await setup.until_titles("B")


async def test_watcher_sees_folders_that_are_moved_and_removed(folder: Path) -> None:
    """Adding, renaming or removing a folder applies to its documents."""
    made = folder.parent / "made"
    made.mkdir()
    (made / "b.md").write_text(document("B"))
    async with watched(folder) as setup:
        await setup.until_titles("A")
        made.rename(folder / "one")
        await setup.until_titles("A", "B")
        (folder / "one").rename(folder / "two")
        await setup.until_sources("a.md", "two/b.md")
        setup.write("two/b.md", document("C"))
        await setup.until_titles("A", "C")
        shutil.rmtree(folder / "two")
        await setup.until_titles("A")


async def test_watcher_keeps_the_last_good_version_of_a_broken_edit(folder: Path) -> None:
    """An invalid edit is reported once and keeps the last valid version until it is repaired."""
    with capture_logs() as logs:
        async with watched(folder) as setup:
            await setup.until_titles("A")
            setup.write("a.md", BROKEN)
            await setup.until_problems(("a.md", "UNREADABLE_YAML"))
            assert await setup.titles() == {"A"}
            setup.write("b.md", document("B"))
            await setup.until_titles("A", "B")
            setup.write("a.md", document("A, mended"))
            await setup.until_titles("A, mended", "B")
            assert await setup.problems() == []
    told = [
        (e["path"], e["line"], e["severity"], e["code"]) for e in logs if e["event"] == "diagnostic"
    ]
    assert told == [("a.md", 4, "ERROR", "UNREADABLE_YAML")]


async def test_watcher_sees_topic_files(folder: Path) -> None:
    """The topic tree follows its files."""
    async with watched(folder) as setup:
        await setup.until_titles("A")
        setup.write(TOPIC, "name: Tides\nslug: tides\n")
        await setup.until_topics("Tides")
        setup.write(TOPIC, "name: Moon tides\nslug: tides\n")
        await setup.until_topics("Moon tides")
        (folder / TOPIC).unlink()
        await setup.until_topics()


async def test_watcher_takes_in_a_checkout_while_reads_go_on(folder: Path) -> None:
    """A thousand changed files do not block readers."""
    repository = TinyDBRepository.open(folder.parent / "store.json")
    seen = [0]
    async with watched(folder, repository) as setup:
        await setup.until_titles("A")

        async def read() -> None:
            while seen[-1] < 1_001:
                snapshot = await repository.snapshot()
                seen.append((await snapshot.counts(Visibility.ALL)).articles)
                await asyncio.sleep(0)

        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
            group.create_task(read())
            for n in range(1_000):
                setup.write(f"checkout/{n}.md", document(f"T{n}"))
            reads_before_refresh = len(seen)
    assert seen == sorted(seen)
    assert len(seen) - reads_before_refresh > 100


async def test_watcher_reports_a_folder_that_vanishes_and_follows_it_when_it_is_back(
    folder: Path,
) -> None:
    """If the folder is missing, its articles stay; it is watched again when it returns."""
    away = folder.with_name("away")
    with capture_logs() as logs:
        async with watched(folder) as setup:
            await setup.until_titles("A")
            folder.rename(away)  # noqa: ASYNC240  # as quick as it gets
            await setup.until_failed()
            assert await setup.titles() == {"A"}
            (away / "b.md").write_text(document("B"))
            away.rename(folder)
            await setup.until_titles("A", "B")
            setup.write("c.md", document("C"))
            await setup.until_titles("A", "B", "C")
    assert [e["event"] for e in logs].count("reload_failed") == 1


async def test_watcher_follows_a_link_to_where_it_leads_now(folder: Path) -> None:
    """A symbolic link that is switched, as by deployments, is followed."""
    link = folder.with_name("current")
    link.symlink_to(folder)
    release = shutil.copytree(folder, folder.with_name("release"))
    (release / "b.md").write_text(document("B"))
    async with watched(link) as setup:
        await setup.until_titles("A")
        switched = folder.with_name("switched")
        switched.symlink_to(release)
        switched.replace(link)
        await setup.until_titles("A", "B")
        (release / "c.md").write_text(document("C"))
        await setup.until_titles("A", "B", "C")


async def test_watcher_passes_its_turn_on_when_it_ends(folder: Path) -> None:
    """Of several watchers of a store one is active; another takes over when it ends."""
    async with watched(folder) as first:
        await first.until_titles("A")
        async with watched(folder) as second:
            titles = ["A", "B", "C", "D", "E", "F"]
            for count, title in enumerate(titles, start=1):
                (folder / f"{title.lower()}.md").write_text(document(title))
                await first.until_titles(*titles[:count])
            assert await second.titles() == set()
            first.watching.cancel()
            await second.until_titles(*titles)


def test_watcher_polls_where_the_system_cannot_watch(folder: Path) -> None:
    """Without inotify the watcher polls, and logs a remedy."""
    program = f"""
import asyncio
from pathlib import Path
from tests.gql.test_folder_watcher import document, watched

async def main():
    async with watched(Path({str(folder)!r})) as setup:
        await setup.until_titles("A")
        setup.write("b.md", document("B"))
        await setup.until_titles("A", "B")

asyncio.run(main())
"""
    limit = "echo 0 > /proc/sys/user/max_inotify_instances"
    if subprocess.run(["unshare", "-Ur", "sh", "-c", limit], check=False).returncode:
        pytest.skip("this machine does not let a test limit inotify")
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", f'{limit} && exec "$0" -c "$1"', sys.executable, program],
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "watch_polling" in done.stdout
    assert "fs.inotify.max_user_watches" in done.stdout


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        ("a.md", False),
        ("deep/er/b.md", False),
        ("_news/b.md", False),
        ("_data/topics/t.yaml", False),
        (".a.md.swp", True),
        (".newsgraph/store.json", True),
        (".git/index", True),
        ("deep/.#b.md", True),
        ("_drafts/b.md", True),
        ("_data/other.yaml", True),
        ("folder", False),
        ("link", False),
        ("x.tmp.md", True),
        ("deep/#x.md#", True),
        ("#x#", True),
        (".#x", True),
        ("x.md~", True),
        ("x~", True),
        ("~$x.md", True),
        ("4913", True),
        ("x.md.swp", True),
        ("picture.jpg", True),
    ],
)
def test_loader_ignores_what_is_never_read(tmp_path: Path, path: str, ignored: bool) -> None:
    """Changes of ignored files and folders do not trigger a load."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    assert FolderLoader(MemoryRepository(), tmp_path).ignores(path) is ignored


def test_loader_does_not_ignore_a_folder_that_is_gone(tmp_path: Path) -> None:
    """Moving a folder away triggers a load."""
    (tmp_path / "4913").mkdir()
    (tmp_path / "4913" / "a.md").write_text(document("A"))
    loader = FolderLoader(MemoryRepository(), tmp_path)
    asyncio.run(loader.load())
    shutil.rmtree(tmp_path / "4913")
    assert not loader.ignores("4913")


async def test_watcher_goes_on_beside_a_file_name_that_is_not_utf8(folder: Path) -> None:
    """A file name that is not UTF-8 is logged once, and other changes are loaded."""
    odd = os.path.join(os.fsencode(folder), b"\xff.md")  # noqa: PTH118  # a name of bytes
    with capture_logs() as logs:
        async with watched(folder) as setup:

            async def touch() -> None:
                while True:
                    with open(odd, "w") as file:  # noqa: ASYNC230, PTH123  # as quick as it gets
                        file.write("x")
                    await asyncio.sleep(0.01)

            touching = asyncio.create_task(touch())
            await setup.until_titles("A")
            for count, title in enumerate("BCD", start=2):
                setup.write(f"{title}.md", document(title))
                await setup.until_titles(*"ABCD"[:count])
            touching.cancel()
            assert [path for path, _ in await setup.problems()] == ["\\udcff.md"]
    events = [e["event"] for e in logs]
    assert events.count("file_name_not_utf8") == 1
    assert not {"watch_failed", "watch_polling"} & {*events}


def test_watch_setting_needs_a_folder(tmp_path: Path) -> None:
    """Watching without a folder is an error with a remedy."""
    wrong = load_settings({"watch": True, "store": tmp_path / "store.json"})
    with pytest.raises(SettingsError, match="newsgraph serve DIR --watch"):
        folder_watcher(wrong, MemoryRepository(), lambda _: None)


PATHS = st.sampled_from(["a.md", "b.md", "x/a.md", "x/b.md", "x/y/c.md", "z.txt"])
FOLDERS = st.sampled_from(["x", "x/y", "w"])
OPERATIONS = st.one_of(
    st.tuples(st.just("write"), PATHS, st.sampled_from("ABC")),
    st.tuples(st.just("break"), PATHS, st.just("")),
    st.tuples(st.just("topic"), st.just(TOPIC), st.sampled_from("ABC")),
    st.tuples(st.just("remove"), st.one_of(PATHS, FOLDERS, st.just(TOPIC)), st.just("")),
    st.tuples(st.just("rename"), PATHS, PATHS),
    st.tuples(st.just("rename"), FOLDERS, FOLDERS),
    st.tuples(st.just("pause"), st.just(""), st.just("")),
)


async def perform(setup: WatcherSetup, kind: str, path: str, other: str) -> None:
    """Change the folder; invalid changes are skipped."""
    file = setup.folder / path
    with contextlib.suppress(OSError):
        if kind == "pause":
            await asyncio.sleep(0.03)  # so that operations fall into several refreshes
        elif kind == "write":
            setup.write(path, document(other))
        elif kind == "break":
            setup.write(path, BROKEN)
        elif kind == "topic":
            setup.write(path, f"name: {other}\n")
        elif kind == "remove" and file.is_dir():
            shutil.rmtree(file)
        elif kind == "remove":
            file.unlink()
        else:
            file.rename(setup.folder / other)


@settings(max_examples=scaled(5, long=15), suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(OPERATIONS, max_size=12))
def test_watched_state_equals_a_fresh_load(operations: list[tuple[str, str, str]]) -> None:
    """After any changes and repairs, the state equals a fresh load."""

    async def check() -> None:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "articles"
            folder.mkdir()
            async with watched(folder) as setup:
                for operation in operations:
                    await perform(setup, *operation)
                for file in folder.rglob("*.*"):
                    if file.is_file() and file.read_text() == BROKEN:
                        file.write_text(document("Mended"))
                fresh = MemoryRepository()
                await FolderLoader(fresh, folder).load()
                expected = await state(fresh)

                async def holds() -> bool:
                    return await state(setup.repository) == expected

                await setup.until(holds)

    asyncio.run(check())


def test_served_answers_follow_the_folder(folder: Path) -> None:
    """With `watch`, responses of a running server show an edit without a restart."""
    repository = TinyDBRepository.open(folder.parent / "store.json")
    chosen = load_settings({"folder": folder, "watch": True, "store": folder.parent / "store.json"})
    deadline = time.monotonic() + DEADLINE_S
    with serve(create_app(chosen, repository)) as url:
        (folder / "b.md").write_text(document("B"))
        titles: list[str] = []
        while sorted(titles) != ["A", "B"]:
            assert time.monotonic() < deadline, f"only {titles} were served"
            answer = httpx2.post(
                f"{url}/graphql", json={"query": "{ articles { nodes { title } } }"}
            )
            titles = [node["title"] for node in answer.json()["data"]["articles"]["nodes"]]
        assert (
            'newsgraph_load_duration_seconds_count{outcome="ok"}'
            in httpx2.get(f"{url}/metrics", headers=scraper(chosen.keys_path)).text
        )
