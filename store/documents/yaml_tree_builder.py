"""YAML tree builder: from the parser's events to a tree, with limits on depth and aliases."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from .diagnostics import MAX_DIAGNOSTICS, DiagnosticCode
from .yaml_lines import LineCounter
from .yaml_tree import MappingNode, Node, ScalarNode, SequenceNode

_NON_TEXT_TAGS = ("int", "float", "bool", "null")
_MAX_QUOTED_LENGTH = 60
_CORE_TAG_PREFIX = "tag:yaml.org,2002:"


class ParseProblem(NamedTuple):
    """A problem of a text, without the path of its file."""

    code: DiagnosticCode
    message: str
    line: int
    remedy: str


def quote(text: str) -> str:
    """Quote a text for a message; a long one is cut."""
    return repr(text if len(text) <= _MAX_QUOTED_LENGTH else text[: _MAX_QUOTED_LENGTH - 1] + "…")


class FrontMatterError(Exception):
    """Front matter that cannot be parsed. `problem` is the reason."""

    def __init__(self, code: DiagnosticCode, message: str, line: int, remedy: str) -> None:
        super().__init__(message)
        self.problem = ParseProblem(code, message, line, remedy)


class _Anchor(msgspec.Struct):
    """An anchored node. `nodes`, `weight` and `height` are the costs of each alias to it."""

    node: Node
    nodes: int
    weight: int
    height: int


class _OpenCollection(msgspec.Struct):
    """A sequence or mapping whose end event has not come yet."""

    node: SequenceNode | MappingNode
    anchor: str | None
    nodes_before: int
    weight_before: int
    height: int = 1  # levels from here down, this one included
    key: ScalarNode | None = None
    merges: list[MappingNode] = []


class YamlTreeBuilder:
    """Builds the tree of one YAML document: each event has a handler `on_...`.

    Every handler may raise FrontMatterError. Alias nodes count as often as they are used.

    Attributes:
        root: The tree; None for an empty document.
        problems: The first problems, one more than a file may have.
        double_quoted: The double-quoted scalars: only these may contain escaped characters.
    """

    def __init__(
        self, lines: LineCounter, *, max_depth: int, max_nodes: int, max_weight: int
    ) -> None:
        self.root: Node | None = None
        self.problems: list[ParseProblem] = []
        self.double_quoted: list[ScalarNode] = []
        self._first_line = lines.first_line
        self._line_of = None if lines.is_plain else lines.line_of
        self._max_depth = max_depth
        self._max_nodes = max_nodes
        self._max_weight = max_weight
        self._stack: list[_OpenCollection] = []
        self._anchors: dict[str, _Anchor | None] = {}  # None while the node is open
        self._node_count = 0  # aliases expanded, like the next line
        self._weight = 0  # nodes and characters
        self._document_count = 0

    def _line(self, event: Any) -> int:
        if self._line_of is None:  # at every event: no call for a text without odd line breaks
            return self._first_line + int(event.start_mark.line)
        return self._line_of(event.start_mark)

    def on_document_start(self, event: Any) -> None:
        """Handle the start of a document. Raises: FrontMatterError: it is the second one."""
        self._document_count += 1
        if self._document_count > 1:
            raise FrontMatterError(
                DiagnosticCode.UNREADABLE_YAML,
                "A second YAML document starts here.",
                self._line(event),
                "Put each document into a file of its own.",
            )

    def on_scalar(self, event: Any) -> None:
        """Handle a scalar: a key or a value."""
        text: str = event.value
        plain = not event.style
        if event.tag is not None:
            plain = event.tag.removeprefix(_CORE_TAG_PREFIX) in _NON_TEXT_TAGS
        scalar = ScalarNode(text, plain, self._line(event))
        self._node_count += 1
        self._weight += 1 + len(text)
        if self._node_count > self._max_nodes:
            raise self._node_count_error(scalar.line)
        if event.style == '"':
            self.double_quoted.append(scalar)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchor(scalar, 1, 1 + len(text), 0)
        self._add_node(scalar)

    def on_sequence_start(self, event: Any) -> None:
        """Handle the start of a sequence."""
        self._open(SequenceNode([], self._line(event)), event.anchor)

    def on_mapping_start(self, event: Any) -> None:
        """Handle the start of a mapping."""
        self._open(MappingNode({}, {}, self._line(event)), event.anchor)

    def _open(self, node: SequenceNode | MappingNode, anchor: str | None) -> None:
        if len(self._stack) >= self._max_depth:
            raise self._depth_error(node.line)
        if anchor is not None:
            self._anchors[anchor] = None
        self._stack.append(_OpenCollection(node, anchor, self._node_count, self._weight))
        self._node_count += 1
        self._weight += 1
        if self._node_count > self._max_nodes:
            raise self._node_count_error(node.line)

    def on_collection_end(self, event: Any) -> None:
        """Handle the end of a sequence or mapping."""
        frame = self._stack.pop()
        if isinstance(frame.node, MappingNode):
            _apply_merges(frame.node, frame.merges)
        if frame.anchor is not None:
            nodes, weight = (
                self._node_count - frame.nodes_before,
                self._weight - frame.weight_before,
            )
            self._anchors[frame.anchor] = _Anchor(frame.node, nodes, weight, frame.height)
        self._check_depth(frame.height, self._line(event))
        self._add_node(frame.node)

    def on_alias(self, event: Any) -> None:
        """Handle an alias: the node of its anchor is used once more."""
        line = self._line(event)
        if event.anchor not in self._anchors:
            raise FrontMatterError(
                DiagnosticCode.UNREADABLE_YAML,
                f"The alias {quote('*' + event.anchor)} has no anchor above it.",
                line,
                "Put a value that starts with * in quotes.",
            )
        anchor = self._anchors[event.anchor]
        if (
            anchor is None
            or self._node_count + anchor.nodes > self._max_nodes
            or self._weight + anchor.weight > self._max_weight
        ):
            raise FrontMatterError(
                DiagnosticCode.ALIASES_EXPLODE,
                f"The alias {quote('*' + event.anchor)} "
                + ("contains itself." if anchor is None else "makes the document far too large."),
                line,
                "Write the values instead of aliases.",
            )
        self._node_count += anchor.nodes
        self._weight += anchor.weight
        self._check_depth(anchor.height, line)
        self._add_node(anchor.node)

    def _check_depth(self, height: int, line: int) -> None:
        if len(self._stack) + height > self._max_depth:
            raise self._depth_error(line)
        if self._stack:
            parent = self._stack[-1]
            parent.height = max(parent.height, height + 1)

    def _depth_error(self, line: int) -> FrontMatterError:
        return FrontMatterError(
            DiagnosticCode.TOO_DEEP,
            f"The front matter is nested deeper than {self._max_depth} levels.",
            line,
            "Flatten it: a document needs four levels.",
        )

    def _node_count_error(self, line: int) -> FrontMatterError:
        return FrontMatterError(
            DiagnosticCode.TOO_MANY_VALUES,
            f"The front matter has more than {self._max_nodes:,} keys and values.",
            line,
            "Split the document, or move text below the front matter. In an import, send fewer "
            "documents at once.",
        )

    def _add_node(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        frame = self._stack[-1]
        if isinstance(frame.node, SequenceNode):
            frame.node.items.append(node)
        elif frame.key is None:
            frame.key = _require_scalar_key(node)
        else:
            self._add_entry(frame, frame.node, frame.key, node)
            frame.key = None

    def _add_entry(
        self, frame: _OpenCollection, mapping: MappingNode, key: ScalarNode, value: Node
    ) -> None:
        if key.plain and key.text == "<<":
            frame.merges += _merge_sources(value)
            return
        first = mapping.key_lines.get(key.text)
        if first is not None and len(self.problems) <= MAX_DIAGNOSTICS:
            self.problems.append(
                ParseProblem(
                    DiagnosticCode.DUPLICATE_KEY,
                    f"The key {quote(key.text)} occurs twice, on lines {first} and {key.line}; "
                    "the last one is used.",
                    key.line,
                    "Remove one of the two.",
                )
            )
        mapping.entries[key.text] = value
        mapping.key_lines[key.text] = key.line


def _require_scalar_key(node: Node) -> ScalarNode:
    if isinstance(node, ScalarNode):
        return node
    raise FrontMatterError(
        DiagnosticCode.UNREADABLE_YAML,
        "A key here is a list or a mapping.",
        node.line,
        "Use plain text as the key; put a value that starts with [ or { in quotes.",
    )


def _merge_sources(value: Node) -> list[MappingNode]:
    sources = value.items if isinstance(value, SequenceNode) else [value]
    mappings = [source for source in sources if isinstance(source, MappingNode)]
    if len(mappings) == len(sources):
        return mappings
    raise FrontMatterError(
        DiagnosticCode.UNREADABLE_YAML,
        "The merge key << needs a mapping, or a list of them.",
        value.line,
        "Point it at a mapping, or put the key in quotes.",
    )


def _apply_merges(mapping: MappingNode, sources: list[MappingNode]) -> None:
    for source in sources:
        for key, value in source.entries.items():
            mapping.entries.setdefault(key, value)
            mapping.key_lines.setdefault(key, source.key_lines[key])
