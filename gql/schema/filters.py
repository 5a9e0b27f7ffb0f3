"""The inputs that filter and order articles, and what they mean to the store.

A filter that says nothing is refused rather than ignored: a client whose variable went missing
would else get every article and never know.
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


@strawberry.input(description="Compares a text. Several members must all hold.")
class StringFilter:
    eq: str | None = _input("Is this text.")
    ne: str | None = _input("Is not this text; true where there is none.")
    in_: list[str] | None = strawberry.field(
        name="in", default=UNSET, description="Is one of these texts."
    )
    not_in: list[str] | None = _input("Is none of these texts; true where there is none.")
    contains: str | None = _input("Has this in it, whatever the case.")
    starts_with: str | None = _input("Begins with this, whatever the case.")
    is_null: bool | None = _input("Whether there is no text at all.")


@strawberry.input(description="Compares a whole number. Several members must all hold.")
class IntFilter:
    eq: int | None = _input("Is this number.")
    ne: int | None = _input("Is not this number.")
    in_: list[int] | None = strawberry.field(
        name="in", default=UNSET, description="Is one of these numbers."
    )
    gt: int | None = _input("Is greater.")
    gte: int | None = _input("Is greater or the same.")
    lt: int | None = _input("Is less.")
    lte: int | None = _input("Is less or the same.")


@strawberry.input(description="Compares a moment. Several members must all hold.")
class DateTimeFilter:
    eq: datetime | None = _input("Is this moment.")
    gt: datetime | None = _input("Is later.")
    gte: datetime | None = _input("Is later or the same.")
    lt: datetime | None = _input("Is earlier.")
    lte: datetime | None = _input("Is earlier or the same.")


@strawberry.input(description="Looks into a list of texts. Several members must all hold.")
class ListFilter:
    some: list[str] | None = _input("Has at least one of these.")
    all: list[str] | None = _input("Has every one of these.")
    none: list[str] | None = _input("Has not one of these.")
    is_empty: bool | None = _input("Whether the list is empty.")


@strawberry.input(
    description="Which articles. Several members must all hold. A member that says nothing (null, "
    "or an empty object) is refused, so that a missing variable cannot open the filter."
)
class ArticleFilter:
    and_: list[ArticleFilter] | None = strawberry.field(
        name="and", default=UNSET, description="All of these hold."
    )
    or_: list[ArticleFilter] | None = strawberry.field(
        name="or", default=UNSET, description="At least one of these holds; of none, none does."
    )
    not_: ArticleFilter | None = strawberry.field(
        name="not", default=UNSET, description="This does not hold."
    )
    slug: StringFilter | None = _input("The slug.")
    title: StringFilter | None = _input("The title.")
    excerpt: StringFilter | None = _input("The excerpt.")
    category: StringFilter | None = _input("The category.")
    type: StringFilter | None = _input("The type, such as article or video.")
    locale: StringFilter | None = _input("The locale.")
    published_date_time: DateTimeFilter | None = _input("When it was published.")
    quality: IntFilter | None = _input("The quality.")
    heat: IntFilter | None = _input("The heat.")
    published: bool | None = _input("Whether it is published; drafts need the right to see them.")
    provider_domain: StringFilter | None = _input("The domain of the provider.")
    topics: ListFilter | None = _input("The topics, each by name or slug.")
    tags: ListFilter | None = _input("The tags.")
    has_images: bool | None = _input("Whether there are images.")
    has_related: bool | None = _input("Whether there are related stories.")


@strawberry.enum(description="A direction to order in.")
class OrderDirection(Enum):
    ASC = strawberry.enum_value("ASC", description="Smallest, oldest, A first.")
    DESC = strawberry.enum_value("DESC", description="Largest, newest, Z first.")


def _order_field() -> EnumMeta:
    """The enumeration of the store's order fields, each with its own description."""
    members = {
        field.name: strawberry.enum_value(field, description=field.key.description)
        for field in OrderField
    }
    made: EnumMeta = Enum("ArticleOrderField", members)  # type: ignore[misc]  # no literal
    return strawberry.enum(made, description="What articles can be ordered by.")


if TYPE_CHECKING:
    ArticleOrderField = OrderField
else:
    ArticleOrderField = _order_field()


@strawberry.input(description="One step of an order; articles that are equal go by the next.")
class ArticleOrder:
    field: ArticleOrderField = strawberry.field(description="What to order by.")
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.DESC, description="Which way."
    )


_FIELDS: dict[str, tuple[Field, Callable[[str], str] | None]] = {
    # member of ArticleFilter -> field of the store, and how the store spells its values
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
}


@cache
def filter_fields() -> Mapping[str, Field]:
    """The store's fields by the members of ArticleFilter that compare them."""
    return {_graphql_name(name): field for name, (field, _) in _FIELDS.items()}


def store_filter(given: ArticleFilter | None) -> Filter:
    """The store's filter for a client's. Raises: FilterError: it cannot be used, and why."""
    if given is None or given is UNSET:
        return MATCH_ALL
    budget = _Budget()
    return _article_filter(given, "filter", budget, 0)


class _Budget:
    """Counts conditions, so that one request cannot ask for unbounded work."""

    left = MAX_CONDITIONS

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise FilterError(f"The filter has more than {MAX_CONDITIONS} conditions.")


def _members(given: Any, path: str) -> Iterator[tuple[str, Any]]:
    """What the client set, by Python name; null is refused."""
    for name, value in vars(given).items():
        if value is UNSET:
            continue
        if value is None:
            raise FilterError(
                f"{path}.{_graphql_name(name)} is null, which says nothing. Leave it out, or use "
                "isNull or isEmpty to ask for what is not there."
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
        raise _says_nothing(path)
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
    field, spelling = _FIELDS[name]
    conditions = []
    for member, operand in _members(value, path):
        budget.take()
        if isinstance(operand, list) and len(operand) > MAX_VALUES:
            raise FilterError(
                f"{path}.{_graphql_name(member)} lists more than {MAX_VALUES} values."
            )
        conditions.append(Condition(field, _OPERATORS[member], _spelled(operand, spelling)))
    if not conditions:
        raise _says_nothing(path)
    return all_of(*conditions)


def _says_nothing(path: str) -> FilterError:
    return FilterError(
        f"{path} is empty, which says nothing. Leave it out or give it a condition; if that came "
        "from a variable, the variable was not sent."
    )


def _spelled(operand: Any, spelling: Callable[[str], str] | None) -> Any:
    """The operand as the store spells it; a list becomes a tuple."""
    if isinstance(operand, list):
        return tuple(map(spelling, operand) if spelling else operand)
    return spelling(operand) if spelling and isinstance(operand, str) else operand


def store_order(given: list[ArticleOrder] | None) -> tuple[OrderStep, ...]:
    """The store's order for a client's; newest first where it says none. Raises: FilterError."""
    if not given or given is UNSET:
        return NEWEST_FIRST
    order = tuple(
        OrderStep(OrderField[step.field.name], step.direction is OrderDirection.DESC)
        for step in given
    )
    if len({step.field for step in order}) < len(order):
        raise FilterError("orderBy names a field twice; the second has no effect. Leave it out.")
    return order
