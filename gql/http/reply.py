"""Replies: responses that can be sent both as ASGI messages and as HTTP/1.1 bytes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from starlette.types import Scope, Send

from gql.cache_control import NO_STORE, VARY
from gql.error_formatting import format_expected_error
from gql.errors import Headers, RequestError

from .asgi.graphql_app import RequestSummary
from .execution.executor_interface import RunSync
from .protocol.json_encoding import encode
from .protocol.media_types import MediaType, negotiate
from .protocol.messages import Result
from .protocol.response_builder import build_response

SECURITY_HEADERS: Headers = (
    (b"x-content-type-options", b"nosniff"),
    # Only for embedding without CORS; reading by CORS stays possible.
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
)
"""Header fields of every response, against content sniffing, embedding and referrers.

https://fetch.spec.whatwg.org/#x-content-type-options-header
https://fetch.spec.whatwg.org/#cross-origin-resource-policy-header
https://www.w3.org/TR/referrer-policy/
"""

_LINE = b"%s: %s\r\n"


def _serialize(pairs: Headers) -> bytes:
    """Header fields as HTTP/1.1 text. One format operation for all takes two thirds of the time."""
    return _LINE * len(pairs) % sum(pairs, ())


class HeaderBlock:
    """A header block: header fields that many replies share.

    Attributes:
        pairs: The fields for ASGI.
        text: The fields as HTTP/1.1 text.
    """

    __slots__ = ("pairs", "text")

    def __init__(self, pairs: Headers) -> None:
        self.pairs = pairs
        self.text = _serialize(pairs)


class PreparedReply(msgspec.Struct, frozen=True):
    """The prepared part of the replies to one request in one variant.

    Attributes:
        digest: Identifies the request and the variant, for ETags.
        run: Executes the compiled plan without waiting; None if there is no plan.
        block: The header block of a response by `run`.
        headers: The fields in `block` that come from the executor.
        summary: The summary for the telemetry.
    """

    digest: bytes
    run: RunSync | None
    block: HeaderBlock
    headers: Headers
    summary: RequestSummary

    def etag(self, version: bytes) -> bytes:
        """The strong ETag for a state of the store, without executing the operation.

        The response depends on the request, the variant and the state of the store only.
        """
        return b'"%s-%s"' % (self.digest, version)


_REFUSALS = {
    media_type: HeaderBlock(
        (
            (b"content-type", f"{media_type}; charset=utf-8".encode()),
            *NO_STORE,
            VARY,
            *SECURITY_HEADERS,
        )
    )
    for media_type in MediaType
}


class Reply(msgspec.Struct, frozen=True):
    """A complete response. A 304 has no body and no Content-Length.

    Attributes:
        status: The status code.
        block: The header block; without ETag and Content-Length.
        etag: The ETag; empty if there is none.
        pieces: The body, in pieces.
        size_bytes: The length of the body.
        summary: The summary for the telemetry.
        added: Header fields from middleware, behind all others.
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
        """A copy with this header block, and with more fields at the end."""
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
        """All header fields, for ASGI."""
        headers = list(self.block.pairs)
        if self.etag:
            headers.append((b"etag", self.etag))
        if self.status != 304:
            headers.append((b"content-length", b"%d" % self.size_bytes))
        headers += self.added
        return headers

    def header_text(self) -> bytes:
        """All header fields as HTTP/1.1 text, with the empty line behind them."""
        added = _serialize(self.added) if self.added else b""
        if self.status == 304:
            return b"%setag: %s\r\n%s\r\n" % (self.block.text, self.etag, added)
        if self.etag:
            values = self.block.text, self.etag, self.size_bytes, added
            return b"%setag: %s\r\ncontent-length: %d\r\n%s\r\n" % values
        return b"%scontent-length: %d\r\n%s\r\n" % (self.block.text, self.size_bytes, added)

    async def send(self, scope: Scope, send: Send) -> None:
        """Send ASGI messages, and put the summary into the scope for the telemetry."""
        scope.setdefault("state", {})["graphql"] = self.summary
        start = {"type": "http.response.start", "status": self.status, "headers": self.headers()}
        await send(start)
        body = b"" if scope["method"] == "HEAD" else self.body
        await send({"type": "http.response.body", "body": body})


def refusal_reply(error: RequestError, accept: str = "") -> Reply:
    """The reply to a refused request: its GraphQL error, in the media type that `accept` prefers.

    Some clients, such as Apollo's, read the errors of a status above 299 only in
    application/graphql-response+json.
    """
    block = _REFUSALS[negotiate(accept) or MediaType.JSON]
    body = encode({"errors": [format_expected_error(error)]})
    summary = RequestSummary(operation_name=None, error_codes=(error.code,))
    return Reply(error.status, block, b"", (body,), len(body), summary, error.headers)


def error_reply(result: Result, media_type: MediaType) -> Reply:
    """The reply with a result that has errors; no cache may store it."""
    response = build_response(result, media_type)
    fields = [field for field in response.headers if field[0] != b"content-length"]
    block = HeaderBlock((*fields, *SECURITY_HEADERS))
    summary = RequestSummary(response.operation_name, response.error_codes)
    body = response.body
    return Reply(response.status, block, b"", (body,), len(body), summary)
