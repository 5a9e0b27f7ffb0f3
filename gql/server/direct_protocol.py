"""The HTTP/1.1 protocol with the fast path: it replies to plain requests without ASGI.

For a small request, half of uvicorn's time is for the task, the ASGI messages, and checks of our
own header fields. A POST to which the application can reply with a plain function
(`respond_sync`) needs none of them. All other requests, and all other servers, use ASGI; the
responses are the same.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

from gql.adapters.uvicorn import STATUS_LINE, HttpToolsProtocol, apply_forwarded_headers
from gql.http import HeaderMap, Reply

from . import Http1Protocol, RequestPart

MAX_BUFFERED_BYTES = 65_535
"""The longest body that is buffered here; at a longer one uvicorn pauses reading."""

MAX_COPIED_BYTES = 16_384
"""The longest body that is copied behind its head; a longer one is written in pieces."""

_FORWARDED_FOR, _FORWARDED_PROTO = b"x-forwarded-for", b"x-forwarded-proto"
_PLAIN_PATH = re.compile(rb"/[\w./-]*", re.ASCII)

RespondSync = Callable[[Any, HeaderMap, bytes], Reply | None]
"""From scope, header fields and body to the reply to a POST; None: use the ASGI form."""

_log = logging.getLogger(__name__)


class DirectProtocol(Http1Protocol):
    """The HTTP/1.1 protocol for an application with a method `respond_sync`.

    The body of a request that may have a sync reply is buffered. If there is no such reply, the
    request is passed to the application.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._respond: RespondSync | None = getattr(self.inner_app, "respond_sync", None)
        if (
            (self.config.access_log and self.access_log)  # uvicorn writes it in its ASGI code
            or self.limit_concurrency is not None
            or self.root_path
        ):
            self._respond = None
        self._buffer = bytearray()  # the body of the current request
        self._default_fields: list[tuple[bytes, bytes]] | None = None
        self._default_text = b""

    def start_request(self) -> None:
        """Buffer a request that may have a sync reply; pass any other to the application."""
        if self._can_buffer():
            self._buffer, self.is_buffering = bytearray(), True
        else:
            super().start_request()

    def _can_buffer(self) -> bool:
        return (
            self._respond is not None
            and self.method == b"POST"
            and self.version == "1.1"
            and not (self.expect_100_continue or self.stopping)
            and self.responses_complete()
            and not (self.flow.write_paused or self.transport.is_closing())
            and _PLAIN_PATH.fullmatch(self.url) is not None
        )

    def on_body(self, body: bytes) -> None:
        """Buffer a part of a body; pass the request on if the body is long."""
        if not self.is_buffering:
            super().on_body(body)
            return
        self.count_body(body)
        self._buffer += body
        if len(self._buffer) > MAX_BUFFERED_BYTES:
            self._pass_on()

    def on_message_complete(self) -> None:
        """Reply to a complete request, or pass it to the application."""
        if self.is_buffering:
            reply = self._reply(bytes(self._buffer))
            if reply is not None:
                self.is_buffering, self.part, self.head_bytes = False, RequestPart.NONE, 0
                self._send(reply)
                return
            self._pass_on()
        super().on_message_complete()

    def shutdown(self) -> None:
        """Pass the buffered request on, and shut down."""
        if self.is_buffering:
            self._pass_on()
        super().shutdown()

    def _reply(self, body: bytes) -> Reply | None:
        assert self._respond is not None  # noqa: S101  # else nothing is buffered
        scope: Any = self.scope
        scope["method"], scope["query_string"] = "POST", b""
        scope["raw_path"], scope["path"] = self.url, self.url.decode()
        if len(self.fields) < len(self.headers):
            return None  # a repeated field: for the application
        try:
            is_proxied = _FORWARDED_FOR in self.fields or _FORWARDED_PROTO in self.fields
            if is_proxied and self.app is not self.inner_app:
                apply_forwarded_headers(scope, self.app)
            return self._respond(scope, self.fields, body)
        except Exception:  # noqa: BLE001  # the ASGI form formats the error
            _log.exception("The sync form failed; the ASGI form is used.")
            return None

    def _send(self, reply: Reply) -> None:
        keep_alive = self.parser.should_keep_alive()
        fields = self.server_state.default_headers  # a new list each second, with the time
        if fields is not self._default_fields:
            self._default_fields = fields
            self._default_text = b"".join(b"%s: %s\r\n" % field for field in fields)
        ends = b"" if keep_alive else b"connection: close\r\n"
        start = STATUS_LINE[reply.status]
        pieces = [start, self._default_text, ends, reply.header_text(), *reply.pieces]
        if reply.size_bytes <= MAX_COPIED_BYTES:
            self.transport.write(b"".join(pieces))
        else:
            self.transport.writelines(pieces)
        self.server_state.total_requests += 1
        if keep_alive:
            self.await_next_request()
        else:
            self.close_gracefully()

    def _pass_on(self) -> None:
        """Pass the buffered request to the application."""
        self.is_buffering = False
        super().start_request()
        if self._buffer:
            HttpToolsProtocol.on_body(self, bytes(self._buffer))
