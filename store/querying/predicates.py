"""What every condition of a filter means: filters compiled to predicates of one article.

This is the one meaning. An engine that answers from indexes or in another language answers as
these predicates would. A condition that says nothing sensible is refused, never ignored.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from store.errors import FilterError
from store.model import Article

from .filter_fields import FILTER_FIELDS, FieldType
from .query import And, Condition, Field, Filter, Not, Operator, Or
from .terms import Aliases, resolve_aliases

Predicate = Callable[[Article], bool]


def predicate(filter: Filter, aliases: Aliases) -> Predicate:
    """Whether an article passes, as a function; `aliases` are those of the topic tree.

    Raises: FilterError: a field does not take the operator, or the operator not the value.
    """
    match filter:
        case Condition():
            return _condition(filter, aliases)
        case Not():
            inner = predicate(filter.filter, aliases)
            return lambda article: not inner(article)
        case And():
            return all_of_predicates([predicate(part, aliases) for part in filter.filters])
        case Or():
            parts = [predicate(part, aliases) for part in filter.filters]
            return lambda article: any(part(article) for part in parts)


def all_of_predicates(predicates: list[Predicate]) -> Predicate:
    """Whether an article passes all of them."""
    if len(predicates) == 1:
        return predicates[0]
    return lambda article: all(holds(article) for holds in predicates)


_COMPARISONS: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.GT: operator.gt,
    Operator.GTE: operator.ge,
    Operator.LT: operator.lt,
    Operator.LTE: operator.le,
}
_LISTED = {Operator.IN, Operator.NOT_IN, Operator.SOME, Operator.ALL, Operator.NONE}
_ASKING = {Operator.IS_NULL, Operator.IS_EMPTY}


def _condition(condition: Condition, aliases: Aliases) -> Predicate:
    check_condition(condition)
    field = FILTER_FIELDS[condition.field].read
    value = comparison_value(condition, aliases)
    how = condition.operator

    def read(article: Article) -> Any:
        return field(article, aliases)

    if how in _ASKING:
        # An absent text is None and an absent list is empty: there is nothing either way.
        return lambda article: (read(article) in (None, ())) is value
    if isinstance(value, tuple):
        return _list_condition(read, how, frozenset(value))
    return _value_condition(read, how, value)


def _value_condition(read: Callable[[Article], Any], how: Operator, value: Any) -> Predicate:
    if how is Operator.EQ:
        return lambda article: bool(read(article) == value)
    if how is Operator.NE:
        return lambda article: bool(read(article) != value)
    if compare := _COMPARISONS.get(how):
        return lambda article: compare(read(article), value)
    folded = value.casefold()

    def holds(article: Article) -> bool:
        text = read(article)
        if text is None:
            return False
        text = text.casefold()
        return text.startswith(folded) if how is Operator.STARTS_WITH else folded in text

    return holds


def _list_condition(
    read: Callable[[Article], Any], how: Operator, values: frozenset[Any]
) -> Predicate:
    if how is Operator.IN:
        return lambda article: read(article) in values
    if how is Operator.NOT_IN:
        return lambda article: read(article) not in values
    if how is Operator.ALL:
        return lambda article: values.issubset(read(article))
    wanted = how is Operator.SOME
    return lambda article: values.isdisjoint(read(article)) is not wanted


def comparison_value(condition: Condition, aliases: Aliases) -> Any:
    """The value that a condition compares with: topics as the tree has their slugs."""
    if condition.field is Field.TOPICS and condition.operator not in _ASKING:
        return tuple(resolve_aliases(condition.value, aliases))  # type: ignore[arg-type]  # checked
    return condition.value


def check_condition(condition: Condition) -> None:
    """Raise FilterError unless the field takes the operator, and the operator the value."""
    field, how, value = condition.field, condition.operator, condition.value
    kind = FILTER_FIELDS[field].kind
    if how not in kind.operators:
        known = ", ".join(sorted(kind.operators))
        raise FilterError(f"{field} is {kind.name} and does not take {how}; it takes {known}.")
    if how in _ASKING:
        fits = isinstance(value, bool)
    elif how in _LISTED:
        fits = isinstance(value, tuple) and all(_is_one(kind, each) for each in value)
    else:
        fits = _is_one(kind, value)
    if not fits:
        raise FilterError(f"{value!r} cannot be compared with {field} by {how}.")


def _is_one(kind: FieldType, value: object) -> bool:
    if isinstance(value, datetime):
        return kind.type is datetime and value.tzinfo is not None
    # To Python, True is a number too; here it is not.
    return isinstance(value, kind.type) and isinstance(value, bool) is (kind.type is bool)
