"""One load on its way: the manifest from one state to the next, and what the store must do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from store.documents.parse_result import ParseResult
from store.model import Article, Diagnostic, Severity
from store.names import article_id
from store.repository import Batch, SourceFile

from . import manifest
from .file_reader import FileReading
from .manifest import ManifestIndex


class LoadReport(msgspec.Struct, frozen=True):
    """What a load did. `articles` counts those of the folder after it; `read`, `unchanged` and
    `removed` count files. `kept` are the folder's files that a load did not take because mutations
    have changed their articles, `overwritten` those that were taken though one had.
    """

    articles: int
    read: int
    unchanged: int
    removed: int
    diagnostics: Mapping[Severity, int]
    seconds: float
    revision: int
    kept: tuple[str, ...] = ()
    overwritten: tuple[str, ...] = ()


class Update:
    """A manifest on its way from one state to the next, and the articles read meanwhile.

    It costs what changes, whatever the manifest holds. `index` is brought to the next state when
    the batch is made.
    """

    def __init__(self, index: ManifestIndex) -> None:
        self._index = index
        self._before = index.sources
        self._after: dict[str, SourceFile | None] = {}  # of the files that may have changed
        self._claims: dict[str, list[str]] = {}  # of the slugs that these claim or claimed
        self._winners: dict[str, str] = {}
        self._articles: dict[str, Article] = {}
        self._read: set[str] = set()
        self._counts = (len(self._before), 0)
        self._overwritten: tuple[str, ...] = ()

    def forget(self, paths: Iterable[str]) -> None:
        """These files are gone."""
        self._after.update(dict.fromkeys(paths))

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
            file = FileReading(problem.path, reading=ParseResult(diagnostics=(problem,)))
            self._after[problem.path] = self._source(file)

    def settle(self) -> list[str]:
        """Decide who wins each slug; return the winners that must be read first."""
        before = {path: self._before.find(path) for path in self._after}
        for slug in {*_claims(before), *_claims(self._after)}:
            if slug in self._index.claims:
                self._winners[slug] = self._index.claims[slug][0]
        self._claim()
        while lost := self._lost():
            for path in lost:
                self._after[path] = _without_claim(self._source_of(path))
            self._claim()
        return [
            paths[0]
            for slug, paths in self._claims.items()
            if self._winners.get(slug) != paths[0] and paths[0] not in self._read
        ]

    def _claim(self) -> None:
        """Who claims the slugs of what may have changed, with those who claim them already."""
        claims = _claims(self._after)
        for slug in {*claims, *self._winners}:
            others = (p for p in self._index.claims.get(slug, ()) if p not in self._after)
            claims[slug] = sorted([*claims.get(slug, ()), *others])
        self._claims = {slug: paths for slug, paths in claims.items() if paths}

    def _source_of(self, path: str) -> SourceFile:
        source = self._after.get(path) or self._before.find(path)
        assert source is not None, "who claims a slug is there"  # noqa: S101
        return source

    def _lost(self) -> list[str]:
        """The failed files whose last good version the repository does not keep: not winners."""
        return [
            path
            for slug, paths in self._claims.items()
            for path in paths
            if self._source_of(path).failed
            and (path != paths[0] or self._winners.get(slug) != path)
        ]

    def batch(self) -> Batch | None:
        """The changes for the repository; None where there are none."""
        changed = {
            path: source
            for path, source in self._after.items()
            if (earlier := self._before.find(path)) is not source and earlier != source
        }
        forgotten = sorted(path for path, source in changed.items() if source is None)
        self._overwritten = tuple(
            path
            for path, source in sorted(changed.items())
            if (before := self._before.find(path)) and before.left_behind
            if source is None or not source.left_behind
        )
        tree = self._index.tree.topics
        self._index.change(changed)
        self._counts = (len(self._index.sources), len(forgotten))
        if not changed:
            return None
        winners = sorted(paths[0] for paths in self._claims.values())
        topics = self._index.tree.topics
        return Batch(
            puts=tuple(self._articles[path] for path in winners if path in self._articles),
            deletes=tuple(
                article_id(s) for s in sorted(self._winners.keys() - self._claims.keys())
            ),
            topics=None if tree == topics else topics,
            diagnostics=self._index.diagnostics(),
            sources=tuple(source for source in changed.values() if source),
            forgotten_sources=tuple(forgotten),
        )

    def report(self, seconds: float, revision: int) -> LoadReport:
        """What was done."""
        files, removed = self._counts
        read = sum(self._after.get(path) is not None for path in self._read)
        return LoadReport(
            articles=len(self._index.claims),
            read=read,
            unchanged=files - read,
            removed=removed,
            diagnostics=Counter(problem.severity for problem in self._index.diagnostics()),
            seconds=seconds,
            revision=revision,
            overwritten=self._overwritten,
        )

    def _source(self, file: FileReading) -> SourceFile:
        """What to remember of a file that was read now."""
        reading, before = file.reading, self._before.find(file.path)
        source = SourceFile(
            path=file.path, **msgspec.structs.asdict(file.state), diagnostics=reading.diagnostics
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
            **msgspec.structs.asdict(file.state),
            diagnostics=reading.diagnostics,
            failed=True,
        )


def _claims(sources: Mapping[str, SourceFile | None]) -> dict[str, list[str]]:
    """The paths that claim each article's slug."""
    return manifest.claims({path: source for path, source in sources.items() if source})


def _without_claim(source: SourceFile) -> SourceFile:
    """The file without the earlier version of its article, which the store does not keep."""
    return msgspec.structs.replace(source, slug=None, topics=(), url_keys=(), lines={})
