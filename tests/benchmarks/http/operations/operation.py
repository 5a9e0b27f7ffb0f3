"""Generated operations, and request bodies with different variables."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Any

import orjson

from store.model import Article

SUBSTRING_KINDS = frozenset({"contains", "startsWith"})

_VARIABLE = re.compile(r"\$(\w+)")
_POOL = 40  # distinct texts of an application that interpolates most of its values
_MAX_DRAWS = 3  # draws for each body that is wanted; small value spaces give fewer bodies

Values = dict[str, Any]
Draw = Callable[[Random], Values]
"""Draws a value for each variable of an operation."""


class EnumName(str):
    """A member of a GraphQL enum: a string in JSON, a bare name in GraphQL."""

    __slots__ = ()


class Inlining(Enum):
    """Which values stand in the text as literals, instead of being sent as variables."""

    NONE = "variables"
    FEW = "some literals"  # all but cursors, in some dozens of distinct texts
    ALL = "all literals"  # thousands of distinct texts


@dataclass(frozen=True, slots=True)
class OperationTemplate:
    """The text of an operation with variables, before values are drawn.

    Attributes:
        name: The operation's name.
        body: The root selection set.
        fragments: The definitions of named fragments.
        types: The GraphQL type of each variable.
        cursors: The variables that are cursors.
        draw: Draws a set of values.
    """

    name: str
    body: str
    fragments: str
    types: Mapping[str, str]
    cursors: frozenset[str]
    draw: Draw

    def text(self, inlined: Mapping[str, Any]) -> str:
        """The document, with these values as literals."""
        types = {name: type for name, type in self.types.items() if name not in inlined}
        declared = ", ".join(f"${name}: {type}" for name, type in types.items())
        text = f"query {self.name}{f'({declared})' if declared else ''} {self.body}"
        text = "\n\n".join(filter(None, (text, self.fragments)))
        if not inlined:
            return text
        head = len(f"query {self.name}({declared})") if declared else 0
        return text[:head] + _VARIABLE.sub(lambda m: _written(m, inlined), text[head:])


@dataclass(frozen=True, slots=True)
class GeneratedOperation:
    """A generated operation with the bodies of its requests.

    Attributes:
        name: A short unique name, such as `G07`.
        kind: The name of its stratum, such as `filtered list`.
        title: A short description for the table.
        traits: The features that it covers: shapes, orders, conditions, page sizes and so on.
        text: One of its documents.
        bodies: JSON bodies of POST requests, all different.
    """

    name: str
    kind: str
    title: str
    traits: frozenset[str]
    text: str
    bodies: tuple[bytes, ...]

    @property
    def is_substring(self) -> bool:
        """Whether it filters by substrings, which has a goal of its own."""
        return self.kind in SUBSTRING_KINDS


def make_bodies(
    template: OperationTemplate, inlining: Inlining, rng: Random, count: int
) -> tuple[bytes, ...]:
    """Up to `count` different bodies; fewer if there are not enough values."""
    request = _requests(template, inlining, rng)
    bodies: dict[bytes, None] = {}
    for _ in range(count * _MAX_DRAWS):
        bodies[orjson.dumps(request())] = None
        if len(bodies) == count:
            break
    return tuple(bodies)


def _requests(
    template: OperationTemplate, inlining: Inlining, rng: Random
) -> Callable[[], Mapping[str, Any]]:
    """A function that draws the next request."""
    if inlining is Inlining.NONE:
        text = template.text({})
        return lambda: {"query": text, "variables": template.draw(rng)}
    if inlining is Inlining.ALL:
        return lambda: {"query": template.text(template.draw(rng))}
    drawn = [template.draw(rng) for _ in range(_POOL)]
    fixed = [{n: v for n, v in values.items() if n not in template.cursors} for values in drawn]
    texts = [template.text(values) for values in fixed]

    def with_cursors() -> Mapping[str, Any]:
        values = template.draw(rng)
        cursors = {name: values[name] for name in template.cursors}
        return {"query": rng.choice(texts), "variables": cursors}

    return with_cursors if template.cursors else lambda: {"query": rng.choice(texts)}


def _written(match: re.Match[str], values: Mapping[str, Any]) -> str:
    name = match[1]
    return literal(values[name]) if name in values else match[0]


def literal(value: Any) -> str:
    """A value as a GraphQL literal."""
    if isinstance(value, EnumName):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


Suits = Callable[[Article], bool]
"""Whether values can be drawn from an article."""
