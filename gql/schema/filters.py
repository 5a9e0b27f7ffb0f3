"""Inputs of filters and orders, and their translation to the store.

An empty filter is an error: a client that forgot to send a variable would get all articles, and
never notice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import Enum, EnumMeta
from functools import cache
from typing import TYPE_CHECKING, Any

import strawberry
from strawberry import UNSET

from store import (
    MATCH_ALL,
    NEWEST_FIRST,
    And,
    Condition,
    Field,
    Filter,
    FilterError,
    Not,
    Operator,
    Or,
    OrderField,
    OrderStep,
    all_of,
    domain_key,
    topic_slug,
)

MAX_CONDITIONS = 100
MAX_VALUES = 1_000
MAX_DEPTH = 16


def _input(description: str) -> Any:
    return strawberry.field(default=UNSET, description=description)


@strawberry.input(
    description="Conditions on a text. All members must hold. Texts that differ only in their "
    "Unicode encoding are equal (NFC)."
)
class StringFilter:
    eq: str | None = _input("Equals this text.")
    ne: str | None = _input("Does not equal this text; true if there is no text.")
    in_: list[str] | None = strawberry.field(
        name="in", default=UNSET, description="Equals one of these texts."
    )
    not_in: list[str] | None = _input("Equals none of these texts; true if there is no text.")
    contains: str | None = _input(
        "Contains this text; case and variants, such as full-width letters, are ignored."
    )
    starts_with: str | None = _input(
        "Starts with this text; case and variants, such as full-width letters, are ignored."
    )
    is_null: bool | None = _input("Whether there is no text.")
    first_of: list[str] | None = _input(
        "Only for `locale`: each story once, in the first of these locales in which you may see "
        "it; stories in none of them are left out. `de` matches `de-CH`, too, and `*` any locale. "
        "It picks among all articles with one `translationKey`, whatever else the filter says."
    )
    ignore_accents: bool | None = _input(
        "Whether the other members ignore accents and strokes: with true, `lodz` is in `Łódź`."
    )


@strawberry.input(description="Conditions on an id. All members must hold.")
class IDFilter:
    eq: strawberry.ID | None = _input("Equals this id.")
    ne: strawberry.ID | None = _input("Does not equal this id.")
    in_: list[strawberry.ID] | None = strawberry.field(
        name="in", default=UNSET, description="Equals one of these ids, such as saved ones."
    )
    not_in: list[strawberry.ID] | None = _input(
        "Equals none of these ids, such as those of articles that are shown already."
    )


@strawberry.input(description="Conditions on a whole number. All members must hold.")
class IntFilter:
    eq: int | None = _input("Equals this number.")
    ne: int | None = _input("Does not equal this number.")
    in_: list[int] | None = strawberry.field(
        name="in", default=UNSET, description="Equals one of these numbers."
    )
    gt: int | None = _input("Is greater than this number.")
    gte: int | None = _input("Is greater than or equal to this number.")
    lt: int | None = _input("Is less than this number.")
    lte: int | None = _input("Is less than or equal to this number.")


@strawberry.input(description="Conditions on a time. All members must hold.")
class DateTimeFilter:
    eq: datetime | None = _input("Equals this time.")
    gt: datetime | None = _input("Is later than this time.")
    gte: datetime | None = _input("Is this time or later.")
    lt: datetime | None = _input("Is earlier than this time.")
    lte: datetime | None = _input("Is this time or earlier.")


@strawberry.input(description="Conditions on a list of texts. All members must hold.")
class ListFilter:
    some: list[str] | None = _input("Contains at least one of these.")
    all: list[str] | None = _input("Contains all of these.")
    none: list[str] | None = _input("Contains none of these.")
    is_empty: bool | None = _input("Whether the list is empty.")


@strawberry.input(
    description="A filter of articles. All members must hold. Null and an empty object are errors: "
    "a filter whose only variable was not sent must not match everything. Beside other members, "
    "one whose variable was not sent counts as left out."
)
class ArticleFilter:
    and_: list[ArticleFilter] | None = strawberry.field(
        name="and", default=UNSET, description="All of these filters match."
    )
    or_: list[ArticleFilter] | None = strawberry.field(
        name="or",
        default=UNSET,
        description="At least one of these filters matches; an empty list matches nothing.",
    )
    not_: ArticleFilter | None = strawberry.field(
        name="not", default=UNSET, description="This filter does not match."
    )
    id: IDFilter | None = _input("The id.")
    slug: StringFilter | None = _input("The slug.")
    title: StringFilter | None = _input("The title.")
    excerpt: StringFilter | None = _input("The excerpt.")
    category: StringFilter | None = _input("The category.")
    type: StringFilter | None = _input("The type, such as article or video.")
    locale: StringFilter | None = _input("The locale.")
    published_date_time: DateTimeFilter | None = _input("The time of publication.")
    quality: IntFilter | None = _input("The quality.")
    heat: IntFilter | None = _input("The heat.")
    published: bool | None = _input("Whether it is published. Drafts need the scope READ_DRAFTS.")
    provider_domain: StringFilter | None = _input("The domain of the provider.")
    topics: ListFilter | None = _input("The topics, by name or slug.")
    tags: ListFilter | None = _input("The tags.")
    has_images: bool | None = _input("Whether there are images.")
    has_related: bool | None = _input("Whether there are related stories.")


@strawberry.enum(description="The direction of an order.")
class OrderDirection(Enum):
    ASC = strawberry.enum_value("ASC", description="Ascending: the smallest, the oldest, A first.")
    DESC = strawberry.enum_value(
        "DESC", description="Descending: the largest, the newest, Z first."
    )


def _order_field() -> EnumMeta:
    """The enumeration of the store's order fields, each with its own description."""
    members = {
        field.name: strawberry.enum_value(field, description=field.rule.description)
        for field in OrderField
    }
    made: EnumMeta = Enum("ArticleOrderField", members)  # type: ignore[misc]  # no literal
    return strawberry.enum(made, description="A field that articles can be ordered by.")


