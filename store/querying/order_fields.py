"""The fields by which articles can be ordered: one entry declares all that an order needs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Self

from store.model import Article

SortKey = int | str

MAX_KEY = 200
"""How many characters of a text count for its place in an order: a cursor holds them."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(time: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (time - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The inverse of `micros`. Raises: OverflowError."""
    return _EPOCH + micros * _MICROSECOND


def text_key(text: str) -> str:
    """The sort key of a text: without case, and no longer than a cursor has room for."""
    return text.casefold()[:MAX_KEY]


class SortRule(NamedTuple):
    """How a field orders articles.

    Attributes:
        mark: the character that names the field in a cursor.
        kind: the type of the sort keys.
        read: the sort key of an article, ascending.
        description: what clients are told of it.
    """

    mark: str
    kind: type[SortKey]
    read: Callable[[Article], SortKey]
    description: str


class OrderField(StrEnum):
    """By what articles can be ordered. A member without its `SortRule` cannot be declared.

    Attributes:
        key: how the field orders articles.
    """

    key: SortRule

    def __new__(cls, name: str, key: SortRule) -> Self:
        """A member with its key."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.key = key
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
