"""What is sent for a request, in the two ways of sending: as ASGI messages, and as bytes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gql.errors import Headers

from .asgi import RequestSummary
from .execution import Run


class HeaderBlock:
    """Header fields that many replies share.

    Attributes:
        pairs: Names and values, as ASGI takes them.
        text: The same as HTTP/1.1 writes them.
    """

    __slots__ = ("pairs", "text")

    def __init__(self, pairs: Headers) -> None:
        self.pairs = pairs
        self.text = b"".join(b"%s: %s\r\n" % pair for pair in pairs)


class PreparedReply(msgspec.Struct, frozen=True):
    """What is known of a request's answer in one variant before it is executed once more.

    Attributes:
        digest: Tells the request and the variant apart from all others.
        run: Gives the answer without waiting, where there is a plan for that.
        block: The header fields of an answer that `run` gives.
        headers: Those among them that the executor asks for.
        summary: What observers are told of it.
    """

    digest: bytes
    run: Run | None
    block: HeaderBlock
    headers: Headers
    summary: RequestSummary

    def etag(self, version: bytes) -> bytes:
        """A strong validator of the answer for a state of the store, known before there is one.

        The answer is the same whenever the request, its variant and the state of the store are.
        """
        return b'"%s-%s"' % (self.digest, version)


class Reply(msgspec.Struct, frozen=True):
    """What is sent for a request. A 304 has no body, and no field says how long it would be.

    Attributes:
        status: The status code.
        block: The header fields but those that differ with the body.
        etag: The validator; empty where there is none.
        pieces: The parts of the body.
        size_bytes: Their length together.
        summary: What observers are told of it.
    """

    status: int
    block: HeaderBlock
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
        headers = list(self.block.pairs)
        if self.etag:
            headers.append((b"etag", self.etag))
        if self.status != 304:
            headers.append((b"content-length", b"%d" % self.size_bytes))
        return headers

    def header_text(self) -> bytes:
        """The same as HTTP/1.1 writes them, with the empty line after them."""
        if self.status == 304:
            return b"%setag: %s\r\n\r\n" % (self.block.text, self.etag)
        if self.etag:
            values = self.block.text, self.etag, self.size_bytes
            return b"%setag: %s\r\ncontent-length: %d\r\n\r\n" % values
        return b"%scontent-length: %d\r\n\r\n" % (self.block.text, self.size_bytes)
