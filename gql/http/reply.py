"""What is sent for a request, in the two ways of sending: as ASGI messages, and as bytes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from starlette.types import Scope, Send

from gql.error_formatting import format_expected_error
from gql.errors import Headers, RequestError

from .asgi.graphql_app import RequestSummary
from .execution.executor_interface import Run
from .protocol.json_encoding import encode
from .protocol.media_types import MediaType
from .protocol.messages import Result, respond

SECURITY_HEADERS: Headers = (
    (b"x-content-type-options", b"nosniff"),
    # Only for what pages embed without CORS: who may read by CORS may do so all the same.
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
)
"""Fields of every response: they keep browsers from using it for what it is not meant for.

https://fetch.spec.whatwg.org/#x-content-type-options-header
https://fetch.spec.whatwg.org/#cross-origin-resource-policy-header
https://www.w3.org/TR/referrer-policy/
"""

_LINE = b"%s: %s\r\n"


def _lines(pairs: Headers) -> bytes:
    """Header fields as they are written. All in one go takes two thirds of the time."""
    return _LINE * len(pairs) % sum(pairs, ())


class HeaderBlock:
    """Header fields that many replies share.

    Attributes:
        pairs: Names and values, as ASGI takes them.
        text: The same as HTTP/1.1 writes them.
    """

    __slots__ = ("pairs", "text")

    def __init__(self, pairs: Headers) -> None:
        self.pairs = pairs
        self.text = _lines(pairs)


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


_REFUSAL = HeaderBlock(
    (
        (b"content-type", b"application/json; charset=utf-8"),
        (b"cache-control", b"no-store"),
        *SECURITY_HEADERS,
    )
)


class Reply(msgspec.Struct, frozen=True):
    """What is sent for a request. A 304 has no body, and no field says how long it would be.

    Attributes:
        status: The status code.
        block: The header fields but those that differ with the body.
        etag: The validator; empty where there is none.
        pieces: The parts of the body.
        size_bytes: Their length together.
        summary: What was executed, and its errors, for the telemetry.
        added: Header fields that middleware adds behind all others.
    """

    status: int
    block: HeaderBlock
    etag: bytes
    pieces: Sequence[bytes | memoryview]
    size_bytes: int
    summary: RequestSummary
    added: Headers = ()

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.pieces)

    def with_fields(self, block: HeaderBlock, added: Headers) -> Reply:
        """The same reply with this header block, and with fields added behind all others."""
        return Reply(
            self.status,
            block,
            self.etag,
            self.pieces,
            self.size_bytes,
            self.summary,
            self.added + added,
        )

    def headers(self) -> list[tuple[bytes, bytes]]:
        """All header fields, as ASGI takes them."""
        headers = list(self.block.pairs)
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
            return b"%setag: %s\r\n%s\r\n" % (self.block.text, self.etag, added)
        if self.etag:
            values = self.block.text, self.etag, self.size_bytes, added
            return b"%setag: %s\r\ncontent-length: %d\r\n%s\r\n" % values
        return b"%scontent-length: %d\r\n%s\r\n" % (self.block.text, self.size_bytes, added)

    async def send(self, scope: Scope, send: Send) -> None:
        """Send it as ASGI messages, and leave its summary in the scope for the telemetry."""
        scope.setdefault("state", {})["graphql"] = self.summary
        start = {"type": "http.response.start", "status": self.status, "headers": self.headers()}
        await send(start)
        body = b"" if scope["method"] == "HEAD" else self.body
        await send({"type": "http.response.body", "body": body})


def refusal_reply(error: RequestError) -> Reply:
    """The reply to a request that is refused: the error as GraphQL writes it."""
    body = encode({"errors": [format_expected_error(error)]})
    summary = RequestSummary(operation_name=None, error_codes=(error.code,))
    return Reply(error.status, _REFUSAL, b"", (body,), len(body), summary, error.headers)


def error_reply(result: Result, media_type: MediaType) -> Reply:
    """The reply with an answer that has errors, which nobody should keep."""
    response = respond(result, media_type)
    fields = [field for field in response.headers if field[0] != b"content-length"]
    block = HeaderBlock((*fields, *SECURITY_HEADERS))
    summary = RequestSummary(response.operation_name, response.error_codes)
    body = response.body
    return Reply(response.status, block, b"", (body,), len(body), summary)
