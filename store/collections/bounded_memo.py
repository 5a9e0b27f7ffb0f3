"""A memo bounded by bytes, which forgets what was put first."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedMemo(Generic[K, V]):
    """Values by key; each counts as many bytes as it was put with.

    Attributes:
        capacity_bytes: how many bytes all may have together.
        size_bytes: how many they have.
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
        """Keep a value in place of the key's last one, and let others go for it.

        One that is too large is not kept.
        """
        if key in self._entries:
            self.size_bytes -= self._entries.pop(key)[1]
        if size_bytes > self.capacity_bytes:
            return
        self._entries[key] = value, size_bytes
        self.size_bytes += size_bytes
        while self.size_bytes > self.capacity_bytes:
            _, gone = self._entries.pop(next(iter(self._entries)))
            self.size_bytes -= gone
