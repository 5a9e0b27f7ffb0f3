"""Source dates: dates as other tools write them, turned into the formats of newsgraph."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from store.timestamps import parse_timestamp

_ZONES = {
    "EDT": "-04:00",
    "EST": "-05:00",
    "CDT": "-05:00",
    "CST": "-06:00",
    "MDT": "-06:00",
    "MST": "-07:00",
    "PDT": "-07:00",
    "PST": "-08:00",
    "UT": "+00:00",
    "UTC": "+00:00",
    "GMT": "+00:00",
}
"""The zones of RFC 822, https://www.rfc-editor.org/rfc/rfc822#section-5"""
_MONTHS = (
    "january february march april may june july august september october november december".split()
)
_MAX_LENGTH = 100  # of a date in words
_MAX_PATH_LENGTH = 1_000
_PATH_DAY = re.compile(r"(?:^|/)(\d{4})/(\d{1,2})/(\d{1,2})(?!\d)", re.ASCII)
_SEPARATED_DAY = re.compile(r"(\d{4})([/.])(\d{1,2})\2(\d{1,2})(?=$|[ \tT])", re.ASCII)
_ZONE = re.compile(r"[ \t]*\b(?:" + "|".join(_ZONES) + r")$")
_WORDS = re.compile(
    r"""
    (?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?[ ]+)?
    (?: (?P<day>\d{1,2})(?:st|nd|rd|th)?\.?(?:[ ]+of)?[ -]+(?P<month>[a-z]{3,9})\.?,?[ -]+
      | (?P<first_month>[a-z]{3,9})\.?[ ]+(?P<second_day>\d{1,2})(?:st|nd|rd|th)?,?[ ]+ )
    (?P<year>\d{4})
    (?: ,?[ ]+(?:at[ ]+)?(?P<hour>\d{1,2}):(?P<minute>\d{2})(?P<second>:\d{2})?
        [ ]*(?P<half>[ap]\.?m\.?)?
        [ ]*(?P<zone>Z|[A-Z]{2,3}|(?:GMT|UTC)?[+-]\d{2}:?\d{2})?(?:[ ]+\([^()]*\))? )?
    """,
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)


def normalize_date(text: str) -> str:
    """A date as newsgraph reads it; another text as it is.

    Reads months by name (`2 January 2020`, `Jan 2nd, 2020 3:04 PM`), zones by name, slashes and
    dots, and the date in a path.
    """
    text = text.strip()
    if len(text) <= _MAX_LENGTH and (words := _WORDS.fullmatch(text)):
        return _date_of_words(words) or text
    if separated := _SEPARATED_DAY.match(text):
        text = f"{separated[1]}-{separated[3]}-{separated[4]}{text[separated.end() :]}"
    elif len(text) <= _MAX_PATH_LENGTH and (day := _PATH_DAY.search(text)):
        return "-".join(day.groups())
    if len(text) <= _MAX_LENGTH and (zone := _ZONE.search(text)):
        return text[: zone.start()] + _ZONES[zone[0].strip()]
    return text


def holds_path_date(text: str) -> bool:
    """Whether a text has more than the date that is read from it: a path behind or before it."""
    text = text.strip()
    if len(text) > _MAX_PATH_LENGTH or _SEPARATED_DAY.match(text):
        return False
    return _PATH_DAY.search(text) is not None


def is_date_text(text: str) -> bool:
    """Whether a text is a date that exists."""
    with suppress(ValueError, OverflowError):
        if text[:1] and len(text) <= _MAX_PATH_LENGTH and not text.isdigit():
            parse_timestamp(normalize_date(text))
            return True
    return False


def _date_of_words(words: re.Match[str]) -> str | None:
    """The date of a text with the name of a month; None if there is no such month or hour."""
    name = (words["month"] or words["first_month"]).lower()
    month = next((i for i, each in enumerate(_MONTHS, 1) if _is_month(name, each)), None)
    if month is None:
        return None
    day = int(words["day"] or words["second_day"])
    date = f"{words['year']}-{month:02}-{day:02}"
    if words["hour"] is None:
        return date
    hour = int(words["hour"])
    if half := words["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half[0] in "pP" else 0)
    return f"{date} {hour:02}:{words['minute']}{words['second'] or ''}{_offset(words)}"


def _is_month(name: str, month: str) -> bool:
    return month.startswith(name) or name == "sept" == month[:4]


def _offset(words: re.Match[str]) -> str:
    zone: Any = (words["zone"] or "").upper()
    return _ZONES.get(zone) or re.sub("^(?:GMT|UTC)", "", zone)
