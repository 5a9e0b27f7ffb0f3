"""The HTTP/1.1 protocol: requests as they come, and what they may have of bytes.

uvicorn bounds no head, takes trailers for header fields, and closes the connection at an upgrade
that it does not know.
https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

from typing import Any

import httptools

from gql.errors import MalformedRequestError, RequestError

from .connection import Part
from .head import FIELD_OVERHEAD, HeadCheck, StartLine, count_head_bytes, too_large
from .timeouts import TimedConnection
from .upgrades import can_open_websocket, remove_upgrade

PIECE_BYTES = 1 << 14
"""How much is parsed at once: up to 400 small requests, of which each takes 2 kB while it waits."""

TURN_BYTES = 1 << 16
"""How much is parsed before others have their turn: chunks of one byte take 18 ms."""

MAX_PIPELINED = 16
"""While more requests than this wait behind another one, what comes is left unparsed."""


_BODY = Part.BODY


class Http1Protocol(TimedConnection):
    """One connection, and the requests that come over it.

    Attributes:
        fields: The header fields of the newest request, by name.
        method: The method of the newest request.
        version: The version of HTTP in it, such as `1.1`.
        head_bytes: How much of a head has come before the newest data.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields: dict[bytes, bytes] = {}
        self.method, self.version = b"", ""
        self.head_bytes = 0
        self._head_check = HeadCheck(self.limits)
        self._fault: RequestError | None = None  # found by a callback of the parser
        self._upgrade_ignored = False
        self._unparsed = b""
        self._chunk_bytes = 0  # of what has come last
        self._head_began = False  # in that chunk
        self._trailers = self._trailer_bytes = 0
        self._framing_bytes = 0  # since something of the body came

    # What comes.

    def data_received(self, data: bytes) -> None:
        """Parse what has come, as long as not many requests wait to be answered."""
        is_usual = len(data) <= PIECE_BYTES and not (self.pipeline or self._unparsed)
        if is_usual and not (self.ended or self.pending_refusal):
            self._parse(data)
        else:
            self._parse_in_turns(data)

    def _parse_in_turns(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE_BYTES):
            if self.ended or self.pending_refusal is not None:
                self.discard(data[start:])
                return
            if self._unparsed or start >= TURN_BYTES or len(self.pipeline) > MAX_PIPELINED:
                self._unparsed += data[start:]
                self.flow.pause_reading()
                if not self.pipeline:
                    self.loop.call_soon(self._go_on)
                return
            self._parse(data[start : start + PIECE_BYTES])
            if self.transport.get_protocol() is not self:
                return  # it is a WebSocket, and what came behind the handshake is none of its

    def on_response_complete(self) -> None:
        """Go on with the requests behind."""
        super().on_response_complete()
        if len(self.pipeline) <= MAX_PIPELINED // 2:
            self._go_on()

    def _go_on(self) -> None:
        """Parse what was left."""
        if self._unparsed and not self.transport.is_closing():
            data, self._unparsed = self._unparsed, b""
            self.flow.resume_reading()
            self.data_received(data)

    def _parse(self, data: bytes) -> None:
        self._chunk_bytes, self._head_began = len(data), False
        before = self.part
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self.refuse(self._fault or MalformedRequestError(f"This is no HTTP/1.1: {error}."))
        else:
            if self.part:
                self._await_rest()
            elif not (before or self._head_began):
                self._await_start()

    def _await_rest(self) -> None:
        """Bound what has come of a request in bytes, and what is still to come in time."""
        now, limits = self.loop.time(), self.limits
        if self.part is Part.HEAD:
            if self._head_began:
                self.deadline.set(now + limits.request_timeout_s)
                self.head_bytes = count_head_bytes(self.url, self.headers)
            else:
                self.head_bytes += self._chunk_bytes
            too_many = len(self.headers) > limits.max_header_fields
            if too_many or self.head_bytes > limits.max_header_bytes:
                self.refuse(self._too_large("head"))
            return
        if self.body_since is None:
            self.body_since = now
            self.deadline.set(now + limits.request_timeout_s)
        self._framing_bytes += self._chunk_bytes
        if self._framing_bytes > limits.max_header_bytes:
            self.refuse(self._too_large("trailers or chunk extensions"))

    def _await_start(self) -> None:
        """Bound the empty lines before a request, which are as good as nothing."""
        self.head_bytes += self._chunk_bytes
        if self.head_bytes > self.limits.max_header_bytes:
            self.refuse(self._too_large("head"))

    def _upgrade(self, rest: bytes) -> None:
        """Open a WebSocket; ignore any other upgrade, by parsing the request without it."""
        if not self._upgrade_ignored:
            self.deadline.cancel()
            self.handle_websocket_upgrade()
            self.parser = None  # type: ignore[assignment]  # which holds this, that nobody needs now
            return
        head = remove_upgrade(self.parser, self.url, self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.data_received(head + rest)

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Begin a request."""
        if self.ended:
            raise _RefusedError
        super().on_message_begin()
        self.part, self._head_began, self.head_bytes = Part.HEAD, True, 0

    def on_url(self, url: bytes) -> None:
        """Take in a part of the URL."""
        self.url += url
        if len(self.url) > self.limits.max_header_bytes:
            self._fail(self._too_large("head"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a field of the head. One of the trailers is counted, and ignored otherwise.

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
            self._fail(self._too_large("trailers"))

    def on_headers_complete(self) -> None:
        """Check the head, and begin the request unless it is an upgrade."""
        self.fields = fields = dict(self.headers)
        self.method, self.version = self.parser.get_method(), self.parser.get_http_version()
        check, method, version = self._head_check, self.method, self.version
        is_small = self._head_began and self._chunk_bytes <= self.limits.max_header_bytes
        if not (is_small and check.is_usual(method, version, self.headers, fields)):
            start = StartLine(method, self.url, version)
            fault = check.find_fault(start, self.headers, fields, is_small=is_small)
            if fault is not None:
                self._fail(fault)
        if b"expect" in fields:
            self.expect_100_continue = fields[b"expect"].lower() == b"100-continue"
        self.body_since, self.body_bytes, self._framing_bytes = None, 0, -self._chunk_bytes
        self._trailers = self._trailer_bytes = 0
        if self.parser.should_upgrade():
            self._upgrade_ignored = not (
                self._should_upgrade()
                and can_open_websocket(self.parser, fields)
                and self.all_answered()
            )
            self.scope["method"] = "GET"
        else:
            self.begin_request()
        self.part = _BODY

    def on_body(self, body: bytes) -> None:
        """Take in a part of a body."""
        self.count_body(body)
        super().on_body(body)

    def count_body(self, body: bytes) -> None:
        """Note that a body goes on."""
        self.body_bytes += len(body)
        self._framing_bytes = -self._chunk_bytes

    def on_message_complete(self) -> None:
        """A request is all there: it is the server's turn."""
        self.part, self.head_bytes = Part.NONE, 0
        if self.parser.should_upgrade():
            return
        if self._trailers and not self.parser.should_keep_alive():
            self.cycle.keep_alive = False  # a trailer said so, and the parser takes nothing more
        super().on_message_complete()
        if self.cycle.response_complete:
            self.await_request()
        else:
            self.deadline.at = None

    def _too_large(self, part: str) -> RequestError:
        return too_large(part, self.url, self.limits)

    def _fail(self, error: RequestError) -> None:
        self._fault = error
        raise _RefusedError  # ends the parser's work, which then calls `refuse`


class _RefusedError(Exception):
    """Ends the parser's work."""