if TYPE_CHECKING:
    ArticleOrderField = OrderField
else:
    ArticleOrderField = _order_field()


@strawberry.input(description="One step of an order; equal articles are ordered by the next step.")
class ArticleOrder:
    field: ArticleOrderField = strawberry.field(description="The field.")
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.DESC, description="The direction."
    )


_FIELDS: dict[str, tuple[Field, Callable[[str], str] | None]] = {
    # member of ArticleFilter -> field of the store, and the normalization of its values
    "id": (Field.ID, None),
    "slug": (Field.SLUG, None),
    "title": (Field.TITLE, None),
    "excerpt": (Field.EXCERPT, None),
    "category": (Field.CATEGORY, None),
    "type": (Field.TYPE, None),
    "locale": (Field.LOCALE, None),
    "published_date_time": (Field.PUBLISHED_DATE_TIME, None),
    "quality": (Field.QUALITY, None),
    "heat": (Field.HEAT, None),
    "provider_domain": (Field.PROVIDER_DOMAIN, domain_key),
    "topics": (Field.TOPICS, topic_slug),
    "tags": (Field.TAGS, None),
}
_OPERATORS = {
    "eq": Operator.EQ,
    "ne": Operator.NE,
    "in_": Operator.IN,
    "not_in": Operator.NOT_IN,
    "contains": Operator.CONTAINS,
    "starts_with": Operator.STARTS_WITH,
    "is_null": Operator.IS_NULL,
    "gt": Operator.GT,
    "gte": Operator.GTE,
    "lt": Operator.LT,
    "lte": Operator.LTE,
    "some": Operator.SOME,
    "all": Operator.ALL,
    "none": Operator.NONE,
    "is_empty": Operator.IS_EMPTY,
    "first_of": Operator.FIRST_OF,
}


@cache
def filter_fields() -> Mapping[str, Field]:
    """The store's fields by the members of ArticleFilter that compare them."""
    return {_graphql_name(name): field for name, (field, _) in _FIELDS.items()}


