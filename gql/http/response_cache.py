"""Whole answers, kept for the next request that says the same of the same state of the store."""

from __future__ import annotations

from gql.errors import Headers

from .asgi import RequestSummary
from .bounded_cache import BoundedCache
from .compression import COMPRESSORS, MIN_BYTES

ENTRY_BYTES = 300
"""What an entry costs beside its key and its bodies."""


class CachedResponse:
    """An answer's body, its compressed forms as they come to be asked for, and how it was made.

    `headers` are fields of its own. It is the same for all forms but the encoding.
    """

    __slots__ = ("body", "compressed", "headers", "summary", "way")

    def __init__(
        self, body: bytes, summary: RequestSummary, way: str, headers: Headers = ()
    ) -> None:
        self.body = body
        self.compressed: dict[str, bytes] | None = None
        self.summary = summary
        self.way = way
        self.headers = headers

    def encoded(self, encoding: str) -> tuple[str | None, bytes]:
        """The body in an encoding, compressed at most once; (None, body) where it does not pay."""
        if len(self.body) < MIN_BYTES:
            return None, self.body
        if self.compressed is None:
            self.compressed = {}
        if encoding not in self.compressed:
            self.compressed[encoding] = COMPRESSORS[encoding](self.body)
        return encoding, self.compressed[encoding]

    @property
    def size_bytes(self) -> int:
        """The body in all its forms."""
        return len(self.body) + sum(map(len, (self.compressed or {}).values()))


ResponseKey = tuple[bytes, bytes]
"""What was asked, and of which state, with which rights."""


class ResponseCache(BoundedCache[ResponseKey, CachedResponse]):
    """The answers used last."""

    def keep(self, key: ResponseKey, response: CachedResponse) -> None:
        """Keep an answer, counted with the forms it has by now; with no room at all, do nothing."""
        if not self.capacity_bytes:
            return
        key_bytes = len(key[0]) + len(key[1])
        self.put(key, response, key_bytes + response.size_bytes + ENTRY_BYTES)
