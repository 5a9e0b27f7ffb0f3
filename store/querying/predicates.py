"""Predicates: filters compiled to functions of one article.

They define what conditions mean: an engine that uses indexes or another query language gives the
same answers. A condition that makes no sense is refused, never ignored.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from store.errors import FilterError
from store.model import Article
from store.normal_forms import fold, fold_without_accents, nfc, remove_accents

from .filter_fields import FILTER_FIELDS, FieldType
from .query import And, Condition, Field, Filter, Not, Operator, Or
from .terms import Aliases, resolve_aliases
from .translations import Translations, no_translations, pick_by_chain, range_key

Predicate = Callable[[Article], bool]


def predicate(
    filter: Filter, aliases: Aliases, translations: Translations = no_translations
) -> Predicate:
    """Compile a filter. `aliases`: those of the topic tree. `translations`: those that the reader
    may see.

    Raises: FilterError: a field does not take the operator, or the operator not the value.
    """
    match filter:
        case Condition():
            return _condition(filter, aliases, translations)
        case Not():
            inner = predicate(filter.filter, aliases, translations)
            return lambda article: not inner(article)
        case And():
            return conjunction([predicate(each, aliases, translations) for each in filter.filters])
        case Or():
            parts = [predicate(each, aliases, translations) for each in filter.filters]
            return lambda article: any(part(article) for part in parts)


def conjunction(predicates: list[Predicate]) -> Predicate:
    """The conjunction of predicates."""
    if len(predicates) == 1:
        return predicates[0]
    return lambda article: all(holds(article) for holds in predicates)


_COMPARISONS: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.GT: operator.gt,
    Operator.GTE: operator.ge,
    Operator.LT: operator.lt,
    Operator.LTE: operator.le,
}
_OF_LISTS = {Operator.SOME, Operator.ALL, Operator.NONE}
_WITH_LISTS = {Operator.IN, Operator.NOT_IN, Operator.FIRST_OF, *_OF_LISTS}
_PRESENCE = {Operator.IS_NULL, Operator.IS_EMPTY}


def _condition(condition: Condition, aliases: Aliases, translations: Translations) -> Predicate:
    check_condition(condition)
    if condition.operator is Operator.FIRST_OF:
        return _first_of(comparison_value(condition, aliases), translations)
    read = _normalized_read(condition, aliases)
    value = comparison_value(condition, aliases)
    op = condition.operator

    if op in _PRESENCE:
        # An absent text is None, an absent list is empty.
        return lambda article: (read(article) in (None, ())) is value
    if isinstance(value, tuple):
        return _list_condition(read, op, frozenset(value))
    return _value_condition(read, op, value)


def _first_of(chain: Sequence[str], translations: Translations) -> Predicate:
    """Whether an article is the one of its group that a chain of ranges picks."""

    def holds(article: Article) -> bool:
        picked = pick_by_chain(translations(article) or (article,), chain)
        return picked is not None and picked.id == article.id

    return holds


def uses_translations(filter: Filter) -> bool:
    """Whether a filter depends on other articles: on the translations of an article."""
    match filter:
        case Condition():
            return filter.operator is Operator.FIRST_OF
        case Not():
            return uses_translations(filter.filter)
        case And() | Or():
            return any(map(uses_translations, filter.filters))


def _normalized_read(condition: Condition, aliases: Aliases) -> Callable[[Article], Any]:
    """The function that reads what the condition compares, in its normal form."""
    field = FILTER_FIELDS[condition.field]
    read, form = field.read, normal_form(condition)
    if field.type.value_type is not str or condition.operator in _PRESENCE:
        return lambda article: read(article, aliases)
    if condition.operator in _OF_LISTS:
        return lambda article: tuple(map(form, read(article, aliases)))

    def read_normalized(article: Article) -> str | None:
        text = read(article, aliases)
        return None if text is None else form(text)

    return read_normalized


def _value_condition(read: Callable[[Article], Any], op: Operator, value: Any) -> Predicate:
    if op is Operator.EQ:
        return lambda article: bool(read(article) == value)
    if op is Operator.NE:
        return lambda article: bool(read(article) != value)
    if compare := _COMPARISONS.get(op):
        return lambda article: compare(read(article), value)

    def holds(article: Article) -> bool:
        text = read(article)
        if text is None:
            return False
        return bool(text.startswith(value) if op is Operator.STARTS_WITH else value in text)

    return holds


def _list_condition(
    read: Callable[[Article], Any], op: Operator, values: frozenset[Any]
) -> Predicate:
    if op is Operator.IN:
        return lambda article: read(article) in values
    if op is Operator.NOT_IN:
        return lambda article: read(article) not in values
    if op is Operator.ALL:
        return lambda article: values.issubset(read(article))
    has_some = op is Operator.SOME
    return lambda article: values.isdisjoint(read(article)) is not has_some


def comparison_value(condition: Condition, aliases: Aliases) -> Any:
    """The value that a condition compares with, in its normal form; of topics, their own slugs."""
    value = condition.value
    if isinstance(value, str):
        return normal_form(condition)(value)
    if not isinstance(value, tuple):
        return value
    if condition.operator is Operator.FIRST_OF:
        return tuple(dict.fromkeys([range_key(str(each)) for each in value]))
    if condition.field is Field.TOPICS:
        return tuple(resolve_aliases(value, aliases))  # type: ignore[arg-type]  # checked
    if FILTER_FIELDS[condition.field].type.value_type is not str:
        return value
    return tuple(map(normal_form(condition), value))  # type: ignore[arg-type]  # checked


_LIKE = {Operator.CONTAINS, Operator.STARTS_WITH}


def normal_form(condition: Condition) -> Callable[[str], str]:
    """The normal form of texts under which a condition compares them."""
    if condition.operator in _LIKE:
        return fold_without_accents if condition.ignore_accents else fold
    return remove_accents if condition.ignore_accents else nfc


def check_condition(condition: Condition) -> None:
    """Raise FilterError unless the field takes the operator, and the operator the value."""
    field, op, value = condition.field, condition.operator, condition.value
    field_type = FILTER_FIELDS[field].type
    if op not in field_type.operators:
        allowed = ", ".join(sorted(field_type.operators))
        raise FilterError(
            f"{field} is {field_type.name} and does not take {op}; it takes {allowed}."
        )
    if op in _PRESENCE:
        fits = isinstance(value, bool)
    elif op in _WITH_LISTS:
        fits = isinstance(value, tuple) and all(_has_type(field_type, each) for each in value)
    else:
        fits = _has_type(field_type, value)
    if not fits:
        raise FilterError(f"{value!r} cannot be compared with {field} by {op}.")


def _has_type(field_type: FieldType, value: object) -> bool:
    if isinstance(value, datetime):
        return field_type.value_type is datetime and value.tzinfo is not None
    # To Python, True is a number too; here it is not.
    return isinstance(value, field_type.value_type) and isinstance(value, bool) is (
        field_type.value_type is bool
    )
