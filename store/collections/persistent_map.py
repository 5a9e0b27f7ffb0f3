"""Mappings that never change, and from which others are derived at the cost of what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from store.concurrency.cooperative import chunks_of
from store.gc_untracking import untrack

K = TypeVar("K")
V = TypeVar("V")

ROOM = 8
"""How many times the root of its size a mapping may have changed, until it becomes one dict again:
then to copy what has changed each time, and all of it now and then, costs about the same.
"""

COPY = 32
"""How many keys of a dict are copied in the time that it takes to look for one in two dicts."""


class PersistentMap(Mapping[K, V]):
    """A dict, and a small one over it with what has changed since; None stands for what is gone.

    Those derived from it share the large one. The dicts are its own, values are never None.
    """

    __slots__ = ("_asked", "_base", "_over", "_size")

    def __init__(
        self, base: dict[K, V], over: dict[K, V | None] | None = None, size: int | None = None
    ) -> None:
        self._base = untrack(base)
        self._over = over or {}
        self._size = len(base) if size is None else size
        self._asked = 0

    def derive(self, changed: Mapping[K, V | None]) -> PersistentMap[K, V]:
        """The mapping after these changes: keys -> what is there now, None for nothing.

        Costs a flat copy of the small dict, and now and then one of the large one.
        """
        if not changed:
            return self
        came = sum(value is not None for value in changed.values())
        left = sum(self.find(key) is not None for key in changed)
        over, base = {**self._over, **changed}, self._base
        if len(over) ** 2 > ROOM**2 * len(base):
            return PersistentMap(_flat(base, over))
        return PersistentMap(base, over, self._size + came - left)

    def find(self, key: K) -> V | None:
        """What is there under a key."""
        over, base = self._over, self._base  # in this order, see `_count`
        return over[key] if key in over else base.get(key)

    def find_many(self, keys: Sequence[K]) -> list[V | None]:
        """What is there under each of these: n keys -> n values or None, in the same order."""
        if self._over:
            self._count(len(keys))
        over, base = self._over, self._base
        found = map(base.get, keys)
        return list(map(over.get, keys, found) if over else found)

    def iter_items(self) -> Iterator[tuple[K, V]]:
        """The keys with what is there, in no copy: others have their turns in between."""
        over, base = self._over, self._base
        for key, value in base.items():
            now = over.get(key, value)
            if now is not None:
                yield key, now
        for key, now in over.items():
            if now is not None and key not in base:
                yield key, now

    def diff(self, older: PersistentMap[K, V]) -> dict[K, V | None]:
        """What `derive` makes this of an older one, by identity: keys -> what is there now.

        Costs what the two have over a dict that they share; else, now and then, a look at all.
        """
        if self is older:
            return {}
        if self._base is older._base:
            keys: Iterable[K] = self._over.keys() | older._over.keys()
            return {key: self.find(key) for key in keys if self.find(key) is not older.find(key)}
        changed: dict[K, V | None] = {
            key: now for key, now in self.iter_items() if older.find(key) is not now
        }
        changed.update((key, None) for key in older if key not in self)
        return changed

    def contents(self) -> list[object]:
        """All values, and what holds them, for `free`."""
        return [*chunks_of(self._base.values()), *chunks_of(self._over.values()), self]

    def to_dict(self) -> dict[K, V]:
        """All of it as a dict of one's own."""
        over, base = self._over, self._base
        return _flat(base, over)

    def _count(self, asked: int) -> None:
        """Become one dict when so much has been asked that this would have been cheaper."""
        self._asked += asked
        if self._asked * COPY > len(self._base):
            # Another thread may be reading: with what is over it, the new base says the same.
            self._base = untrack(self.to_dict())
            self._over = {}

    def __getitem__(self, key: K) -> V:
        found = self.find(key)
        if found is None:
            raise KeyError(key)
        return found

    def __contains__(self, key: object) -> bool:
        over, base = self._over, self._base
        return over[key] is not None if key in over else key in base

    def __iter__(self) -> Iterator[K]:
        return (key for key, _ in self.iter_items())

    def __len__(self) -> int:
        return self._size


def _flat(base: Mapping[K, V], over: Mapping[K, V | None]) -> dict[K, V]:
    flat = dict(base)
    for key, value in over.items():
        if value is None:
            flat.pop(key, None)
        else:
            flat[key] = value
    return flat
