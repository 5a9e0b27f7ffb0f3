"""Manifest: the source files of a folder, and an index of their articles, topics and diagnostics.

Everything is computed from the `SourceFile`s; no article is read.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import PurePosixPath

import msgspec

from store.collections.persistent_map import PersistentMap
from store.concurrency.cooperative import chunks_of, free_gradually, sort_in_blocks
from store.documents.commit_dates import CommitTable
from store.documents.diagnostics import DiagnosticCode, error, warning
from store.documents.topic_reader import TOPICS_FOLDER, TopicTree, build_topic_tree, topic_alias_map
from store.gc_untracking import untrack
from store.locales import differ_by_locale
from store.model import Article, Diagnostic
from store.names import is_jekyll_named, topic_slug
from store.querying.cursors import diagnostic_position
from store.repository import SourceFile

Manifest = Mapping[str, SourceFile]
"""Source files by path."""

Sources = PersistentMap[str, SourceFile]
"""A manifest as a repository keeps it."""


def find_claims(manifest: Manifest) -> dict[str, list[str]]:
    """Find the paths that claim each article, by its key; the winner first."""
    paths: dict[str, list[str]] = {}
    for path in sort_in_blocks(manifest):
        key = manifest[path].article_key
        if key is not None:
            paths.setdefault(key, []).append(path)
    return paths


def build_topics(manifest: Manifest) -> TopicTree:
    """Build the topic tree from the manifest's topic files."""
    sources = {path: source for path, source in manifest.items() if source.topic}
    return build_topic_tree(
        {path: source.topic for path, source in sources.items() if source.topic},
        {path: source.lines for path, source in sources.items()},
    )


def find_diagnostics(manifest: Manifest) -> tuple[Diagnostic, ...]:
    """Find all diagnostics, of single files and across files, ordered by path and line."""
    claimed = find_claims(manifest)
    topic_tree = build_topics(manifest)
    return _all_diagnostics(manifest, claimed, topic_tree)


def _all_diagnostics(
    manifest: Manifest, claimed: Mapping[str, list[str]], topic_tree: TopicTree
) -> tuple[Diagnostic, ...]:
    articles = untrack([manifest[paths[0]] for paths in claimed.values()])
    diagnostics = chain(
        chain.from_iterable(source.diagnostics for source in manifest.values()),
        topic_tree.diagnostics,
        _duplicate_slugs(manifest, claimed),
        _duplicate_urls(articles),
        _unknown_topics(articles, topic_tree),
    )
    return tuple(sorted(dict.fromkeys(diagnostics), key=diagnostic_position))


def detach(source: SourceFile, article: Article | None) -> SourceFile:
    """Detach a file: its article was changed (None: removed) in the store only."""
    return msgspec.structs.replace(
        source,
        slug=article.slug if article else None,
        locale=article.identity_locale if article else None,
        topics=article.topics if article else (),
        url_keys=article.url_keys if article else (),
        lines={},
        detached=True,
    )


def _duplicate_slugs(manifest: Manifest, claimed: Mapping[str, list[str]]) -> Iterator[Diagnostic]:
    for winner, *others in claimed.values():
        for path in others:
            yield _duplicate_slug(manifest[path], winner)


def _duplicate_slug(source: SourceFile, winner: str) -> Diagnostic:
    locale = f" in the locale {source.locale}" if source.locale else ""
    own = PurePosixPath(source.path)
    remedy = "Rename one of the two files, or remove it."
    if not is_jekyll_named(own.stem):
        remedy = (
            "The slug comes from the date and the letters of the title. Change one of the titles, "
            f"or name the file after another slug, such as {source.slug}-2{own.suffix}."
        )
    if differ_by_locale(source.path, winner):
        remedy = (
            "If they are translations, list their languages as `locales` in newsgraph.toml: "
            "`newsgraph init` proposes it. Else rename one of the two files."
        )
    return error(
        source.path,
        DiagnosticCode.DUPLICATE_SLUG,
        f"The slug {source.slug!r}{locale} belongs to {winner}; this file is ignored.",
        line=source.lines.get("title"),
        remedy=remedy,
    )


def _duplicate_urls(articles: list[SourceFile]) -> Iterator[Diagnostic]:
    """Warn of each file that shares a URL with an earlier one. `articles` are sorted by path."""
    first: dict[str, str] = {}
    for source in articles:
        shared = [i for i, url in enumerate(source.url_keys) if url in first]
        if shared:
            i = shared[0]
            yield warning(
                source.path,
                DiagnosticCode.DUPLICATE_URL,
                f"{source.url_keys[i]} is also the address of {first[source.url_keys[i]]}; "
                "looking it up finds the newer article.",
                line=source.lines.get(f"urls.{i}"),
                remedy="Remove one of the two, or correct the address.",
            )
        for url in source.url_keys:
            first.setdefault(url, source.path)


def _unknown_topics(articles: list[SourceFile], tree: TopicTree) -> Iterator[Diagnostic]:
    """Warn of each topic that is not in the tree, if there is a tree."""
    if not tree.topics:
        return
    aliases = topic_alias_map(tree.topics)
    slugs: dict[str, bool] = {}
    for source in articles:
        for i, name in enumerate(source.topics):
            if name not in slugs:
                slugs[name] = topic_slug(name) in aliases
            if not slugs[name]:
                yield warning(
                    source.path,
                    DiagnosticCode.UNKNOWN_TOPIC,
                    f"The topic {name!r} is not in the topic tree; it becomes a root topic.",
                    line=source.lines.get(f"topics.{i}"),
                    remedy=f"Correct the name, or define the topic in {TOPICS_FOLDER}.",
                )


