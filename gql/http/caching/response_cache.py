"""The response cache: bodies of responses, by request, permissions and state of the store."""

from __future__ import annotations

import asyncio

from gql.cache import ByteCache
from gql.errors import Headers
from gql.http.asgi.graphql_app import RequestSummary
from gql.http.protocol.compression import COMPRESSORS, MIN_BYTES

SLOW_BYTES = 1 << 18
"""The size from which a body is compressed in a thread; below, it takes at most some 5 ms."""

RESPONSE_BYTES = 500
"""The size of an entry without its key and its bodies; measured."""


class CachedResponse:
    """A cached response: the body, compressed on demand. It serves all encodings.

    Attributes:
        body: The body without an encoding.
        compressed: The body by encoding, for the encodings requested so far.
        summary: The summary for the telemetry.
        executor: The executor that made it.
        headers: Header fields from the executor.
    """

    __slots__ = ("body", "compressed", "executor", "headers", "summary")

    def __init__(
        self, body: bytes, summary: RequestSummary, executor: str, headers: Headers = ()
    ) -> None:
        self.body = body
        self.compressed: dict[str, bytes] | None = None
        self.summary = summary
        self.executor = executor
        self.headers = headers

    def encoded(self, encoding: str) -> tuple[str | None, bytes]:
        """The body in an encoding, compressed at most once; (None, body) if it is too small."""
        if len(self.body) < MIN_BYTES:
            return None, self.body
        if self.compressed is None:
            self.compressed = {}
        if encoding not in self.compressed:
            self.compressed[encoding] = COMPRESSORS[encoding](self.body)
        return encoding, self.compressed[encoding]

    def is_slow(self, encoding: str | None) -> bool:
        """Whether compressing it now would block the event loop for long."""
        is_large = encoding is not None and len(self.body) >= SLOW_BYTES
        return is_large and encoding not in (self.compressed or {})

    async def encode(self, encoding: str | None) -> None:
        """Compress a large body in a thread; the compressors release the interpreter lock."""
        if encoding is not None and self.is_slow(encoding):
            compressed = await asyncio.to_thread(COMPRESSORS[encoding], self.body)
            self.compressed = {**(self.compressed or {}), encoding: compressed}

    @property
    def size_bytes(self) -> int:
        """The size of the body in all encodings."""
        return len(self.body) + sum(map(len, (self.compressed or {}).values()))


ResponseKey = tuple[bytes, bytes]
"""A request's text; the viewer's permission key followed by the version of the store's state."""

ResponseCache = ByteCache[ResponseKey, CachedResponse]


def response_cache(capacity_bytes: int) -> ResponseCache:
    """An empty response cache."""
    return ByteCache("responses", capacity_bytes, response_bytes)


def response_bytes(key: ResponseKey, response: CachedResponse) -> int:
    """The size of an entry, with the encodings that it has by now."""
    return len(key[0]) + len(key[1]) + response.size_bytes + RESPONSE_BYTES
