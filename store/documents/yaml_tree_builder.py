"""Building the located tree from a YAML parser's events, with depth and aliases bounded."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from .diagnostics import MAX_PROBLEMS, Code
from .yaml_tree import Mapping, Node, Scalar, Sequence

_TYPED = ("int", "float", "bool", "null")
_SHOWN = 60
_CORE = "tag:yaml.org,2002:"


class Problem(NamedTuple):
    """A problem of a text, before it is known in which file."""

    code: Code
    message: str
    line: int
    remedy: str


def shown(text: str) -> str:
    """A text in quotes for a message, its beginning where it is long."""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")


class UnreadableError(Exception):
    """Text from which no tree can be built. `problem` tells why."""

    def __init__(self, code: Code, message: str, line: int, remedy: str) -> None:
        super().__init__(message)
        self.problem = Problem(code, message, line, remedy)


class _Anchor(msgspec.Struct):
    node: Node
    nodes: int
    weight: int
    height: int


class _Frame(msgspec.Struct):
    """A collection that is still open."""

    node: Sequence | Mapping
    anchor: str | None
    nodes_before: int
    weight_before: int
    height: int = 1  # levels from here down, this one included
    key: Scalar | None = None
    merges: list[Mapping] = []


class TreeBuilder:
    """Takes the events of one document by its methods, each of which may raise UnreadableError;
    `root` is the tree then, None for an empty document.

    `first_line` is the file's line on which the text starts. Of problems, the first are kept, up to
    one more than a document is told. `escaped` are the scalars that may hold what only an escape
    can write.
    """

    def __init__(self, first_line: int, *, max_depth: int, max_nodes: int, max_weight: int) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self.escaped: list[Scalar] = []
        self._first_line = first_line
        self._max_depth = max_depth
        self._max_nodes = max_nodes
        self._max_weight = max_weight
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Anchor | None] = {}  # None while the node is open
        self._nodes = 0  # aliases expanded, like the next line
        self._weight = 0  # nodes and characters
        self._documents = 0

    def _line(self, event: Any) -> int:
        return self._first_line + int(event.start_mark.line)

    def document(self, event: Any) -> None:
        """The document starts, the only one."""
        self._documents += 1
        if self._documents > 1:
            raise UnreadableError(
                Code.UNREADABLE_YAML,
                "A second YAML document starts here.",
                self._line(event),
                "Put each document into a file of its own.",
            )

    def scalar(self, event: Any) -> None:
        """One value, or a key."""
        text: str = event.value
        plain = not event.style
        if event.tag is not None:
            plain = event.tag.removeprefix(_CORE) in _TYPED
        scalar = Scalar(text, plain, self._line(event))
        self._nodes += 1
        self._weight += 1 + len(text)
        if self._nodes > self._max_nodes:
            raise self._too_many(scalar.line)
        if event.style == '"':
            self.escaped.append(scalar)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchor(scalar, 1, 1 + len(text), 0)
        self._add(scalar)

    def sequence(self, event: Any) -> None:
        """A list starts."""
        self._open(Sequence([], self._line(event)), event.anchor)

    def mapping(self, event: Any) -> None:
        """A mapping starts."""
        self._open(Mapping({}, {}, self._line(event)), event.anchor)

    def _open(self, node: Sequence | Mapping, anchor: str | None) -> None:
        if len(self._stack) >= self._max_depth:
            raise self._too_deep(node.line)
        if anchor is not None:
            self._anchors[anchor] = None
        self._stack.append(_Frame(node, anchor, self._nodes, self._weight))
        self._nodes += 1
        self._weight += 1
        if self._nodes > self._max_nodes:
            raise self._too_many(node.line)

    def close(self, event: Any) -> None:
        """The list or mapping ends."""
        frame = self._stack.pop()
        if isinstance(frame.node, Mapping):
            _merge(frame.node, frame.merges)
        if frame.anchor is not None:
            nodes, weight = self._nodes - frame.nodes_before, self._weight - frame.weight_before
            self._anchors[frame.anchor] = _Anchor(frame.node, nodes, weight, frame.height)
        self._deepen(frame.height, self._line(event))
        self._add(frame.node)

    def alias(self, event: Any) -> None:
        """The value of an anchor once more."""
        line = self._line(event)
        if event.anchor not in self._anchors:
            raise UnreadableError(
                Code.UNREADABLE_YAML,
                f"The alias {shown('*' + event.anchor)} has no anchor above it.",
                line,
                "Put a value that starts with * in quotes.",
            )
        anchor = self._anchors[event.anchor]
        if (
            anchor is None
            or self._nodes + anchor.nodes > self._max_nodes
            or self._weight + anchor.weight > self._max_weight
        ):
            raise UnreadableError(
                Code.ALIASES_EXPLODE,
                f"The alias {shown('*' + event.anchor)} "
                + ("contains itself." if anchor is None else "makes the document far too large."),
                line,
                "Write the values out instead of using aliases.",
            )
        self._nodes += anchor.nodes
        self._weight += anchor.weight
        self._deepen(anchor.height, line)
        self._add(anchor.node)

    def _deepen(self, height: int, line: int) -> None:
        if len(self._stack) + height > self._max_depth:
            raise self._too_deep(line)
        if self._stack:
            parent = self._stack[-1]
            parent.height = max(parent.height, height + 1)

    def _too_deep(self, line: int) -> UnreadableError:
        return UnreadableError(
            Code.TOO_DEEP,
            f"The front matter is nested deeper than {self._max_depth} levels.",
            line,
            "Flatten it: a document needs four levels.",
        )

    def _too_many(self, line: int) -> UnreadableError:
        return UnreadableError(
            Code.TOO_MANY_VALUES,
            f"The front matter has more than {self._max_nodes:,} keys and values.",
            line,
            "Split the document, or move text below the front matter; where it is one of many "
            "that are imported at once, import fewer.",
        )

    def _add(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        frame = self._stack[-1]
        if isinstance(frame.node, Sequence):
            frame.node.items.append(node)
        elif frame.key is None:
            frame.key = _key(node)
        else:
            self._put(frame, frame.node, frame.key, node)
            frame.key = None

    def _put(self, frame: _Frame, mapping: Mapping, key: Scalar, value: Node) -> None:
        if key.plain and key.text == "<<":
            frame.merges += _merged(value)
            return
        first = mapping.key_lines.get(key.text)
        if first is not None and len(self.problems) <= MAX_PROBLEMS:
            self.problems.append(
                Problem(
                    Code.DUPLICATE_KEY,
                    f"The key {shown(key.text)} is written twice, on lines {first} and {key.line}; "
                    "the last one counts.",
                    key.line,
                    "Remove one of the two.",
                )
            )
        mapping.entries[key.text] = value
        mapping.key_lines[key.text] = key.line


def _key(node: Node) -> Scalar:
    if isinstance(node, Scalar):
        return node
    raise UnreadableError(
        Code.UNREADABLE_YAML,
        "A key here is a list or a mapping.",
        node.line,
        "Use plain text as the key; put a value that starts with [ or { in quotes.",
    )


def _merged(value: Node) -> list[Mapping]:
    sources = value.items if isinstance(value, Sequence) else [value]
    mappings = [source for source in sources if isinstance(source, Mapping)]
    if len(mappings) == len(sources):
        return mappings
    raise UnreadableError(
        Code.UNREADABLE_YAML,
        "The merge key << needs a mapping, or a list of them.",
        value.line,
        "Point it at a mapping, or put the key in quotes.",
    )


def _merge(mapping: Mapping, sources: list[Mapping]) -> None:
    for source in sources:
        for key, value in source.entries.items():
            mapping.entries.setdefault(key, value)
            mapping.key_lines.setdefault(key, source.key_lines[key])
