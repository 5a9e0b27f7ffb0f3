"""Cross-origin resource sharing (CORS) in both forms. Starlette's middleware makes all decisions.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from starlette.datastructures import Headers as HeadersView
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Message, Receive, Scope, Send

from gql.cache import ByteCache, CacheRegistry
from gql.errors import Headers
from gql.http.caching.request_cache import HeaderMap
from gql.http.reply import HeaderBlock, Reply

from .application import Application

RESULTS_BYTES = 1 << 20
"""Room for what origins make of header blocks; clients make origins up."""

_Key = tuple[bytes | None, HeaderBlock]
_Result = tuple[HeaderBlock, Headers]


class CorsMiddleware:
    """Middleware that tells browsers which pages may read a response.

    Attributes:
        app: The application inside.
        cors: Starlette's middleware around it. It answers preflights, and adds the header fields.
    """

    def __init__(self, app: Application, origins: Collection[str], caches: CacheRegistry) -> None:
        self.app = app
        self.cors = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=("GET", "POST"),
            allow_headers=("authorization", "content-type", "idempotency-key", "if-none-match"),
            expose_headers=("etag", "ratelimit", "retry-after", "x-newsgraph-cost"),
        )
        self._results: ByteCache[_Key, _Result] = caches.add(
            ByteCache("cors_headers", RESULTS_BYTES, _result_bytes)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI form, which is Starlette's."""
        await self.cors(scope, receive, send)

    def respond_sync(self, scope: Scope, headers: HeaderMap, body: bytes) -> Reply | None:
        """The sync form: the reply with the fields that Starlette's middleware gives it."""
        reply = self.app.respond_sync(scope, headers, body)
        if reply is None:
            return None
        key = headers.get(b"origin"), reply.block
        result = self._results.get(key)
        if result is None:
            result = self._changed(*key)
            self._results.put(key, result)
        return reply.with_fields(*result)

    def _changed(self, origin: bytes | None, block: HeaderBlock) -> _Result:
        """The block as Starlette's middleware changes it, and the fields that it adds behind."""
        message: Message = {"type": "http.response.start", "headers": list(block.pairs)}
        request_headers = HeadersView(raw=[] if origin is None else [(b"origin", origin)])
        sending = self.cors.send(message, _discard, request_headers)
        with suppress(StopIteration):  # it ends at once, as `_discard` never waits
            sending.send(None)
        fields, count = message["headers"], len(block.pairs)
        return HeaderBlock(tuple(fields[:count])), tuple(fields[count:])


async def _discard(_message: Message) -> None:
    """Send nothing: the message itself holds the result."""


def _result_bytes(key: _Key, result: _Result) -> int:
    origin, block = key
    added = sum(len(name) + len(value) + 130 for name, value in result[1])
    return len(origin or b"") + 2 * len(block.text) + 3 * len(result[0].text) + added + 1_200
