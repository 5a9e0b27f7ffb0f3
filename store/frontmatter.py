"""Front matter: found in a file's text and read into a located tree. Only here is yaml imported.

The tree is built from the parser's events, one at a time, with depth and aliases bounded as they
come. Composing in C would recurse: a file of 100,000 brackets would end the process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import yaml

from .characters import clean_text, clean_yaml, first_bad
from .diagnostics import Code
from .nesting import looks_deep
from .nodes import Mapping, Node, Scalar, Sequence
from .treebuilder import Problem, TreeBuilder, UnreadableError, too_deep

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_OPENING = re.compile(r"---[ \t]*(?:\n|\Z)")
_CLOSING = re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.MULTILINE)
_TAKERS: dict[Any, Callable[[TreeBuilder, Any], None]] = {
    yaml.ScalarEvent: TreeBuilder.scalar,
    yaml.MappingStartEvent: TreeBuilder.mapping,
    yaml.MappingEndEvent: TreeBuilder.close,
    yaml.SequenceStartEvent: TreeBuilder.sequence,
    yaml.SequenceEndEvent: TreeBuilder.close,
    yaml.AliasEvent: TreeBuilder.alias,
    yaml.DocumentStartEvent: TreeBuilder.document,
}
_OPENERS = (
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
)
_CLOSERS = (yaml.BlockEndToken, yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken)
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


class Limits(msgspec.Struct, frozen=True):
    """How large a file and how deep its nesting may be, before any parser sees it.

    `max_size_bytes` also bounds what a document's aliases may expand to.
    """

    max_size_bytes: int = 1 << 20
    max_depth: int = 32


class Parts(NamedTuple):
    """A file's text in two. `yaml_line` is the number of lines before the front matter."""

    yaml: str
    yaml_line: int
    body: str


class Tree(NamedTuple):
    """The front matter's mapping, and the problems that did not stop the reading."""

    root: Mapping
    problems: list[Problem]


def split(text: str, *, all_yaml: bool = False) -> Parts | None:
    """Front matter and body, or None where the text does not begin with front matter.

    `all_yaml`: the whole file may be the mapping, with or without `---`, as in a .yaml file.

    Raises: UnreadableError: the front matter is not closed.
    """
    opening = _OPENING.match(text)
    if not opening:
        return Parts(text, 0, "") if all_yaml and text.strip() else None
    closing = _CLOSING.search(text, opening.end())
    if closing:
        return Parts(text[opening.end() : closing.start()], 1, text[closing.end() :])
    if all_yaml:
        return Parts(text[opening.end() :], 1, "")
    raise UnreadableError(
        Code.UNCLOSED_FRONT_MATTER,
        "The front matter that opens here is never closed.",
        1,
        "End the front matter with a line that holds only ---.",
    )


def parse(parts: Parts, limits: Limits) -> Tree:
    """The located tree of the front matter.

    Raises: UnreadableError: YAML that cannot be read, is nested too deeply, has aliases that
        explode, or is no mapping.
    """
    problems: list[Problem] = []
    text = parts.yaml
    bad = first_bad(text)
    if bad is not None:
        problems.append(_bad_text(parts.yaml_line + text.count("\n", 0, bad) + 1))
        text = clean_yaml(text)
    _refuse_depth(text, parts.yaml_line, limits.max_depth)
    builder = TreeBuilder(parts.yaml_line + 1, limits.max_depth, limits.max_size_bytes)
    try:
        _build(text, builder)
    except (yaml.YAMLError, ValueError, OverflowError) as e:
        raise _unreadable(e, parts.yaml_line) from e
    return Tree(_mapping(builder, problems, parts.yaml_line + 1), problems)


def _build(text: str, builder: TreeBuilder) -> None:
    parser = _LOADER(text)
    try:
        while (event := parser.get_event()) is not None:
            take = _TAKERS.get(type(event))
            if take:
                take(builder, event)
    finally:
        parser.dispose()


def _mapping(builder: TreeBuilder, problems: list[Problem], line: int) -> Mapping:
    root = builder.root
    problems += builder.problems
    problems += [_bad_text(scalar.line) for scalar in builder.escaped if _clean_scalar(scalar)]
    if root is None or (isinstance(root, Scalar) and is_null(root)):
        return Mapping({}, {}, line)
    if isinstance(root, Mapping):
        return root
    raise UnreadableError(
        Code.WRONG_TYPE,
        "The front matter is not a mapping.",
        root.line,
        "Write it as lines of `key: value`.",
    )


