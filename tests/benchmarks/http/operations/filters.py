"""Filters in the styles of clients: trees of conditions, with variables at several levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from store.model import Article
from tests.benchmarks.http.operations.conditions import ConditionTemplate, OperandGenerator

# Shapes of filters: a number is the place of a condition among those dealt for it.
Shape = int | tuple[Any, ...]
ONE: Shape = 0
BOTH: Shape = ("with", 0, 1)
THREE: Shape = ("with", 0, 1, 2)
NOT: Shape = ("not", 0)
AND: Shape = ("and", 0, 1)
OR: Shape = ("or", 0, 1)
OR_THREE: Shape = ("or", 0, 1, 2)
WITH_OR: Shape = ("with", 0, ("or", 1, 2))
AND_OR_NOT: Shape = ("and", ("or", 0, 1), ("not", 2))
WITH_NOT_OR: Shape = ("with", 0, 1, ("not", ("or", 2, 3)))
OR_OF_ANDS: Shape = ("or", ("with", 0, 1), ("and", 2, 3))
DEEP: Shape = ("and", 0, ("or", 1, ("not", ("with", 2, 3))), 4)


def size(shape: Shape) -> int:
    """The number of conditions of a shape."""
    return 1 if isinstance(shape, int) else sum(map(size, shape[1:]))


@dataclass(frozen=True, slots=True)
class FilterTemplate:
    """A filter whose operands are drawn for each request.

    Attributes:
        shape: The tree of the conditions.
        conditions: The conditions by their positions in the shape, each of another field.
        operands: The generator of their operands.
        suffix: Distinguishes its variables from those of other lists of the operation.
        is_whole: Whether the filter is one variable, instead of one for each operand.
    """

    shape: Shape
    conditions: Sequence[ConditionTemplate]
    operands: OperandGenerator
    suffix: str = ""
    is_whole: bool = False

    @property
    def title(self) -> str:
        """A short form for the table, such as `heat>= & (type= | !locale=)`."""
        return _titled(self.shape, self.conditions)

    @property
    def traits(self) -> frozenset[str]:
        """The conditions and the operators that combine them."""
        combined = frozenset(_words(self.shape) - {"with"})
        ranges = {"range"} if any(len(c.operators) > 1 for c in self.conditions) else set()
        return combined.union(ranges, *(condition.traits for condition in self.conditions))

    @property
    def is_selective(self) -> bool:
        """Whether so few articles match that there is no second page."""
        return self._is_selective(self.shape, holds=True)

    def _is_selective(self, shape: Shape, *, holds: bool) -> bool:
        if isinstance(shape, int):
            return self.conditions[shape].is_selective(holds=holds)
        word, *parts = shape
        inner = holds if word != "not" else not holds
        found = [self._is_selective(part, holds=inner) for part in parts]
        return all(found) if (word == "or") is holds and word != "not" else any(found)

    def suitable(self, articles: Sequence[Article]) -> list[Article]:
        """The articles from which operands of all conditions can be drawn."""
        polarities = _polarities(self.shape).items()
        conditions = [(self.conditions[place], holds) for place, holds in polarities]
        return [a for a in articles if all(c.suits(a, holds=holds) for c, holds in conditions)]

    def text(self) -> str:
        """The argument's value in the document."""
        if self.is_whole:
            return f"$filter{self.suffix}"
        return "{" + _members(self.shape, self._condition_text) + "}"

    def _condition_text(self, place: int) -> str:
        condition = self.conditions[place]
        if not condition.operators:
            return f"{condition.field}: ${self._name(place, '')}"
        operands = ", ".join(f"{how}: ${self._name(place, how)}" for how in condition.operators)
        return f"{condition.field}: {{{operands}}}"

    def _name(self, place: int, how: str) -> str:
        """The name of an operand's variable, such as `heatGte`."""
        return f"{self.conditions[place].field}{how[:1].upper()}{how[1:]}{self.suffix}"

    def types(self) -> Mapping[str, str]:
        """The GraphQL types of its variables."""
        if self.is_whole:
            return {f"filter{self.suffix}": "ArticleFilter!"}
        return {
            self._name(place, how): type
            for place, condition in enumerate(self.conditions)
            for how, type in condition.variables().items()
        }

    def draw(self, rng: Random, anchor: Article) -> dict[str, Any]:
        """Values of its variables with which the filter matches the anchor."""
        polarity = _polarities(self.shape)
        operands = [
            condition.value(self.operands, rng, anchor, holds=polarity[place])
            for place, condition in enumerate(self.conditions)
        ]
        if self.is_whole:
            return {f"filter{self.suffix}": self._tree(self.shape, operands)}
        return {
            self._name(place, how): operand[how] if how else operand
            for place, operand in enumerate(operands)
            for how in self.conditions[place].operators or ("",)
        }

    def _tree(self, shape: Shape, operands: Sequence[Any]) -> dict[str, Any]:
        """The filter as JSON."""
        if isinstance(shape, int):
            return {self.conditions[shape].field: operands[shape]}
        word, *parts = shape
        inner = [self._tree(part, operands) for part in parts]
        if word == "with":
            return {key: value for each in inner for key, value in each.items()}
        return {word: inner[0] if word == "not" else inner}


def _members(shape: Shape, text: Any) -> str:
    """The members of the filter object of a shape."""
    if isinstance(shape, int):
        return str(text(shape))
    word, *parts = shape
    inner = [_members(part, text) for part in parts]
    if word == "with":
        return ", ".join(inner)
    if word == "not":
        return f"not: {{{inner[0]}}}"
    return f"{word}: [{', '.join(f'{{{each}}}' for each in inner)}]"


def _polarities(shape: Shape, *, holds: bool = True) -> dict[int, bool]:
    """Whether the condition at each position must match the anchor."""
    if isinstance(shape, int):
        return {shape: holds}
    word, *parts = shape
    inner = not holds if word == "not" else holds
    return {p: v for part in parts for p, v in _polarities(part, holds=inner).items()}


def _words(shape: Shape) -> set[str]:
    if isinstance(shape, int):
        return set()
    return {shape[0]}.union(*map(_words, shape[1:]))


def _titled(shape: Shape, conditions: Sequence[ConditionTemplate]) -> str:
    if isinstance(shape, int):
        return conditions[shape].title
    word, *parts = shape
    inner = [_titled(part, conditions) for part in parts]
    if word == "not":
        return f"!{inner[0]}"
    return "(" + (" | " if word == "or" else " & ").join(inner) + ")"
