"""Topic reader: the files of `_data/topics` parsed into topics, and built into one tree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

import msgspec

from store.model import Diagnostic, TopicDefinition
from store.names import topic_slug
from store.querying.terms import topic_aliases
from store.text import unescape_title

from .diagnostics import DiagnosticCode, error, warning
from .field_reader import FieldReader
from .front_matter_reader import read_front_matter
from .frontmatter import ParseOptions
from .parse_result import DiagnosticCollector, ParseResult

TOPICS_FOLDER = "_data/topics"


class TopicTree(msgspec.Struct, frozen=True):
    """The topics in the order of their files' paths, parents as slugs, and the diagnostics."""

    topics: tuple[TopicDefinition, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def is_topic_path(path: str) -> bool:
    """Whether a path is a topic file's."""
    return path.startswith(TOPICS_FOLDER + "/") and PurePosixPath(path).suffix.lower() in (
        ".yaml",
        ".yml",
    )


def read_topic(path: str, data: bytes, options: ParseOptions) -> ParseResult:
    """Parse a topic file; the parent stays as written.

    The slug is `slug`, else `_id`, else derived from the name. Never raises.
    """
    collector = DiagnosticCollector(path)
    front_matter = read_front_matter(data, options, collector)
    if front_matter is None:
        return collector.empty_result()
    fields = FieldReader(front_matter.root, collector)
    slug_text = fields.read_text("slug") or FieldReader(
        front_matter.root, DiagnosticCollector(path)
    ).read_text("_id")
    name = fields.read_name("name", unescape_title)
    if name is None and slug_text is None:
        collector.add_error(
            DiagnosticCode.MISSING_TITLE, "The topic has no name.", 1, "Add a line `name: …`."
        )
        return collector.empty_result()
    if name is None:
        message = f"The topic has no name; {slug_text!r} is used."
        collector.add_warning(DiagnosticCode.MISSING_TITLE, message, 1, "Add a line `name: …`.")
    topic = TopicDefinition(
        slug=topic_slug(slug_text or name or ""),
        name=name or unescape_title(slug_text or ""),
        parent=fields.read_text("parent", unescape_title),
        keywords=tuple(dict.fromkeys(text for text, _ in fields.read_texts("keywords"))),
        metadata=fields.metadata(),
    )
    lines = {"title": fields.line_of("name"), "parent": fields.line_of("parent")}
    return ParseResult(topic=topic, lines=lines, diagnostics=tuple(collector.diagnostics))


def topic_alias_map(topics: Iterable[TopicDefinition]) -> dict[str, str]:
    """Map every alias of a topic (the slugs of its name and of its slug) to its slug."""
    defined = tuple(topics)
    return {topic.slug: topic.slug for topic in defined} | topic_aliases(defined)


def build_topic_tree(
    definitions: Mapping[str, TopicDefinition], lines: Mapping[str, Mapping[str, int]]
) -> TopicTree:
    """Build one tree from the definitions by path: resolve parents, drop duplicates, break cycles.

    `lines` has the lines of `title` and `parent` for each file.
    """
    first: dict[str, str] = {}
    diagnostics = []
    for path in sorted(definitions):
        slug = definitions[path].slug
        if first.setdefault(slug, path) != path:
            diagnostics.append(_duplicate_slug(path, first[slug], slug, lines[path].get("title")))
    topics = {slug: definitions[path] for slug, path in first.items()}
    aliases = topic_alias_map(topics.values())
    parents: dict[str, str | None] = {}
    for slug, topic in topics.items():
        parents[slug] = _find_parent(topic, aliases)
        if topic.parent and parents[slug] is None:
            path = first[slug]
            diagnostics.append(_unknown_parent(path, topic.parent, lines[path].get("parent")))
    for slug, cycle in _break_cycles(parents):
        path = first[slug]
        diagnostics.append(_cycle(path, cycle, lines[path].get("parent")))
    resolved = (msgspec.structs.replace(t, parent=parents[s]) for s, t in topics.items())
    return TopicTree(tuple(resolved), tuple(diagnostics))


def _find_parent(topic: TopicDefinition, aliases: Mapping[str, str]) -> str | None:
    return aliases.get(topic_slug(topic.parent)) if topic.parent else None


def _break_cycles(parents: dict[str, str | None]) -> list[tuple[str, list[str]]]:
    """Break each cycle at its first topic, which becomes a root; return both. O(topics)."""
    broken = []
    finished: set[str] = set()
    for start in parents:
        trail: dict[str, None] = {}
        slug: str | None = start
        while slug is not None and slug not in finished and slug not in trail:
            trail[slug] = None
            slug = parents[slug]
        if slug in trail:
            visited = list(trail)
            cycle = visited[visited.index(slug) :]
            root = next(s for s in parents if s in cycle)
            parents[root] = None
            broken.append((root, cycle))
        finished.update(trail)
    return broken


def _duplicate_slug(path: str, first: str, slug: str, line: int | None) -> Diagnostic:
    return error(
        path,
        DiagnosticCode.DUPLICATE_SLUG,
        f"The topic {slug!r} is already defined by {first}; this file is ignored.",
        line=line,
        remedy="Give one of the two another slug, or remove it.",
    )


def _unknown_parent(path: str, parent: str, line: int | None) -> Diagnostic:
    return warning(
        path,
        DiagnosticCode.UNKNOWN_PARENT,
        f"No topic has the name or slug {parent!r}; the topic becomes a root.",
        line=line,
        remedy=f"Correct the parent, or define it in {TOPICS_FOLDER}.",
    )


def _cycle(path: str, cycle: list[str], line: int | None) -> Diagnostic:
    return warning(
        path,
        DiagnosticCode.TOPIC_CYCLE,
        f"The topics {' > '.join([*cycle, cycle[0]])} form a cycle of parents; "
        "this one becomes a root.",
        line=line,
        remedy="Remove the parent of one of them.",
    )
