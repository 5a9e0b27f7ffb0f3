"""Front matter: split from a document's text and parsed into a YAML tree with line numbers.

The only module that imports yaml. The tree is built from the parser's events, one at a time, with
limits on depth and aliases. PyYAML's C composer recurses: 100,000 brackets overflow the stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import yaml

from store.characters import clean_text, clean_yaml, find_invalid

from .commit_dates import CommitTable
from .diagnostics import DiagnosticCode
from .field_mapping import FieldMapping
from .yaml_lines import LineCounter
from .yaml_surrogates import MaskedText
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

# Remedies by a substring of the parser's message.
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
    "invalid Unicode character escape code": "Write the character itself.",
    "unknown escape character": "Write \\\\ for a backslash, or use single quotes.",
}


class ParseOptions(msgspec.Struct, frozen=True):
    """Options of parsing a document: limits, so that its cost depends on its size, and a mapping.

    Attributes:
        max_size_bytes: Largest file, and largest front matter with aliases expanded.
        max_depth: Deepest nesting of the front matter.
        batch_size: Number of documents in a batch. Those of a larger batch than two share the nodes
            of two.
        mapping: The mapping of the document's keys to fields; None if they are the fields' own.
        commits: The dates of commits, if the mapping uses them.
    """

    max_size_bytes: int = 1 << 20
    max_depth: int = 32
    batch_size: int = 1
    mapping: FieldMapping | None = None
    commits: CommitTable = CommitTable()

    @property
    def max_nodes(self) -> int:
        """Largest number of YAML nodes (keys, values, collections) with aliases expanded.

        A node costs more time and memory than many bytes of text. Documents have a few hundred.
        """
        budget = self.max_size_bytes // _BYTES_PER_NODE
        share = budget * _SHARED_BUDGETS // max(_SHARED_BUDGETS, self.batch_size)
        return max(_MIN_NODES, share)


class DocumentParts(NamedTuple):
    """A document's text, split into front matter and body.

    Attributes:
        yaml: The front matter without its delimiters.
        yaml_line: The line offset of the front matter in the text: 0 or 1.
        body: The text after the front matter.
    """

    yaml: str
    yaml_line: int
    body: str


class ParsedYaml(NamedTuple):
    """The root mapping of the front matter, and its warnings."""

    root: MappingNode
    problems: list[ParseProblem]


def split_front_matter(text: str, *, all_yaml: bool = False) -> DocumentParts | None:
    """Split a text into front matter and body; None if it does not start with front matter.

    `all_yaml` accepts a file that is YAML only, with or without `---`, such as a .yaml file.

    Raises: FrontMatterError: the front matter is not closed.
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


def parse_front_matter(parts: DocumentParts, options: ParseOptions) -> ParsedYaml:
    """Parse front matter into a tree of YAML nodes with line numbers.

    Raises: FrontMatterError: invalid YAML, a limit is exceeded, or the root is no mapping.
    """
    problems: list[ParseProblem] = []
    text = parts.yaml
    invalid_at = find_invalid(text)
    if invalid_at is not None:
        line = parts.yaml_line + text.count("\n", 0, invalid_at) + 1
        problems.append(_invalid_characters(line))
        text = clean_yaml(text)
    _refuse_directives(text, parts.yaml_line)
    lines = LineCounter(text, parts.yaml_line + 1)
    builder = YamlTreeBuilder(
        lines,
        max_depth=options.max_depth,
        max_nodes=options.max_nodes,
        max_weight=options.max_size_bytes,
    )
    try:
        _feed_events(text, builder)
    except (yaml.YAMLError, ValueError, OverflowError) as e:
        raise _yaml_error(e, lines) from e
    return ParsedYaml(_root_mapping(builder, problems, parts.yaml_line + 1), problems)


def _feed_events(text: str, builder: YamlTreeBuilder) -> None:
    masked = MaskedText(text)
    parser = _LOADER(masked.text)
    try:
        for event in _read_events(parser, masked):
            handle = _EVENT_HANDLERS.get(type(event))
            if handle:
                handle(builder, event)
    finally:
        parser.dispose()


