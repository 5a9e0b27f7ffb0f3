"""Timestamps: the date formats of documents and of arguments, parsed into UTC and written."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

_TIMESTAMP = re.compile(
    r"""
    (?P<date> \d{4}-\d\d?-\d\d? | \d{8} | \d{4}-?W\d\d(?:-?\d)? )
    (?: (?:T|[ \t]+)
        (?: (?P<hour>\d\d?) : (?P<minute>\d\d)
            (?: : (?P<second>\d\d) (?:[.,](?P<fraction>\d+))? )?
          | (?P<time>\d\d(?:\d\d){0,2}) (?:[.,](?P<basic_fraction>\d+))? )
        (?: [ \t]* (?: Z | UTC | GMT
          | (?P<sign>[-+]) (?P<offset>\d\d?(?: :?\d\d(?: :?\d\d)? )?) ) )?
      | [ \t]* (?: Z | UTC | GMT | (?P<date_sign>[-+]) (?P<date_offset>\d\d?:\d\d | \d{4}) ) )?
    """,
    re.ASCII | re.VERBOSE | re.IGNORECASE,
)
_LONG_DATE = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)", re.ASCII)
_EPOCH = re.compile(r"\d{10}(?:\d{3})?", re.ASCII)
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_PER_UNIT = (3600, 60, 1)


def format_timestamp(time: datetime) -> str:
    """Write a time as RFC 3339 in UTC: `2020-06-11T17:30:00Z`, with microseconds if it has any."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


class TimestampFormatError(ValueError):
    """The text is in no date format that is read."""


def parse_timestamp(text: str) -> datetime:
    """Parse a timestamp into UTC. Without an offset it is UTC; a plain date is its midnight.

    Reads RFC 3339, ISO 8601 and YAML's timestamps. A date alone may have an offset
    (`2020-06-11-05:00`). Digits alone are seconds (10) or milliseconds (13) since 1970. A leap
    second (`23:59:60Z`) becomes the second before it.
    Raises: TimestampFormatError. ValueError, OverflowError: there is no such time.
    """
    if text[10:11] == "T" and text[19:] == "Z":  # by far the most frequent format
        with suppress(ValueError):
            return datetime.fromisoformat(text)
    if _EPOCH.fullmatch(text):
        return _EPOCH_START + timedelta(milliseconds=int(text.ljust(13, "0")))
    match = _TIMESTAMP.fullmatch(text)
    if not match:
        raise TimestampFormatError(text)
    hour, minute, second = _time_parts(match)
    fraction = match["fraction"] or match["basic_fraction"] or ""
    if fraction and match["time"] and len(match["time"]) < 6:  # a fraction of an hour or minute
        raise TimestampFormatError(text)
    time = timedelta(
        hours=hour, minutes=minute, seconds=second, microseconds=int(fraction[:6].ljust(6, "0"))
    )
    is_leap_second = second == 60
    is_midnight = hour == 24 and time == timedelta(hours=24)
    if not (hour < 24 or is_midnight) or minute > 59 or second > 59 + is_leap_second:
        raise ValueError(text)
    moment = datetime.combine(_parse_date(match["date"]), datetime.min.time(), UTC) + time
    moment -= _parse_offset(match)
    if not is_leap_second:
        return moment
    # `moment` is in the second after: midnight UTC of the first day of a month.
    if (moment.day, moment.hour, moment.minute, moment.second) != (1, 0, 0, 0):
        raise ValueError(text)
    return moment - timedelta(seconds=1)


def _time_parts(match: re.Match[str]) -> tuple[int, int, int]:
    if basic := match["time"]:
        return int(basic[:2]), int(basic[2:4] or 0), int(basic[4:] or 0)
    return int(match["hour"] or 0), int(match["minute"] or 0), int(match["second"] or 0)


def _parse_date(text: str) -> date:
    if long := _LONG_DATE.fullmatch(text):
        return date(*map(int, long.groups()))
    return date.fromisoformat(text.upper())


def _parse_offset(match: re.Match[str]) -> timedelta:
    """Parse the offset from UTC: hours, minutes and seconds."""
    digits = (match["offset"] or match["date_offset"] or "").replace(":", "")
    digits = digits.zfill(len(digits) + len(digits) % 2)
    parts = [int(digits[i : i + 2]) for i in range(0, len(digits), 2)]
    if any(part > limit for part, limit in zip(parts, (23, 59, 59), strict=False)):
        raise ValueError(match[0])
    offset = timedelta(seconds=sum(p * s for p, s in zip(parts, _SECONDS_PER_UNIT, strict=False)))
    return -offset if "-" in (match["sign"], match["date_sign"]) else offset
