"""Whole answers, kept for the next request that says the same of the same state of the store."""

from __future__ import annotations

from .bounded_cache import BoundedCache
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

    def encoded(self, encoding: str | None) -> tuple[str | None, bytes]:
        """The body in an encoding, compressed at most once; (None, body) where it does not pay."""
        body = self.bodies[None]
        if encoding is None or len(body) < MIN_BYTES:
            return None, body
        compressed = self.bodies.get(encoding)
        if compressed is None:
            compressed = self.bodies[encoding] = COMPRESSORS[encoding](body)
        return encoding, compressed


ResponseKey = tuple[bytes, bytes]
"""What was asked, and of which state, with which rights."""


class ResponseCache(BoundedCache[ResponseKey, CachedResponse]):
    """The answers used last."""

    def keep(self, key: ResponseKey, response: CachedResponse) -> None:
        """Keep an answer, counted with the forms it has by now."""
        bodies = sum(map(len, response.bodies.values()))
        self.put(key, response, len(key[0]) + len(key[1]) + bodies + ENTRY_BYTES)