def store_filter(given: ArticleFilter | None) -> Filter:
    """The filter of the store for an input. Raises: FilterError: it is invalid."""
    if given is None or given is UNSET:
        return MATCH_ALL
    budget = _Budget()
    return _article_filter(given, "filter", budget, 0)


class _Budget:
    """A budget of conditions: it bounds the work of one filter."""

    left = MAX_CONDITIONS

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise FilterError(f"The filter has more than {MAX_CONDITIONS} conditions.")


def _members(given: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The members that the client sent, by Python name. Raises: FilterError: null."""
    for name, value in vars(given).items():
        if value is UNSET:
            continue
        if value is None:
            raise FilterError(
                f"{path}.{_graphql_name(name)} is null. Leave it out, or use isNull or isEmpty to "
                "match articles without a value."
            )
        yield name, value


def _graphql_name(name: str) -> str:
    head, *rest = name.rstrip("_").split("_")
    return head + "".join(part.capitalize() for part in rest)


def _article_filter(given: ArticleFilter, path: str, budget: _Budget, depth: int) -> Filter:
    if depth > MAX_DEPTH:
        raise FilterError(f"The filter is nested more than {MAX_DEPTH} levels deep.")
    parts = [
        _member(name, value, f"{path}.{_graphql_name(name)}", budget, depth)
        for name, value in _members(given, path)
    ]
    if not parts:
        raise _empty_filter(path)
    return all_of(*parts)


def _member(name: str, value: Any, path: str, budget: _Budget, depth: int) -> Filter:
    match name:
        case "and_" | "or_":
            parts = tuple(
                _article_filter(part, f"{path}[{i}]", budget, depth + 1)
                for i, part in enumerate(value)
            )
            return And(parts) if name == "and_" else Or(parts)
        case "not_":
            return Not(_article_filter(value, path, budget, depth + 1))
        case "published":
            budget.take()
            return Condition(Field.PUBLISHED, Operator.EQ, value)
        case "has_images" | "has_related":
            budget.take()
            field = Field.IMAGES if name == "has_images" else Field.RELATED
            return Condition(field, Operator.IS_EMPTY, not value)
    return _conditions(name, value, path, budget)


def _conditions(name: str, value: Any, path: str, budget: _Budget) -> Filter:
    field, normalize = _FIELDS[name]
    conditions = []
    ignore_accents = getattr(value, "ignore_accents", UNSET) is True
    for member, operand in _members(value, path):
        if member == "ignore_accents":
            continue
        budget.take()
        if isinstance(operand, list) and len(operand) > MAX_VALUES:
            raise FilterError(
                f"{path}.{_graphql_name(member)} lists more than {MAX_VALUES} values."
            )
        operand = _normalized(operand, normalize)  # noqa: PLW2901  # its normal form
        conditions.append(Condition(field, _OPERATORS[member], operand, ignore_accents))
    if not conditions:
        raise _empty_filter(path)
    return all_of(*conditions)


def _empty_filter(path: str) -> FilterError:
    return FilterError(
        f"{path} is empty. Leave it out, or give it a condition. If it comes from a variable, the "
        "variable was not sent."
    )


def _normalized(operand: Any, normalize: Callable[[str], str] | None) -> Any:
    """The operand in the normal form of the store; a list becomes a tuple."""
    if isinstance(operand, list):
        return tuple(map(normalize, operand) if normalize else operand)
    return normalize(operand) if normalize and isinstance(operand, str) else operand


def store_order(given: list[ArticleOrder] | None) -> tuple[OrderStep, ...]:
    """The order of the store for an input; newest first without one. Raises: FilterError."""
    if not given or given is UNSET:
        return NEWEST_FIRST
    order = tuple(
        OrderStep(OrderField[step.field.name], step.direction is OrderDirection.DESC)
        for step in given
    )
    if len({step.field for step in order}) < len(order):
        raise FilterError("orderBy has a field twice; the second one has no effect. Leave it out.")
    return order
