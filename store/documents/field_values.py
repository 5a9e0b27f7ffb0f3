"""Field values: scalars parsed into integers, booleans, times and URLs."""

from __future__ import annotations

import re
from datetime import datetime

from store.text import unescape_url
from store.timestamps import TimestampFormatError, parse_timestamp
from store.urls import is_web_url

from .diagnostics import DiagnosticCode
from .yaml_tree import Node, ScalarNode, SequenceNode
from .yaml_tree_builder import quote

INT32 = range(-(2**31), 2**31)
SIZES = range(2**31)

_INTEGER = re.compile(r"[-+]?[0-9]+")
_TRUE = ("true", "yes", "on")
_FALSE = ("false", "no", "off")


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
    """Parse a timestamp into UTC, see `parse_timestamp`. Raises: FieldValueError."""
    text = require_scalar(node).text.strip()
    try:
        return parse_timestamp(text)
    except TimestampFormatError:
        reason = "is no date in a format that is read"
    except (ValueError, OverflowError):
        reason = "is not a date that exists"
    raise FieldValueError(
        DiagnosticCode.BAD_DATE, f"{reason}: {quote(text)}", "Write it like 2020-06-11T17:30:00Z."
    )


URL_REMEDY = "Write the whole address, starting with http:// or https://."
RELATIVE_URL_REMEDY = (
    f"{URL_REMEDY[:-1]}, or set the `base_url` of the documents in newsgraph.toml."
)


def parse_url(node: Node) -> str:
    """Parse an http(s) URL; HTML character references are decoded. Raises: FieldValueError."""
    url = unescape_url(require_scalar(node).text)
    if is_web_url(url):
        return url
    raise FieldValueError(
        DiagnosticCode.BAD_URL,
        f"is not a web address: {quote(url)}",
        RELATIVE_URL_REMEDY if url.startswith(("/", "./", "../")) else URL_REMEDY,
    )
