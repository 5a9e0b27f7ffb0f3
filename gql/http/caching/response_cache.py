"""The response cache: whole answers, for the next request that says the same of the same state."""

from __future__ import annotations

import asyncio

from gql.cache import ByteCache
from gql.errors import Headers
from gql.http.asgi.graphql_app import RequestSummary
from gql.http.protocol.compression import COMPRESSORS, MIN_BYTES

SLOW_BYTES = 1 << 18
"""How long a body may be to be compressed on the event loop, in some 5 ms."""

RESPONSE_BYTES = 500
"""What an entry takes beside its key and its bodies; measured."""


class CachedResponse:
    """An answer's body, with its compressed forms as they come to be asked for.

    It is the same for all variants but the encoding.

    Attributes:
        body: The body as it is.
        compressed: The body in the encodings that were asked for.
        summary: What observers are told of it.
        way: What executed it.
        headers: Header fields of its own.
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

    def is_slow(self, encoding: str | None) -> bool:
        """Whether to compress it in this encoding would keep the event loop for long."""
        is_large = encoding is not None and len(self.body) >= SLOW_BYTES
        return is_large and encoding not in (self.compressed or {})

    async def encode(self, encoding: str | None) -> None:
        """Compress the body in a thread, where that takes long: it needs no interpreter."""
        if encoding is not None and self.is_slow(encoding):
            compressed = await asyncio.to_thread(COMPRESSORS[encoding], self.body)
            self.compressed = {**(self.compressed or {}), encoding: compressed}

    @property
    def size_bytes(self) -> int:
        """The body in all its forms."""
        return len(self.body) + sum(map(len, (self.compressed or {}).values()))


ResponseKey = tuple[bytes, bytes]
"""A request's text; the viewer's scope key with the name of the store's state."""

ResponseCache = ByteCache[ResponseKey, CachedResponse]


def response_cache(capacity_bytes: int) -> ResponseCache:
    """An empty cache of answers."""
    return ByteCache("responses", capacity_bytes, response_bytes)


def response_bytes(key: ResponseKey, response: CachedResponse) -> int:
    """What an answer takes, with the forms that it has by now."""
    return len(key[0]) + len(key[1]) + response.size_bytes + RESPONSE_BYTES
