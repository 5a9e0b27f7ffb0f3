"""A document writer with its folder and store, for tests of writing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from store import (
    ArticleQuery,
    DocumentWriter,
    FolderLoader,
    LoadOptions,
    LookupKey,
    MemoryRepository,
    Refusal,
    RefusedError,
    Repository,
    Visibility,
    Window,
)
from store.model import Article, ProviderMention

T = TypeVar("T")

_RUNNER = asyncio.Runner()  # a store belongs to the loop that it was first used in

EVERYTHING = Window(first=1_000)
DATE = datetime(2026, 1, 2, tzinfo=UTC)
PROVIDER = ProviderMention(domain="p.example", name="P")
REQUIRED = {"title": "A tide", "publishedDateTime": DATE, "provider": PROVIDER}


def document(title: str = "A", more: str = "", body: str = "") -> str:
    """The text of a document."""
    required = f"title: {title}\npublishedDateTime: 2026-01-02\n"
    return f"---\n{required}provider: {{name: P, domain: p.example}}\n{more}---\n{body}"


def path_of(slug: str) -> str:
    """The path of a document with this slug."""
    return f"_news/{slug}.md"


async def state(repository: Repository) -> tuple[Any, ...]:
    """The articles by key, without revisions, the topics and the diagnostics of a store."""
    snapshot = await repository.snapshot()
    [page] = await snapshot.pages([ArticleQuery(EVERYTHING)], Visibility.ALL)
    topics = await snapshot.topic_page(EVERYTHING, Visibility.ALL)
    diagnostics = await snapshot.diagnostic_page(EVERYTHING)
    articles = {a.key: msgspec.structs.replace(a, revision=0) for a in page.items}
    return articles, list(topics.items), list(diagnostics.items)


class WriterSetup:
    """A document writer, its repository and its folder, with synchronous methods.

    Attributes:
        repository: The repository.
        folder: The folder; None if the store alone keeps the articles.
        options: The options of loads.
        writer: The writer.
    """

    def __init__(
        self,
        repository: Repository,
        folder: Path | None,
        loads: LoadOptions | None = None,
        **options: Any,
    ) -> None:
        self.repository = repository
        self.folder = folder
        self.options = loads or LoadOptions()
        self.writer = DocumentWriter(repository, folder, self.options, **options)
        self._clock = 0

    @staticmethod
    def run(work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return _RUNNER.run(work)

    def put(self, fields: dict[str, Any], **named: Any) -> Article:
        """Put fields; return the article."""
        [article] = self.run(self.writer.put(fields, **named)).articles
        return article

    def import_documents(self, *documents: tuple[str, str]) -> list[Article]:
        """Import documents; return their articles."""
        return list(self.run(self.writer.import_documents(documents)).articles)

    def delete(self, id: str, expected: int | None = None) -> None:
        """Delete an article."""
        self.run(self.writer.delete(id, expected))

    def refusals(self, work: Coroutine[Any, Any, Any]) -> list[tuple[str, tuple[str, ...]]]:
        """The codes and input paths of the refusals that a write raises; fail if it raises none."""
        return [(refusal.code, refusal.input_path) for refusal in self.expect_refusals(work)]

    def expect_refusals(self, work: Coroutine[Any, Any, Any]) -> tuple[Refusal, ...]:
        """The refusals that a write raises; fail if it raises none."""
        try:
            self.run(work)
        except RefusedError as error:
            return error.refusals
        raise AssertionError("it was not refused")

    def find(self, slug: str) -> Article | None:
        """The article with a slug, if there is one."""

        async def find() -> Article | None:
            snapshot = await self.repository.snapshot()
            [article] = await snapshot.get_many(LookupKey.SLUG, [slug], Visibility.ALL)
            return article

        return self.run(find())

    def get(self, slug: str) -> Article:
        """The article with a slug."""
        article = self.find(slug)
        assert article is not None
        return article

    def edit(self, path: str, text: str | bytes) -> None:
        """Edit a file by hand, without a load."""
        assert self.folder is not None
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        self._clock += 1
        os.utime(file, ns=(self._clock, self._clock))

    def text(self, path: str) -> str:
        """The text of a file."""
        assert self.folder is not None
        return (self.folder / path).read_bytes().decode()

    def files(self) -> dict[str, tuple[bytes, int]]:
        """The bytes and the modification times of all files, hidden ones included."""
        assert self.folder is not None
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {
            str(f.relative_to(self.folder)): (f.read_bytes(), f.stat().st_mtime_ns) for f in files
        }

    def load(self) -> None:
        """Load the folder into the store."""
        assert self.folder is not None
        self.run(FolderLoader(self.repository, self.folder, self.options).load())

    def state(self) -> tuple[Any, ...]:
        """The state of the store."""
        return self.run(state(self.repository))

    def fresh_state(self) -> tuple[Any, ...]:
        """The state of a new store after a load of this folder."""
        assert self.folder is not None
        fresh = WriterSetup(MemoryRepository(), self.folder)
        fresh.load()
        return fresh.state()
