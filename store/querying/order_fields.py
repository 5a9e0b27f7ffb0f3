"""Sort fields: the fields by which articles can be ordered. One entry declares all of an order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Self

from store.model import Article
from store.normal_forms import fold, fold_without_accents

SortKey = int | str

MAX_KEY = 200
"""The maximum length of a text's sort key, which cursors contain."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(time: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (time - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The inverse of `micros`. Raises: OverflowError."""
    return _EPOCH + micros * _MICROSECOND


def text_key(text: str) -> str:
    """The sort key of a text: folded, and short enough for a cursor."""
    return fold(text)[:MAX_KEY]


def unaccented_key(text: str) -> str:
    """The same without accents."""
    return fold_without_accents(text)[:MAX_KEY]


class SortRule(NamedTuple):
    """The declaration of a sort field.

    Attributes:
        mark: the character for the field in cursors.
        key_type: the type of the sort keys.
        read: the sort key of an article, ascending.
        description: the description in the GraphQL schema.
    """

    mark: str
    key_type: type[SortKey]
    read: Callable[[Article], SortKey]
    description: str


class OrderField(StrEnum):
    """The sort fields of articles. A member needs a `SortRule`: without one, the import fails.

    Attributes:
        rule: how the field orders articles.
    """

    rule: SortRule

    def __new__(cls, name: str, rule: SortRule) -> Self:
        """A member with its rule."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.rule = rule
        return member

    PUBLISHED_DATE_TIME = (
        "publishedDateTime",
        SortRule("d", int, lambda a: micros(a.published_date_time), "When they were published."),
    )
    HEAT = "heat", SortRule("h", int, lambda a: a.heat, "How much they are talked about.")
    QUALITY = "quality", SortRule("q", int, lambda a: a.quality, "How good they are.")
    TITLE = (
        "title",
        SortRule("t", str, lambda a: text_key(a.title), "Their titles, whatever the case."),
    )
