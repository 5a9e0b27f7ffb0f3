"""One connection, below its requests: room for it, answers in order, refusals, and its end.

uvicorn closes connections with answers that are still due, and takes any number of requests behind
one that is being answered.
https://www.rfc-editor.org/rfc/rfc9112#section-9
"""

from __future__ import annotations

import weakref
from collections.abc import Collection
from enum import IntEnum
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from gql.errors import RequestError, TooManyConnectionsError
from gql.http import refusal_reply

from .connection_limits import ConnectionLimits
from .deadline import Deadline
from .refused_connections import RefusedConnections

LINGER_S = 1.0
"""How long, in seconds, a client may take to read a last answer and close."""
LINGER_BYTES = 1 << 20
"""How much of what a client sends on is read for that."""
MAX_LINGERING = 32
"""How many connections beyond the limit are told so, rather than closed without a word."""
STOP_IDLE_S = 0.5
"""How long, in seconds, an idle connection stays open at a stop: who is busy asks again by then."""

_DEFAULTS = ConnectionLimits()


class Part(IntEnum):
    """The part of a request that is being received."""

    NONE = 0
    HEAD = 1
    BODY = 2


class Connection(HttpToolsProtocol):
    """One connection. Subclasses parse what comes and say what becomes of it.

    Attributes:
        refused: Counts the connections for which there was no room.
        inner_app: The application without the middleware for proxies.
        limits: What the connection is held to.
        part: What is being received.
        is_held: Whether the request that is being received was not passed to the application yet.
        stopping: Whether the server stops, so that each answer may be the last.
        ended: Whether the connection is closing, so that what comes is no request any more.
        deadline: By when the client has to go on; none while it is the server's turn.
        waits_since: Since when a request is waited for, by the loop's clock.
        is_idle: Whether anything was answered before.
        pending_refusal: The refusal to be sent behind the answers that are due.
    """

    refused = RefusedConnections()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        proxied = isinstance(self.app, ProxyHeadersMiddleware)
        self.inner_app: Any = self.app.app if proxied else self.app
        self.limits: ConnectionLimits = getattr(self.inner_app, "connection_limits", _DEFAULTS)
        self.part = Part.NONE
        self.is_held = False
        self.stopping = False
        self.ended = False
        self.deadline = Deadline(self.loop, self.expire)
        self.waits_since = 0.0
        self.is_idle = False
        self.pending_refusal: RequestError | None = None
        self._discarded_bytes = 0
        self._answer_transport = _AnswerTransport(self)

    def expire(self, now: float) -> None:
        """Act on a client that did not go on in time."""
        raise NotImplementedError

    # Its begin.

    def connection_made(self, transport: Any) -> None:
        """Begin, if there is room or idle connections can make some."""
        super().connection_made(transport)
        self.flow = _PipelineFlow(transport, self.pipeline)
        self.waits_since = now = self.loop.time()
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
            if isinstance(each, Connection) and each is not self and each._waits()
        ]
        waiting.sort(key=lambda each: (each.part, each.waits_since))
        ends = [
            each
            for each in waiting[: 1 + self.limits.max_connections // 16]
            if now - each.waits_since > LINGER_S
        ]
        for each in ends:
            self.connections.discard(each)
            each.transport.close()
        return bool(ends)

    def _waits(self) -> bool:
        if self.deadline.at is None or self.ended:
            return False
        is_unfinished = self.part is Part.BODY and not self.cycle.response_started
        return self.all_answered() or (is_unfinished and not self.pipeline)

    # Its answers.

    def begin_request(self) -> None:
        """Pass a request to the application. Its answer may end the connection."""
        before = self.cycle
        super().on_headers_complete()
        self.cycle.transport = self._answer_transport  # type: ignore[assignment]
        if self.stopping:  # only the last answer says that it is the last
            if before is not None and not before.response_started:
                before.keep_alive = True
            self.cycle.keep_alive = False

    def all_answered(self) -> bool:
        """Whether nothing is left to be answered of what was passed to the application."""
        cycle = self.cycle
        return cycle is None or cycle.response_complete or cycle.disconnected

    def on_response_complete(self) -> None:
        """Go on with the request behind, or wait for one."""
        self.server_state.total_requests += 1
        if self.ended or self.transport.is_closing():
            return
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self.flow.resume_reading()
            self._start_asgi_task(cycle, app)
        elif self.pending_refusal is not None:
            self._send_last(self.pending_refusal)
        else:
            self.flow.resume_reading()
            if self.part is Part.NONE:
                self.await_request()

    def await_request(self) -> None:
        """Leave the connection idle for as long as it may be."""
        now = self.loop.time()
        self.waits_since, self.is_idle = now, True
        self.deadline.set(now + (STOP_IDLE_S if self.stopping else self.timeout_keep_alive))

    def refuse(self, error: RequestError) -> None:
        """Refuse the request that is being received, and end, behind the answers that are due."""
        if self.ended or self.pending_refusal is not None:
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
                self.pending_refusal = error
            else:
                self._send_last(error)
        elif self.all_answered():
            self._send_last(error)
        else:
            self.pending_refusal = error

    def _send_last(self, error: RequestError) -> None:
        self.limits.count_refusal(error.status)
        reply = refusal_reply(error)
        default = [b"%s: %s\r\n" % field for field in self.server_state.default_headers]
        pieces = [STATUS_LINE[reply.status], *default, b"connection: close\r\n"]
        self.transport.write(b"".join([*pieces, reply.header_text(), reply.body]))
        self.part = Part.BODY  # of which nothing more is read
        self.end()

    # Its end.

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

    def discard(self, data: bytes) -> None:
        """Read what comes behind the last request, and only so much of it."""
        if not self.ended:
            self.flow.pause_reading()  # answers are due before the connection ends
            return
        self._discarded_bytes += len(data)
        if self._discarded_bytes > LINGER_BYTES:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self.ended = True
        self.deadline.cancel()
        super().connection_lost(exc)


class _PipelineFlow(FlowControl):
    """Reads no more while requests wait behind another: a client could send them without end."""

    def __init__(self, transport: Any, pipeline: Collection[Any]) -> None:
        super().__init__(transport)
        self._pipeline = pipeline

    def resume_reading(self) -> None:
        """Read on, unless requests wait."""
        if not self._pipeline:
            super().resume_reading()


class _AnswerTransport:
    """What an answer is written to; it ends the connection as the protocol does."""

    def __init__(self, connection: Connection) -> None:
        # Not in a cycle: a closed connection would wait for the garbage collector.
        self._connection = weakref.ref(connection)

    def write(self, data: bytes) -> None:
        """Send."""
        connection = self._connection()
        if connection is not None and not connection.ended:
            connection.transport.write(data)

    def is_closing(self) -> bool:
        """Whether nothing is sent any more."""
        connection = self._connection()
        return connection is None or connection.ended or connection.transport.is_closing()

    def close(self) -> None:
        """End the connection."""
        connection = self._connection()
        if connection is not None:
            connection.end()
