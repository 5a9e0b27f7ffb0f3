"""Whole answers, kept for the next request that says the same of the same state of the store."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from .compression import COMPRESSORS, MIN_BYTES

ENTRY_BYTES = 300
"""What an entry costs beside its key and its bodies."""


class CachedResponse:
    """An answer's body, its compressed forms as they come to be asked for, and how it was made."""

    __slots__ = ("bodies", "operation_name", "way")

    def __init__(self, body: bytes, operation_name: str | None, way: str) -> None:
        self.bodies: dict[str | None, bytes] = {None: body}
        self.operation_name = operation_name
        self.way = way

    @property
    def size_bytes(self) -> int:
        """All the bodies together."""
        return sum(map(len, self.bodies.values()))


class ResponseCache:
    """The answers used last, within `capacity_bytes`; 0 keeps none."""

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.size_bytes = 0
        self._entries: OrderedDict[Hashable, tuple[CachedResponse, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> CachedResponse | None:
        """The answer under this key."""
        found = self._entries.get(key)
        if found is None:
            return None
        self._entries.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, key_bytes: int, response: CachedResponse) -> None:
        """Keep an answer, or count one again that has grown; the least used make room."""
        size = key_bytes + response.size_bytes + ENTRY_BYTES
        _, before = self._entries.pop(key, (None, 0))
        self.size_bytes -= before
        if size > self.capacity_bytes:
            return
        self._entries[key] = (response, size)
        self.size_bytes += size
        while self.size_bytes > self.capacity_bytes:
            _, (_, gone) = self._entries.popitem(last=False)
            self.size_bytes -= gone


def encoded(response: CachedResponse, encoding: str | None) -> tuple[str | None, bytes]:
    """The body in an encoding, compressed at most once; (None, body) where that does not pay."""
    body = response.bodies[None]
    if encoding is None or len(body) < MIN_BYTES:
        return None, body
    compressed = response.bodies.get(encoding)
    if compressed is None:
        compressed = response.bodies[encoding] = COMPRESSORS[encoding](body)
    return encoding, compressed
