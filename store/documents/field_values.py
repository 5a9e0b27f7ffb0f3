"""Field values: scalars parsed into integers, booleans, times and URLs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from store.text import unescape_url
from store.urls import is_web_url

from .diagnostics import DiagnosticCode
from .yaml_tree import Node, ScalarNode, SequenceNode
from .yaml_tree_builder import quote

INT32 = range(-(2**31), 2**31)
SIZES = range(2**31)

_INTEGER = re.compile(r"[-+]?[0-9]+")
_TRUE = ("true", "yes", "on")
_FALSE = ("false", "no", "off")
_DATETIME = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?"
    r"[ \t]*(?:[Zz]|UTC|GMT|([-+])(\d\d?):?(\d\d)?)?)?",
    re.ASCII,
)


class FieldValueError(Exception):
    """An invalid value of a field.

    Attributes:
        code: The code of the diagnostic.
        reason: The end of a sentence that starts with the field's name.
        remedy: A sentence for the document's author.
    """

    def __init__(self, code: DiagnosticCode, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.remedy = remedy


def require_scalar(node: Node) -> ScalarNode:
    """Return the node if it is a scalar. Raises: FieldValueError."""
    if isinstance(node, ScalarNode):
        return node
    what = "a list" if isinstance(node, SequenceNode) else "a mapping"
    raise FieldValueError(DiagnosticCode.WRONG_TYPE, f"is {what}", "Write one value.")


def parse_integer(node: Node, allowed: range = INT32) -> int:
    """Parse an integer in decimal digits. Raises: FieldValueError."""
    text = require_scalar(node).text.strip()
    if not _INTEGER.fullmatch(text):
        raise FieldValueError(
            DiagnosticCode.WRONG_TYPE, f"is not a whole number: {quote(text)}", "Write digits only."
        )
    # Python refuses to convert thousands of digits; twenty are out of range, too.
    number = int(text[:20]) if len(text) > 20 else int(text)
    if number not in allowed:
        raise FieldValueError(
            DiagnosticCode.OUT_OF_RANGE,
            f"is out of range: {quote(text)}",
            f"Write a number from {allowed.start} to {allowed.stop - 1}.",
        )
    return number


def parse_boolean(node: Node) -> bool:
    """Parse a boolean of YAML 1.1, in upper or lower case. Raises: FieldValueError."""
    text = require_scalar(node).text.strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise FieldValueError(
        DiagnosticCode.WRONG_TYPE, f"is not true or false: {quote(text)}", "Write true or false."
    )


def parse_datetime(node: Node) -> datetime:
    """Parse a YAML timestamp or ISO 8601 time into UTC. The default zone is UTC, the time midnight.

    Raises: FieldValueError.
    """
    text = require_scalar(node).text.strip()
    try:
        value = _parse_datetime_text(text)
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise FieldValueError(
            DiagnosticCode.BAD_DATE,
            f"is not a date that exists: {quote(text)}",
            "Write it like 2020-06-11T17:30:00Z.",
        ) from None


def _parse_datetime_text(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        match = _DATETIME.fullmatch(text)
        if not match:
            raise
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    fraction, sign, offset_hours, offset_minutes = match.groups()[6:]
    offset = timedelta(hours=int(offset_hours or 0), minutes=int(offset_minutes or 0))
    zone = timezone(-offset if sign == "-" else offset) if sign else UTC
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    return datetime(year, month, day, hour, minute, second, micro, zone)


def parse_url(node: Node) -> str:
    """Parse an http(s) URL; HTML character references are decoded. Raises: FieldValueError."""
    url = unescape_url(require_scalar(node).text)
    if is_web_url(url):
        return url
    raise FieldValueError(
        DiagnosticCode.BAD_URL,
        f"is not a web address: {quote(url)}",
        "Write the whole address, starting with http:// or https://.",
    )
