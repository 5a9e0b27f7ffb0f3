"""The direct protocol: HTTP/1.1 that gets the replies to simple POSTs without ASGI.

For a small request, half of uvicorn's time is for the task, the ASGI messages, and checks of our
own header fields. A POST to which the application can reply synchronously (`respond_sync`) needs
none of them. All other requests, and all other servers, use ASGI; the
responses are the same.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

from gql.adapters.uvicorn import STATUS_LINE, HttpToolsProtocol, apply_forwarded_headers
from gql.http import HeaderMap, Reply

from .connection import RequestPart
from .head_cache import HeadCache, RequestHead
from .http1 import SLICE_BYTES, Http1Protocol

MAX_BUFFERED_BYTES = 65_535
"""The longest body that is buffered here; at a longer one uvicorn pauses reading."""

MAX_COPIED_BYTES = 16_384
"""The longest body that is joined with its head in one write; a longer one is written in pieces."""

_FORWARDED_FOR, _FORWARDED_PROTO = b"x-forwarded-for", b"x-forwarded-proto"
_END_OF_HEAD = b"\r\n\r\n"
_NONE = RequestPart.NONE
_PLAIN_PATH = re.compile(rb"/[\w./-]*", re.ASCII)

RespondSync = Callable[[Any, HeaderMap, bytes], Reply | None]
"""From scope, header fields and body to the reply to a POST; None: use the ASGI form."""

_log = logging.getLogger(__name__)


class DirectProtocol(Http1Protocol):
    """The HTTP/1.1 protocol for an application with a method `respond_sync`.

    The body of a request that may have a sync reply is buffered. If there is no such reply, the
    request is passed to the application.
    """

    __slots__ = (
        "_buffer",
        "_default_fields",
        "_default_text",
        "_head_cache",
        "_replied_bytes",
        "_respond",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._respond: RespondSync | None = getattr(self.inner_app, "respond_sync", None)
        if (
            (self.config.access_log and self.access_log)  # which uvicorn writes in its ASGI code
            or self.limit_concurrency is not None
            or self.root_path
        ):
            self._respond = None
        self._head_cache: HeadCache | None = None
        if self._respond is not None:
            self._head_cache = getattr(self.inner_app, "request_heads", None)
        self._replied_bytes = -1  # the size of the last body if it got a sync reply, else -1
        self._buffer = bytearray()  # the body of the current request
        self._default_fields: list[tuple[bytes, bytes]] | None = None
        self._default_text = b""

    def data_received(self, data: bytes) -> None:
        """Reply to a request whose head is a cache hit; parse all other data."""
        heads, cycle = self._head_cache, self.cycle
        if (
            heads is None
            or self.part
            or self.head_bytes
            or self.is_ending
            or self.stopping
            or self._unparsed
            or not (cycle is None or cycle.response_complete)
            or len(data) > SLICE_BYTES
            or self.flow.write_paused
            or self.transport.is_closing()
        ):
            super().data_received(data)
            return
        size_bytes = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        text = data[:size_bytes]
        head = heads.get(text)
        if head is None:
            self._parse_and_cache(data, text, heads)
        elif len(data) - size_bytes == head.body_bytes:
            self._reply_to_cached_head(head, data, size_bytes)
        else:
            super().data_received(data)

    def _parse_and_cache(self, data: bytes, text: bytes, heads: HeadCache) -> None:
        """Parse data on a cache miss, and cache the head of a single complete request."""
        body_bytes = len(data) - len(text)
        self._replied_bytes = -1
        super().data_received(data)
        if body_bytes == self._replied_bytes >= 0 and heads.admits(text):
            url, headers = self.url, tuple(self.headers)
            head = RequestHead(url, url.decode(), headers, self.fields, body_bytes)
            heads.put(text, head)
        self._replied_bytes = -1

    def _reply_to_cached_head(self, head: RequestHead, data: bytes, size_bytes: int) -> None:
        """Reply to a request without the parser, or parse it if there is no sync reply."""
        scope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "headers": head.headers,
            "state": self.app_state.copy(),
            "method": "POST",
            "path": head.path,
            "raw_path": head.url,
            "query_string": b"",
        }
        reply = self._reply(scope, head.fields, data[size_bytes:])
        if reply is not None:
            self._send(reply, keep_alive=True)
            return
        respond, self._respond = self._respond, None
        try:
            super().data_received(data)
        finally:
            self._respond = respond

    def start_request(self) -> None:
        """Buffer a request that may have a sync reply; pass any other to the application."""
        if self._can_buffer():
            self._buffer, self.is_buffering = bytearray(), True
        else:
            super().start_request()

    def _can_buffer(self) -> bool:
        """Whether the current request may have a sync reply, which is written at once."""
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
            reply = self._buffered_reply()
            if reply is not None:
                self.is_buffering, self.part, self.head_bytes = False, _NONE, 0
                keep_alive = self.parser.should_keep_alive()
                if keep_alive:
                    self._replied_bytes = len(self._buffer)
                self._send(reply, keep_alive=keep_alive)
                return
            self._pass_on()
        super().on_message_complete()

    def shutdown(self) -> None:
        """Pass the buffered request on, and shut down."""
        if self.is_buffering:
            self._pass_on()
        super().shutdown()

    def _buffered_reply(self) -> Reply | None:
        """The sync reply to the buffered request; None: use the ASGI form."""
        scope: Any = self.scope
        scope["method"], scope["query_string"] = "POST", b""
        scope["raw_path"], scope["path"] = self.url, self.url.decode()
        if len(self.fields) < len(self.headers):
            return None  # a repeated field: for the application
        return self._reply(scope, self.fields, bytes(self._buffer))

    def _reply(self, scope: Any, fields: HeaderMap, body: bytes) -> Reply | None:
        """The application's sync reply; None: use the ASGI form."""
        assert self._respond is not None  # noqa: S101  # else nothing is buffered
        try:
            is_proxied = _FORWARDED_FOR in fields or _FORWARDED_PROTO in fields
            if is_proxied and self.app is not self.inner_app:
                apply_forwarded_headers(scope, self.app)
            return self._respond(scope, fields, body)
        except Exception:  # noqa: BLE001  # the ASGI form formats the error
            _log.exception("The sync form failed; the ASGI form is used.")
            return None

    def _send(self, reply: Reply, *, keep_alive: bool) -> None:
        fields = self.server_state.default_headers  # uvicorn makes a new list each second, for Date
        if fields is not self._default_fields:
            self._default_fields = fields
            self._default_text = b"".join(b"%s: %s\r\n" % field for field in fields)
        connection = b"" if keep_alive else b"connection: close\r\n"
        status_line = STATUS_LINE[reply.status]
        pieces = [status_line, self._default_text, connection, reply.header_text(), *reply.pieces]
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
