"""Front matter: found in a file's text and read into a located tree. Only here is yaml imported.

The tree is built from the parser's events, one at a time, with depth and aliases bounded as they
come. Composing in C would recurse: a file of 100,000 brackets would end the process.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import yaml

from store.characters import clean_text, clean_yaml, find_invalid

from .diagnostics import DiagnosticCode
from .yaml_tree import MappingNode, Node, ScalarNode, SequenceNode
from .yaml_tree_builder import FrontMatterError, ParseProblem, YamlTreeBuilder

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_OPENING = re.compile(r"---[ \t]*(?:\n|\Z)")
_CLOSING = re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.MULTILINE)
_EVENT_HANDLERS: dict[Any, Callable[[YamlTreeBuilder, Any], None]] = {
    yaml.ScalarEvent: YamlTreeBuilder.on_scalar,
    yaml.MappingStartEvent: YamlTreeBuilder.on_mapping_start,
    yaml.MappingEndEvent: YamlTreeBuilder.on_collection_end,
    yaml.SequenceStartEvent: YamlTreeBuilder.on_sequence_start,
    yaml.SequenceEndEvent: YamlTreeBuilder.on_collection_end,
    yaml.AliasEvent: YamlTreeBuilder.on_alias,
    yaml.DocumentStartEvent: YamlTreeBuilder.on_document_start,
}
_TAG_DIRECTIVE = re.compile(r"^%TAG", re.MULTILINE)
_MAX_TAG_DIRECTIVES = 16
_MIN_NODES, _BYTES_PER_NODE, _SHARED_BUDGETS = 400, 50, 2
_MAX_NUMBER_LENGTH = 100
_INT64 = range(-(2**63), 2**63)

# What the parser says, in words that tell a writer what to change.
_REMEDIES = {
    "mapping values are not allowed": "Put a value that holds a colon in quotes.",
    "cannot start any token": "Indent with spaces instead of tabs, and put values that start "
    "with @, ` or % in quotes.",
    "found a tab": "Indent with spaces instead of tabs.",
    "unexpected end of stream": "Close the quotation mark.",
    "found unexpected ':'": "Put the value in quotes.",
    "could not find expected ':'": "Write `key: value`, and indent the lines of a long value.",
    "found undefined alias": "Put a value that starts with * in quotes.",
    "did not find expected key": "Check the indentation and the quotes on this line and above.",
    "unknown escape character": "Write \\\\ for a backslash, or use single quotes.",
}


class ParseLimits(msgspec.Struct, frozen=True):
    """How much one file may hold, so that none costs much more than another of its size.

    Attributes:
        max_size_bytes: The size of the file, and of its front matter with aliases expanded.
        max_depth: How deep its front matter may nest.
        documents: How many are read at once, which then share the keys and values of two.
    """

    max_size_bytes: int = 1 << 20
    max_depth: int = 32
    batch_size: int = 1

    @property
    def max_nodes(self) -> int:
        """How many keys, values and collections the front matter may have, aliases expanded.

        Each takes more time and memory than many bytes of text; documents have some hundreds.
        """
        most = self.max_size_bytes // _BYTES_PER_NODE
        share = most * _SHARED_BUDGETS // max(_SHARED_BUDGETS, self.batch_size)
        return max(_MIN_NODES, share)


class DocumentParts(NamedTuple):
    """A file's text in two. `yaml_line` is the number of lines before the front matter."""

    yaml: str
    yaml_line: int
    body: str


class ParsedYaml(NamedTuple):
    """The front matter's mapping, and the problems that did not stop the reading."""

    root: MappingNode
    problems: list[ParseProblem]


def split_front_matter(text: str, *, all_yaml: bool = False) -> DocumentParts | None:
    """Front matter and body, or None where the text does not begin with front matter.

    `all_yaml`: the whole file may be the mapping, with or without `---`, as in a .yaml file.

    Raises: UnreadableError: the front matter is not closed.
    """
    opening = _OPENING.match(text)
    if not opening:
        return DocumentParts(text, 0, "") if all_yaml and text.strip() else None
    closing = _CLOSING.search(text, opening.end())
    if closing:
        return DocumentParts(text[opening.end() : closing.start()], 1, text[closing.end() :])
    if all_yaml:
        return DocumentParts(text[opening.end() :], 1, "")
    raise FrontMatterError(
        DiagnosticCode.UNCLOSED_FRONT_MATTER,
        "The front matter that opens here is never closed.",
        1,
        "End the front matter with a line that holds only ---.",
    )


def parse_front_matter(parts: DocumentParts, limits: ParseLimits) -> ParsedYaml:
    """The located tree of the front matter.

    Raises: UnreadableError: YAML that cannot be read, is nested too deeply, has too many values or
        aliases that explode, or is no mapping.
    """
    problems: list[ParseProblem] = []
    text = parts.yaml
    bad = find_invalid(text)
    if bad is not None:
        problems.append(_invalid_characters(parts.yaml_line + text.count("\n", 0, bad) + 1))
        text = clean_yaml(text)
    _refuse_directives(text, parts.yaml_line)
    builder = YamlTreeBuilder(
        parts.yaml_line + 1,
        max_depth=limits.max_depth,
        max_nodes=limits.max_nodes,
        max_weight=limits.max_size_bytes,
    )
    try:
        _feed_events(text, builder)
    except (yaml.YAMLError, ValueError, OverflowError) as e:
        raise _yaml_error(e, parts.yaml_line) from e
    return ParsedYaml(_root_mapping(builder, problems, parts.yaml_line + 1), problems)


