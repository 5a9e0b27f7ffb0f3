"""What follows from the loader's memory of the files: who wins a slug, the tree, the problems.

Everything here is computed from the `SourceFile`s alone, never by reading articles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

from . import topics
from .cursors import diagnostic_position
from .diagnostics import Code, error, warning
from .model import Diagnostic
from .names import topic_slug
from .repository import SourceFile

Manifest = Mapping[str, SourceFile]
"""Source files by path."""


def claims(manifest: Manifest) -> dict[str, list[str]]:
    """The paths that claim each article's slug, the winner first."""
    paths: dict[str, list[str]] = {}
    for path in sorted(manifest):
        source = manifest[path]
        if source.slug is not None and source.topic is None:
            paths.setdefault(source.slug, []).append(path)
    return paths


def tree(manifest: Manifest) -> topics.Tree:
    """The topic tree of the manifest's files."""
    sources = {path: source for path, source in manifest.items() if source.topic}
    return topics.resolve_tree(
        {path: source.topic for path, source in sources.items() if source.topic},
        {path: source.lines for path, source in sources.items()},
    )


def diagnostics(manifest: Manifest) -> tuple[Diagnostic, ...]:
    """All problems of the files and across them, by path and line."""
    claimed = claims(manifest)
    topic_tree = tree(manifest)
    articles = [manifest[paths[0]] for paths in claimed.values()]
    found = chain(
        chain.from_iterable(source.diagnostics for source in manifest.values()),
        topic_tree.diagnostics,
        _duplicate_slugs(manifest, claimed),
        _duplicate_urls(articles),
        _unknown_topics(articles, topic_tree),
    )
    return tuple(sorted(dict.fromkeys(found), key=diagnostic_position))


def _duplicate_slugs(manifest: Manifest, claimed: Mapping[str, list[str]]) -> Iterator[Diagnostic]:
    for slug, (winner, *others) in claimed.items():
        for path in others:
            yield error(
                path,
                Code.DUPLICATE_SLUG,
                f"The slug {slug!r} belongs to {winner}; this file is not taken.",
                line=manifest[path].lines.get("title"),
                remedy="Rename one of the two files, or remove it.",
            )


def _duplicate_urls(articles: list[SourceFile]) -> Iterator[Diagnostic]:
    """One warning for each file that shares an address with an earlier one."""
    first: dict[str, str] = {}
    for source in sorted(articles, key=lambda source: source.path):
        shared = [i for i, url in enumerate(source.url_keys) if url in first]
        if shared:
            i = shared[0]
            yield warning(
                source.path,
                Code.DUPLICATE_URL,
                f"{source.url_keys[i]} is also the address of {first[source.url_keys[i]]}; "
                "looking it up finds the newer article.",
                line=source.lines.get(f"urls.{i}"),
                remedy="Remove one of the two, or correct the address.",
            )
        for url in source.url_keys:
            first.setdefault(url, source.path)


def _unknown_topics(articles: list[SourceFile], tree: topics.Tree) -> Iterator[Diagnostic]:
    """A warning for each topic that the tree lacks, where there is a tree."""
    if not tree.topics:
        return
    known = topics.names_of(tree.topics)
    slugs: dict[str, bool] = {}
    for source in articles:
        for i, name in enumerate(source.topics):
            if name not in slugs:
                slugs[name] = topic_slug(name) in known
            if not slugs[name]:
                yield warning(
                    source.path,
                    Code.UNKNOWN_TOPIC,
                    f"The topic {name!r} is not in the topic tree; it becomes a root topic.",
                    line=source.lines.get(f"topics.{i}"),
                    remedy=f"Correct the name, or define the topic in {topics.FOLDER}.",
                )
