"""What is sent for a request, in the two ways of sending: as ASGI messages, and as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec
from starlette.types import Scope, Send

from gql.errors import Headers, RequestError, refusal

from .asgi import RequestSummary
from .encoding import encode

_LINE = b"%s: %s\r\n"


def _lines(pairs: Headers) -> bytes:
    """Header fields as they are written. All in one go takes two thirds of the time."""
    return _LINE * len(pairs) % sum(pairs, ())


class Head:
    """Header fields that many replies share: as pairs, and as they are written."""

    __slots__ = ("pairs", "text")

    def __init__(self, pairs: Headers) -> None:
        self.pairs = pairs
        self.text = _lines(pairs)

    @classmethod
    @lru_cache(maxsize=1_024)
    def of(cls, pairs: Headers) -> Head:
        """The same object for the same fields: requests that are remembered hold on to it."""
        return cls(pairs)

    def with_field(self, name: bytes, value: bytes) -> Head:
        """These and one more."""
        return Head.of((*self.pairs, (name, value)))


_REFUSAL = Head(
    ((b"content-type", b"application/json; charset=utf-8"), (b"cache-control", b"no-store"))
)


class Reply(msgspec.Struct, frozen=True):
    """What is sent, and a summary of it for the telemetry.

    Attributes:
        status: The HTTP status.
        head: The header block, without the fields below.
        etag: Empty where there is none.
        pieces: They make the body. A 304 has none.
        size_bytes: The body's length. A 304 has no field that tells it.
        summary: What was executed, and its errors.
        added: Header fields that middleware adds behind all others.
    """

    status: int
    head: Head
    etag: bytes
    pieces: Sequence[bytes | memoryview]
    size_bytes: int
    summary: RequestSummary
    added: Headers = ()

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.pieces)

    def with_fields(self, head: Head, added: Headers) -> Reply:
        """The same reply with this header block, and with fields added behind all others."""
        return Reply(
            self.status,
            head,
            self.etag,
            self.pieces,
            self.size_bytes,
            self.summary,
            self.added + added,
        )

    def headers(self) -> list[tuple[bytes, bytes]]:
        """All header fields, as ASGI takes them."""
        headers = list(self.head.pairs)
        if self.etag:
            headers.append((b"etag", self.etag))
        if self.status != 304:
            headers.append((b"content-length", b"%d" % self.size_bytes))
        headers += self.added
        return headers

    def header_text(self) -> bytes:
        """The same as HTTP/1.1 writes them, with the empty line after them."""
        added = _lines(self.added) if self.added else b""
        if self.status == 304:
            return b"%setag: %s\r\n%s\r\n" % (self.head.text, self.etag, added)
        if self.etag:
            values = self.head.text, self.etag, self.size_bytes, added
            return b"%setag: %s\r\ncontent-length: %d\r\n%s\r\n" % values
        return b"%scontent-length: %d\r\n%s\r\n" % (self.head.text, self.size_bytes, added)

    async def send(self, scope: Scope, send: Send) -> None:
        """Send it as ASGI messages, and leave its summary in the scope for the telemetry."""
        scope.setdefault("state", {})["graphql"] = self.summary
        start = {"type": "http.response.start", "status": self.status, "headers": self.headers()}
        await send(start)
        body = b"" if scope["method"] == "HEAD" else self.body
        await send({"type": "http.response.body", "body": body})


def refusal_reply(error: RequestError) -> Reply:
    """The reply to a request that is refused: the error as GraphQL writes it."""
    body = encode({"errors": [refusal(error)]})
    summary = RequestSummary(operation_name=None, error_codes=(error.code,))
    return Reply(error.status, _REFUSAL, b"", (body,), len(body), summary, error.headers)
