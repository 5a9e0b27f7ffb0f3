"""The HTTP/1.1 protocol: parsing of requests, with limits of their sizes.

uvicorn has no limit for heads, treats trailers as header fields, and closes the connection at an
unknown upgrade.
https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

from typing import Any

import httptools

from gql.errors import MalformedRequestError, RequestError

from .connection import RequestPart
from .head import (
    FIELD_OVERHEAD,
    HeadValidator,
    StartLine,
    count_head_bytes,
    find_coding_error,
    too_large_error,
)
from .timeouts import TimedConnection
from .upgrades import can_open_websocket, remove_upgrade

SLICE_BYTES = 1 << 14
"""The bytes that are parsed at once: up to 400 small requests, of 2 kB each while they wait."""

MAX_PARSED_BYTES = 1 << 16
"""The bytes that are parsed before other connections run: chunks of one byte take 18 ms."""

MAX_PIPELINED = 16
"""The most pipelined requests; while more wait, received bytes stay unparsed."""

# Python 3.11 takes 0.2 us to look a member up in its class.
_NONE, _HEAD, _BODY = RequestPart


class Http1Protocol(TimedConnection):
    """A connection that parses HTTP/1.1 requests.

    Attributes:
        fields: The header fields of the newest request, by name.
        method: The method of the newest request.
        version: The HTTP version of the newest request, such as `1.1`.
        head_bytes: The bytes of an incomplete head, before the newest data.
    """

    __slots__ = (
        "_chunk_bytes",
        "_framing_bytes",
        "_head_started",
        "_head_validator",
        "_parser_error",
        "_trailer_bytes",
        "_trailers",
        "_unparsed",
        "_upgrade_ignored",
        "fields",
        "head_bytes",
        "method",
        "version",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields: dict[bytes, bytes] = {}
        self.method, self.version = b"", ""
        self.head_bytes = 0
        self._head_validator = HeadValidator(self.limits)
        self._parser_error: RequestError | None = None  # set by a callback of the parser
        self._upgrade_ignored = False
        self._unparsed = b""
        self._chunk_bytes = 0  # of the newest data
        self._head_started = False  # in the newest data
        self._trailers = self._trailer_bytes = 0
        self._framing_bytes = 0  # since the last byte of a body

    # Received data.

    def data_received(self, data: bytes) -> None:
        """Parse received data, unless too many requests are pipelined."""
        can_parse_now = len(data) <= SLICE_BYTES and not (self.pipeline or self._unparsed)
        if can_parse_now and not (self.is_ending or self.pending_refusal):
            self._parse(data)
        else:
            self._parse_in_slices(data)

    def _parse_in_slices(self, data: bytes) -> None:
        for start in range(0, len(data), SLICE_BYTES):
            if self.is_ending or self.pending_refusal is not None:
                self.discard(data[start:])
                return
            if self._unparsed or start >= MAX_PARSED_BYTES or len(self.pipeline) > MAX_PIPELINED:
                self._unparsed += data[start:]
                self.flow.pause_reading()
                if not self.pipeline:
                    self.loop.call_soon(self._resume_parsing)
                return
            self._parse(data[start : start + SLICE_BYTES])
            if self.transport.get_protocol() is not self:
                return  # a WebSocket; the bytes behind its handshake are dropped

    def on_response_complete(self) -> None:
        """Resume parsing once few requests are pipelined."""
        super().on_response_complete()
        if len(self.pipeline) <= MAX_PIPELINED // 2:
            self._resume_parsing()

    def _resume_parsing(self) -> None:
        """Parse the unparsed bytes."""
        if self._unparsed and not self.transport.is_closing():
            data, self._unparsed = self._unparsed, b""
            self.flow.resume_reading()
            self.data_received(data)

    def _parse(self, data: bytes) -> None:
        self._chunk_bytes, self._head_started = len(data), False
        before = self.part
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            malformed = MalformedRequestError(f"The request is not valid HTTP/1.1: {error}.")
            self.refuse(self._parser_error or malformed)
        else:
            if self.part:
                self._check_incomplete()
            elif not (before or self._head_started):
                self._check_empty_lines()

    def _check_incomplete(self) -> None:
        """Check the size of an incomplete request, and set the deadline for the rest."""
        now, limits = self.loop.time(), self.limits
        if self.part is _HEAD:
            if self._head_started:
                self.deadline.set(now + limits.request_timeout_s)
                self.head_bytes = count_head_bytes(self.url, self.headers)
            else:
                self.head_bytes += self._chunk_bytes
            too_many = len(self.headers) > limits.max_header_fields
            if too_many or self.head_bytes > limits.max_header_bytes:
                self.refuse(self._too_large_error("head"))
            return
        if self.body_waiting_since is None:
            self.body_waiting_since = now
            self.deadline.set(now + limits.request_timeout_s)
        self._framing_bytes += self._chunk_bytes
        if self._framing_bytes > limits.max_header_bytes:
            self.refuse(self._too_large_error("trailers or chunk extensions"))

    def _check_empty_lines(self) -> None:
        """Check the size of the empty lines before a request."""
        self.head_bytes += self._chunk_bytes
        if self.head_bytes > self.limits.max_header_bytes:
            self.refuse(self._too_large_error("head"))

    def _upgrade(self, rest: bytes) -> None:
        """Open a WebSocket, or parse the head again without its Upgrade field."""
        if not self._upgrade_ignored:
            self.deadline.cancel()
            self.handle_websocket_upgrade()
            self.parser = None  # type: ignore[assignment]  # breaks a reference cycle
            return
        head = remove_upgrade(self.parser, self.url, self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.data_received(head + rest)

    # Callbacks of the parser.

    def on_message_begin(self) -> None:
        """Start a request."""
        if self.is_ending:
            raise _ParsingAbortedError
        super().on_message_begin()
        self.part, self._head_started, self.head_bytes = _HEAD, True, 0

    def on_url(self, url: bytes) -> None:
        """Append to the URL."""
        self.url += url
        if len(self.url) > self.limits.max_header_bytes:
            self._abort_parsing(self._too_large_error("head"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Append a header field; a trailer is only counted.

        https://www.rfc-editor.org/rfc/rfc9110#section-6.5
        """
        if self.part is _BODY:
            self._count_trailer(len(name) + len(value) + FIELD_OVERHEAD)
        else:
            self.headers.append((name.lower(), value))

    def _count_trailer(self, size_bytes: int) -> None:
        self._trailers += 1
        self._trailer_bytes += size_bytes
        if (
            self._trailers > self.limits.max_header_fields
            or self._trailer_bytes > self.limits.max_header_bytes
        ):
            self._abort_parsing(self._too_large_error("trailers"))

    def on_headers_complete(self) -> None:
        """Validate the head, and start the request unless it is an upgrade."""
        self.fields = fields = dict(self.headers)
        self.method, self.version = self.parser.get_method(), self.parser.get_http_version()
        check, method, version = self._head_validator, self.method, self.version
        is_small = self._head_started and self._chunk_bytes <= self.limits.max_header_bytes
        if not (is_small and check.is_like_previous(method, version, self.headers, fields)):
            start = StartLine(method, self.url, version)
            error = check.find_error(start, self.headers, fields, is_small=is_small)
            if error is not None:
                self._abort_parsing(error)
        if b"transfer-encoding" in fields:
            error = find_coding_error(self.headers)
            if error is not None:
                self._abort_parsing(error)
        if b"expect" in fields:
            self.expect_100_continue = fields[b"expect"].lower() == b"100-continue"
        self.body_waiting_since, self.body_bytes, self._framing_bytes = None, 0, -self._chunk_bytes
        self._trailers = self._trailer_bytes = 0
        if self.parser.should_upgrade():
            self._upgrade_ignored = not (
                self._should_upgrade()
                and can_open_websocket(self.parser, fields)
                and self.responses_complete()
            )
            self.scope["method"] = "GET"
        else:
            self.start_request()
        self.part = _BODY

    def on_body(self, body: bytes) -> None:
        """Pass a part of a body on."""
        self.count_body(body)
        super().on_body(body)

    def count_body(self, body: bytes) -> None:
        """Count a part of a body."""
        self.body_bytes += len(body)
        self._framing_bytes = -self._chunk_bytes

    def on_message_complete(self) -> None:
        """End a request: cancel the deadline, or wait for the next request."""
        self.part, self.head_bytes = _NONE, 0
        if self.parser.should_upgrade():
            return
        if self._trailers and not self.parser.should_keep_alive():
            self.cycle.keep_alive = False  # by a trailer; the parser takes nothing more
        super().on_message_complete()
        if self.cycle.response_complete:
            self.await_next_request()
        else:
            self.deadline.at = None

    def _too_large_error(self, part: str) -> RequestError:
        return too_large_error(part, self.url, self.limits)

    def _abort_parsing(self, error: RequestError) -> None:
        self._parser_error = error
        raise _ParsingAbortedError  # the parser then raises its own error, and `refuse` is called


class _ParsingAbortedError(Exception):
    """Aborts the parser from one of its callbacks."""
