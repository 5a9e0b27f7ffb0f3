"""A memo: a cache bounded by bytes, with first-in, first-out eviction."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedMemo(Generic[K, V]):
    """A cache bounded by bytes. `get` returns (value, its size) or None, and costs one dict
    look-up.

    Attributes:
        capacity_bytes: the limit of `size_bytes`.
        size_bytes: the sum of the sizes of all values.
    """

    __slots__ = ("_entries", "capacity_bytes", "get", "size_bytes")

    def __init__(self, capacity_bytes: int) -> None:
        self._entries: dict[K, tuple[V, int]] = {}
        self.get = self._entries.get
        self.capacity_bytes = capacity_bytes
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, key: K, value: V, size_bytes: int) -> None:
        """Store a value and evict the oldest. One larger than the capacity is not stored."""
        if key in self._entries:
            self.size_bytes -= self._entries.pop(key)[1]
        if size_bytes > self.capacity_bytes:
            return
        self._entries[key] = value, size_bytes
        self.size_bytes += size_bytes
        while self.size_bytes > self.capacity_bytes:
            _, evicted_bytes = self._entries.pop(next(iter(self._entries)))
            self.size_bytes -= evicted_bytes
