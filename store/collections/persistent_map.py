"""A persistent map: immutable, and its next version costs what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from store.concurrency.cooperative import chunks_of
from store.gc_untracking import untrack

K = TypeVar("K")
V = TypeVar("V")

MAX_OVERLAY = 8
"""The overlay is merged when it is larger than so many times the root of the size: then its copies
at each write and the merges cost about the same.
"""

COPIES_PER_LOOKUP = 32
"""How many keys are copied in the time of one look-up in two dicts."""


class PersistentMap(Mapping[K, V]):
    """A large base dict and a small overlay of newer values, in which None is a deletion.

    Derived maps share the base. The map owns the dicts it is given; values are never None.
    """

    __slots__ = ("_base", "_lookups", "_overlay", "_size")

    def __init__(
        self, base: dict[K, V], overlay: dict[K, V | None] | None = None, size: int | None = None
    ) -> None:
        self._base = untrack(base)
        self._overlay = overlay or {}
        self._size = len(base) if size is None else size
        self._lookups = 0

    def derive(self, changed: Mapping[K, V | None]) -> PersistentMap[K, V]:
        """The next version. `changed`: key -> value, None for a deletion.

        Costs a copy of the overlay, and now and then a merge.
        """
        if not changed:
            return self
        added = sum(value is not None for value in changed.values())
        removed = sum(self.find(key) is not None for key in changed)
        overlay, base = {**self._overlay, **changed}, self._base
        if len(overlay) ** 2 > MAX_OVERLAY**2 * len(base):
            return PersistentMap(_merge(base, overlay))
        return PersistentMap(base, overlay, self._size + added - removed)

    def find(self, key: K) -> V | None:
        """The value of a key, or None."""
        overlay, base = self._overlay, self._base  # in this order, see `_count`
        return overlay[key] if key in overlay else base.get(key)

    def find_many(self, keys: Sequence[K]) -> list[V | None]:
        """The values of keys: n keys -> n values or None, in the same order."""
        if self._overlay:
            self._count(len(keys))
        overlay, base = self._overlay, self._base
        values = map(base.get, keys)
        return list(map(overlay.get, keys, values) if overlay else values)

    def iter_items(self) -> Iterator[tuple[K, V]]:
        """Iterate over (key, value), without a copy, so that other tasks may run in between."""
        overlay, base = self._overlay, self._base
        for key, old in base.items():
            value = overlay.get(key, old)
            if value is not None:
                yield key, value
        for key, new in overlay.items():
            if new is not None and key not in base:
                yield key, new

    def diff(self, older: PersistentMap[K, V]) -> dict[K, V | None]:
        """The changes since an older version, as `derive` takes them. Values differ by identity.

        Costs the overlays if the two share a base, otherwise a pass over all keys.
        """
        if self is older:
            return {}
        if self._base is older._base:
            keys: Iterable[K] = self._overlay.keys() | older._overlay.keys()
            return {key: self.find(key) for key in keys if self.find(key) is not older.find(key)}
        changed: dict[K, V | None] = {
            key: value for key, value in self.iter_items() if older.find(key) is not value
        }
        changed.update((key, None) for key in older if key not in self)
        return changed

    def contents(self) -> list[object]:
        """All values, and what holds them, for `free_gradually`."""
        return [*chunks_of(self._base.values()), *chunks_of(self._overlay.values()), self]

    def to_dict(self) -> dict[K, V]:
        """A new dict of the same contents."""
        overlay, base = self._overlay, self._base
        return _merge(base, overlay)

    def _count(self, lookups: int) -> None:
        """Merge the overlay into the base once the look-ups have cost more than a merge."""
        self._lookups += lookups
        if self._lookups * COPIES_PER_LOOKUP > len(self._base):
            # Another thread may be reading: under the overlay, the new base has the same contents.
            self._base = untrack(self.to_dict())
            self._overlay = {}

    def __getitem__(self, key: K) -> V:
        value = self.find(key)
        if value is None:
            raise KeyError(key)
        return value

    def __contains__(self, key: object) -> bool:
        overlay, base = self._overlay, self._base
        return overlay[key] is not None if key in overlay else key in base

    def __iter__(self) -> Iterator[K]:
        return (key for key, _ in self.iter_items())

    def __len__(self) -> int:
        return self._size


def _merge(base: Mapping[K, V], overlay: Mapping[K, V | None]) -> dict[K, V]:
    merged = dict(base)
    for key, value in overlay.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = value
    return merged
