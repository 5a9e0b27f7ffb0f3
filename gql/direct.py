"""A protocol for uvicorn that answers from memory before it makes a task for a request.

Of the time that uvicorn takes for a small request, half goes into the task, the messages, and
checking header fields that are ours. A POST that the application can answer at once, by a plain
function, needs none of these. Every other request, and every other server that runs the
application, takes ASGI's way: what is sent is the same.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from .http import HeaderMap, Reply

HELD_BYTES = 65_535
"""How long a body may be to be waited for; of a longer one uvicorn reads no more by itself."""

COPIED_BYTES = 16_384
"""How long a body may be to be copied behind its head, rather than handed over in pieces."""

_FORWARDED = (b"x-forwarded-for", b"x-forwarded-proto")
_PLAIN_PATH = re.compile(rb"/[\w./-]*", re.ASCII)

RespondSync = Callable[[Any, HeaderMap, bytes], Reply | None]
"""The reply to a POST, given its scope, header fields and body; None: call the application."""

_log = logging.getLogger(__name__)


class DirectProtocol(HttpToolsProtocol):
    """HTTP/1.1 for an application that has a method `respond_sync`.

    A request that may be answered by it is held until it is all there; uvicorn learns of it only
    if it has to be released.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._proxied = isinstance(self.app, ProxyHeadersMiddleware)
        app: Any = self.app.app if isinstance(self.app, ProxyHeadersMiddleware) else self.app
        self._respond: RespondSync | None = getattr(app, "respond_sync", None)
        if (
            (self.config.access_log and self.access_log)  # uvicorn writes that where it sends
            or self.limit_concurrency is not None
            or self.root_path
        ):
            self._respond = None
        self._held: bytearray | None = None  # the body of a request that waits
        self._idle_since: float | None = None  # by the loop's clock
        self._idle_timer: asyncio.TimerHandle | None = None

    def on_headers_complete(self) -> None:
        """Hold a request that may be answered at once, or leave it to uvicorn."""
        if self._may_be_held():
            self._held, self._idle_since = bytearray(), None
        else:
            super().on_headers_complete()

    def _may_be_held(self) -> bool:
        parser, cycle = self.parser, self.cycle
        return (
            self._respond is not None
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and not (parser.should_upgrade() or self.expect_100_continue)
            and (cycle is None or cycle.response_complete)
            and not (self.flow.write_paused or self.transport.is_closing())
            and _PLAIN_PATH.fullmatch(self.url) is not None
        )

    def on_body(self, body: bytes) -> None:
        """Take in a part of a body; of a long one, leave the rest to the application."""
        if self._held is None:
            super().on_body(body)
            return
        self._held += body
        if len(self._held) > HELD_BYTES:
            self._release()

    def on_message_complete(self) -> None:
        """Answer a request that is all there, or let the application do it."""
        if self._held is not None:
            reply = self._reply(bytes(self._held))
            if reply is not None:
                self._held = None
                self._send(reply)
                return
            self._release()
        super().on_message_complete()

    def shutdown(self) -> None:
        """Let a request be answered that is on its way, and close."""
        if self._held is not None:
            self._release()
        super().shutdown()

    def _reply(self, body: bytes) -> Reply | None:
        assert self._respond is not None  # noqa: S101  # or nothing would be held
        scope: Any = self.scope
        scope["method"], scope["query_string"] = "POST", b""
        scope["raw_path"], scope["path"] = self.url, self.url.decode()
        headers = dict(self.headers)
        if len(headers) < len(self.headers):
            return None  # a field came twice; which of them counts is for the application to say
        try:
            if self._proxied and any(name in headers for name in _FORWARDED):
                _adjust(scope, self.config.forwarded_allow_ips)
            return self._respond(scope, headers, body)
        except Exception:  # noqa: BLE001  # the application has the words for it
            _log.exception("A request could not be answered at once; the application is asked.")
            return None

    def _send(self, reply: Reply) -> None:
        keep_alive = self.parser.should_keep_alive()
        default = [b"%s: %s\r\n" % field for field in self.server_state.default_headers]
        if not keep_alive:
            default.append(b"connection: close\r\n")
        pieces = [STATUS_LINE[reply.status], *default, reply.header_text(), *reply.pieces]
        if reply.size_bytes <= COPIED_BYTES:
            self.transport.write(b"".join(pieces))
        else:
            self.transport.writelines(pieces)
        self.server_state.total_requests += 1
        if not keep_alive:
            self.transport.close()
            return
        self._idle_since = self.loop.time()
        if self._idle_timer is None:
            self._await_end(self.timeout_keep_alive)

    def _await_end(self, delay_s: float) -> None:
        # One timer for many requests: to set and cancel one for each takes a tenth of the time.
        self._idle_timer = self.loop.call_later(delay_s, self._end_if_idle)

    def _end_if_idle(self) -> None:
        """Close a connection on which nothing has come since an answer, for as long as is set."""
        self._idle_timer = None
        if self._idle_since is None:
            return  # there is a request, and whoever answers it sees to the rest
        left_s = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self._await_end(left_s)
        else:
            self.timeout_keep_alive_handler()

    def _unset_keepalive_if_required(self) -> None:
        """See uvicorn: something has come, or has been answered by the application."""
        self._idle_since = None
        super()._unset_keepalive_if_required()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        super().connection_lost(exc)

    def _release(self) -> None:
        """Have uvicorn learn of a request what it would know by now."""
        body, self._held = self._held, None
        super().on_headers_complete()
        if body:
            super().on_body(bytes(body))


def _adjust(scope: Any, trusted: list[str] | str) -> None:
    """Put the client's address into a scope as the middleware does for the application."""

    async def leave(_scope: Any, _receive: Any, _send: Any) -> None:
        pass

    middleware: Any = ProxyHeadersMiddleware(leave, trusted_hosts=trusted)
    try:
        middleware(scope, None, None).send(None)
    except StopIteration:
        return
