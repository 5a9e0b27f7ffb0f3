"""Field reader: typed values from the nodes of a document's mapping.

An invalid value of an optional field is no error. It gives a warning, the field has its default,
and the value stays in `metadata` under its own key, so nothing of the document is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from store.characters import clean_name
from store.model import Metadata
from store.text import collapse_whitespace

from .diagnostics import DiagnosticCode
from .field_values import FieldValueError, require_scalar
from .frontmatter import implicit_type, is_null, node_to_json
from .parse_result import DiagnosticCollector
from .yaml_tree import MappingNode, Node, ScalarNode, SequenceNode
from .yaml_tree_builder import quote

T = TypeVar("T")

MAX_LIST_ITEMS = 1_000
"""Largest number of list entries that are used: each is indexed or looked up."""


class FieldReader:
    """Reads the fields of one mapping of a document. Keys that were not read are its metadata.

    Attributes:
        collector: Receives the diagnostics. Their messages start with the field's path, such as
            `related[0].title`, of which `prefix` is the mapping's part: `related[0].`; `names` has
            the document's own keys for fields that are mapped.
    """

    def __init__(
        self,
        mapping: MappingNode,
        collector: DiagnosticCollector,
        prefix: str = "",
        names: Mapping[str, str] | None = None,
    ) -> None:
        self._names = names or {}
        self.collector = collector
        self._mapping = mapping
        self._prefix = prefix
        self._read_keys: set[str] = set()
        self._rejected: Metadata = {}

    @property
    def line(self) -> int:
        """The line on which the mapping starts."""
        return self._mapping.line

    def line_of(self, key: str) -> int:
        """Return the line of a key; for a missing key, the line of the mapping."""
        return self._mapping.key_lines.get(key, self._mapping.line)

    def quoted_path(self, key: str) -> str:
        """Return the field's path in backticks, for messages."""
        return f"`{self._prefix}{self._names.get(key, key)}`"

    def find_keys(self, name: str) -> list[str]:
        """Return the mapping's keys that are this name in upper or lower case."""
        return [key for key in self._mapping.entries if key.lower() == name]

    def find_node(self, key: str) -> Node | None:
        """Return the node of a key and mark the key as read; None if it is missing or null."""
        self._read_keys.add(key)
        node = self._mapping.entries.get(key)
        return None if isinstance(node, ScalarNode) and is_null(node) else node

    def metadata(self) -> Metadata:
        """Return the values of all keys that were not read, and the invalid values."""
        rest = {
            key: node_to_json(node)
            for key, node in self._mapping.entries.items()
            if key not in self._read_keys
        }
        return rest | self._rejected

    def to_json(self) -> Metadata:
        """Convert the whole mapping into JSON values."""
        return {key: node_to_json(node) for key, node in self._mapping.entries.items()}

    def keep_in_metadata(self, key: str, value: Any) -> None:
        """Keep a value in the metadata although its key was read."""
        self._rejected[key] = value

    def read(self, key: str, convert: Callable[[Node], T]) -> T | None:
        """Read an optional field; None if it is missing or, with a warning, invalid."""
        node = self.find_node(key) if key in self._mapping.entries else None
        if node is None:
            return None
        try:
            return convert(node)
        except FieldValueError as e:
            # As source text: YAML's value of 0x1F is 31, which would be valid after an export.
            self.keep_in_metadata(
                key, node.text if isinstance(node, ScalarNode) else node_to_json(node)
            )
            self._warn_rejected(self.quoted_path(key), e, node.line)
            return None

    def require(self, key: str, convert: Callable[[Node], T], missing: DiagnosticCode) -> T | None:
        """Read a required field; None, with an error, if it is missing or invalid."""
        node = self.find_node(key)
        if node is None:
            message = f"{self.quoted_path(key)} is missing."
            remedy = f"Add a line `{self._names.get(key, key)}: …`."
            self.collector.add_error(missing, message, self.line_of(key), remedy)
            return None
        try:
            return convert(node)
        except FieldValueError as e:
            self.collector.add_error(e.code, f"{self.quoted_path(key)} {e}.", node.line, e.remedy)
            return None

    def read_text(self, key: str, clean: Callable[[str], str] = str) -> str | None:
        """Read an optional text and apply `clean`; None if the result is empty."""
        if key not in self._mapping.entries:
            return None
        return self.read(key, lambda node: self._text(self.quoted_path(key), node, clean)) or None

    def read_name(self, key: str, clean: Callable[[str], str] = str) -> str | None:
        """Read an optional name. Bidirectional controls are replaced, with a warning."""
        text = self.read_text(key, clean)
        return text and self._clean_name(self.quoted_path(key), text, self.line_of(key))

    def _clean_name(self, name: str, text: str, line: int) -> str:
        cleaned = clean_name(text)
        if cleaned != text:
            self.collector.add_warning(
                DiagnosticCode.BAD_TEXT,
                f"{name} has characters that change the direction of text; in a name they were "
                "replaced by \ufffd.",
                line,
                "Remove the invisible characters.",
            )
        return cleaned

    def require_text(
        self, key: str, clean: Callable[[str], str], missing: DiagnosticCode
    ) -> str | None:
        """Read a required text."""
        text = self.require(
            key, lambda node: self._text(self.quoted_path(key), node, clean), missing
        )
        if text == "":
            message = f"{self.quoted_path(key)} is empty."
            self.collector.add_error(missing, message, self.line_of(key), "Write some text.")
        return text or None

    def read_texts(self, key: str) -> Iterator[tuple[str, int]]:
        """Read a list of names: each with its line, white space collapsed."""
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
        """Read a list of mappings with `read`, which returns None after a warning."""
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

    def read_names_or_entries(
        self, key: str, of_name: Callable[[str], T], read: Callable[[FieldReader], T | None]
    ) -> tuple[T, ...]:
        """Read one value or a list of values: names, and mappings as in `read_entries`."""
        node = self.find_node(key)
        if node is None:
            return ()
        is_list = isinstance(node, SequenceNode)
        values: list[T] = []
        rejected: list[Any] = []
        for item, name in self._items(key) if is_list else [(node, self.quoted_path(key))]:
            value: T | None = None
            if isinstance(item, MappingNode):
                value = read(FieldReader(item, self.collector, name.strip("`") + "."))
            else:
                try:
                    text = self._text(name, item, collapse_whitespace)
                except FieldValueError as e:
                    self._warn_rejected(name, e, item.line)
                else:
                    if not text:
                        continue
                    value = of_name(self._clean_name(name, text, item.line))
            if value is None:
                rejected.append(node_to_json(item))
            else:
                values.append(value)
        rejected += self._overflow(key)
        if rejected:
            self.keep_in_metadata(key, rejected)
        return tuple(values)

    def read_mapping(self, key: str) -> FieldReader:
        """Return a reader for a nested mapping. Raises: FieldValueError."""
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
            message = f"{name} is not a list; it is read as a list with one entry."
            self.collector.add_warning(
                DiagnosticCode.WRONG_TYPE, message, node.line, "Write each entry after a -."
            )
            yield node, name
            return
        if len(node.items) > MAX_LIST_ITEMS:
            message = (
                f"{name} has {len(node.items):,} entries; the first {MAX_LIST_ITEMS:,} are used, "
                "the others are kept in `metadata`."
            )
            self.collector.add_warning(
                DiagnosticCode.TOO_MANY_VALUES, message, node.line, "Remove some of them."
            )
        for i, item in enumerate(node.items[:MAX_LIST_ITEMS]):
            if not (isinstance(item, ScalarNode) and is_null(item)):
                yield item, f"`{self._prefix}{self._names.get(key, key)}[{i}]`"

    def _overflow(self, key: str) -> list[Any]:
        """Return the list entries beyond the limit."""
        node = self.find_node(key)
        items = node.items[MAX_LIST_ITEMS:] if isinstance(node, SequenceNode) else ()
        return [node_to_json(item) for item in items]

    def _text(self, name: str, node: Node, clean: Callable[[str], str]) -> str:
        scalar = require_scalar(node)
        implicit = implicit_type(scalar.text) if scalar.plain else None
        if implicit:
            self.collector.add_warning(
                DiagnosticCode.WRONG_TYPE,
                f"{name} is text, but {quote(scalar.text)} is {implicit} without quotes.",
                scalar.line,
                "Put the value in quotes.",
            )
        return clean(scalar.text)

    def _warn_rejected(self, name: str, problem: FieldValueError, line: int) -> None:
        message = f"{name} {problem.reason}; the value is kept in `metadata`."
        self.collector.add_warning(problem.code, message, line, problem.remedy)
