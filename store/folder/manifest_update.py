"""Manifest update: the new manifest of a load, and the batch that the repository applies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from store.documents.missing_front_matter import lost_front_matter
from store.documents.parse_result import ParseResult
from store.model import Article, Diagnostic, Severity
from store.names import keyed_article_id
from store.repository import Batch, SourceFile

from . import manifest
from .file_reader import READER_VERSION, FileResult
from .manifest import ManifestIndex


class LoadReport(msgspec.Struct, frozen=True):
    """The result of a load.

    Attributes:
        articles: Number of articles of the folder after the load.
        read: Number of files that were read.
        unchanged: Number of files that were not read.
        removed: Number of files that are missing now.
        diagnostics: Number of diagnostics by severity.
        seconds: The duration of the load.
        revision: The store's revision after the load.
        detached: Paths of files that were skipped, because mutations have changed their articles;
            `kept` in the output of `load --json`.
        overwritten: Paths of detached files that were loaded nevertheless.
    """

    articles: int
    read: int
    unchanged: int
    removed: int
    diagnostics: Mapping[Severity, int]
    seconds: float
    revision: int
    detached: tuple[str, ...] = msgspec.field(default=(), name="kept")
    overwritten: tuple[str, ...] = ()


class ManifestUpdate:
    """Collects the changes of one load. The cost grows with the changes, not with the manifest.

    `build_batch` applies the changes to the index.
    """

    def __init__(self, index: ManifestIndex) -> None:
        self._index = index
        self._before = index.sources
        self._after: dict[str, SourceFile | None] = {}  # files that may have changed, by path
        self._claims: dict[str, list[str]] = {}  # of the articles of these files
        self._winners: dict[str, str] = {}
        self._articles: dict[str, Article] = {}
        self._read_paths: set[str] = set()
        self._counts = (len(self._before), 0)
        self._overwritten: tuple[str, ...] = ()

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files that are missing."""
        self._after.update(dict.fromkeys(paths))

    def add_results(self, files: Iterable[FileResult]) -> None:
        """Add files that were read."""
        for file in files:
            self._read_paths.add(file.path)
            if file.is_missing:
                self.remove((file.path,))
                continue
            self._after[file.path] = self._new_source(file)
            if file.parse_result.article:
                self._articles[file.path] = file.parse_result.article

    def add_problems(self, problems: Iterable[Diagnostic]) -> None:
        """Add files that must not be read, with the reasons."""
        for problem in problems:
            file = FileResult(problem.path, parse_result=ParseResult(diagnostics=(problem,)))
            self._after[problem.path] = self._new_source(file)

    def resolve_claims(self) -> list[str]:
        """Choose the winner of each article; return the winners that must be read first."""
        before = {path: self._before.find(path) for path in self._after}
        for key in {*_find_claims(before), *_find_claims(self._after)}:
            if key in self._index.claims:
                self._winners[key] = self._index.claims[key][0]
        self._collect_claims()
        while lost := self._lost_claims():
            for path in lost:
                self._after[path] = _without_claim(self._get_source(path))
            self._collect_claims()
        return [
            paths[0]
            for key, paths in self._claims.items()
            if self._winners.get(key) != paths[0] and paths[0] not in self._read_paths
        ]

    def _collect_claims(self) -> None:
        """Collect all claims of the articles that changed files claim or claimed."""
        claims = _find_claims(self._after)
        for key in {*claims, *self._winners}:
            others = (p for p in self._index.claims.get(key, ()) if p not in self._after)
            claims[key] = sorted([*claims.get(key, ()), *others])
        self._claims = {key: paths for key, paths in claims.items() if paths}

    def _get_source(self, path: str) -> SourceFile:
        source = self._after.get(path) or self._before.find(path)
        assert source is not None, "a file that claims an article exists"  # noqa: S101
        return source

    def _lost_claims(self) -> list[str]:
        """Return invalid files that lost their article: the store has no valid version of them."""
        return [
            path
            for key, paths in self._claims.items()
            for path in paths
            if self._get_source(path).failed
            and (path != paths[0] or self._winners.get(key) != path)
        ]

    def build_batch(self) -> Batch | None:
        """Build the batch for the repository; None if nothing has changed."""
        changed = {
            path: source
            for path, source in self._after.items()
            if (earlier := self._before.find(path)) is not source and earlier != source
        }
        removed = sorted(path for path, source in changed.items() if source is None)
        self._overwritten = tuple(
            path
            for path, source in sorted(changed.items())
            if (before := self._before.find(path)) and before.detached
            if source is None or not source.detached
        )
        tree = self._index.topic_tree.topics
        self._index.apply(changed)
        self._counts = (len(self._index.sources), len(removed))
        if not changed:
            return None
        winners = sorted(paths[0] for paths in self._claims.values())
        topics = self._index.topic_tree.topics
        return Batch(
            puts=tuple(self._articles[path] for path in winners if path in self._articles),
            deletes=tuple(
                keyed_article_id(key) for key in sorted(self._winners.keys() - self._claims.keys())
            ),
            topics=None if tree == topics else topics,
            diagnostics=self._index.diagnostics(),
            sources=tuple(source for source in changed.values() if source),
            removed_sources=tuple(removed),
        )

    def build_report(self, seconds: float, revision: int) -> LoadReport:
        """Build the report of the load."""
        files, removed = self._counts
        read = sum(self._after.get(path) is not None for path in self._read_paths)
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

    def _new_source(self, file: FileResult) -> SourceFile:
        """Build the manifest's entry for a file that was read."""
        parse_result, before = file.parse_result, self._before.find(file.path)
        source = SourceFile(
            path=file.path,
            **msgspec.structs.asdict(file.state),
            diagnostics=parse_result.diagnostics,
            mapping=self._index.mapping_of(file.path),
            reader=READER_VERSION,
        )
        if parse_result.article:
            return msgspec.structs.replace(
                source,
                slug=parse_result.article.slug,
                locale=parse_result.article.identity_locale,
                topics=parse_result.article.topics,
                url_keys=parse_result.article.url_keys,
                lines=parse_result.lines,
                format=parse_result.format,
            )
        if parse_result.topic:
            return msgspec.structs.replace(
                source,
                slug=parse_result.topic.slug,
                topic=parse_result.topic,
                lines=parse_result.lines,
            )
        if before is None or before.slug is None:
            failed = any(d.severity is Severity.ERROR for d in parse_result.diagnostics)
            return msgspec.structs.replace(source, failed=failed)
        return msgspec.structs.replace(
            before,
            **msgspec.structs.asdict(file.state),
            diagnostics=tuple(map(lost_front_matter, parse_result.diagnostics)),
            mapping=self._index.mapping_of(file.path),
            failed=True,
            reader=READER_VERSION,
        )


def _find_claims(sources: Mapping[str, SourceFile | None]) -> dict[str, list[str]]:
    """Find the paths that claim each article, by its key; None is a removed file."""
    return manifest.find_claims({path: source for path, source in sources.items() if source})


def _without_claim(source: SourceFile) -> SourceFile:
    """Remove the claim of an invalid file whose former article the store does not keep."""
    return msgspec.structs.replace(source, slug=None, locale=None, topics=(), url_keys=(), lines={})
