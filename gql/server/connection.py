"""One connection: its limit, responses in order, refusals, keep-alive and lingering close.

uvicorn closes connections with pending responses, and takes any number of pipelined requests.
https://www.rfc-editor.org/rfc/rfc9112#section-9
"""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections.abc import Collection
from enum import IntEnum
from typing import Any

from gql.adapters.uvicorn import (
    STATUS_LINE,
    FlowControl,
    HttpToolsProtocol,
    unwrap_proxy_headers,
)
from gql.errors import RequestError, TooManyConnectionsError
from gql.http import refusal_reply

from .connection_limits import ConnectionLimits
from .deadline import Deadline
from .refused_connections import RefusedConnections

LINGER_S = 1.0
"""The time-out of a lingering close, in seconds: the client reads the last response and closes."""
LINGER_BYTES = 1 << 20
"""The most bytes that are read and dropped in a lingering close."""
MAX_LINGERING = 32
"""How many connections over the limit get a 503; further ones are aborted."""
SHUTDOWN_IDLE_S = 0.5
"""The keep-alive time-out during a shutdown, in seconds: a busy client sends a request by then."""

_DEFAULTS = ConnectionLimits()


class RequestPart(IntEnum):
    """The part of a request that is being received."""

    NONE = 0
    HEAD = 1
    BODY = 2


