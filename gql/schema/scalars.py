"""The custom scalars: how they are written in answers and read from arguments."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from math import isfinite
from typing import Any, NewType

import strawberry
from graphql import GraphQLError

from gql.adapters.strawberry import ScalarDefinition
from store import is_web_url, unescape_url
from store.timestamps import format_timestamp, parse_timestamp

Url = NewType("Url", str)


def parse_date_time(value: Any) -> datetime:
    """A timestamp, as documents have them, see `parse_timestamp`."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, str) or is_number:
        with suppress(ValueError, OverflowError):
            return parse_timestamp(str(value))
    raise GraphQLError(
        f"DateTime cannot represent {value!r}; write it as 2020-06-11T17:30:00Z or 2020-06-11."
    )


def parse_url(value: Any) -> Url:
    """An absolute http or https URL."""
    if isinstance(value, str) and is_web_url(unescape_url(value)):
        return Url(unescape_url(value))
    raise GraphQLError(f"URL cannot represent {value!r}; write an absolute http or https URL.")


def parse_json(value: Any) -> Any:
    """A JSON value. A literal such as `1e400` would be infinite, which JSON has not."""
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, dict | list):
            pending.extend(part.values() if isinstance(part, dict) else part)
        elif isinstance(part, float) and not isfinite(part):
            raise GraphQLError(
                "JSON cannot represent a number beyond the range of floats, such as 1e400; "
                "write it as a text."
            )
    return value


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description=(
            "A moment in UTC, written as `2020-06-11T17:30:00Z`. Arguments may be any RFC 3339 "
            "time, also with `t` and `z`; a leap second (`23:59:60Z`) becomes the second before "
            "it. Also allowed: a date, which is its midnight (`2020-06-11`, or with an offset "
            "`2020-06-11-05:00`); months, days and hours of one digit; blanks instead of `T` and "
            "before the offset; `,` before a fraction; no seconds, or the hour alone; `24:00`; no "
            "offset, which means UTC; offsets `UTC`, `GMT`, `+1`, `+0100`, `+01:00:00`; ISO 8601's "
            "basic format and weeks (`20200611T173000Z`, `2020-W24-4`); and 10 or 13 digits, the "
            "seconds or milliseconds since 1970."
        ),
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=format_timestamp,
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
        parse_value=parse_json,
    ),
}