def parse_events(text: str) -> Iterator[Any]:
    """Yield the parser's events of a valid YAML text, with their positions in it."""
    masked = MaskedText(clean_yaml(text))
    parser = _LOADER(masked.text)
    try:
        yield from _read_events(parser, masked)
    finally:
        parser.dispose()


def _read_events(parser: Any, masked: MaskedText) -> Iterator[Any]:
    events = iter(parser.get_event, None)
    return _restore_scalars(events, masked) if masked.is_masked else events


def _restore_scalars(events: Iterator[Any], masked: MaskedText) -> Iterator[Any]:
    for event in events:
        if type(event) is yaml.ScalarEvent:
            _restore_scalar(event, masked)
        yield event


def _restore_scalar(event: Any, masked: MaskedText) -> None:
    start, end = event.start_mark.index, event.end_mark.index
    event.value = masked.restore(event.value, start, end, event.style == '"')


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
    """Replace the invalid characters of a scalar; return whether there are any."""
    cleaned = clean_text(scalar.text)
    changed = cleaned != scalar.text
    scalar.text = cleaned
    return changed


def _invalid_characters(line: int) -> ParseProblem:
    return ParseProblem(
        DiagnosticCode.BAD_TEXT,
        "The text has control characters; they were replaced by \ufffd.",
        line,
        "Remove the invisible characters.",
    )


def _yaml_error(e: Exception, lines: LineCounter) -> FrontMatterError:
    mark = getattr(e, "problem_mark", None) or getattr(e, "context_mark", None)
    message = str(getattr(e, "problem", None) or getattr(e, "reason", None) or e)
    context = getattr(e, "context", None)
    detail = f"{message} ({context})" if context else message
    remedy = next((text for part, text in _REMEDIES.items() if part in message), None)
    return FrontMatterError(
        DiagnosticCode.UNREADABLE_YAML,
        f"The front matter is not valid YAML: {detail}.",
        lines.line_of(mark) if mark else lines.first_line,
        remedy or "Correct the line, or put the value in quotes.",
    )


def _refuse_directives(text: str, offset: int) -> None:
    """Refuse many %TAG lines: the parser compares each with all before it, in quadratic time."""
    if text.count("%TAG") <= _MAX_TAG_DIRECTIVES:
        return
    lines = _TAG_DIRECTIVE.finditer(text)
    excess = next(islice(lines, _MAX_TAG_DIRECTIVES, None), None)
    if excess is not None:
        raise FrontMatterError(
            DiagnosticCode.UNREADABLE_YAML,
            f"The front matter has more than {_MAX_TAG_DIRECTIVES} %TAG lines.",
            offset + text.count("\n", 0, excess.start()) + 1,
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
    if len(text) > _MAX_NUMBER_LENGTH:  # parsing many digits takes quadratic time
        return None
    for tag, pattern in _IMPLICIT_RESOLVERS.get(text[:1], ()):
        if pattern.match(text):
            return tag
    return None


def implicit_type(text: str) -> str | None:
    """Name the implicit type of a plain scalar, such as "a number"; None for text."""
    return _TAG_NAMES.get(_implicit_tag(text) or "")


def is_null(scalar: ScalarNode) -> bool:
    """Whether a scalar is YAML's null: an empty value, `~` or `null`."""
    return scalar.plain and scalar.text in ("", "~", "null", "Null", "NULL")


def resolve_plain_scalar(text: str) -> str | int | float | bool | None:
    """Convert a plain scalar into the JSON value of its implicit type.

    Dates, infinities, integers beyond 64 bits and numbers of more than 100 characters stay text.
    """
    tag = _implicit_tag(text) or ""
    construct = _TAG_CONSTRUCTORS.get(tag)
    if construct is None:
        return text
    try:
        value: str | int | float | bool | None = construct(yaml.ScalarNode(tag, text))
    except ValueError:  # `0x_` matches YAML's pattern of an integer, but is not one
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
