"""Conditions of `ArticleFilter`: each operator of each field, with matching operands.

Operands are drawn from an article of the corpus, the anchor, so that the condition matches it (or,
below `not`, does not match it): results are seldom empty, as those of real clients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from store import domain_key
from store.model import Article
from store.timestamps import format_timestamp

TEXT_OPERATORS = ("eq", "ne", "in", "notIn", "contains", "startsWith", "isNull")
NUMBER_OPERATORS = ("eq", "ne", "in", "gt", "gte", "lt", "lte")
TIME_OPERATORS = ("eq", "gt", "gte", "lt", "lte")
LIST_OPERATORS = ("some", "all", "none", "isEmpty")
SUBSTRING_OPERATORS = ("contains", "startsWith")
LISTED_OPERATORS = ("in", "notIn", "some", "all", "none", "firstOf")
FLAGS = ("published", "hasImages", "hasRelated")

_READ: Mapping[str, Callable[[Article], Any]] = {
    "slug": lambda article: article.slug,
    "title": lambda article: article.title,
    "excerpt": lambda article: article.excerpt,
    "category": lambda article: article.category,
    "type": lambda article: article.type,
    "locale": lambda article: article.locale,
    "providerDomain": lambda article: domain_key(article.provider.domain),
    "publishedDateTime": lambda article: article.published_date_time,
    "quality": lambda article: article.quality,
    "heat": lambda article: article.heat,
    "topics": lambda article: article.topics,
    "tags": lambda article: article.tags,
    "published": lambda article: article.published,
    "hasImages": lambda article: bool(article.images),
    "hasRelated": lambda article: bool(article.related),
}
FIELD_OPERATORS: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(
        ("slug", "title", "excerpt", "category", "type", "providerDomain"), TEXT_OPERATORS
    ),
    "locale": (*TEXT_OPERATORS, "firstOf"),
    "publishedDateTime": TIME_OPERATORS,
    "quality": NUMBER_OPERATORS,
    "heat": NUMBER_OPERATORS,
    "topics": LIST_OPERATORS,
    "tags": LIST_OPERATORS,
}
_OPPOSITES = {
    "eq": "ne",
    "ne": "eq",
    "in": "notIn",
    "notIn": "in",
    "gt": "lte",
    "lte": "gt",
    "gte": "lt",
    "lt": "gte",
    "some": "none",
    "all": "none",
    "none": "some",
    "firstOf": "notIn",
}
_SIGNS = {"eq": "=", "ne": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_UNKNOWN = ("sport", "podcast", "xx", "unknown")  # values that no article of the corpus has
_NEEDS_NO_VALUE = {"ne", "notIn", "none", "isNull", "isEmpty"}
_SELECTIVE = {(field, how) for field in ("slug", "title", "excerpt") for how in ("eq", "in")}
_SELECTIVE |= {("publishedDateTime", "eq"), ("slug", "startsWith"), ("title", "startsWith")}


@dataclass(frozen=True, slots=True)
class ConditionTemplate:
    """Operators of one field, without operands; a boolean field has none.

    Attributes:
        field: The member of `ArticleFilter`.
        operators: One operator, or the two of a range.
    """

    field: str
    operators: tuple[str, ...] = ()

    @property
    def traits(self) -> frozenset[str]:
        """Its pairs of field and operator, such as `heat gte`."""
        return frozenset(" ".join((self.field, how)).strip() for how in self.operators or ("",))

    @property
    def title(self) -> str:
        """A short form for the table, such as `heat>=`."""
        if not self.operators:
            return self.field
        short = {"publishedDateTime": "date", "providerDomain": "domain"}
        field = short.get(self.field, self.field)
        how = " ".join(_SIGNS.get(how, f" {how}") for how in self.operators)
        return f"{field}{how}"

    def is_selective(self, *, holds: bool) -> bool:
        """Whether few articles match, or do not match."""
        return any((self.field, aim) in _SELECTIVE for aim in self._aims(holds=holds))

    def suits(self, article: Article, *, holds: bool) -> bool:
        """Whether operands can be drawn from this article with which it matches, or does not."""
        has_value = _READ[self.field](article) not in (None, (), "")
        return has_value or _NEEDS_NO_VALUE.issuperset(self._aims(holds=holds))

    def _aims(self, *, holds: bool) -> Sequence[str]:
        """The operators that must hold, either its own or their opposites."""
        if holds:
            return self.operators
        return [_OPPOSITES.get(how, how) for how in self.operators]

    def value(
        self, operands: OperandGenerator, rng: Random, anchor: Article, *, holds: bool
    ) -> Any:
        """The operands of the operators, or the value of a boolean field."""
        if not self.operators:
            return _READ[self.field](anchor) is holds
        return {
            how: operands.operand(rng, anchor, self.field, how, holds) for how in self.operators
        }

    def variables(self) -> Mapping[str, str]:
        """The GraphQL types of its operands, by operator; of a boolean, under an empty name."""
        if not self.operators:
            return {"": "Boolean!"}
        return {how: _operand_type(self.field, how) for how in self.operators}


def _operand_type(field: str, how: str) -> str:
    if how in {"isNull", "isEmpty"}:
        return "Boolean!"
    one = {"publishedDateTime": "DateTime", "quality": "Int", "heat": "Int"}.get(field, "String")
    return f"[{one}!]!" if how in LISTED_OPERATORS else f"{one}!"


def conditions(substring: str = "") -> list[ConditionTemplate]:
    """All fields with this substring operator; without it, all other operators and ranges."""
    pairs = [
        ConditionTemplate(field, (how,))
        for field, operators in FIELD_OPERATORS.items()
        for how in operators
        if (how == substring if substring else how not in SUBSTRING_OPERATORS)
    ]
    if substring:
        return pairs
    ranges = [
        ConditionTemplate("publishedDateTime", ("gte", "lt")),
        ConditionTemplate("heat", ("gte", "lte")),
        ConditionTemplate("quality", ("gt", "lt")),
    ]
    return [*pairs, *ranges, *map(ConditionTemplate, FLAGS)]


class OperandGenerator:
    """Draws operands from the articles of a corpus."""

    def __init__(self, articles: Sequence[Article]) -> None:
        self.articles = articles

    def operand(self, rng: Random, anchor: Article, field: str, how: str, holds: bool) -> Any:
        """A value with which the operator matches the anchor, or (`holds`) does not."""
        value = _READ[field](anchor)
        if how in {"isNull", "isEmpty"}:
            return (value in (None, ())) is holds
        if value in (None, (), ""):  # no article suits: the value does not matter
            value = (rng.choice(_UNKNOWN),) if field in {"topics", "tags"} else rng.choice(_UNKNOWN)
        if how in SUBSTRING_OPERATORS:
            return self._part(rng, field, value, how, holds)
        aim = how if holds else _OPPOSITES[how]
        if how in LISTED_OPERATORS:
            return self._many(rng, field, value, aim)
        return _json(self._one(rng, field, value, aim))

    def _many(self, rng: Random, field: str, value: Any, aim: str) -> list[Any]:
        """Operands of a list operator."""
        others = [self._other(rng, field, value) for _ in range(rng.randrange(1, 4))]
        match aim:
            case "in" | "firstOf":
                chosen = [value, *others]
            case "notIn" | "none":
                chosen = others
            case "some":
                chosen = [rng.choice(value), *others]
            case _:
                chosen = rng.sample(value, min(len(value), rng.randrange(1, 3)))
        return [_json(each) for each in dict.fromkeys(rng.sample(chosen, len(chosen)))]

    def _one(self, rng: Random, field: str, value: Any, aim: str) -> Any:
        """The operand of an operator with one value."""
        match aim:
            case "eq" | "in":
                return value
            case "ne" | "notIn":
                return self._other(rng, field, value)
            case "gt":
                return value - _distance(rng, value, 1)
            case "gte":
                return value - _distance(rng, value, 0)
            case "lt":
                return value + _distance(rng, value, 1)
            case _:
                return value + _distance(rng, value, 0)

    def _other(self, rng: Random, field: str, value: Any) -> Any:
        """A value that only another article has; an invented one if none is found."""
        for _ in range(20):
            other = _READ[field](rng.choice(self.articles))
            if isinstance(other, tuple):
                other = rng.choice(other) if other else None
            unlike = other not in value if isinstance(value, tuple) else other != value
            if other is not None and unlike:
                return other
        return rng.choice(_UNKNOWN)

    def _part(self, rng: Random, field: str, value: str, how: str, holds: bool) -> str:
        """A part of a text, from its start or from anywhere."""
        text = value if holds else str(self._other(rng, field, value))
        if how == "startsWith":
            return text[: rng.randrange(min(3, len(text)), min(24, len(text)) + 1)]
        size = rng.randrange(min(3, len(text)), min(16, len(text)) + 1)
        start = rng.randrange(len(text) - size + 1)
        return text[start : start + size].strip() or text


def _distance(rng: Random, value: Any, least: int) -> Any:
    """The distance of a bound from the anchor's value."""
    if isinstance(value, datetime):
        return timedelta(seconds=rng.randrange(least, 200 * 86_400))
    return rng.randrange(least, 60)


def _json(value: Any) -> Any:
    return format_timestamp(value) if isinstance(value, datetime) else value
