"""Format parser: TOML and JSON front matter into the tree of `yaml_tree`, within YAML's limits."""

from __future__ import annotations

import re
from typing import NamedTuple

from .front_matter_format import FormatParts, FrontMatterFormat
from .frontmatter import ParseOptions
from .json_tree import parse_json
from .toml_tree import parse_toml
from .yaml_tree import MappingNode
from .yaml_tree_builder import ParseProblem

_REST_OF_LINE = re.compile(r"[ \t]*\n?")


class ParsedFormat(NamedTuple):
    """Front matter: its root mapping, the problems that were no errors, and the body."""

    root: MappingNode
    problems: list[ParseProblem]
    body: str


def parse_format(parts: FormatParts, options: ParseOptions) -> ParsedFormat:
    """Parse TOML or JSON front matter.

    Raises: FrontMatterError: invalid, or a limit is exceeded.
    """
    depth, nodes = options.max_depth, options.max_nodes
    if parts.format is FrontMatterFormat.TOML:
        toml = parse_toml(parts.text, parts.first_line, max_depth=depth, max_nodes=nodes)
        return ParsedFormat(toml.root, toml.problems, parts.body or "")
    json = parse_json(
        parts.text,
        parts.first_line,
        max_depth=depth,
        max_nodes=nodes,
        is_whole=parts.body is not None,
    )
    if parts.body is not None:
        return ParsedFormat(json.root, json.problems, parts.body)
    line_end = _REST_OF_LINE.match(parts.text, json.end)
    body = parts.text[line_end.end() if line_end else json.end :]
    return ParsedFormat(json.root, json.problems, body)
