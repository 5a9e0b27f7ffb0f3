"""The custom scalars: how they are written in answers and read from arguments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NewType

import strawberry
from graphql import GraphQLError

from gql.adapters.strawberry import ScalarDefinition
from store import is_web_url, unescape_url

Url = NewType("Url", str)


def serialize_date_time(value: datetime) -> str:
    """RFC 3339 in UTC: `2020-06-11T17:30:00Z`, with microseconds where there are any."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def parse_date_time(value: Any) -> datetime:
    """An ISO 8601 time or date; without an offset it is UTC, a plain date is its midnight."""
    if isinstance(value, str):
        try:
            time = datetime.fromisoformat(value)
            return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise GraphQLError(
        f"DateTime cannot represent {value!r}; write it as 2020-06-11T17:30:00Z or 2020-06-11."
    )


def parse_url(value: Any) -> Url:
    """An absolute http or https URL."""
    if isinstance(value, str) and is_web_url(unescape_url(value)):
        return Url(unescape_url(value))
    raise GraphQLError(f"URL cannot represent {value!r}; write an absolute http or https URL.")


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description=(
            "A moment in UTC, written as `2020-06-11T17:30:00Z`. As an argument any ISO 8601 time "
            "or date will do; without an offset it is taken as UTC."
        ),
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=serialize_date_time,
        parse_value=parse_date_time,
    ),
    Url: strawberry.scalar(
        name="URL",
        description="An absolute http or https URL, with no HTML escaping left in it.",
        specified_by_url="https://url.spec.whatwg.org/",
        serialize=str,
        parse_value=parse_url,
    ),
    strawberry.scalars.JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        serialize=lambda value: value,
        parse_value=lambda value: value,
    ),
}