def _feed_events(text: str, builder: YamlTreeBuilder) -> None:
    parser = _LOADER(text)
    try:
        while (event := parser.get_event()) is not None:
            take = _EVENT_HANDLERS.get(type(event))
            if take:
                take(builder, event)
    finally:
        parser.dispose()


def _root_mapping(builder: YamlTreeBuilder, problems: list[ParseProblem], line: int) -> MappingNode:
    root = builder.root
    problems += builder.problems
    problems += [
        _invalid_characters(scalar.line)
        for scalar in builder.double_quoted
        if _clean_scalar(scalar)
    ]
    if root is None or (isinstance(root, ScalarNode) and is_null(root)):
        return MappingNode({}, {}, line)
    if isinstance(root, MappingNode):
        return root
    raise FrontMatterError(
        DiagnosticCode.WRONG_TYPE,
        "The front matter is not a mapping.",
        root.line,
        "Write it as lines of `key: value`.",
    )


def _clean_scalar(scalar: ScalarNode) -> bool:
    cleaned = clean_text(scalar.text)
    changed = cleaned != scalar.text
    scalar.text = cleaned
    return changed


def _invalid_characters(line: int) -> ParseProblem:
    return ParseProblem(
        DiagnosticCode.BAD_TEXT,
        "There are control characters in the text; \ufffd stands in their place.",
        line,
        "Remove the characters that cannot be seen.",
    )


def _yaml_error(e: Exception, offset: int) -> FrontMatterError:
    mark = getattr(e, "problem_mark", None) or getattr(e, "context_mark", None)
    what = str(getattr(e, "problem", None) or getattr(e, "reason", None) or e)
    context = getattr(e, "context", None)
    detail = f"{what} ({context})" if context else what
    remedy = next((text for sign, text in _REMEDIES.items() if sign in what), None)
    return FrontMatterError(
        DiagnosticCode.UNREADABLE_YAML,
        f"The front matter is not readable as YAML: {detail}.",
        offset + mark.line + 1 if mark else offset + 1,
        remedy or "Correct the line, or put the value in quotes.",
    )


def _refuse_directives(text: str, offset: int) -> None:
    """Raise where there are many %TAG lines: the parser compares each with all before it."""
    if text.count("%TAG") <= _MAX_TAG_DIRECTIVES:
        return
    lines = _TAG_DIRECTIVE.finditer(text)
    one_too_many = next(islice(lines, _MAX_TAG_DIRECTIVES, None), None)
    if one_too_many is not None:
        raise FrontMatterError(
            DiagnosticCode.UNREADABLE_YAML,
            f"The front matter has more than {_MAX_TAG_DIRECTIVES} %TAG lines.",
            offset + text.count("\n", 0, one_too_many.start()) + 1,
            "Remove them: a document needs none.",
        )


_TAG_NAMES = {
    "tag:yaml.org,2002:int": "a number",
    "tag:yaml.org,2002:float": "a number",
    "tag:yaml.org,2002:bool": "true or false",
    "tag:yaml.org,2002:null": "nothing",
    "tag:yaml.org,2002:timestamp": "a date",
}
_CONSTRUCTOR: Any = yaml.constructor.SafeConstructor()
_TAG_CONSTRUCTORS: dict[str, Callable[[Any], Any]] = {
    "tag:yaml.org,2002:int": _CONSTRUCTOR.construct_yaml_int,
    "tag:yaml.org,2002:float": _CONSTRUCTOR.construct_yaml_float,
    "tag:yaml.org,2002:bool": _CONSTRUCTOR.construct_yaml_bool,
    "tag:yaml.org,2002:null": lambda _: None,
}
_IMPLICIT_RESOLVERS: dict[Any, list[tuple[str, re.Pattern[str]]]] = (
    yaml.SafeLoader.yaml_implicit_resolvers
)


def _implicit_tag(text: str) -> str | None:
    if len(text) > _MAX_NUMBER_LENGTH:  # to make a number of many digits takes quadratic time
        return None
    for tag, pattern in _IMPLICIT_RESOLVERS.get(text[:1], ()):
        if pattern.match(text):
            return tag
    return None


def implicit_type(text: str) -> str | None:
    """What YAML takes the text for when it stands without quotes, in words; None for text."""
    return _TAG_NAMES.get(_implicit_tag(text) or "")


def is_null(scalar: ScalarNode) -> bool:
    """Whether this is YAML's way of saying nothing: an empty value, `~` or `null`."""
    return scalar.plain and scalar.text in ("", "~", "null", "Null", "NULL")


def resolve_plain_scalar(text: str) -> str | int | float | bool | None:
    """The value that YAML reads from the text without quotes, where JSON has such a value.

    Dates, infinities, integers beyond 64 bits and numbers of more than 100 characters stay text.
    """
    tag = _implicit_tag(text) or ""
    construct = _TAG_CONSTRUCTORS.get(tag)
    if construct is None:
        return text
    try:
        value: str | int | float | bool | None = construct(yaml.ScalarNode(tag, text))
    except ValueError:  # `0x_` is an integer by YAML's pattern, and no number
        return text
    if isinstance(value, float) and not abs(value) < float("inf"):
        return text
    if isinstance(value, int) and value not in _INT64:
        return text
    return value


def node_to_json(node: Node) -> Any:
    """Convert a node into a JSON value; plain scalars get their implicit type."""
    if isinstance(node, ScalarNode):
        return resolve_plain_scalar(node.text) if node.plain else node.text
    if isinstance(node, SequenceNode):
        return [node_to_json(item) for item in node.items]
    return {key: node_to_json(value) for key, value in node.entries.items()}
