"""Reading a document's fields by the type of each, from the text that was written.

A value that cannot be used never stops the reading of an optional field: it is noted, the field
stays at its default, and the value is kept in `metadata` under its own key, so that nothing of the
document is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar

from store.characters import clean_name
from store.model import Metadata
from store.text import collapse_whitespace, unescape_url
from store.urls import is_web_url

from .diagnostics import DiagnosticCode
from .frontmatter import implicit_type, is_null, node_to_json
from .parse_result import DiagnosticCollector
from .yaml_tree import MappingNode, Node, ScalarNode, SequenceNode
from .yaml_tree_builder import quote

T = TypeVar("T")

MAX_ITEMS = 1_000
"""How many entries of a list count: each becomes a term of indexes, or is looked up by others."""

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
    """A value that a field cannot have."""

    def __init__(self, code: DiagnosticCode, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.remedy = remedy


def require_scalar(node: Node) -> ScalarNode:
    """The node as one value. Raises: UnusableError."""
    if isinstance(node, ScalarNode):
        return node
    what = "a list" if isinstance(node, SequenceNode) else "a mapping"
    raise FieldValueError(DiagnosticCode.WRONG_TYPE, f"is {what}", "Write one value.")


def parse_integer(node: Node, allowed: range = INT32) -> int:
    """A whole number in plain decimals. Raises: UnusableError."""
    text = require_scalar(node).text.strip()
    if not _INTEGER.fullmatch(text):
        raise FieldValueError(
            DiagnosticCode.WRONG_TYPE, f"is not a whole number: {quote(text)}", "Write digits only."
        )
    # Python refuses to convert thousands of digits; twenty say enough.
    number = int(text[:20]) if len(text) > 20 else int(text)
    if number not in allowed:
        raise FieldValueError(
            DiagnosticCode.OUT_OF_RANGE,
            f"is out of range: {quote(text)}",
            f"Write a number from {allowed.start} to {allowed.stop - 1}.",
        )
    return number


def parse_boolean(node: Node) -> bool:
    """True or false, as YAML 1.1 spells them in any case. Raises: UnusableError."""
    text = require_scalar(node).text.strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise FieldValueError(
        DiagnosticCode.WRONG_TYPE, f"is not true or false: {quote(text)}", "Write true or false."
    )


def parse_datetime(node: Node) -> datetime:
    """A time in UTC: YAML's timestamps and ISO 8601. Naive is UTC, a date is its midnight.

    Raises: UnusableError.
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
    """A web address, without HTML's escaping. Raises: UnusableError."""
    url = unescape_url(require_scalar(node).text)
    if is_web_url(url):
        return url
    raise FieldValueError(
        DiagnosticCode.BAD_URL,
        f"is not a web address: {quote(url)}",
        "Write the whole address, from http:// or https:// on.",
    )