def _clean_scalar(scalar: Scalar) -> bool:
    cleaned = clean_text(scalar.text)
    changed = cleaned != scalar.text
    scalar.text = cleaned
    return changed


def _bad_text(line: int) -> Problem:
    return Problem(
        Code.BAD_TEXT,
        "There are control characters in the text; \ufffd stands in their place.",
        line,
        "Remove the characters that cannot be seen.",
    )


def _unreadable(e: Exception, offset: int) -> UnreadableError:
    mark = getattr(e, "problem_mark", None) or getattr(e, "context_mark", None)
    what = str(getattr(e, "problem", None) or getattr(e, "reason", None) or e)
    context = getattr(e, "context", None)
    said = f"{what} ({context})" if context else what
    remedy = next((text for sign, text in _REMEDIES.items() if sign in what), None)
    return UnreadableError(
        Code.UNREADABLE_YAML,
        f"The front matter is not readable as YAML: {said}.",
        offset + mark.line + 1 if mark else offset + 1,
        remedy or "Correct the line, or put the value in quotes.",
    )


def _refuse_depth(text: str, offset: int, max_depth: int) -> None:
    """Raise where the text is nested too deeply, before the C parser sees it.

    Nearly every text is cleared by two counts and a search. The others may only look deep (prose
    with brackets, code in a block): the slow scanner decides, and stops where it is sure.
    """
    if not looks_deep(text, max_depth):
        return
    try:
        line = next(_too_deep_lines(text, max_depth), None)
    except (yaml.YAMLError, ValueError, OverflowError):
        return  # the parser tells this better
    if line is not None:
        raise UnreadableError(*too_deep(offset + line, max_depth))


def _too_deep_lines(text: str, max_depth: int) -> Iterator[int]:
    depth = 0
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        if isinstance(token, _OPENERS):
            depth += 1
            if depth > max_depth:
                yield token.start_mark.line + 1
        elif isinstance(token, _CLOSERS):
            depth -= 1


_SHORT_TAGS = {
    "tag:yaml.org,2002:int": "a number",
    "tag:yaml.org,2002:float": "a number",
    "tag:yaml.org,2002:bool": "true or false",
    "tag:yaml.org,2002:null": "nothing",
    "tag:yaml.org,2002:timestamp": "a date",
}
_CONSTRUCTOR: Any = yaml.constructor.SafeConstructor()
_VALUES: dict[str, Callable[[Any], Any]] = {
    "tag:yaml.org,2002:int": _CONSTRUCTOR.construct_yaml_int,
    "tag:yaml.org,2002:float": _CONSTRUCTOR.construct_yaml_float,
    "tag:yaml.org,2002:bool": _CONSTRUCTOR.construct_yaml_bool,
    "tag:yaml.org,2002:null": lambda _: None,
}
_RESOLVERS: dict[Any, list[tuple[str, re.Pattern[str]]]] = yaml.SafeLoader.yaml_implicit_resolvers


def _tag(text: str) -> str | None:
    for tag, pattern in _RESOLVERS.get(text[:1], ()):
        if pattern.match(text):
            return tag
    return None


def guessed_type(text: str) -> str | None:
    """What YAML takes the text for when it stands without quotes, in words; None for text."""
    return _SHORT_TAGS.get(_tag(text) or "")


def is_null(scalar: Scalar) -> bool:
    """Whether this is YAML's way of saying nothing: an empty value, `~` or `null`."""
    return scalar.plain and scalar.text in ("", "~", "null", "Null", "NULL")


def plain_value(text: str) -> str | int | float | bool | None:
    """The value that YAML reads from the text without quotes, where JSON has such a value.

    Dates, infinities and integers beyond 64 bits stay text.
    """
    tag = _tag(text) or ""
    construct = _VALUES.get(tag)
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


def json_value(node: Node) -> Any:
    """The node as a JSON value, plain scalars read the YAML way. Depth is bounded by `parse`."""
    if isinstance(node, Scalar):
        return plain_value(node.text) if node.plain else node.text
    if isinstance(node, Sequence):
        return [json_value(item) for item in node.items]
    return {key: json_value(value) for key, value in node.entries.items()}