_MIN_CHANGES_TO_REBUILD = 500
_REBUILD_FRACTION = 8
"""A rebuild is faster for more than 500 changes that are more than an eighth of all files."""


class ManifestIndex:
    """Index of a manifest, updated at a cost that grows with the changes.

    Attributes:
        sources: The manifest.
        claims: The paths that claim each article, by its key, see `find_claims`.
        topic_tree: The topic tree, see `build_topics`.
        mapping: The digest of the mapping with which files are read now; "" without one.
        commits: The dates of commits, if the mapping uses them.
    """

    def __init__(self, manifest: Sources | None = None, mapping: str = "") -> None:
        self.mapping = mapping
        self.commits = CommitTable()
        self.claims: dict[str, list[str]] = {}
        self._paths_by_url: dict[str, list[str]] = {}
        self._rebuild(manifest or PersistentMap({}))

    def mapping_of(self, path: str) -> str:
        """The digest of the mapping, and the dates of commits, with which a file is read now."""
        commits = self.commits.dates.get(path)
        return f"{self.mapping}:{commits.first}:{commits.last}" if commits else self.mapping

    def _rebuild(self, manifest: Sources) -> None:
        replaced = [*chunks_of(self.claims.values()), *chunks_of(self._paths_by_url.values())]
        self.sources = manifest
        self.claims = find_claims(manifest)
        self.topic_tree = build_topics(manifest)
        self._paths = sort_in_blocks(manifest)
        self._paths_by_url = {}
        for key in self.claims:
            self._index_urls(key)
        self._diagnostics: dict[str, tuple[Diagnostic, ...]] = {}  # by path
        for problem in _all_diagnostics(manifest, self.claims, self.topic_tree):
            self._diagnostics[problem.path] = (
                *self._diagnostics.get(problem.path, ()),
                problem,
            )
        free_gradually(replaced, pause_s=0)

    def update_to(self, manifest: Sources) -> None:
        """Update the index to another manifest.

        The cost grows with the difference, if both manifests derive from one.
        """
        if not self.sources:
            self._rebuild(manifest)
            return
        self.apply(manifest.diff(self.sources))
        self.sources = manifest

    def apply(self, changes: Mapping[str, SourceFile | None]) -> None:
        """Apply changes of source files by path; None removes a file."""
        before = self.sources
        changes = {path: now for path, now in changes.items() if before.find(path) != now}
        affected = [s for path, now in changes.items() for s in (now, before.find(path)) if s]
        after = before.derive(changes)
        is_many = len(changes) > max(_MIN_CHANGES_TO_REBUILD, len(after) // _REBUILD_FRACTION)
        if is_many or any(source.topic for source in affected):
            self._rebuild(after)
            return
        keys = {source.article_key for source in affected if source.article_key is not None}
        stale = {*changes}
        for key in keys:
            stale |= self._affected_paths(key)
            self._unindex_urls(key)
        self.sources = after
        for path, now in changes.items():
            self._update_claims(path, before.find(path), now)
        for key in keys:
            self._index_urls(key)
            stale |= self._affected_paths(key)
        for path in stale:
            self._diagnostics.pop(path, None)
            if problems := self._diagnose(path):
                self._diagnostics[path] = problems

    def paths_below(self, path: str) -> list[str]:
        """Return the path, if it is a file, and the paths of all files below it; "" gives all."""
        if not path:
            return list(self._paths)
        first = bisect_left(self._paths, f"{path}/")
        end = bisect_left(self._paths, f"{path}0")  # 0 follows the slash in ASCII
        return [path] * (path in self.sources) + self._paths[first:end]

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Return all diagnostics, of single files and across files, ordered by path and line."""
        return tuple(
            sorted(chain.from_iterable(self._diagnostics.values()), key=diagnostic_position)
        )

    def _update_claims(self, path: str, before: SourceFile | None, now: SourceFile | None) -> None:
        if before is None:
            insort(self._paths, path)
        elif (key := before.article_key) is not None:
            self.claims[key].remove(path)
            if not self.claims[key]:
                del self.claims[key]
        if now is None:
            del self._paths[bisect_left(self._paths, path)]
            return
        if (key := now.article_key) is not None:
            insort(self.claims.setdefault(key, []), path)

    def _winner(self, key: str) -> SourceFile | None:
        paths = self.claims.get(key)
        return self.sources[paths[0]] if paths else None

    def _index_urls(self, key: str) -> None:
        if winner := self._winner(key):
            for url in {*winner.url_keys}:
                self._paths_by_url.setdefault(url, []).append(winner.path)

    def _unindex_urls(self, key: str) -> None:
        if winner := self._winner(key):
            for url in {*winner.url_keys}:
                self._paths_by_url[url].remove(winner.path)
                if not self._paths_by_url[url]:
                    del self._paths_by_url[url]

    def _affected_paths(self, key: str) -> set[str]:
        """Return the files whose diagnostics depend on the winner of a key and on its URLs."""
        winner = self._winner(key)
        urls: Iterable[str] = winner.url_keys if winner else ()
        return {*self.claims.get(key, ())}.union(*(self._paths_by_url.get(url, ()) for url in urls))

    def _diagnose(self, path: str) -> tuple[Diagnostic, ...]:
        source = self.sources.find(path)
        if source is None:
            return ()
        diagnostics = list(source.diagnostics)
        if (key := source.article_key) is not None:
            claimed = self.claims[key]
            diagnostics += _duplicate_slugs(self.sources, {key: claimed})
            if claimed[0] == path:
                first = {min(self._paths_by_url[url]) for url in source.url_keys}
                diagnostics += _duplicate_urls([self.sources[p] for p in sorted({*first, path})])
                diagnostics += _unknown_topics([source], self.topic_tree)
        return tuple(dict.fromkeys(d for d in diagnostics if d.path == path))
