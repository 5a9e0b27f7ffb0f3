"""JSON front matter: parsed into the tree of `yaml_tree`, with the line of every key and value.

The standard library's parser gives no lines. So objects and lists are parsed here, within limits of
depth and number; single values are parsed by it.
"""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder
from math import isfinite
from typing import NamedTuple

from store.characters import clean_text

from .diagnostics import MAX_DIAGNOSTICS, DiagnosticCode
from .yaml_tree import MappingNode, Node, ScalarNode, SequenceNode
from .yaml_tree_builder import FrontMatterError, ParseProblem, quote

_SPACE = re.compile(r"[ \t\n\r]*")
_YAML_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+][0-9]+)?")
_MAX_NUMBER_LENGTH = 100


class JsonFrontMatter(NamedTuple):
    """JSON front matter.

    Attributes:
        root: Its object.
        problems: The problems that were no errors.
        end: The index after it.
    """

    root: MappingNode
    problems: list[ParseProblem]
    end: int


def parse_json(
    text: str, first_line: int, *, max_depth: int, max_nodes: int, is_whole: bool
) -> JsonFrontMatter:
    """Parse the JSON object at the start of a text.

    `is_whole`: nothing may follow the object, and its braces may be left out.
    Raises: FrontMatterError: invalid JSON, or a limit is exceeded.
    """
    parser = _Parser(text, first_line, max_depth, max_nodes)
    return parser.parse(is_whole)


def _refuse_constant(name: str) -> str:
    raise ValueError(f"{name} is no JSON")


