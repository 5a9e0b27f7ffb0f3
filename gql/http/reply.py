"""What is sent for a request, in the two ways of sending: as ASGI messages, and as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from gql.errors import Headers

from .asgi import RequestSummary


class Head:
    """Header fields that many replies share: as pairs, and as they are written."""

    __slots__ = ("pairs", "text")

    def __init__(self, pairs: Headers) -> None:
        self.pairs = pairs
        self.text = b"".join(b"%s: %s\r\n" % pair for pair in pairs)

    @classmethod
    @lru_cache(maxsize=1_024)
    def of(cls, pairs: Headers) -> Head:
        """The same object for the same fields: requests that are remembered hold on to it."""
        return cls(pairs)

    def with_field(self, name: bytes, value: bytes) -> Head:
        """These and one more."""
        return Head.of((*self.pairs, (name, value)))


class Reply(msgspec.Struct, frozen=True):
    """What is sent, and `summary`, what is told of it.

    `etag`: empty where there is none. `pieces` make the body, of `size_bytes`. A 304 has none, and
    no field says how long it would be.
    """

    status: int
    head: Head
    etag: bytes
    pieces: Sequence[bytes | memoryview]
    size_bytes: int
    summary: RequestSummary

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.pieces)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """All header fields, as ASGI takes them."""
        headers = list(self.head.pairs)
        if self.etag:
            headers.append((b"etag", self.etag))
        if self.status != 304:
            headers.append((b"content-length", b"%d" % self.size_bytes))
        return headers

    def header_text(self) -> bytes:
        """The same as HTTP/1.1 writes them, with the empty line after them."""
        if self.status == 304:
            return b"%setag: %s\r\n\r\n" % (self.head.text, self.etag)
        if self.etag:
            values = self.head.text, self.etag, self.size_bytes
            return b"%setag: %s\r\ncontent-length: %d\r\n\r\n" % values
        return b"%scontent-length: %d\r\n\r\n" % (self.head.text, self.size_bytes)
