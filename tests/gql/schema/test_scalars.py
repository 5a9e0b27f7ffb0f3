"""Scalars: valid and invalid arguments."""

from datetime import UTC, datetime

import pytest
from graphql import GraphQLError

from gql.schema.scalars import parse_date_time


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2020-06-11t17:30:00z", datetime(2020, 6, 11, 17, 30, tzinfo=UTC)),
        ("2020-06-11-05:00", datetime(2020, 6, 11, 5, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (1_600_010_112_000, datetime(2020, 9, 13, 15, 15, 12, tzinfo=UTC)),
    ],
)
def test_date_time_argument_is_read_as_in_documents(value, expected):
    """An argument has the formats of documents, and a number counts from 1970."""
    assert parse_date_time(value) == expected


@pytest.mark.parametrize("value", ["2020-06-11x17:30", "2020-13-01", "", 2020, True, 1.5e9, None])
def test_date_time_argument_that_is_none_is_refused(value):
    """What is no timestamp is an error that shows how to write one."""
    with pytest.raises(GraphQLError, match="write it as 2020-06-11T17:30:00Z"):
        parse_date_time(value)
