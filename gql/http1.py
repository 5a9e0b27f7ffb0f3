"""The HTTP/1.1 protocol of our server: uvicorn's, with bounds on what a client may send and hold.

uvicorn bounds neither the size of a head nor the time that a request takes to come, takes trailers
for header fields, and closes connections with answers that are still due.
https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Any

import httptools
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from .connection_limits import (
    ConnectionLimits,
    HeaderTooLargeError,
    HttpVersionError,
    MalformedRequestError,
    RefusedConnections,
    RequestTimeoutError,
    TooManyConnectionsError,
    UriTooLongError,
)
from .deadline import Deadline
from .errors import MethodNotAllowedError, RequestError
from .http import refusal_reply

MIN_BODY_RATE = 4_096
"""How many bytes of a body, each second, keep it from being too slow."""
LINGER_S = 1.0
"""How long, in seconds, a client may take to read a last answer and close."""
LINGER_BYTES = 1 << 20
"""How much of what a client sends on is read for that."""
MAX_LINGERING = 32
"""How many connections beyond the limit are told so, rather than closed without a word."""
STOP_IDLE_S = 0.5
"""How long, in seconds, an idle connection stays open at a stop: who is busy asks again by then."""

_HOST = re.compile(rb"(?:[\w.~%!$&'()*+,;=-]*|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?", re.ASCII)
_FIELD_OVERHEAD = 4  # ": " and the end of the line
_DEFAULTS = ConnectionLimits()


class Part(IntEnum):
    """The part of a request that is being received."""

    NONE = 0
    HEAD = 1
    BODY = 2


class Http1Protocol(HttpToolsProtocol):
    """One connection.

    Attributes:
        inner_app: The application without the middleware for proxies.
        limits: What the connection is held to.
        fields: The header fields of the newest request, by name.
        part: What is being received.
        is_held: Whether the request that is being received was not passed to the application yet.
        stopping: Whether the server stops, so that each answer may be the last.
        ended: Whether the connection is closing, so that what comes is no request any more.
        deadline: By when the client has to go on; none while it is the server's turn.
    """

    refused = RefusedConnections()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        proxied = isinstance(self.app, ProxyHeadersMiddleware)
        self.inner_app: Any = self.app.app if proxied else self.app
        self.limits: ConnectionLimits = getattr(self.inner_app, "connection_limits", _DEFAULTS)
        self.fields: dict[bytes, bytes] = {}
        self.part = Part.NONE
        self.is_held = False
        self.stopping = False
        self.ended = False
        self.deadline = Deadline(self.loop, self._expire)
        self._waits_since = 0.0  # by the loop's clock
        self._is_idle = False  # after an answer
        self._fault: RequestError | None = None  # found by a callback of the parser
        self._last: RequestError | None = None  # to be sent behind the answers that are due
        self._good_host: bytes | None = None
        self._upgrade_ignored = False
        self._chunk_bytes = 0  # of what has come last
        self._head_began = False  # in that chunk
        self._head_bytes = 0  # in the chunks before
        self._trailers = self._trailer_bytes = 0
        self._body_bytes = self._framing_bytes = 0  # the latter since something of the body came
        self._body_since: float | None = None
        self._discarded_bytes = 0
        self._unread_bytes: int | None = None
        self._transport_of_answers = _AnswerTransport(self)

    # The connection.

    def connection_made(self, transport: Any) -> None:
        """Begin, if there is room or idle connections can make some."""
        super().connection_made(transport)
        self.flow = _PipelineFlow(self)
        self._waits_since = now = self.loop.time()
        excess = len(self.connections) - self.limits.max_connections
        if excess <= 0 or self._make_room(now):
            self.deadline.set(now + self.limits.request_timeout_s)
            return
        self.refused.add(self.limits.max_connections)
        self.refuse(TooManyConnectionsError("There are too many connections. Try again later."))
        if excess > MAX_LINGERING:
            self.transport.abort()

    def _make_room(self, now: float) -> bool:
        """Close connections that wait for their client, those first that have waited longest.

        Some at once, so that looking for them costs little for each connection that comes. None
        that has only just come: else a flood of new ones would end them all.
        """
        waiting = [
            each
            for each in self.connections
            if isinstance(each, Http1Protocol) and each is not self and each._waits()
        ]
        waiting.sort(key=lambda each: (each.part, each._waits_since))
        ends = [
            each
            for each in waiting[: 1 + self.limits.max_connections // 16]
            if now - each._waits_since > LINGER_S
        ]
        for each in ends:
            self.connections.discard(each)
            each.transport.close()
        return bool(ends)

    def _waits(self) -> bool:
        return self.deadline.at is not None and self.all_answered() and not self.ended

    def all_answered(self) -> bool:
        """Whether nothing is left to be answered of what was passed to the application."""
        cycle = self.cycle
        return cycle is None or cycle.response_complete or cycle.disconnected

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self.ended = True
        self.deadline.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Answer what was sent until now, and say with the last answer that it is the last."""
        self.stopping = True
        if self.ended or self.transport.is_closing():
            return
        if self.part is Part.NONE and self.all_answered():
            self.deadline.set(self.loop.time() + STOP_IDLE_S)
        elif self.part is not Part.HEAD and not self.all_answered():
            self.cycle.keep_alive = False

    def end(self) -> None:
        """Close, so that the client gets all that was sent to it.

        The system resets a connection that is closed while something in it is unread, and a client
        may lose an answer by that. So only our half is closed until the client has closed its own.
        """
        if self.ended:
            return
        self.ended = True
        if self.transport.is_closing():
            return
        self.pipeline.clear()
        self.flow.resume_reading()
        self.transport.write_eof()
        self.deadline.set(self.loop.time() + LINGER_S)

    # What comes.

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        if self.ended or self._last is not None:
            self._discard(data)
            return
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

    def _discard(self, data: bytes) -> None:
        if not self.ended:
            self.flow.pause_reading()  # answers are due before the connection ends
            return
        self._discarded_bytes += len(data)
        if self._discarded_bytes > LINGER_BYTES:
            self.transport.abort()

    def _await_rest(self) -> None:
        """Bound what has come of a request in bytes, and what is still to come in time."""
        now, limits = self.loop.time(), self.limits
        if self.part is Part.HEAD:
            if self._head_began:
                self.deadline.set(now + limits.request_timeout_s)
                self._head_bytes = self._parsed_head_bytes()
            else:
                self._head_bytes += self._chunk_bytes
            if self._head_bytes > limits.max_header_bytes:
                self.refuse(self._too_large("head"))
            return
        if self._body_since is None:
            self._body_since = now
            self.deadline.set(now + limits.request_timeout_s)
        self._framing_bytes += self._chunk_bytes
        if self._framing_bytes > limits.max_header_bytes:
            self.refuse(self._too_large("trailers or chunk extensions"))

    def _await_start(self) -> None:
        """Bound the empty lines before a request, which are as good as nothing."""
        self._head_bytes += self._chunk_bytes
        if self._head_bytes > self.limits.max_header_bytes:
            self.refuse(self._too_large("head"))

    def _upgrade(self, rest: bytes) -> None:
        """Open a WebSocket; ignore any other upgrade, as RFC 9110 7.8 allows.

        The parser takes no body of a request with an upgrade. So the request is parsed again
        without that field.
        """
        if not self._upgrade_ignored:
            self.deadline.cancel()
            self.handle_websocket_upgrade()
            return
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        lines += [b"%s: %s" % field for field in self.headers if field[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.data_received(b"\r\n".join(lines) + b"\r\n\r\n" + rest)

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Begin a request."""
        if self.ended:
            raise _RefusedError
        super().on_message_begin()
        self.part, self._head_began, self._head_bytes = Part.HEAD, True, 0

    def on_url(self, url: bytes) -> None:
        """Take in a part of the URL."""
        self.url += url
        if len(self.url) > self.limits.max_header_bytes:
            self._fail(self._too_large("head"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a field of the head. One of the trailers is counted, and ignored otherwise.

        https://www.rfc-editor.org/rfc/rfc9110#section-6.5
        """
        if self.part is Part.BODY:
            self._trailers += 1
            self._trailer_bytes += len(name) + len(value) + _FIELD_OVERHEAD
            if (
                self._trailers > self.limits.max_header_fields
                or self._trailer_bytes > self.limits.max_header_bytes
            ):
                self._fail(self._too_large("trailers"))
            return
        if len(self.headers) >= self.limits.max_header_fields:
            self._fail(self._too_large("head"))
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Check the head, and begin the request unless it is an upgrade."""
        self.fields = dict(self.headers)
        self._check_head()
        self._body_since, self._body_bytes, self._framing_bytes = None, 0, -self._chunk_bytes
        self._trailers = self._trailer_bytes = 0
        if self.parser.should_upgrade():
            self._upgrade_ignored = not self._opens_websocket()
            self.scope["method"] = "GET"
        else:
            self.begin_request()
        self.part = Part.BODY

    def begin_request(self) -> None:
        """Pass a request to the application."""
        before = self.cycle
        super().on_headers_complete()
        self.cycle.transport = self._transport_of_answers  # type: ignore[assignment]
        if self.stopping:  # only the last answer says that it is the last
            if before is not None and not before.response_started:
                before.keep_alive = True
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take in a part of a body."""
        self.count_body(body)
        super().on_body(body)

    def count_body(self, body: bytes) -> None:
        """Note that a body goes on."""
        self._body_bytes += len(body)
        self._framing_bytes = -self._chunk_bytes

    def on_message_complete(self) -> None:
        """A request is all there: it is the server's turn."""
        self.part, self._head_bytes = Part.NONE, 0
        if self.parser.should_upgrade():
            return
        if self._trailers and not self.parser.should_keep_alive():
            self.cycle.keep_alive = False  # a trailer said so, and the parser takes nothing more
        super().on_message_complete()
        if self.cycle.response_complete:
            self.await_request()
        else:
            self.deadline.at = None

    def _check_head(self) -> None:
        version, fields = self.parser.get_http_version(), self.fields
        if version not in ("1.1", "1.0"):
            self._fail(HttpVersionError(f"HTTP/{version} is not spoken here. Use HTTP/1.1."))
        if self.parser.get_method() == b"CONNECT":
            self._fail(_NO_PROXY)
        max_bytes = self.limits.max_header_bytes
        is_small = self._head_began and self._chunk_bytes <= max_bytes
        if not is_small and self._parsed_head_bytes() > max_bytes:
            self._fail(self._too_large("head"))
        host = fields.get(b"host")
        if host is None:
            if version == "1.1":
                self._fail(MalformedRequestError("A request in HTTP/1.1 needs a Host field."))
        elif host != self._good_host:
            if not _HOST.fullmatch(host):
                self._fail(MalformedRequestError("The Host field is no host, or host and port."))
            self._good_host = host
        if len(fields) < len(self.headers):
            names = [name for name, _ in self.headers]
            if names.count(b"host") > 1:
                self._fail(MalformedRequestError("A request has one Host field, and no more."))
        self.expect_100_continue = fields.get(b"expect", b"").lower() == b"100-continue"

    def _opens_websocket(self) -> bool:
        return (
            self._should_upgrade()
            and self.parser.get_method() == b"GET"
            and self.parser.get_http_version() == "1.1"
            and self.fields.get(b"content-length", b"0") == b"0"
            and b"transfer-encoding" not in self.fields
            and self.all_answered()
        )

    def _parsed_head_bytes(self) -> int:
        fields = sum(len(name) + len(value) + _FIELD_OVERHEAD for name, value in self.headers)
        return len(self.url) + fields

    def _too_large(self, part: str) -> RequestError:
        limits = self.limits
        if len(self.url) > limits.max_header_bytes:
            return UriTooLongError(f"The URL has more than {limits.max_header_bytes} bytes.")
        return HeaderTooLargeError(
            f"The {part} of the request may have {limits.max_header_bytes} bytes "
            f"and {limits.max_header_fields} fields."
        )

    def _fail(self, error: RequestError) -> None:
        self._fault = error
        raise _RefusedError  # ends the parser's work, which then calls `refuse`

    # Answers.

    def on_response_complete(self) -> None:
        """Go on with the request behind, or wait for one."""
        self.server_state.total_requests += 1
        if self.ended or self.transport.is_closing():
            return
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self.flow.resume_reading()
            self._start_asgi_task(cycle, app)
        elif self._last is not None:
            self._send_last(self._last)
        else:
            self.flow.resume_reading()
            if self.part is Part.NONE:
                self.await_request()

    def await_request(self) -> None:
        """Leave the connection idle for as long as it may be."""
        now = self.loop.time()
        self._waits_since, self._is_idle = now, True
        self.deadline.set(now + (STOP_IDLE_S if self.stopping else self.timeout_keep_alive))

    def refuse(self, error: RequestError) -> None:
        """Refuse the request that is being received, and end, behind the answers that are due."""
        if self.ended or self._last is not None:
            return
        cycle = self.cycle
        if self.part is Part.BODY and not self.is_held and cycle.response_started:
            # Its answer is out, or a part of it, and nobody can tell where another one would begin.
            self.end() if cycle.response_complete else self.transport.abort()
            return
        if self.part is Part.BODY and not self.is_held:
            cycle.disconnected = True
            cycle.message_event.set()
            if self.pipeline and self.pipeline[0][0] is cycle:
                self.pipeline.popleft()
                self._last = error
            else:
                self._send_last(error)
        elif self.all_answered():
            self._send_last(error)
        else:
            self._last = error

    def _send_last(self, error: RequestError) -> None:
        self.limits.count_refusal(error.status)
        reply = refusal_reply(error)
        default = [b"%s: %s\r\n" % field for field in self.server_state.default_headers]
        pieces = [STATUS_LINE[reply.status], *default, b"connection: close\r\n"]
        self.transport.write(b"".join([*pieces, reply.header_text(), reply.body]))
        self.part = Part.BODY  # of which nothing more is read
        self.end()

    # Time.

    def _expire(self, now: float) -> None:
        """Act on a client that did not go on in time."""
        if self._still_reads(now):
            return
        if self.ended:
            self.transport.abort()
        elif self.part is Part.BODY:
            self._expire_body(now)
        elif self.part is Part.HEAD:
            self.refuse(self._timeout("head", self.limits.request_timeout_s))
        elif not self.all_answered():
            self.deadline.at = None  # what was waited for is that the client reads on
        elif self.stopping:
            self.end()
        elif self._is_idle:
            self.transport.close()
        else:
            self.refuse(self._timeout("head", self.limits.request_timeout_s))

    def _expire_body(self, now: float) -> None:
        if self._body_since is None or self.flow.read_paused:  # it is ours to read on
            self._body_since = now
        time_s = self.limits.request_timeout_s + self._body_bytes / MIN_BODY_RATE
        if self._body_since + time_s > now:
            self.deadline.set(self._body_since + time_s)
        else:
            self.refuse(self._timeout("body", time_s))

    def _still_reads(self, now: float) -> bool:
        """Whether the client has something to read, with which it has to get on."""
        before, unread = self._unread_bytes, self.transport.get_write_buffer_size()
        self._unread_bytes = unread or None
        if not unread:
            return False
        if before is not None and unread >= before:
            self.transport.abort()
        else:
            self.deadline.set(now + self.limits.send_timeout_s)
        return True

    def pause_writing(self) -> None:
        """Hold a client that does not read to get on with it."""
        super().pause_writing()
        if self.deadline.at is None:
            self.deadline.set(self.loop.time() + self.limits.send_timeout_s)

    @staticmethod
    def _timeout(part: str, time_s: float) -> RequestError:
        return RequestTimeoutError(f"The {part} of the request did not come within {time_s:.0f} s.")


class _RefusedError(Exception):
    """Ends the parser's work."""


class _PipelineFlow(FlowControl):
    """Reads no more while requests wait behind another: a client could send them without end."""

    def __init__(self, protocol: Http1Protocol) -> None:
        super().__init__(protocol.transport)
        self._pipeline = protocol.pipeline

    def resume_reading(self) -> None:
        """Read on, unless requests wait."""
        if not self._pipeline:
            super().resume_reading()


class _AnswerTransport:
    """What an answer is written to; it ends the connection as the protocol does."""

    def __init__(self, protocol: Http1Protocol) -> None:
        self._protocol = protocol

    def write(self, data: bytes) -> None:
        """Send."""
        if not self._protocol.ended:
            self._protocol.transport.write(data)

    def is_closing(self) -> bool:
        """Whether nothing is sent any more."""
        return self._protocol.ended or self._protocol.transport.is_closing()

    def close(self) -> None:
        """End the connection."""
        self._protocol.end()


_NO_PROXY = MethodNotAllowedError(
    "CONNECT is for proxies, and this is none.", headers=((b"allow", b"GET, HEAD, POST, OPTIONS"),)
)