class HttpConnection(HttpToolsProtocol, ABC):
    """A connection. Subclasses parse requests and handle time-outs.

    Attributes:
        refused: The log of connections that were refused at the limit.
        inner_app: The application without uvicorn's middleware for forwarded headers.
        limits: The limits of the connection.
        part: The part of a request that is being received.
        is_buffering: Whether the body of the current request is buffered here, and the application
            does not know the request yet.
        stopping: Whether the server shuts down, so that each response may be the last.
        is_ending: Whether the connection is closing, so that received bytes are dropped.
        deadline: The deadline of the client; none while the server works on a response.
        waiting_since: When the wait for the current or next request began, by the loop's clock.
        is_kept_alive: Whether the connection has had a response before.
        pending_refusal: The refusal to be sent behind the pending responses.
    """

    __slots__ = (
        "_discarded_bytes",
        "_response_transport",
        "deadline",
        "inner_app",
        "is_buffering",
        "is_ending",
        "is_kept_alive",
        "limits",
        "part",
        "pending_refusal",
        "stopping",
        "waiting_since",
    )

    refused = RefusedConnections()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.inner_app: Any = unwrap_proxy_headers(self.app)
        self.limits: ConnectionLimits = getattr(self.inner_app, "connection_limits", _DEFAULTS)
        self.part = RequestPart.NONE
        self.is_buffering = False
        self.stopping = False
        self.is_ending = False
        self.deadline = Deadline(self.loop, self.on_deadline)
        self.waiting_since = 0.0
        self.is_kept_alive = False
        self.pending_refusal: RequestError | None = None
        self._discarded_bytes = 0
        self._response_transport = _ResponseTransport(self)

    @abstractmethod
    def on_deadline(self, now: float) -> None:
        """Handle a client that missed the deadline. `now`: by the loop's clock."""

    # Opening.

    def connection_made(self, transport: Any) -> None:
        """Accept the connection, if necessary in place of idle ones; else refuse it."""
        super().connection_made(transport)
        self.flow = _PipelineFlowControl(transport, self.pipeline)
        self.waiting_since = now = self.loop.time()
        excess = len(self.connections) - self.limits.max_connections
        if excess <= 0 or self._evict_waiting(now):
            self.deadline.set(now + self.limits.request_timeout_s)
            return
        self.refused.add(self.limits.max_connections)
        self.refuse(TooManyConnectionsError("There are too many connections. Try again later."))
        if excess > MAX_LINGERING:
            self.transport.abort()

    def _evict_waiting(self, now: float) -> bool:
        """Close connections that wait for their client, the longest waiting first.

        Several at once, so that the search costs little for each new connection. None that is new:
        otherwise a flood of new connections would evict all.
        """
        waiting = [
            each
            for each in self.connections
            if isinstance(each, HttpConnection) and each is not self and each._is_waiting()
        ]
        waiting.sort(key=lambda each: (each.part, each.waiting_since))
        evicted = [
            each
            for each in waiting[: 1 + self.limits.max_connections // 16]
            if now - each.waiting_since > LINGER_S
        ]
        for each in evicted:
            self.connections.discard(each)
            each.transport.close()
        return bool(evicted)

    def _is_waiting(self) -> bool:
        if self.deadline.at is None or self.is_ending:
            return False
        is_unfinished = self.part is RequestPart.BODY and not self.cycle.response_started
        return self.responses_complete() or (is_unfinished and not self.pipeline)

    # Responses.

    def start_request(self) -> None:
        """Pass a request to the application. Its response may close the connection."""
        previous = self.cycle
        super().on_headers_complete()
        self.cycle.transport = self._response_transport  # type: ignore[assignment]
        if self.stopping:  # only the last response has `Connection: close`
            if previous is not None and not previous.response_started:
                previous.keep_alive = True
            self.cycle.keep_alive = False

    def responses_complete(self) -> bool:
        """Whether all requests that the application got have their responses."""
        cycle = self.cycle
        return cycle is None or cycle.response_complete or cycle.disconnected

    def on_response_complete(self) -> None:
        """Start the next pipelined request, or wait for one."""
        self.server_state.total_requests += 1
        if self.is_ending or self.transport.is_closing():
            return
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self.flow.resume_reading()
            self._start_asgi_task(cycle, app)
        elif self.pending_refusal is not None:
            self._send_refusal(self.pending_refusal)
        else:
            self.flow.resume_reading()
            if not self.part:
                self.await_next_request()

    def await_next_request(self) -> None:
        """Set the keep-alive deadline."""
        now = self.loop.time()
        self.waiting_since, self.is_kept_alive = now, True
        self.deadline.set(now + (SHUTDOWN_IDLE_S if self.stopping else self.timeout_keep_alive))

    def refuse(self, error: RequestError) -> None:
        """Refuse the current request and close the connection, behind the pending responses."""
        if self.is_ending or self.pending_refusal is not None:
            return
        cycle = self.cycle
        if self.part is RequestPart.BODY and not self.is_buffering and cycle.response_started:
            # Its response is sent, at least a part of it, so that another one cannot be sent.
            self.close_gracefully() if cycle.response_complete else self.transport.abort()
            return
        if self.part is RequestPart.BODY and not self.is_buffering:
            cycle.disconnected = True
            cycle.message_event.set()
            if self.pipeline and self.pipeline[0][0] is cycle:
                self.pipeline.popleft()
                self.pending_refusal = error
            else:
                self._send_refusal(error)
        elif self.responses_complete():
            self._send_refusal(error)
        else:
            self.pending_refusal = error

    def _send_refusal(self, error: RequestError) -> None:
        self.limits.count_refusal(error.status)
        reply = refusal_reply(error)
        default = [b"%s: %s\r\n" % field for field in self.server_state.default_headers]
        pieces = [STATUS_LINE[reply.status], *default, b"connection: close\r\n"]
        self.transport.write(b"".join([*pieces, reply.header_text(), reply.body]))
        self.part = RequestPart.BODY  # nothing more of it is read
        self.close_gracefully()

    # Closing.

    def shutdown(self) -> None:
        """Respond to the received requests, the last time with `Connection: close`."""
        self.stopping = True
        if self.is_ending or self.transport.is_closing():
            return
        if self.part is RequestPart.NONE and self.responses_complete():
            self.deadline.set(self.loop.time() + SHUTDOWN_IDLE_S)
        elif self.part is not RequestPart.HEAD and not self.responses_complete():
            self.cycle.keep_alive = False

    def close_gracefully(self) -> None:
        """Close in a way that the client gets all that was sent (lingering close).

        The system resets a connection that is closed with unread bytes, and the client may lose a
        response. So only our half is closed until the client has closed its own.
        """
        if self.is_ending:
            return
        self.is_ending = True
        if self.transport.is_closing():
            return
        self.pipeline.clear()
        self.flow.resume_reading()
        self.transport.write_eof()
        self.deadline.set(self.loop.time() + LINGER_S)

    def discard(self, data: bytes) -> None:
        """Drop bytes behind the last request, up to a limit."""
        if not self.is_ending:
            self.flow.pause_reading()  # responses are pending
            return
        self._discarded_bytes += len(data)
        if self._discarded_bytes > LINGER_BYTES:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadline."""
        self.is_ending = True
        self.deadline.cancel()
        super().connection_lost(exc)


class _PipelineFlowControl(FlowControl):
    """Back-pressure: reading stays paused while pipelined requests wait."""

    def __init__(self, transport: Any, pipeline: Collection[Any]) -> None:
        super().__init__(transport)
        self._pipeline = pipeline

    def resume_reading(self) -> None:
        """Resume reading, unless pipelined requests wait."""
        if not self._pipeline:
            super().resume_reading()


class _ResponseTransport:
    """The transport of a response; its `close` is a lingering close."""

    def __init__(self, connection: HttpConnection) -> None:
        # A weak reference, since a cycle would leave closed connections to the garbage collector.
        self._connection = weakref.ref(connection)

    def write(self, data: bytes) -> None:
        """Write to the connection, unless it is closing."""
        connection = self._connection()
        if connection is not None and not connection.is_ending:
            connection.transport.write(data)

    def is_closing(self) -> bool:
        """Whether writes are dropped."""
        connection = self._connection()
        return connection is None or connection.is_ending or connection.transport.is_closing()

    def close(self) -> None:
        """Close the connection gracefully."""
        connection = self._connection()
        if connection is not None:
            connection.close_gracefully()
