"""Timestamps: valid and invalid formats."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.timestamps import TimestampFormatError, parse_timestamp

NOON_ISH = "2020-06-11T17:30:00"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-06-11T17:30:00Z", NOON_ISH),
        ("2020-06-11t17:30:00z", NOON_ISH),
        ("2020-06-11 17:30", NOON_ISH),
        ("2020-06-11 17:30:00 UTC", NOON_ISH),
        ("2020-06-11T23:00:00+05:30", NOON_ISH),
        ("2020-06-11T18:30:00+1", NOON_ISH),
        ("20200611T173000Z", NOON_ISH),
        ("2020-06-11T17:30:00.25Z", f"{NOON_ISH}.250000"),
        ("2020-06-11T17:30:00,123456789Z", f"{NOON_ISH}.123456"),
        ("2020-06-11", "2020-06-11T00:00:00"),
        ("2020-6-1", "2020-06-01T00:00:00"),
        ("20200611", "2020-06-11T00:00:00"),
        ("2020-W24-4", "2020-06-11T00:00:00"),
        ("2020-06-11T24:00", "2020-06-12T00:00:00"),
        # a date with an offset is its midnight there
        ("2020-06-11Z", "2020-06-11T00:00:00"),
        ("2020-06-11-05:00", "2020-06-11T05:00:00"),
        ("2020-06-11+05:30", "2020-06-10T18:30:00"),
        ("2020-06-11 +0530", "2020-06-10T18:30:00"),
        # digits alone count from 1970
        ("1600010112000", "2020-09-13T15:15:12"),
        ("1600010112", "2020-09-13T15:15:12"),
        # a leap second is folded into the one before
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59"),
        ("2016-12-31T18:59:60.5-05:00", "2016-12-31T23:59:59.500000"),
    ],
)
def test_timestamp_is_read_in_each_format(text, expected):
    """Every accepted format gives the moment in UTC."""
    assert parse_timestamp(text) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2020-06-11x17:30",
        "2020-06-11-05",
        "2020-06-11-17:30:00",
        "20200611173000",
        "160001011200",
        "2020-06",
        "2020-06-11T17.5",
        "2020-06-11T17:30:00 America/New_York",
        "Thu, 11 Jun 2020 17:30:00 GMT",
        "\uff12\uff10\uff12\uff10-06-11",
        "2020-06-11\n",
        "",
    ],
)
def test_timestamp_in_another_format_is_refused(text):
    """A text that only resembles a timestamp is never guessed at."""
    with pytest.raises(TimestampFormatError):
        parse_timestamp(text)


@pytest.mark.parametrize(
    "text",
    [
        "2020-13-01",
        "2021-02-29",
        "2020-06-11T25:00Z",
        "2020-06-11T24:00:01Z",
        "2020-06-11T17:60Z",
        "2020-06-11T17:30:61Z",
        "2020-06-11T12:30:60Z",
        "2020-06-11T17:30+05:75",
        "2020-06-11T17:30+24:00",
        "2020-06-11+24:00",
        "0001-01-01T00:00:00+05:00",
    ],
)
def test_timestamp_that_does_not_exist_is_refused(text):
    """A time that no clock shows is an error, but not one of the format."""
    with pytest.raises((ValueError, OverflowError)) as refused:
        parse_timestamp(text)
    assert refused.type is not TimestampFormatError


OFFSETS = st.integers(-24 * 60 + 1, 24 * 60 - 1).map(lambda m: timezone(timedelta(minutes=m)))


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=OFFSETS))  # noqa: DTZ001
def test_timestamp_is_read_as_it_is_written(moment):
    """RFC 3339 is read back exactly, and the date alone as midnight at its offset."""
    assert parse_timestamp(moment.isoformat()) == moment
    offset = moment.isoformat()[-6:]
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    assert parse_timestamp(f"{moment.date()}{offset}") == midnight
    assert parse_timestamp(f"{moment.date()} {offset}") == midnight
