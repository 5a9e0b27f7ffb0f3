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

from .diagnostics import Code
from .yaml_tree import Mapping, Node, Scalar, Sequence
from .yaml_tree_builder import Problem, TreeBuilder, UnreadableError

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
_TAG_DIRECTIVE = re.compile(r"^%TAG", re.MULTILINE)
_MAX_TAG_DIRECTIVES = 16
_FEWEST_NODES, _BYTES_FOR_A_NODE, _SHARED = 400, 50, 2
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


class Limits(msgspec.Struct, frozen=True):
    """How much one file may hold, so that none costs much more than another of its size.

    Attributes:
        max_size_bytes: The size of the file, and of its front matter with aliases expanded.
        max_depth: How deep its front matter may nest.
        documents: How many are read at once, which then share the keys and values of two.
    """

    max_size_bytes: int = 1 << 20
    max_depth: int = 32
    documents: int = 1

    @property
    def max_nodes(self) -> int:
        """How many keys, values and collections the front matter may have, aliases expanded.

        Each takes more time and memory than many bytes of text; documents have some hundreds.
        """
        most = self.max_size_bytes // _BYTES_FOR_A_NODE
        share = most * _SHARED // max(_SHARED, self.documents)
        return max(_FEWEST_NODES, share)


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

    Raises: UnreadableError: YAML that cannot be read, is nested too deeply, has too many values or
        aliases that explode, or is no mapping.
    """
    problems: list[Problem] = []
    text = parts.yaml
    bad = find_invalid(text)
    if bad is not None:
        problems.append(_bad_text(parts.yaml_line + text.count("\n", 0, bad) + 1))
        text = clean_yaml(text)
    _refuse_directives(text, parts.yaml_line)
    builder = TreeBuilder(
        parts.yaml_line + 1,
        max_depth=limits.max_depth,
        max_nodes=limits.max_nodes,
        max_weight=limits.max_size_bytes,
    )
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


def _refuse_directives(text: str, offset: int) -> None:
    """Raise where there are many %TAG lines: the parser compares each with all before it."""
    if text.count("%TAG") <= _MAX_TAG_DIRECTIVES:
        return
    lines = _TAG_DIRECTIVE.finditer(text)
    one_too_many = next(islice(lines, _MAX_TAG_DIRECTIVES, None), None)
    if one_too_many is not None:
        raise UnreadableError(
            Code.UNREADABLE_YAML,
            f"The front matter has more than {_MAX_TAG_DIRECTIVES} %TAG lines.",
            offset + text.count("\n", 0, one_too_many.start()) + 1,
            "Remove them: a document needs none.",
        )


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
    if len(text) > _MAX_NUMBER_LENGTH:  # to make a number of many digits takes quadratic time
        return None
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

    Dates, infinities, integers beyond 64 bits and numbers of more than 100 characters stay text.
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