class FieldReader:
    """One mapping of a document. Reading a field marks it as known; `metadata` has the rest.

    `prefix` is the mapping's place in the document, for messages: `related[0].`
    """

    def __init__(
        self, mapping: MappingNode, collector: DiagnosticCollector, prefix: str = ""
    ) -> None:
        self.collector = collector
        self._mapping = mapping
        self._prefix = prefix
        self._read_keys: set[str] = set()
        self._rejected: Metadata = {}

    @property
    def line(self) -> int:
        """Where the mapping starts."""
        return self._mapping.line

    def line_of(self, key: str) -> int:
        """Where a key is written, or the mapping starts."""
        return self._mapping.key_lines.get(key, self._mapping.line)

    def quoted_path(self, key: str) -> str:
        """The field's place in the document, for messages."""
        return f"`{self._prefix}{key}`"

    def find_node(self, key: str) -> Node | None:
        """What is written for a key; None where there is nothing."""
        self._read_keys.add(key)
        node = self._mapping.entries.get(key)
        return None if isinstance(node, ScalarNode) and is_null(node) else node

    def metadata(self) -> Metadata:
        """The values of the keys that nobody read, and those that were of no use."""
        rest = {
            key: node_to_json(node)
            for key, node in self._mapping.entries.items()
            if key not in self._read_keys
        }
        return rest | self._rejected

    def to_json(self) -> Metadata:
        """The whole mapping as it is written."""
        return {key: node_to_json(node) for key, node in self._mapping.entries.items()}

    def keep_in_metadata(self, key: str, value: Any) -> None:
        """Keep a value in the metadata, though its key is known."""
        self._rejected[key] = value

    def read(self, key: str, convert: Callable[[Node], T]) -> T | None:
        """An optional field; None, with a warning, where its value cannot be used."""
        node = self.find_node(key) if key in self._mapping.entries else None
        if node is None:
            return None
        try:
            return convert(node)
        except FieldValueError as e:
            # Not as YAML's value: 0x1F would come back from an export as a usable 31.
            self.keep_in_metadata(
                key, node.text if isinstance(node, ScalarNode) else node_to_json(node)
            )
            self._warn_rejected(self.quoted_path(key), e, node.line)
            return None

    def require(self, key: str, convert: Callable[[Node], T], missing: DiagnosticCode) -> T | None:
        """A field without which there is no document; None, with an error, where it fails."""
        node = self.find_node(key)
        if node is None:
            message = f"{self.quoted_path(key)} is missing."
            self.collector.add_error(missing, message, self.line_of(key), f"Add a line `{key}: …`.")
            return None
        try:
            return convert(node)
        except FieldValueError as e:
            self.collector.add_error(e.code, f"{self.quoted_path(key)} {e}.", node.line, e.remedy)
            return None

    def read_text(self, key: str, clean: Callable[[str], str] = str) -> str | None:
        """Text, as `clean` leaves it; None where that is empty."""
        if key not in self._mapping.entries:
            return None
        return self.read(key, lambda node: self._text(self.quoted_path(key), node, clean)) or None

    def read_name(self, key: str, clean: Callable[[str], str] = str) -> str | None:
        """A text that is a name: what would make it look like another is replaced, and noted."""
        text = self.read_text(key, clean)
        return text and self._clean_name(self.quoted_path(key), text, self.line_of(key))

    def _clean_name(self, name: str, text: str, line: int) -> str:
        cleaned = clean_name(text)
        if cleaned != text:
            self.collector.add_warning(
                DiagnosticCode.BAD_TEXT,
                f"{name} has characters that change the direction of text, as names should not; "
                "\ufffd stands in their place.",
                line,
                "Remove the characters that cannot be seen.",
            )
        return cleaned

    def require_text(
        self, key: str, clean: Callable[[str], str], missing: DiagnosticCode
    ) -> str | None:
        """Text without which there is no document."""
        text = self.require(
            key, lambda node: self._text(self.quoted_path(key), node, clean), missing
        )
        if text == "":
            message = f"{self.quoted_path(key)} is empty."
            self.collector.add_error(missing, message, self.line_of(key), "Write some text.")
        return text or None

    def read_texts(self, key: str) -> Iterator[tuple[str, int]]:
        """The names in a list, white space folded, with the line of each."""
        rejected = []
        for node, name in self._items(key):
            try:
                text = self._text(name, node, collapse_whitespace)
            except FieldValueError as e:
                self._warn_rejected(name, e, node.line)
                rejected.append(node_to_json(node))
                continue
            if text:
                yield self._clean_name(name, text, node.line), node.line
        rejected += self._overflow(key)
        if rejected:
            self.keep_in_metadata(key, rejected)

    def read_entries(self, key: str, read: Callable[[FieldReader], T | None]) -> tuple[T, ...]:
        """The values that `read` makes of a list's mappings; it gives None after a warning."""
        values, rejected = [], []
        for node, name in self._items(key):
            value = None
            if isinstance(node, MappingNode):
                value = read(FieldReader(node, self.collector, name.strip("`") + "."))
            else:
                problem = FieldValueError(
                    DiagnosticCode.WRONG_TYPE,
                    "is not a mapping",
                    "Write it as lines of `key: value`.",
                )
                self._warn_rejected(name, problem, node.line)
            if value is None:
                rejected.append(node_to_json(node))
            else:
                values.append(value)
        rejected += self._overflow(key)
        if rejected:
            self.keep_in_metadata(key, rejected)
        return tuple(values)

    def read_mapping(self, key: str) -> FieldReader:
        """The fields of a mapping. Raises: UnusableError."""
        node = self._mapping.entries[key]
        if isinstance(node, MappingNode):
            return FieldReader(node, self.collector, f"{self._prefix}{key}.")
        raise FieldValueError(
            DiagnosticCode.WRONG_TYPE, "is not a mapping", "Indent `key: value` lines."
        )

    def _items(self, key: str) -> Iterator[tuple[Node, str]]:
        node = self.find_node(key)
        if node is None:
            return
        name = self.quoted_path(key)
        if not isinstance(node, SequenceNode):
            message = f"{name} is not a list; it is taken as a list of one."
            self.collector.add_warning(
                DiagnosticCode.WRONG_TYPE, message, node.line, "Write each entry after a -."
            )
            yield node, name
            return
        if len(node.items) > MAX_ITEMS:
            message = (
                f"{name} has {len(node.items):,} entries; the first {MAX_ITEMS:,} count, and the "
                "others are kept in `metadata`."
            )
            self.collector.add_warning(
                DiagnosticCode.TOO_MANY_VALUES, message, node.line, "Remove some of them."
            )
        for i, item in enumerate(node.items[:MAX_ITEMS]):
            if not (isinstance(item, ScalarNode) and is_null(item)):
                yield item, f"`{self._prefix}{key}[{i}]`"

    def _overflow(self, key: str) -> list[Any]:
        """The entries of a list that are too many to count."""
        node = self.find_node(key)
        items = node.items[MAX_ITEMS:] if isinstance(node, SequenceNode) else ()
        return [node_to_json(item) for item in items]

    def _text(self, name: str, node: Node, clean: Callable[[str], str]) -> str:
        scalar = require_scalar(node)
        implicit = implicit_type(scalar.text) if scalar.plain else None
        if implicit:
            self.collector.add_warning(
                DiagnosticCode.WRONG_TYPE,
                f"{name} is text, but YAML reads {quote(scalar.text)} as {implicit}.",
                scalar.line,
                "Put the value in quotes.",
            )
        return clean(scalar.text)

    def _warn_rejected(self, name: str, problem: FieldValueError, line: int) -> None:
        message = f"{name} {problem.reason}; the value is kept in `metadata`."
        self.collector.add_warning(problem.code, message, line, problem.remedy)
