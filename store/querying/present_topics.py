"""Present topics: filters that name topics by the slugs of former releases."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from .query import And, Condition, Field, Filter, Not, Or


def with_present_topics(filter: Filter, find_slug: Callable[[str], str]) -> Filter:
    """Return the filter with the present slugs of its topics; the same filter if nothing changes.

    `find_slug` returns the present slug of a slug.
    """
    match filter:
        case Condition():
            return _condition(filter, find_slug)
        case Not():
            inner = with_present_topics(filter.filter, find_slug)
            return filter if inner is filter.filter else Not(inner)
        case And() | Or():
            parts = tuple(with_present_topics(each, find_slug) for each in filter.filters)
            is_same = all(map(lambda a, b: a is b, parts, filter.filters))
            return filter if is_same else type(filter)(parts)


def _condition(condition: Condition, find_slug: Callable[[str], str]) -> Condition:
    if condition.field is not Field.TOPICS or not isinstance(condition.value, tuple):
        return condition
    slugs = tuple(find_slug(str(slug)) for slug in condition.value)
    if slugs == condition.value:
        return condition
    return msgspec.structs.replace(condition, value=slugs)
