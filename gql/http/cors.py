"""Cross-origin resource sharing (CORS) in both forms. Starlette's middleware makes all decisions.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Message, Receive, Scope, Send

from gql.errors import Headers as Fields

from .application import Application
from .asked import HeaderMap
from .reply import Head, Reply

MAX_RESULTS = 1_024
"""How many pairs of an origin and a header block have their result kept."""
MAX_ORIGIN_BYTES = 256
"""How long an origin may be for that; longer ones are no host's name, and take the ASGI form."""


class CorsMiddleware:
    """Middleware that tells browsers which pages may read a response.

    Attributes:
        app: The application inside.
        cors: Starlette's middleware around it. It answers preflights, and adds the header fields.
    """

    def __init__(self, app: Application, origins: Collection[str]) -> None:
        self.app = app
        self.cors = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=("GET", "POST"),
            allow_headers=("authorization", "content-type", "idempotency-key", "if-none-match"),
            expose_headers=("etag", "ratelimit", "retry-after", "x-newsgraph-cost"),
        )
        self._fields = lru_cache(MAX_RESULTS)(self._make_fields)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI form, which is Starlette's."""
        await self.cors(scope, receive, send)

    def respond_sync(self, scope: Scope, headers: HeaderMap, body: bytes) -> Reply | None:
        """The sync form: the reply with the fields that Starlette's middleware gives it."""
        origin = headers.get(b"origin")
        if origin is not None and len(origin) > MAX_ORIGIN_BYTES:
            return None
        reply = self.app.respond_sync(scope, headers, body)
        if reply is None:
            return None
        head, added = self._fields(origin, reply.head)
        return reply.with_fields(head, added)

    def _make_fields(self, origin: bytes | None, head: Head) -> tuple[Head, Fields]:
        """The header block as Starlette changes it, and the fields that come behind all others."""
        message: Message = {"type": "http.response.start", "headers": list(head.pairs)}
        request_headers = Headers(raw=[] if origin is None else [(b"origin", origin)])
        sending = self.cors.send(message, _discard, request_headers)
        with suppress(StopIteration):  # it ends at once, as `_discard` never waits
            sending.send(None)
        fields, count = message["headers"], len(head.pairs)
        return Head.of(tuple(fields[:count])), tuple(fields[count:])


async def _discard(_message: Message) -> None:
    """Send nothing: the message itself holds the result."""
