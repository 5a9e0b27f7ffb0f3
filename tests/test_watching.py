"""Live reload: what happens in the folder is in the store soon after, and nothing else is."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gql.settings import Settings, SettingsError
from gql.watching import FolderWatcher, folder_watcher
from store import (
    ArticleQuery,
    FolderLoader,
    MemoryRepository,
    Repository,
    TinyDBRepository,
    Visibility,
    Window,
)

DEADLINE_S = 30
EVERYTHING = Window(first=10_000)
TEXT = "---\ntitle: {}\npublishedDateTime: 2020-06-11\nprovider: {{name: P, domain: p.example}}\n"
BROKEN = "---\ntitle: A\npublishedDateTime: [\n---\n"
OLD_NS = 1_000_000_000
"""A time of change for files that are watched: no later change can have the same."""


def document(title: str) -> str:
    """The text of a document."""
    return TEXT.format(title) + "---\n"


async def state(repository: Repository) -> tuple[Any, ...]:
    """Articles, topics and problems, as a reader sees them, without revisions."""
    snapshot = await repository.snapshot()
    [page] = await snapshot.pages([ArticleQuery(EVERYTHING)], Visibility.ALL)
    topics = await snapshot.topic_page(EVERYTHING, Visibility.ALL)
    problems = await snapshot.diagnostic_page(EVERYTHING)
    articles = {a.slug: msgspec.structs.replace(a, revision=0) for a in page.items}
    return articles, list(topics.items), list(problems.items)


class Desk:
    """A watched folder, and what comes of it."""

    def __init__(self, folder: Path, repository: Repository) -> None:
        self.folder = folder
        self.repository = repository
        self.loads = asyncio.Condition()
        self.failures = 0

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def loaded(self, report: object) -> None:
        """Hear from the watcher."""
        self.failures += report is None
        asyncio.get_running_loop().create_task(self._wake())

    async def _wake(self) -> None:
        async with self.loads:
            self.loads.notify_all()

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Wait until something holds, looking at it after each load."""
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

    async def problems(self) -> list[tuple[str, str]]:
        """Path and code of all problems."""
        return [(d.path, d.code) for d in (await state(self.repository))[2]]


@asynccontextmanager
async def watched(folder: Path, repository: Repository | None = None) -> AsyncIterator[Desk]:
    """A desk whose folder is watched until the block ends."""
    repository = repository or MemoryRepository()
    desk = Desk(folder, repository)
    turn_file = folder.with_name(f"{folder.name}.turn")
    loader = FolderLoader(repository, folder)
    watcher = FolderWatcher(folder, loader, repository, turn_file=turn_file, done=desk.loaded)
    async with watcher.running():
        yield desk


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one document, A."""
    made = tmp_path / "articles"
    made.mkdir()
    (made / "a.md").write_text(document("A"))
    return made


async def test_watcher_sees_what_is_added_changed_renamed_and_deleted(folder: Path) -> None:
    """Each change of a document is in the store without anyone asking for it."""
    async with watched(folder) as desk:
        await desk.until_titles("A")
        desk.write("deep/er/b.md", document("B"))
        await desk.until_titles("A", "B")
        desk.write("a.md", document("A2"))
        await desk.until_titles("A2", "B")
        (folder / "a.md").rename(folder / "deep" / "c.md")
        await desk.until(lambda: has_sources(desk, "deep/c.md", "deep/er/b.md"))
        (folder / "deep" / "c.md").unlink()
        await desk.until_titles("B")
