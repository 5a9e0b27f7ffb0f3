"""A cache that knows how much it holds: what was used last stays, within a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """Values by key, together within `capacity_bytes`; 0 keeps none."""

    __slots__ = ("_entries", "capacity_bytes", "size_bytes")

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.size_bytes = 0
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """The value under this key, if it is still here."""
        found = self._entries.get(key)
        if found is None:
            return None
        self._entries.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, size_bytes: int) -> None:
        """Keep a value, or one that has grown, at the cost of those not used for longest."""
        _, before = self._entries.pop(key, (None, 0))
        self.size_bytes -= before
        if size_bytes > self.capacity_bytes:
            return
        self._entries[key] = (value, size_bytes)
        self.size_bytes += size_bytes
        while self.size_bytes > self.capacity_bytes:
            _, (_, gone) = self._entries.popitem(last=False)
            self.size_bytes -= gone
