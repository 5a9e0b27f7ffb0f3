"""Step 5: rendered documents, kept as long as they are true and as there is room.

A result that shows a document and others that it links is kept with what it was made of: the
document, and the results that it embeds. It is true for a state of the store if all of these are
the same objects again. One that shows a list is true for a single state. For the state that was
read last, a result is found by the document's id and the values of the variables that show in it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from store import Place

from .alongside import Alongside, Buffer
from .keys import key_bytes

ENTRY_BYTES = 400
"""What an entry costs beside its JSON: the entry, its places in two dicts, the fragment."""

Key = Hashable
"""A document's id; with the variables' values that show, where there are any."""


class PageKey(NamedTuple):
    """Which list as it is read, for which values of variables; and from where to where in it."""

    list: tuple[int, bool, Hashable]
    start: int
    end: int


def page_key(place: Place, variant: Hashable) -> PageKey:
    """Where the results for a page are kept."""
    key = id(place.whole), place.backwards, variant
    if not place.backwards:
        return PageKey(key, place.start, place.end)
    length = len(place.whole)
    return PageKey(key, length - place.end, length - place.start)


class Entry(NamedTuple):
    """A rendered document, and what it was rendered from. `size_bytes`: what it takes, about."""

    document: Any
    values: tuple[Any, ...]
    json: bytes
    fragment: orjson.Fragment
    size_bytes: int


def entry_of(document: Any, values: tuple[Any, ...], json: bytes, variant: Hashable) -> Entry:
    """An entry for a rendered document, with what it takes to keep it for a variant."""
    size_bytes = len(json) + ENTRY_BYTES + (key_bytes(variant) if variant is not None else 0)
    return Entry(document, values, json, orjson.Fragment(json), size_bytes)


class DocumentFragments:
    """The results of one plan. `lasting`: they may be true for more than one state of the store.

    `current` holds those that are true for the state `version`, and `lists` the same once more
    along the lists in which they were asked for.
    """

    __slots__ = (
        "cache",
        "current",
        "entries",
        "lasting",
        "lists",
        "lists_bytes",
        "used",
        "version",
    )

    def __init__(self, cache: FragmentCache, *, lasting: bool = True) -> None:
        self.cache = cache
        self.lasting = lasting
        self.entries: dict[Key, Entry] = {}
        self.current: dict[Key, Entry] = {}
        self.lists: dict[tuple[int, bool, Hashable], Alongside] = {}
        self.lists_bytes = 0
        self.version = ""
        self.used = 0

    def at(self, version: str) -> dict[Key, Entry]:
        """The results that are true for this state of the store."""
        if version != self.version:
            self.cache.turn_to(version, self)
            self.forget_state()
            self.version = version
        self.used = self.cache.clock
        return self.current

    def forget_state(self) -> None:
        """Forget all that is true for a single state, and with it the state."""
        self.version = ""
        self.forget_lists()
        self.current = {}
        if not self.lasting:
            gone, self.entries = self.entries, {}
            self.cache.shrink(self, sum(entry.size_bytes for entry in gone.values()))

    def page(self, part: PageKey) -> list[Buffer] | None:
        """The results for a page, a comma behind each, if they are kept along its list."""
        found = self.lists.get(part.list)
        return None if found is None else found.get(part.start, part.end)

    def keep_page(self, part: PageKey, whole: Sequence[Any], keys: Iterable[Key]) -> None:
        """Keep the results for a page along its list, too, if there was room for all of them."""
        try:
            results = [self.current[key].json for key in keys]
        except KeyError:
            return
        if not results:
            return
        found = self.lists.get(part.list)
        before = found.size_bytes if found is not None else 0
        if found is None:
            found = self.lists[part.list] = Alongside(whole)
            found.size_bytes += key_bytes(part.list)
        found.put(part.start, results)
        self.lists_bytes += found.size_bytes - before
        self.cache.grow(self, found.size_bytes - before)

    def forget_lists(self) -> None:
        """Forget what is kept along lists; the results themselves stay."""
        self.lists = {}
        self.cache.shrink(self, self.lists_bytes)
        self.lists_bytes = 0

    def find(self, key: Key, document: Any, values: tuple[Any, ...]) -> Entry | None:
        """The kept result, if it was made of just these; it is true for this state, too."""
        entry = self.entries.get(key)
        if entry is None or entry.values != values:
            return None
        if entry.document is not document and entry.document != document:
            return None
        self.current[key] = entry
        return entry

    def put(self, key: Key, entry: Entry) -> None:
        """Keep a result of this state, unless it alone takes more room than there is."""
        self.put_all({key: entry})

    def put_all(self, entries: Mapping[Key, Entry]) -> None:
        """Keep results of this state but those that alone take more room than there is."""
        size_bytes, room = 0, self.cache.capacity_bytes
        for key, entry in entries.items():
            if key in self.entries:
                self.drop(key)
            if entry.size_bytes <= room:
                self.entries[key] = self.current[key] = entry
                size_bytes += entry.size_bytes
        if size_bytes:
            self.cache.grow(self, size_bytes)

    def drop(self, key: Key) -> None:
        """Forget a result, if it is here."""
        entry = self.entries.pop(key, None)
        if entry is not None:
            self.current.pop(key, None)
            self.forget_lists()
            self.cache.shrink(self, entry.size_bytes)


class FragmentCache:
    """All kept results together, within `capacity_bytes`. `clock`: the time, in results that came.

    Room is made at the cost of the plan that was not used for longest, its oldest results first.
    """

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.size_bytes = 0
        self.clock = 0
        self._sections: dict[DocumentFragments, None] = {}  # those that hold something
        self._version = ""
        self._at_version: dict[DocumentFragments, None] = {}

    def turn_to(self, version: str, section: DocumentFragments) -> None:
        """A plan is used for a state. When it is another one, all plans let go of the last: pages
        and lists that are kept hold on to a whole store, whether or not their plan is used again.
        """
        if version != self._version:
            for other in self._at_version:
                other.forget_state()
            self._at_version = {}
            self._version = version
        self._at_version[section] = None

    def __len__(self) -> int:
        return sum(len(section.entries) for section in self._sections)

    def grow(self, section: DocumentFragments, size_bytes: int) -> None:
        """Count a new result, and make room for it."""
        self._sections[section] = None
        self.clock += 1
        self.size_bytes += size_bytes
        if self.size_bytes > self.capacity_bytes:
            for full, key in list(self._to_drop()):
                full.drop(key)

    def shrink(self, section: DocumentFragments, size_bytes: int) -> None:
        """Count a result that is gone."""
        self.size_bytes -= size_bytes
        if not section.entries:
            self._sections.pop(section, None)

    def _to_drop(self) -> Iterator[tuple[DocumentFragments, Key]]:
        # A tenth more than needed, so that a full cache does not sort its plans at every result.
        excess = self.size_bytes - self.capacity_bytes * 9 // 10
        for section in sorted(self._sections, key=lambda each: each.used):
            lists_bytes = section.lists_bytes  # these go with the first result
            for key, entry in section.entries.items():
                if excess <= 0:
                    return
                excess -= entry.size_bytes + lists_bytes
                lists_bytes = 0
                yield section, key
