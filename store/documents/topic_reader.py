"""The topic tree: what each file of `_data/topics` says, and how the files make one tree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

import msgspec

from store.model import Diagnostic, TopicDefinition
from store.names import topic_slug
from store.querying.terms import topic_aliases
from store.text import unescape_title

from .diagnostics import Code, error, warning
from .fields import Fields
from .frontmatter import Limits
from .reading import Notes, Reading, read_front_matter

FOLDER = "_data/topics"


class Tree(msgspec.Struct, frozen=True):
    """The topics with their parents as slugs, by path of their files, and what was wrong."""

    topics: tuple[TopicDefinition, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def is_topic_path(path: str) -> bool:
    """Whether a file belongs to the topic tree."""
    return path.startswith(FOLDER + "/") and PurePosixPath(path).suffix.lower() in (".yaml", ".yml")


def read_topic(path: str, data: bytes, limits: Limits) -> Reading:
    """The topic that a file defines, its parent as written; or the reason why there is none.

    The slug is `slug`, else `_id`, else made from the name. Never raises.
    """
    notes = Notes(path)
    front_matter = read_front_matter(data, limits, notes)
    if front_matter is None:
        return notes.reading()
    fields = Fields(front_matter.root, notes)
    written = fields.text("slug") or Fields(front_matter.root, Notes(path)).text("_id")
    name = fields.name("name", unescape_title)
    if name is None and written is None:
        notes.error(Code.MISSING_TITLE, "The topic has no name.", 1, "Add a line `name: …`.")
        return notes.reading()
    if name is None:
        message = f"The topic has no name; {written!r} is taken."
        notes.warning(Code.MISSING_TITLE, message, 1, "Add a line `name: …`.")
    topic = TopicDefinition(
        slug=topic_slug(written or name or ""),
        name=name or unescape_title(written or ""),
        parent=fields.text("parent", unescape_title),
        keywords=tuple(dict.fromkeys(text for text, _ in fields.texts("keywords"))),
        metadata=fields.metadata(),
    )
    lines = {"title": fields.line_of("name"), "parent": fields.line_of("parent")}
    return Reading(topic=topic, lines=lines, diagnostics=tuple(notes.diagnostics))


def names_of(topics: Iterable[TopicDefinition]) -> dict[str, str]:
    """The slug of a topic by every slug that its name or slug gives."""
    defined = tuple(topics)
    return {topic.slug: topic.slug for topic in defined} | topic_aliases(defined)


def resolve_tree(
    definitions: Mapping[str, TopicDefinition], lines: Mapping[str, Mapping[str, int]]
) -> Tree:
    """One tree of the definitions by path: parents found, duplicates refused, cycles cut.

    `lines` has each file's line of its `title` and `parent`.
    """
    first: dict[str, str] = {}
    diagnostics = []
    for path in sorted(definitions):
        slug = definitions[path].slug
        if first.setdefault(slug, path) != path:
            diagnostics.append(_duplicate(path, first[slug], slug, lines[path].get("title")))
    topics = {slug: definitions[path] for slug, path in first.items()}
    known = names_of(topics.values())
    parents: dict[str, str | None] = {}
    for slug, topic in topics.items():
        parents[slug] = _parent(topic, known)
        if topic.parent and parents[slug] is None:
            path = first[slug]
            diagnostics.append(_unknown_parent(path, topic.parent, lines[path].get("parent")))
    for slug, cycle in _cut_cycles(parents):
        path = first[slug]
        diagnostics.append(_cycle(path, cycle, lines[path].get("parent")))
    resolved = (msgspec.structs.replace(t, parent=parents[s]) for s, t in topics.items())
    return Tree(tuple(resolved), tuple(diagnostics))


def _parent(topic: TopicDefinition, known: Mapping[str, str]) -> str | None:
    return known.get(topic_slug(topic.parent)) if topic.parent else None


def _cut_cycles(parents: dict[str, str | None]) -> list[tuple[str, list[str]]]:
    """Make a root of the first topic of each cycle; return it with the cycle. O(topics)."""
    cut = []
    finished: set[str] = set()
    for start in parents:
        trail: dict[str, None] = {}
        slug: str | None = start
        while slug is not None and slug not in finished and slug not in trail:
            trail[slug] = None
            slug = parents[slug]
        if slug in trail:
            way = list(trail)
            cycle = way[way.index(slug) :]
            root = next(s for s in parents if s in cycle)
            parents[root] = None
            cut.append((root, cycle))
        finished.update(trail)
    return cut


def _duplicate(path: str, first: str, slug: str, line: int | None) -> Diagnostic:
    return error(
        path,
        Code.DUPLICATE_SLUG,
        f"The topic {slug!r} is already defined by {first}, which counts.",
        line=line,
        remedy="Give one of the two another slug, or remove it.",
    )


def _unknown_parent(path: str, parent: str, line: int | None) -> Diagnostic:
    return warning(
        path,
        Code.UNKNOWN_PARENT,
        f"No topic has the name or slug {parent!r}; the topic becomes a root.",
        line=line,
        remedy=f"Correct the parent, or define it in {FOLDER}.",
    )


def _cycle(path: str, cycle: list[str], line: int | None) -> Diagnostic:
    return warning(
        path,
        Code.TOPIC_CYCLE,
        f"The topics {' > '.join([*cycle, cycle[0]])} are each other's parents; "
        "this one becomes a root.",
        line=line,
        remedy="Remove the parent of one of them.",
    )
