"""One load on its way: the manifest from one state to the next, and what the store must do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from . import manifest
from .files import FileReading
from .manifest import Manifest
from .model import Article, Diagnostic, Severity
from .names import article_id
from .reading import Reading
from .repository import Batch, SourceFile


class LoadReport(msgspec.Struct, frozen=True):
    """What a load did. `articles` counts those of the folder after it; `read`, `unchanged` and
    `removed` count files.
    """

    articles: int
    read: int
    unchanged: int
    removed: int
    diagnostics: Mapping[Severity, int]
    seconds: float
    revision: int


class Update:
    """The manifest on its way from one state to the next, and the articles read meanwhile."""

    def __init__(self, before: Manifest) -> None:
        self._before = before
        self._after = dict(before)
        self._winners = {slug: paths[0] for slug, paths in manifest.claims(before).items()}
        self._claims: dict[str, list[str]] = {}
        self._articles: dict[str, Article] = {}
        self._read: set[str] = set()
        self._problems: tuple[Diagnostic, ...] = ()

    def forget(self, paths: Iterable[str]) -> None:
        """These files are gone."""
        for path in paths:
            self._after.pop(path, None)

    def take(self, readings: Iterable[FileReading]) -> None:
        """These files were read now."""
        for file in readings:
            self._read.add(file.path)
            if file.gone:
                self.forget((file.path,))
                continue
            self._after[file.path] = self._source(file)
            if file.reading.article:
                self._articles[file.path] = file.reading.article

    def refuse(self, problems: Iterable[Diagnostic]) -> None:
        """These files are there and must not be read."""
        for problem in problems:
            file = FileReading(problem.path, reading=Reading(diagnostics=(problem,)))
            self._after[problem.path] = self._source(file)

    def settle(self) -> list[str]:
        """Decide who wins each slug; return the winners that must be read first."""
        self._claims = manifest.claims(self._after)
        while lost := self._lost():
            for path in lost:
                self._after[path] = _without_claim(self._after[path])
            self._claims = manifest.claims(self._after)
        return [
            paths[0]
            for slug, paths in self._claims.items()
            if self._winners.get(slug) != paths[0] and paths[0] not in self._read
        ]

    def _lost(self) -> list[str]:
        """The failed files whose last good version the repository does not keep: not winners."""
        return [
            path
            for slug, paths in self._claims.items()
            for path in paths
            if self._after[path].failed and (path != paths[0] or self._winners.get(slug) != path)
        ]

    def batch(self) -> Batch | None:
        """The changes for the repository; None where there are none."""
        changed = [
            source
            for path, source in self._after.items()
            if (earlier := self._before.get(path)) is not source and earlier != source
        ]
        forgotten = sorted(self._before.keys() - self._after.keys())
        self._problems = manifest.diagnostics(self._after)
        if not changed and not forgotten:
            return None
        winners = sorted(paths[0] for paths in self._claims.values())
        tree = manifest.tree(self._after).topics
        return Batch(
            puts=tuple(self._articles[path] for path in winners if path in self._articles),
            deletes=tuple(
                article_id(s) for s in sorted(self._winners.keys() - self._claims.keys())
            ),
            topics=None if tree == manifest.tree(self._before).topics else tree,
            diagnostics=self._problems,
            sources=tuple(changed),
            forgotten_sources=tuple(forgotten),
        )

    def report(self, seconds: float, revision: int) -> LoadReport:
        """What was done."""
        return LoadReport(
            articles=len(self._claims),
            read=len(self._read & self._after.keys()),
            unchanged=len(self._after.keys() - self._read),
            removed=len(self._before.keys() - self._after.keys()),
            diagnostics=Counter(problem.severity for problem in self._problems),
            seconds=seconds,
            revision=revision,
        )

    def _source(self, file: FileReading) -> SourceFile:
        """What to remember of a file that was read now."""
        reading, before = file.reading, self._before.get(file.path)
        source = SourceFile(
            path=file.path,
            size_bytes=file.size_bytes,
            mtime_ns=file.mtime_ns,
            diagnostics=reading.diagnostics,
        )
        if reading.article:
            return msgspec.structs.replace(
                source,
                slug=reading.article.slug,
                topics=reading.article.topics,
                url_keys=reading.article.url_keys,
                lines=reading.lines,
            )
        if reading.topic:
            return msgspec.structs.replace(
                source, slug=reading.topic.slug, topic=reading.topic, lines=reading.lines
            )
        if before is None or before.slug is None:
            failed = any(d.severity is Severity.ERROR for d in reading.diagnostics)
            return msgspec.structs.replace(source, failed=failed)
        return msgspec.structs.replace(
            before,
            size_bytes=file.size_bytes,
            mtime_ns=file.mtime_ns,
            diagnostics=reading.diagnostics,
            failed=True,
        )


def _without_claim(source: SourceFile) -> SourceFile:
    """The file without the earlier version of its article, which the store does not keep."""
    return msgspec.structs.replace(source, slug=None, topics=(), url_keys=(), lines={})
