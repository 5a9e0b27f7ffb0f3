"""A cache that knows how much it holds: what was used last stays, within a number of bytes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Generation(Generic[K, V]):
    """Values by key, with their sizes."""

    __slots__ = ("size_bytes", "sizes", "values")

    def __init__(self) -> None:
        self.values: dict[K, V] = {}
        self.sizes: dict[K, int] = {}
        self.size_bytes = 0

    def put(self, key: K, value: V, size_bytes: int) -> None:
        self.values[key] = value
        self.sizes[key] = size_bytes
        self.size_bytes += size_bytes

    def pop(self, key: K) -> int:
        """The size of what was forgotten; 0 for nothing."""
        if self.values.pop(key, None) is None:
            return 0
        size_bytes = self.sizes.pop(key)
        self.size_bytes -= size_bytes
        return size_bytes


class BoundedCache(Generic[K, V]):
    """Values by key, none of them None, together within `capacity_bytes`; 0 keeps none.

    There are two generations. What is used is in the young one; when that has half the room, it is
    the old one, and what was not used since goes. So finding a value again writes nothing, which a
    list in order of use would have to.
    """

    __slots__ = ("_old", "_young", "capacity_bytes")

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self._young: _Generation[K, V] = _Generation()
        self._old: _Generation[K, V] = _Generation()

    def __len__(self) -> int:
        return len(self._young.values) + len(self._old.values)

    @property
    def size_bytes(self) -> int:
        """What the values take together."""
        return self._young.size_bytes + self._old.size_bytes

    def get(self, key: K) -> V | None:
        """The value under this key, if it is still here."""
        found = self._young.values.get(key)
        if found is None:
            found = self._old.values.get(key)
            if found is not None:
                self._add(key, found, self._old.pop(key))
        return found

    def put(self, key: K, value: V, size_bytes: int) -> None:
        """Keep a value, or one that has grown, at the cost of those not used for longest."""
        self._young.pop(key)
        self._old.pop(key)
        if size_bytes <= self.capacity_bytes:
            self._add(key, value, size_bytes)

    def _add(self, key: K, value: V, size_bytes: int) -> None:
        if self._young.size_bytes + size_bytes > self.capacity_bytes // 2:
            self._old, self._young = self._young, _Generation()
        if self.size_bytes + size_bytes > self.capacity_bytes:  # by one that is very large
            self._old = _Generation()
        self._young.put(key, value, size_bytes)


class Doorkeeper:
    """Tells what comes again from what comes once, among the last `size` to twice as many keys.

    Most of what is asked is asked once: to keep that would cost more than to find it out, and drive
    out what is asked often. Remembers hashes, some 70 bytes a key; two keys with the same one are
    taken for the same, which lets in one too early.
    """

    __slots__ = ("_old", "_size", "_young")

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: set[int] = set()
        self._old: set[int] = set()

    def has_seen(self, key: Hashable) -> bool:
        """Whether this key has come before; from now on it has."""
        mark = hash(key)
        if mark in self._young:
            return True
        if len(self._young) >= self._size:
            self._old, self._young = self._young, set()
        self._young.add(mark)
        return mark in self._old
