"""CORS middleware (cross-origin resource sharing). Starlette's middleware makes all decisions.

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

CACHE_BYTES = 1 << 20
"""The bound of the cache, since clients can send any origin."""

EXPOSED_HEADERS = (
    "etag",
    "idempotent-replayed",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "www-authenticate",
    "x-newsgraph-cost",
    "x-newsgraph-way",
)
"""The response header fields that scripts can read, besides those of the safelist.

https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name
"""

PREFLIGHT_MAX_AGE_S = 7_200
"""The time for which a browser caches a preflight, in seconds: the most that Chromium allows."""

_ANY_PAGE = frozenset({"*", "null"})
"""Origins that any page can have: a sandboxed frame has the origin `null`."""

_CorsKey = tuple[bytes | None, HeaderBlock]
_CorsHeaders = tuple[HeaderBlock, Headers]


class CorsMiddleware:
    """Middleware that adds the CORS header fields to responses.

    Attributes:
        app: The application inside.
        cors: Starlette's middleware around it, which handles preflights as well.
    """

    def __init__(self, app: Application, origins: Collection[str], caches: CacheRegistry) -> None:
        self.app = app
        self.cors = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=("GET", "HEAD", "POST"),
            # Reflected: tracing and clients add header fields of their own, which do no harm.
            allow_headers=("*",),
            # Cookies are for a proxy in front; nothing here reads them.
            allow_credentials=_ANY_PAGE.isdisjoint(origins),
            expose_headers=EXPOSED_HEADERS,
            max_age=PREFLIGHT_MAX_AGE_S,
        )
        self._cache: ByteCache[_CorsKey, _CorsHeaders] = caches.add(
            ByteCache("cors_headers", CACHE_BYTES, _entry_bytes)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI form, which is Starlette's."""
        await self.cors(scope, receive, send)

    def respond_sync(self, scope: Scope, headers: HeaderMap, body: bytes) -> Reply | None:
        """The sync form: the reply with the fields that Starlette's middleware adds."""
        reply = self.app.respond_sync(scope, headers, body)
        if reply is None:
            return None
        key = headers.get(b"origin"), reply.block
        cors_headers = self._cache.get(key)
        if cors_headers is None:
            cors_headers = self._run_starlette(*key)
            self._cache.put(key, cors_headers)
        return reply.with_fields(*cors_headers)

    def _run_starlette(self, origin: bytes | None, block: HeaderBlock) -> _CorsHeaders:
        """Run Starlette's middleware on a block: the changed block, and the fields behind it."""
        message: Message = {"type": "http.response.start", "headers": list(block.pairs)}
        request_headers = HeadersView(raw=[] if origin is None else [(b"origin", origin)])
        sending = self.cors.send(message, _discard, request_headers)
        with suppress(StopIteration):  # raised at once, since `_discard` never waits
            sending.send(None)
        fields, count = message["headers"], len(block.pairs)
        return HeaderBlock(tuple(fields[:count])), tuple(fields[count:])


async def _discard(_message: Message) -> None:
    """Send nothing: the result is in the message."""


def _entry_bytes(key: _CorsKey, cors_headers: _CorsHeaders) -> int:
    origin, block = key
    changed, added = cors_headers
    added_bytes = sum(len(name) + len(value) + 130 for name, value in added)
    return len(origin or b"") + 2 * len(block.text) + 3 * len(changed.text) + added_bytes + 1_200
