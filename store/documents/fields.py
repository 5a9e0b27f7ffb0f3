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

from .diagnostics import Code
from .frontmatter import guessed_type, is_null, json_value
from .reading import Notes
from .yaml_tree import Mapping, Node, Scalar, Sequence
from .yaml_tree_builder import shown

T = TypeVar("T")

MAX_ITEMS = 1_000
"""How many entries of a list count: each becomes a term of indexes, or is looked up by others."""

INT32 = range(-(2**31), 2**31)
SIZES = range(2**31)

_INTEGER = re.compile(r"[-+]?[0-9]+")
_TRUE = ("true", "yes", "on")
_FALSE = ("false", "no", "off")
_MOMENT = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?"
    r"[ \t]*(?:[Zz]|UTC|GMT|([-+])(\d\d?):?(\d\d)?)?)?",
    re.ASCII,
)


class UnusableError(Exception):
    """A value that a field cannot have."""

    def __init__(self, code: Code, why: str, remedy: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why
        self.remedy = remedy


def as_scalar(node: Node) -> Scalar:
    """The node as one value. Raises: UnusableError."""
    if isinstance(node, Scalar):
        return node
    what = "a list" if isinstance(node, Sequence) else "a mapping"
    raise UnusableError(Code.WRONG_TYPE, f"is {what}", "Write one value.")


def as_integer(node: Node, allowed: range = INT32) -> int:
    """A whole number in plain decimals. Raises: UnusableError."""
    text = as_scalar(node).text.strip()
    if not _INTEGER.fullmatch(text):
        raise UnusableError(
            Code.WRONG_TYPE, f"is not a whole number: {shown(text)}", "Write digits only."
        )
    # Python refuses to convert thousands of digits; twenty say enough.
    number = int(text[:20]) if len(text) > 20 else int(text)
    if number not in allowed:
        raise UnusableError(
            Code.OUT_OF_RANGE,
            f"is out of range: {shown(text)}",
            f"Write a number from {allowed.start} to {allowed.stop - 1}.",
        )
    return number


def as_flag(node: Node) -> bool:
    """True or false, as YAML 1.1 spells them in any case. Raises: UnusableError."""
    text = as_scalar(node).text.strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise UnusableError(
        Code.WRONG_TYPE, f"is not true or false: {shown(text)}", "Write true or false."
    )


def as_moment(node: Node) -> datetime:
    """A time in UTC: YAML's timestamps and ISO 8601. Naive is UTC, a date is its midnight.

    Raises: UnusableError.
    """
    text = as_scalar(node).text.strip()
    try:
        moment = _moment(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UnusableError(
            Code.BAD_DATE,
            f"is not a date that exists: {shown(text)}",
            "Write it like 2020-06-11T17:30:00Z.",
        ) from None


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        match = _MOMENT.fullmatch(text)
        if not match:
            raise
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    fraction, sign, offset_hours, offset_minutes = match.groups()[6:]
    offset = timedelta(hours=int(offset_hours or 0), minutes=int(offset_minutes or 0))
    zone = timezone(-offset if sign == "-" else offset) if sign else UTC
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    return datetime(year, month, day, hour, minute, second, micro, zone)


def as_url(node: Node) -> str:
    """A web address, without HTML's escaping. Raises: UnusableError."""
    url = unescape_url(as_scalar(node).text)
    if is_web_url(url):
        return url
    raise UnusableError(
        Code.BAD_URL,
        f"is not a web address: {shown(url)}",
        "Write the whole address, from http:// or https:// on.",
    )


class Fields:
    """One mapping of a document. Reading a field marks it as known; `metadata` has the rest.

    `where` is the mapping's place in the document, for messages: `related[0].`
    """

    def __init__(self, mapping: Mapping, notes: Notes, where: str = "") -> None:
        self.notes = notes
        self._mapping = mapping
        self._where = where
        self._known: set[str] = set()
        self._unusable: Metadata = {}

    @property
    def line(self) -> int:
        """Where the mapping starts."""
        return self._mapping.line

    def line_of(self, key: str) -> int:
        """Where a key is written, or the mapping starts."""
        return self._mapping.key_lines.get(key, self._mapping.line)

    def name_of(self, key: str) -> str:
        """The field's place in the document, for messages."""
        return f"`{self._where}{key}`"

    def node(self, key: str) -> Node | None:
        """What is written for a key; None where there is nothing."""
        self._known.add(key)
        node = self._mapping.entries.get(key)
        return None if isinstance(node, Scalar) and is_null(node) else node

    def metadata(self) -> Metadata:
        """The values of the keys that nobody read, and those that were of no use."""
        rest = {
            key: json_value(node)
            for key, node in self._mapping.entries.items()
            if key not in self._known
        }
        return rest | self._unusable

    def as_json(self) -> Metadata:
        """The whole mapping as it is written."""
        return {key: json_value(node) for key, node in self._mapping.entries.items()}

    def keep(self, key: str, value: Any) -> None:
        """Keep a value in the metadata, though its key is known."""
        self._unusable[key] = value

    def read(self, key: str, convert: Callable[[Node], T]) -> T | None:
        """An optional field; None, with a warning, where its value cannot be used."""
        node = self.node(key) if key in self._mapping.entries else None
        if node is None:
            return None
        try:
            return convert(node)
        except UnusableError as e:
            # Not as YAML's value: 0x1F would come back from an export as a usable 31.
            self.keep(key, node.text if isinstance(node, Scalar) else json_value(node))
            self._warn(self.name_of(key), e, node.line)
            return None

    def require(self, key: str, convert: Callable[[Node], T], missing: Code) -> T | None:
        """A field without which there is no document; None, with an error, where it fails."""
        node = self.node(key)
        if node is None:
            message = f"{self.name_of(key)} is missing."
            self.notes.error(missing, message, self.line_of(key), f"Add a line `{key}: …`.")
            return None
        try:
            return convert(node)
        except UnusableError as e:
            self.notes.error(e.code, f"{self.name_of(key)} {e}.", node.line, e.remedy)
            return None

    def text(self, key: str, clean: Callable[[str], str] = str) -> str | None:
        """Text, as `clean` leaves it; None where that is empty."""
        if key not in self._mapping.entries:
            return None
        return self.read(key, lambda node: self._text(self.name_of(key), node, clean)) or None

    def name(self, key: str, clean: Callable[[str], str] = str) -> str | None:
        """A text that is a name: what would make it look like another is replaced, and noted."""
        text = self.text(key, clean)
        return text and self._clean_name(self.name_of(key), text, self.line_of(key))

    def _clean_name(self, name: str, text: str, line: int) -> str:
        cleaned = clean_name(text)
        if cleaned != text:
            self.notes.warning(
                Code.BAD_TEXT,
                f"{name} has characters that change the direction of text, as names should not; "
                "\ufffd stands in their place.",
                line,
                "Remove the characters that cannot be seen.",
            )
        return cleaned

    def require_text(self, key: str, clean: Callable[[str], str], missing: Code) -> str | None:
        """Text without which there is no document."""
        text = self.require(key, lambda node: self._text(self.name_of(key), node, clean), missing)
        if text == "":
            message = f"{self.name_of(key)} is empty."
            self.notes.error(missing, message, self.line_of(key), "Write some text.")
        return text or None

    def texts(self, key: str) -> Iterator[tuple[str, int]]:
        """The names in a list, white space folded, with the line of each."""
        unusable = []
        for node, name in self._items(key):
            try:
                text = self._text(name, node, collapse_whitespace)
            except UnusableError as e:
                self._warn(name, e, node.line)
                unusable.append(json_value(node))
                continue
            if text:
                yield self._clean_name(name, text, node.line), node.line
        unusable += self._beyond(key)
        if unusable:
            self.keep(key, unusable)

    def entries(self, key: str, read: Callable[[Fields], T | None]) -> tuple[T, ...]:
        """The values that `read` makes of a list's mappings; it gives None after a warning."""
        values, unusable = [], []
        for node, name in self._items(key):
            value = None
            if isinstance(node, Mapping):
                value = read(Fields(node, self.notes, name.strip("`") + "."))
            else:
                problem = UnusableError(
                    Code.WRONG_TYPE, "is not a mapping", "Write it as lines of `key: value`."
                )
                self._warn(name, problem, node.line)
            if value is None:
                unusable.append(json_value(node))
            else:
                values.append(value)
        unusable += self._beyond(key)
        if unusable:
            self.keep(key, unusable)
        return tuple(values)

    def mapping(self, key: str) -> Fields:
        """The fields of a mapping. Raises: UnusableError."""
        node = self._mapping.entries[key]
        if isinstance(node, Mapping):
            return Fields(node, self.notes, f"{self._where}{key}.")
        raise UnusableError(Code.WRONG_TYPE, "is not a mapping", "Indent `key: value` lines.")

    def _items(self, key: str) -> Iterator[tuple[Node, str]]:
        node = self.node(key)
        if node is None:
            return
        name = self.name_of(key)
        if not isinstance(node, Sequence):
            message = f"{name} is not a list; it is taken as a list of one."
            self.notes.warning(Code.WRONG_TYPE, message, node.line, "Write each entry after a -.")
            yield node, name
            return
        if len(node.items) > MAX_ITEMS:
            message = (
                f"{name} has {len(node.items):,} entries; the first {MAX_ITEMS:,} count, and the "
                "others are kept in `metadata`."
            )
            self.notes.warning(Code.TOO_MANY_VALUES, message, node.line, "Remove some of them.")
        for i, item in enumerate(node.items[:MAX_ITEMS]):
            if not (isinstance(item, Scalar) and is_null(item)):
                yield item, f"`{self._where}{key}[{i}]`"

    def _beyond(self, key: str) -> list[Any]:
        """The entries of a list that are too many to count."""
        node = self.node(key)
        items = node.items[MAX_ITEMS:] if isinstance(node, Sequence) else ()
        return [json_value(item) for item in items]

    def _text(self, name: str, node: Node, clean: Callable[[str], str]) -> str:
        scalar = as_scalar(node)
        guessed = guessed_type(scalar.text) if scalar.plain else None
        if guessed:
            self.notes.warning(
                Code.WRONG_TYPE,
                f"{name} is text, but YAML reads {shown(scalar.text)} as {guessed}.",
                scalar.line,
                "Put the value in quotes.",
            )
        return clean(scalar.text)

    def _warn(self, name: str, problem: UnusableError, line: int) -> None:
        message = f"{name} {problem.why}; the value is kept in `metadata`."
        self.notes.warning(problem.code, message, line, problem.remedy)
