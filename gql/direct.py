"""A protocol for uvicorn that answers from memory before it makes a task for a request.

Of the time that uvicorn takes for a small request, half goes into the task, the messages, and
checking header fields that are ours. A POST that the application can answer at once, by a plain
function, needs none of these. Every other request, and every other server that runs the
application, takes ASGI's way: what is sent is the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from .http import Reply

HELD_BYTES = 65_535
"""How long a body may be to be waited for; of a longer one uvicorn reads no more by itself."""

COPIED_BYTES = 16_384
"""How long a body may be to be copied behind its head, rather than handed over in pieces."""

_FORWARDED = (b"x-forwarded-for", b"x-forwarded-proto")

Now = Callable[[Any, Mapping[bytes, bytes], bytes], Reply | None]
"""The reply to a POST, given its scope, header fields and body; None: ask the application."""

_log = logging.getLogger(__name__)


class DirectProtocol(HttpToolsProtocol):
    """HTTP/1.1 for an application that has a method `now`, of the type `Now`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        app, self._proxied = self.app, isinstance(self.app, ProxyHeadersMiddleware)
        self._now: Now | None = getattr(app.app if self._proxied else app, "now", None)
        if self.config.access_log and self.access_log:
            self._now = None  # uvicorn writes that where it sends
        self._held = False  # whether a request waits here for its body

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._held = (
            self._now is not None
            and cycle is self.cycle
            and cycle.more_body
            and cycle.scope["method"] == "POST"
            and app is self.app
            and not (cycle.waiting_for_100_continue or self.flow.write_paused)
        )
        if not self._held:
            super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        """Take in a part of a body; of a long one, leave the rest to the application."""
        super().on_body(body)
        if self._held and len(self.cycle.body) > HELD_BYTES:
            self._release()

    def on_message_complete(self) -> None:
        """Answer a request that is all there, or let the application do it."""
        super().on_message_complete()
        if self._held:
            reply = self._reply(self.cycle)
            if reply is None:
                self._release()
            else:
                self._send(self.cycle, reply)

    def _reply(self, cycle: RequestResponseCycle) -> Reply | None:
        assert self._now is not None  # noqa: S101  # or nothing would be held
        scope = cycle.scope
        headers = dict(scope["headers"])
        try:
            if self._proxied and any(name in headers for name in _FORWARDED):
                _adjust(scope, self.config.forwarded_allow_ips)
            return self._now(scope, headers, bytes(cycle.body))
        except Exception:  # noqa: BLE001  # the application has the words for it
            _log.exception("A request could not be answered at once; the application is asked.")
            return None

    def _send(self, cycle: RequestResponseCycle, reply: Reply) -> None:
        self._held = False
        default = [b"%s: %s\r\n" % field for field in self.server_state.default_headers]
        if not cycle.keep_alive:
            default.append(b"connection: close\r\n")
        pieces = [STATUS_LINE[reply.status], *default, reply.header_text(), *reply.pieces]
        if reply.size_bytes <= COPIED_BYTES:
            self.transport.write(b"".join(pieces))
        else:
            self.transport.writelines(pieces)
        cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _release(self) -> None:
        self._held = False
        super()._start_asgi_task(self.cycle, self.app)


def _adjust(scope: Any, trusted: list[str] | str) -> None:
    """Put the client's address into a scope as the middleware does for the application."""

    async def leave(_scope: Any, _receive: Any, _send: Any) -> None:
        pass

    middleware: Any = ProxyHeadersMiddleware(leave, trusted_hosts=trusted)
    try:
        middleware(scope, None, None).send(None)
    except StopIteration:
        return
