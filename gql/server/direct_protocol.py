"""A protocol for uvicorn that answers from memory before it makes a task for a request.

Of the time that uvicorn takes for a small request, half goes into the task, the messages, and
checking header fields that are ours. A POST that the application can answer at once, by a plain
function, needs none of these. Every other request, and every other server that runs the
application, takes ASGI's way: what is sent is the same.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from copy import copy
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from gql.http import HeaderMap, Reply

from . import Http1Protocol, Part

HELD_BYTES = 65_535
"""How long a body may be to be waited for; of a longer one uvicorn reads no more by itself."""

COPIED_BYTES = 16_384
"""How long a body may be to be copied behind its head, rather than handed over in pieces."""

_FORWARDED_FOR, _FORWARDED_PROTO = b"x-forwarded-for", b"x-forwarded-proto"
_PLAIN_PATH = re.compile(rb"/[\w./-]*", re.ASCII)

RespondSync = Callable[[Any, HeaderMap, bytes], Reply | None]
"""The reply to a POST, given its scope, header fields and body; None: call the application."""

_log = logging.getLogger(__name__)


class DirectProtocol(Http1Protocol):
    """HTTP/1.1 for an application that has a method `respond_sync`.

    A request that may be answered by it is held until it is all there; the application learns of
    it only if it has to be released.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._respond: RespondSync | None = getattr(self.inner_app, "respond_sync", None)
        if (
            (self.config.access_log and self.access_log)  # uvicorn writes that where it sends
            or self.limit_concurrency is not None
            or self.root_path
        ):
            self._respond = None
        self._held = bytearray()  # the body of a request that waits
        self._default_fields: list[tuple[bytes, bytes]] | None = None
        self._default_text = b""

    def begin_request(self) -> None:
        """Hold a request that may be answered at once, or leave it to the application."""
        if self._may_be_held():
            self._held, self.is_held = bytearray(), True
        else:
            super().begin_request()

    def _may_be_held(self) -> bool:
        return (
            self._respond is not None
            and self.method == b"POST"
            and self.version == "1.1"
            and not (self.expect_100_continue or self.stopping)
            and self.all_answered()
            and not (self.flow.write_paused or self.transport.is_closing())
            and _PLAIN_PATH.fullmatch(self.url) is not None
        )

    def on_body(self, body: bytes) -> None:
        """Take in a part of a body; of a long one, leave the rest to the application."""
        if not self.is_held:
            super().on_body(body)
            return
        self.count_body(body)
        self._held += body
        if len(self._held) > HELD_BYTES:
            self._release()

    def on_message_complete(self) -> None:
        """Answer a request that is all there, or let the application do it."""
        if self.is_held:
            reply = self._reply(bytes(self._held))
            if reply is not None:
                self.is_held, self.part, self.head_bytes = False, Part.NONE, 0
                self._send(reply)
                return
            self._release()
        super().on_message_complete()

    def shutdown(self) -> None:
        """Let a request be answered that is on its way, and close."""
        if self.is_held:
            self._release()
        super().shutdown()

    def _reply(self, body: bytes) -> Reply | None:
        assert self._respond is not None  # noqa: S101  # or nothing would be held
        scope: Any = self.scope
        scope["method"], scope["query_string"] = "POST", b""
        scope["raw_path"], scope["path"] = self.url, self.url.decode()
        if len(self.fields) < len(self.headers):
            return None  # a field came twice; which of them counts is for the application to say
        try:
            is_proxied = _FORWARDED_FOR in self.fields or _FORWARDED_PROTO in self.fields
            if is_proxied and self.app is not self.inner_app:
                _adjust(scope, self.app)
            return self._respond(scope, self.fields, body)
        except Exception:  # noqa: BLE001  # the application has the words for it
            _log.exception("A request could not be answered at once; the application is asked.")
            return None

    def _send(self, reply: Reply) -> None:
        keep_alive = self.parser.should_keep_alive()
        fields = self.server_state.default_headers  # another list each second, with the time
        if fields is not self._default_fields:
            self._default_fields = fields
            self._default_text = b"".join(b"%s: %s\r\n" % field for field in fields)
        ends = b"" if keep_alive else b"connection: close\r\n"
        start = STATUS_LINE[reply.status]
        pieces = [start, self._default_text, ends, reply.header_text(), *reply.pieces]
        if reply.size_bytes <= COPIED_BYTES:
            self.transport.write(b"".join(pieces))
        else:
            self.transport.writelines(pieces)
        self.server_state.total_requests += 1
        if keep_alive:
            self.await_request()
        else:
            self.end()

    def _release(self) -> None:
        """Have the application learn of a request what it would know by now."""
        self.is_held = False
        super().begin_request()
        if self._held:
            HttpToolsProtocol.on_body(self, bytes(self._held))


def _adjust(scope: Any, proxies: Any) -> None:
    """Put the client's address into a scope as the middleware does for the application.

    The middleware runs up to where it calls its application, which is told nothing yet.
    """
    middleware = copy(proxies)
    middleware.app = _leave
    try:
        middleware(scope, None, None).send(None)
    except StopIteration:
        return


async def _leave(_scope: Any, _receive: Any, _send: Any) -> None:
    pass