class _Parser:
    """A parser of one text. Recursive, at most to `max_depth`."""

    def __init__(self, text: str, first_line: int, max_depth: int, max_nodes: int) -> None:
        self._text = text
        self._at = 0
        self._line = first_line
        self._line_at = 0  # the index up to which lines are counted
        self._max_depth = max_depth
        self._max_nodes = max_nodes
        self._nodes = 0
        self._problems: list[ParseProblem] = []
        self._decode = JSONDecoder(
            parse_int=str, parse_float=str, parse_constant=_refuse_constant
        ).raw_decode

    def parse(self, is_whole: bool) -> JsonFrontMatter:
        """Parse the object."""
        self._skip_space()
        if self._peek() == "{":
            root = self._parse_object(1)
        elif is_whole:
            root = MappingNode({}, {}, self._line)
            if self._peek():
                self._parse_members(root, 1)
        else:
            raise self._error("An object is expected")
        end = self._at
        if is_whole:
            self._skip_space()
            if self._peek():
                raise self._error("The object ends here, and more text follows")
        return JsonFrontMatter(root, self._problems, end)

    def _parse_object(self, depth: int) -> MappingNode:
        node = MappingNode({}, {}, self._count_node())
        self._check_depth(depth)
        self._at += 1
        self._skip_space()
        if self._peek() != "}":
            self._parse_members(node, depth)
        if self._peek() != "}":
            raise self._error("A comma or a closing brace is missing")
        self._at += 1
        return node

    def _parse_members(self, node: MappingNode, depth: int) -> None:
        while True:
            if self._peek() != '"':
                raise self._error("A key in double quotes is expected")
            key = self._parse_scalar()
            self._skip_space()
            if self._peek() != ":":
                raise self._error("A colon is missing after the key")
            self._at += 1
            self._skip_space()
            value = self._parse_value(depth)
            self._add_entry(node, key, value)
            self._skip_space()
            if self._peek() != ",":
                return
            self._at += 1
            self._skip_space()

    def _add_entry(self, node: MappingNode, key: ScalarNode, value: Node) -> None:
        first = node.key_lines.get(key.text)
        if first is not None and len(self._problems) <= MAX_DIAGNOSTICS:
            self._problems.append(
                ParseProblem(
                    DiagnosticCode.DUPLICATE_KEY,
                    f"The key {quote(key.text)} occurs twice, on lines {first} and {key.line}; "
                    "the last one is used.",
                    key.line,
                    "Remove one of the two.",
                )
            )
        node.entries[key.text] = value
        node.key_lines[key.text] = key.line

    def _parse_value(self, depth: int) -> Node:
        opening = self._peek()
        if opening == "{":
            return self._parse_object(depth + 1)
        if opening == "[":
            return self._parse_list(depth + 1)
        return self._parse_scalar()

    def _parse_list(self, depth: int) -> SequenceNode:
        node = SequenceNode([], self._count_node())
        self._check_depth(depth)
        self._at += 1
        self._skip_space()
        while self._peek() != "]":
            node.items.append(self._parse_value(depth))
            self._skip_space()
            if self._peek() == ",":
                self._at += 1
                self._skip_space()
                if self._peek() == "]":
                    raise self._error("A value is missing after the comma")
            elif self._peek() != "]":
                raise self._error("A comma or a closing bracket is missing")
        self._at += 1
        return node

    def _parse_scalar(self) -> ScalarNode:
        line = self._count_node()
        start = self._at
        try:
            value, self._at = self._decode(self._text, start)
        except JSONDecodeError as e:
            self._at = min(e.pos, len(self._text))
            raise self._error(f"{e.msg}") from None
        except ValueError as e:
            raise self._error(str(e)) from None
        if self._text[start] != '"':
            return ScalarNode(_plain_text(self._text[start : self._at]), True, line)
        text = clean_text(value)
        if text != value and len(self._problems) <= MAX_DIAGNOSTICS:
            self._problems.append(
                ParseProblem(
                    DiagnosticCode.BAD_TEXT,
                    "The text has control characters; they were replaced by \ufffd.",
                    line,
                    "Remove the invisible characters.",
                )
            )
        return ScalarNode(text, False, line)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip_space(self) -> None:
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match else self._at

    def _count_line(self) -> int:
        self._line += self._text.count("\n", self._line_at, self._at)
        self._line_at = max(self._at, self._line_at)
        return self._line

    def _count_node(self) -> int:
        """Count a node; return its line."""
        self._nodes += 1
        line = self._count_line()
        if self._nodes > self._max_nodes:
            raise too_many_values(self._max_nodes, line)
        return line

    def _check_depth(self, depth: int) -> None:
        if depth > self._max_depth:
            raise too_deep(self._max_depth, self._count_line())

    def _error(self, problem: str) -> FrontMatterError:
        return FrontMatterError(
            DiagnosticCode.UNREADABLE_JSON,
            f"The front matter is not valid JSON: {problem}.",
            self._count_line(),
            "Correct the line: JSON needs double quotes, and commas between entries only.",
        )


def too_deep(max_depth: int, line: int) -> FrontMatterError:
    """The error of front matter that is nested too deeply."""
    return FrontMatterError(
        DiagnosticCode.TOO_DEEP,
        f"The front matter is nested deeper than {max_depth} levels.",
        line,
        "Flatten it: a document needs four levels.",
    )


def too_many_values(max_nodes: int, line: int) -> FrontMatterError:
    """The error of front matter with too many values."""
    return FrontMatterError(
        DiagnosticCode.TOO_MANY_VALUES,
        f"The front matter has more than {max_nodes:,} keys and values.",
        line,
        "Split the document, or move text below the front matter. In an import, send fewer "
        "documents at once.",
    )


def plain_float(value: float, text: str) -> str:
    """A float as a plain YAML scalar of the same value, where YAML has one; else its own text.

    The text stays if it is one: 1.10 is a version for many. YAML needs a point and a sign: 1e5
    would be text there.
    """
    if not isfinite(value) or _YAML_FLOAT.fullmatch(text):
        return text
    written = repr(value)
    return written if "." in written else written.replace("e", ".0e")


def _plain_text(literal: str) -> str:
    """A number, true, false or null as a plain YAML scalar of the same value."""
    if literal.lstrip("-").isdigit() or literal[-1:].isalpha() or len(literal) > _MAX_NUMBER_LENGTH:
        return literal
    return plain_float(float(literal), literal)
