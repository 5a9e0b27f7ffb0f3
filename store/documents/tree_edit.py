"""Tree edit: changes values of a front matter and no other character of its text.

The new values are compared with the former ones down to the smallest that differ. Only these are
written anew, by an editor of the format: its brackets, indentation and quotes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

import msgspec

from .source_tree import SourceEntry, SourceNode, UneditableError

_IDENTITY_KEYS = ("url", "webUrl", "originalUrl", "ampWebUrl", "cdnAmpWebUrl", "title")
_MAX_ALIGNED = 200
"""Largest number of list items to align by content: it may take quadratic time."""


class TextEdit(NamedTuple):
    """The replacement of a range of a text."""

    start: int
    end: int
    text: str


def apply_edits(text: str, edits: Iterable[TextEdit]) -> str:
    """Apply edits of ranges that do not overlap. Raises: UneditableError: they overlap."""
    parts: list[str] = []
    done = 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        if start < done:
            raise UneditableError
        parts += (text[done:start], new)
        done = end
    return "".join((*parts, text[done:]))


class TreeEditor(ABC):
    """Collects the edits of one front matter.

    Args:
        text: The front matter, which is valid.
        root: Its source tree.
        key_order: Keys of the root in their usual order, for new ones.
        is_fine: Whether to look for differences within a value. If not, a value that differs is
            replaced as a whole.
    """

    def __init__(
        self, text: str, root: SourceNode, key_order: Sequence[str], *, is_fine: bool
    ) -> None:
        self.root = root
        self._text = text
        self._key_order = key_order
        self._is_fine = is_fine
        self._edits: list[TextEdit] = []

    def edits(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[TextEdit]:
        """Return the edits that give the root these new values; None removes a key.

        Raises: UneditableError.
        """
        changed = {key: value for key, value in new.items() if value is not None}
        removed = [key for key, value in new.items() if value is None]
        self._update_entries(self.root, old, changed, removed)
        return self._edits

    # What depends on the format

    @abstractmethod
    def _insert_key(
        self, node: SourceNode, remaining: Sequence[SourceEntry], key: str, value: Any
    ) -> None:
        """Insert an entry into a mapping; `remaining` are the entries that stay."""

    @abstractmethod
    def _insert_item(
        self,
        node: SourceNode,
        remaining: Sequence[SourceEntry],
        before: SourceEntry | None,
        value: Any,
        moved: SourceEntry | None,
    ) -> None:
        """Insert an item into a list, behind another or at its start; it may have been `moved`."""

    @abstractmethod
    def _remove(self, node: SourceNode, gone: Sequence[SourceEntry]) -> None:
        """Remove entries of a collection."""

    @abstractmethod
    def _replace(self, parent: SourceNode, entry: SourceEntry, new: Any) -> None:
        """Replace a value as a whole."""

    def _can_be_emptied(self, node: SourceNode) -> bool:  # noqa: ARG002  # for formats
        """Whether a mapping may lose all its entries by `_remove`."""
        return False

    def _is_fixed(self, node: SourceNode) -> bool:
        """Whether a value can only be replaced as a whole."""
        return node.is_compact

    def _hides_merged(self, node: SourceNode, removed: Sequence[str]) -> Mapping[str, Any]:  # noqa: ARG002  # for YAML
        """Return the entries that hide removed keys which a mapping has from elsewhere."""
        return {}

    # Entries of mappings

    def _update_mapping(
        self, node: SourceNode, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> None:
        changed = {k: v for k, v in new.items() if k not in old or old[k] != v}
        self._update_entries(node, old, changed, [key for key in old if key not in new])

    def _update_entries(
        self,
        node: SourceNode,
        old: Mapping[str, Any],
        changed: Mapping[str, Any],
        removed: Sequence[str],
    ) -> None:
        names = set(removed)
        gone = [entry for entry in node.entries if entry.name in names and not entry.is_merge]
        if node.entries and len(gone) == len(node.entries) and not self._can_be_emptied(node):
            raise UneditableError
        self._remove(node, gone)
        own = {entry.name: entry for entry in node.entries}  # the last of equal keys counts
        added = {key: value for key, value in changed.items() if key not in own}
        added |= self._hides_merged(node, removed)
        for key, value in changed.items():
            if key in own:
                self._update(node, own[key], old.get(key), value)
        remaining = [entry for entry in node.entries if entry.is_merge or entry.name not in names]
        for key in self._in_order(added):
            self._insert_key(node, remaining, key, added[key])

    def _in_order(self, keys: Iterable[str]) -> list[str]:
        present = list(keys)
        usual = [key for key in self._key_order if key in present]
        return [*usual, *(key for key in present if key not in usual)]

    def _entry_before(
        self, node: SourceNode, remaining: Sequence[SourceEntry], key: str
    ) -> SourceEntry | None:
        """Return the entry behind which a new key stands; None at the start."""
        if node is not self.root or key not in self._key_order:
            return remaining[-1] if remaining else None
        earlier = self._key_order[: self._key_order.index(key)]
        names = {entry.name: entry for entry in remaining}
        return next((names[name] for name in reversed(earlier) if name in names), None)

    # Items of lists

    def _update_sequence(self, node: SourceNode, old: Sequence[Any], new: Sequence[Any]) -> None:
        entries = [entry for entry in node.entries if not entry.value.is_null]
        if all(entry.value.kind == "scalar" for entry in entries):
            old = [entry.value.text if isinstance(new[0], str) else None for entry in entries]
        elif len(entries) != len(old):
            raise UneditableError
        gone: list[SourceEntry] = []
        inserts: list[tuple[int, Any]] = []
        for _, i, end, j, new_end in _align(old, new):
            pairs = min(end - i, new_end - j)
            for k in range(pairs):
                self._update(node, entries[i + k], old[i + k], new[j + k])
            gone += entries[i + pairs : end]
            inserts += [(i + pairs, value) for value in new[j + pairs : new_end]]
        if len(gone) == len(node.entries):
            raise UneditableError
        starts = {entry.start for entry in gone}
        pairs_of_all = zip(entries, old, strict=False) if inserts else ()
        moved = {_key(value): entry for entry, value in pairs_of_all if entry.start in starts}
        self._remove(node, gone)
        remaining = [entry for entry in node.entries if entry.start not in starts]
        for at, value in inserts:
            indices = range(at - 1, -1, -1)
            before = next((entries[i] for i in indices if entries[i].start not in starts), None)
            self._insert_item(node, remaining, before, value, moved.get(_key(value)))

    # Values

    def _update(self, parent: SourceNode, entry: SourceEntry, old: Any, new: Any) -> None:
        """Give an entry a new value, by its smallest differences."""
        if old == new:
            return
        node = entry.value
        is_editable = self._is_fine and not self._is_fixed(node)
        edits = len(self._edits)
        try:
            if is_editable and node.kind == "mapping" and _are(old, new, Mapping):
                self._update_mapping(node, old, new)
                return
            if is_editable and node.kind == "sequence" and _are(old, new, list):
                self._update_sequence(node, old, new)
                return
        except UneditableError:
            self._undo_edits(edits)
        self._replace(parent, entry, new)

    def _undo_edits(self, count: int) -> None:
        """Forget all edits but the first ones."""
        del self._edits[count:]

    def _edit(self, start: int, end: int, text: str) -> None:
        if self._text[start:end] != text:
            self._edits.append(TextEdit(start, end, text))


def runs_of(
    entries: Sequence[SourceEntry], gone: Sequence[SourceEntry]
) -> Iterator[tuple[int, int]]:
    """Yield the first and last index of each run of entries that go."""
    starts = {entry.start for entry in gone}
    first: int | None = None
    for i, entry in enumerate(entries):
        if entry.start in starts:
            first = i if first is None else first
        elif first is not None:
            yield first, i - 1
            first = None
    if first is not None:
        yield first, len(entries) - 1


def _align(old: Sequence[Any], new: Sequence[Any]) -> list[tuple[str, int, int, int, int]]:
    """Align the items of two lists, as `SequenceMatcher.get_opcodes` does."""
    old_keys, new_keys = [_identity(value) for value in old], [_identity(value) for value in new]
    if max(len(old), len(new)) <= _MAX_ALIGNED:
        matcher = SequenceMatcher(None, old_keys, new_keys, autojunk=False)
        return list(matcher.get_opcodes())
    return [("replace", 0, len(old), 0, len(new))]


def _identity(value: Any) -> Any:
    """Return what makes an item of a list the same one after a change."""
    if isinstance(value, Mapping):
        return next((value[key] for key in _IDENTITY_KEYS if key in value), None)
    return _key(value)


def _key(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def _are(old: Any, new: Any, kind: Any) -> bool:
    is_empty_list = kind is list and not (old and new)
    return isinstance(old, kind) and isinstance(new, kind) and not is_empty_list
