"""Step 5: rendered documents, kept as long as they are true and as there is room.

A result is kept with the document it was made of and the results of its links that it embeds. It
is true for a state of the store if all of these are the same objects again. For the state that was
read last it is then found by the document's id alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from store import Place

ENTRY_BYTES = 400
"""What an entry costs beside its JSON: the entry, its places in two dicts, the fragment."""

ALONGSIDE_BYTES = 9
"""What it costs to keep results along a list, for each of its documents."""


class Entry(NamedTuple):
    """A rendered document, and what it was rendered from."""

    document: Any
    values: tuple[Any, ...]
    fragment: orjson.Fragment
    size_bytes: int


class Alongside:
    """The results for the documents of a list that the engine keeps whole, in the list's order.

    A page of it is then a slice of results, without a look-up for each document.
    """

    __slots__ = ("filled", "fragments", "whole")

    def __init__(self, whole: Sequence[Any]) -> None:
        self.whole = whole  # kept, so that no other list takes its id
        self.fragments: list[orjson.Fragment | None] = [None] * len(whole)
        self.filled = bytearray(len(whole))

    def get(self, place: Place) -> list[Any] | None:
        """The results for a page; None where one is missing."""
        if self.filled.find(0, place.start, place.end) >= 0:
            return None
        found = self.fragments[place.start : place.end]
        if place.backwards:
            found.reverse()
        return found

    def put(self, place: Place, fragments: list[Any]) -> None:
        """Take in the results for a page."""
        self.fragments[place.start : place.end] = fragments[::-1] if place.backwards else fragments
        self.filled[place.start : place.end] = b"\1" * len(fragments)


class DocumentFragments:
    """The results of one plan for one set of variables, by the id of the document.

    `current` holds those that are true for the state `version`, and `lists` the same once more
    along the lists in which they were asked for.
    """

    __slots__ = ("cache", "current", "entries", "lists", "lists_bytes", "used", "version")

    def __init__(self, cache: FragmentCache) -> None:
        self.cache = cache
        self.entries: dict[str, Entry] = {}
        self.current: dict[str, orjson.Fragment] = {}
        self.lists: dict[int, Alongside] = {}
        self.lists_bytes = 0
        self.version = ""
        self.used = 0

    def at(self, version: str) -> dict[str, orjson.Fragment]:
        """The results that are true for this state of the store."""
        if version != self.version:
            self.version = version
            self.current = {}
            self.forget_lists()
        self.used = self.cache.tick()
        return self.current

    def page(self, place: Place) -> list[Any] | None:
        """The results for a page, if they are kept along its list."""
        found = self.lists.get(id(place.whole))
        return None if found is None else found.get(place)

    def keep_page(self, place: Place, items: Sequence[Any], results: list[Any]) -> None:
        """Keep the results for a page along its list, too, if there was room for all of them."""
        if not items or any(item.id not in self.current for item in items):
            return
        found = self.lists.get(id(place.whole))
        if found is None:
            size_bytes = ENTRY_BYTES + ALONGSIDE_BYTES * len(place.whole)
            if not self.cache.has_room(size_bytes):
                return
            found = self.lists[id(place.whole)] = Alongside(place.whole)
            self.lists_bytes += size_bytes
            self.cache.grow(self, size_bytes)
        found.put(place, results)

    def forget_lists(self) -> None:
        """Forget what is kept along lists; the results themselves stay."""
        self.lists = {}
        self.cache.shrink(self, self.lists_bytes)
        self.lists_bytes = 0

    def find(self, document: Any, values: tuple[Any, ...]) -> orjson.Fragment | None:
        """The kept result, if it was made of just these."""
        entry = self.entries.get(document.id)
        if entry is None or entry.values != values:
            return None
        if entry.document is not document and entry.document != document:
            return None
        return entry.fragment

    def put(self, document: Any, values: tuple[Any, ...], json: bytes) -> orjson.Fragment:
        """Keep a result, unless it alone takes more room than there is."""
        fragment = orjson.Fragment(json)
        self.drop(document.id)
        entry = Entry(document, values, fragment, len(json) + ENTRY_BYTES)
        if self.cache.has_room(entry.size_bytes):
            self.entries[document.id] = entry
            self.cache.grow(self, entry.size_bytes)
        return fragment

    def drop(self, id: str) -> None:
        """Forget a result, if it is here."""
        entry = self.entries.pop(id, None)
        if entry is not None:
            self.current.pop(id, None)
            self.forget_lists()
            self.cache.shrink(self, entry.size_bytes)


class FragmentCache:
    """All kept results together, within `capacity_bytes`.

    Room is made at the cost of the plan that was not used for longest, its oldest results first.
    """

    max_variants = 64
    """How many sets of variables each plan may keep results for."""

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.size_bytes = 0
        self._sections: dict[DocumentFragments, None] = {}  # those that hold something
        self._clock = 0

    def __len__(self) -> int:
        return sum(len(section.entries) for section in self._sections)

    def tick(self) -> int:
        """The time, in uses."""
        self._clock += 1
        return self._clock

    def has_room(self, size_bytes: int) -> bool:
        """Whether so much can be kept at all, at the cost of the rest."""
        return size_bytes <= self.capacity_bytes

    def grow(self, section: DocumentFragments, size_bytes: int) -> None:
        """Count a new result, and make room for it."""
        self._sections[section] = None
        self.size_bytes += size_bytes
        if self.size_bytes > self.capacity_bytes:
            for full, id in list(self._to_drop()):
                full.drop(id)

    def shrink(self, section: DocumentFragments, size_bytes: int) -> None:
        """Count a result that is gone."""
        self.size_bytes -= size_bytes
        if not section.entries:
            self._sections.pop(section, None)

    def _to_drop(self) -> Iterator[tuple[DocumentFragments, str]]:
        # A tenth more than needed, so that a full cache does not sort its plans at every result.
        excess = self.size_bytes - self.capacity_bytes * 9 // 10
        for section in sorted(self._sections, key=lambda each: each.used):
            lists_bytes = section.lists_bytes  # these go with the first result
            for id, entry in section.entries.items():
                if excess <= 0:
                    return
                excess -= entry.size_bytes + lists_bytes
                lists_bytes = 0
                yield section, id
