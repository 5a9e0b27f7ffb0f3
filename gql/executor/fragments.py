"""Step 5: the rendered documents of one plan, kept as long as they are true and there is room.

A result that shows a document and others that it links is kept with what it was made of: the
document, and the results that it embeds. It is true for a state of the store if all of these are
the same objects again. One that shows a list is true for a single state. For the state that was
read last, a result is found by the document's id and the values of the variables that show in it.

Much is asked once and never again: a result is kept when it is asked for the second time.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

import msgspec
import orjson

from store import Place

from .alongside import Alongside, Buffer
from .keys import key_bytes

ENTRY_BYTES = 400
"""What an entry costs beside its JSON: the entry, its places in two dicts, the fragment."""

SEEN_BYTES = 120
"""What it costs to remember that a result was asked for."""

LINK_BYTES = 250
"""What it costs to remember where a link leads."""

Key = Hashable
"""A document's id; with the variables' values that show, where there are any."""

Keys = tuple[Any, ...]
"""What a link asks the store for."""


class Shown(msgspec.Struct, frozen=True):
    """What a link shows of the entity with this id, to which one of its keys leads."""

    id: str
    value: Any


class PageKey(msgspec.Struct, frozen=True):
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


class Entry(msgspec.Struct, frozen=True, eq=False, gc=False):
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


class Cache(Protocol):
    """What there is room for, for all plans together; see `cache.py`."""

    capacity_bytes: int
    clock: int
    size_bytes: int

    def turn_to(self, version: str, section: DocumentFragments) -> None:
        """Note that a plan is used for a state of the store."""
        ...

    def grow(self, section: DocumentFragments, size_bytes: int) -> None:
        """Count what is new, and make room for it."""
        ...

    def shrink(self, section: DocumentFragments, size_bytes: int) -> None:
        """Count what is gone."""
        ...


class DocumentFragments:
    """The results of one plan. `lasting`: they may be true for more than one state of the store.

    `current` holds those that are true for the state `version`; `lists` the same once more along
    the lists in which they were asked for, and `linked` by what was asked to find them, `single` by
    each of the keys that were asked for together. `seen` are
    the keys under which somebody asked once.
    """

    __slots__ = (
        "__weakref__",
        "cache",
        "current",
        "entries",
        "lasting",
        "linked",
        "lists",
        "seen",
        "seen_bytes",
        "single",
        "size_bytes",
        "state_bytes",
        "used",
        "version",
    )

    def __init__(self, cache: Cache, *, lasting: bool = True) -> None:
        self.cache = cache
        self.lasting = lasting
        self.entries: dict[Key, Entry] = {}
        self.current: dict[Key, Entry] = {}
        self.seen: set[Key] = set()
        self.seen_bytes = 0
        self.lists: dict[tuple[int, bool, Hashable], Alongside] = {}
        self.linked: dict[Hashable, dict[Keys, Any]] = {}
        self.single: dict[Hashable, dict[Any, Shown | None]] = {}
        self.size_bytes = 0
        self.state_bytes = 0
        self.version = ""
        self.used = 0

    def __del__(self) -> None:
        # Gone with its plan, whose document was evicted.
        self.cache.size_bytes -= self.size_bytes

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
        self.forget_ways()
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
        self._grow_state(found.size_bytes - before)

    def links(self, variant: Hashable) -> dict[Keys, Any]:
        """Rendered values of links to these documents, by what was asked for them."""
        return self.linked.get(variant, {})

    def singles(self, variant: Hashable) -> dict[Any, Shown | None]:
        """The same for each of the keys of links to several."""
        return self.single.get(variant, {})

    def keep_links(
        self,
        variant: Hashable,
        values: Mapping[Keys, Any],
        singles: Mapping[Any, Shown | None],
        keys: AbstractSet[Key],
    ) -> None:
        """Remember where links lead, unless a result that these embed is not kept."""
        if self.entries.keys() >= keys:
            linked = self.linked.setdefault(variant, {})
            single = self.single.setdefault(variant, {})
            before = len(linked) + len(single)
            linked.update(values)
            single.update(singles)
            size_bytes = LINK_BYTES + (key_bytes(variant) if variant is not None else 0)
            self._grow_state(size_bytes * (len(linked) + len(single) - before))

    def forget_ways(self) -> None:
        """Forget what is kept along lists and by links; the results themselves stay."""
        self.lists, self.linked, self.single = {}, {}, {}
        gone, self.state_bytes = self.state_bytes, 0
        self.cache.shrink(self, gone)

    def _grow_state(self, size_bytes: int) -> None:
        self.state_bytes += size_bytes
        self.cache.grow(self, size_bytes)

    def find(self, key: Key, document: Any, values: tuple[Any, ...]) -> Entry | None:
        """The kept result, if it was made of just these; it is true for this state, too."""
        entry = self.entries.get(key)
        if entry is None or entry.values != values:
            return None
        if entry.document is not document and entry.document != document:
            return None
        self.current[key] = entry
        return entry

    def are_new(self, keys: Iterable[Key]) -> bool:
        """Whether none of these was ever asked for, as far as is known."""
        return self.entries.keys().isdisjoint(keys) and self.seen.isdisjoint(keys)

    def are_mostly_new(self, keys: Sequence[Key]) -> bool:
        """The same for more than half of these."""
        seen, entries = self.seen, self.entries
        return sum([key in seen or key in entries for key in keys]) * 2 < len(keys)

    def known(self, keys: Sequence[Key]) -> AbstractSet[Key]:
        """Those that somebody asked for before."""
        return self.seen.intersection(keys) | (self.entries.keys() & keys)

    def see(self, keys: Sequence[Key], variant: Hashable) -> None:
        """Remember that these were asked for, so that they are kept the next time."""
        before = len(self.seen)
        self.seen.update(keys)
        size_bytes = SEEN_BYTES + (key_bytes(variant) if variant is not None else 0)
        grown = size_bytes * (len(self.seen) - before)
        self.seen_bytes += grown
        self.cache.grow(self, grown)

    def forget_seen(self) -> None:
        """Forget what was asked for; what is kept stays."""
        self.seen.clear()
        gone, self.seen_bytes = self.seen_bytes, 0
        self.cache.shrink(self, gone)

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
            else:
                self.forget_ways()  # which must not hold what is not counted
        if size_bytes:
            self.cache.grow(self, size_bytes)

    def drop(self, key: Key) -> None:
        """Forget a result, if it is here."""
        entry = self.entries.pop(key, None)
        if entry is not None:
            self.current.pop(key, None)
            self.forget_ways()
            self.cache.shrink(self, entry.size_bytes)

    def make_room(self, excess: int) -> None:
        """Forget results until at least so many bytes are free."""
        goal = self.size_bytes - excess
        self.forget_ways()
        self.forget_seen()
        for key in list(self._oldest(self.size_bytes - goal)):
            self.drop(key)

    def _oldest(self, size_bytes: int) -> Iterator[Key]:
        for key, entry in self.entries.items():
            if size_bytes <= 0:
                return
            size_bytes -= entry.size_bytes
            yield key
