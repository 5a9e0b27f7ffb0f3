"""Parts of operations: selections with their variables, which are combined to a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from tests.benchmarks.http.operations.operation import Draw, OperationTemplate, Values
from tests.benchmarks.http.operations.selections import styled


def no_values(_rng: Random) -> Values:
    """The values of a part without variables."""
    return {}


@dataclass(frozen=True, slots=True)
class SelectionPart:
    """A selection with the variables that it uses.

    Attributes:
        text: A root field, or a selection on an object.
        types: The GraphQL types of its variables.
        draw: Draws a value for each variable.
        cursors: The variables that are cursors.
        title: A short form for the table.
        traits: The features that it covers.
    """

    text: str
    types: Mapping[str, str] = field(default_factory=dict)
    draw: Draw = no_values
    cursors: frozenset[str] = frozenset()
    title: str = ""
    traits: frozenset[str] = frozenset()

    def within(self, text: str) -> SelectionPart:
        """The same part with another text, such as one around it."""
        return replace(self, text=text)


def join(parts: Sequence[SelectionPart], title: str = "") -> SelectionPart:
    """Several parts side by side, with different variables."""

    def draw(rng: Random) -> Values:
        return {name: value for part in parts for name, value in part.draw(rng).items()}

    return SelectionPart(
        " ".join(part.text for part in parts),
        {name: type for part in parts for name, type in part.types.items()},
        draw,
        frozenset().union(*(part.cursors for part in parts)),
        title or ", ".join(part.title for part in parts),
        frozenset().union(*(part.traits for part in parts)),
    )


def template(name: str, part: SelectionPart, style: str, *, typename: bool) -> OperationTemplate:
    """The operation with this root selection."""
    declared = ", ".join(f"${name}: {type}" for name, type in part.types.items())
    text = f"query {name}{f'({declared})' if declared else ''} {{ {part.text} }}"
    body, fragments = styled(text, style, typename=typename)
    return OperationTemplate(name, body, fragments, part.types, part.cursors, part.draw)
