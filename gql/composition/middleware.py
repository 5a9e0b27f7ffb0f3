"""The one way of every request: an ordered list of middleware, and the endpoints inside it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from gql.access import AuthenticationMiddleware, Authenticator, RateLimiter, RateLimitMiddleware
from gql.cache import CacheRegistry
from gql.http import (
    Application,
    CorsMiddleware,
    HeaderMap,
    Middleware,
    Reply,
    SecurityHeadersMiddleware,
    compose,
)
from gql.telemetry import Observer, TelemetryMiddleware
from gql.telemetry.metrics import Metrics

GRAPHQL_PATH = "/graphql"


class Endpoints(msgspec.Struct, frozen=True):
    """The applications that answer requests, by path and protocol.

    Attributes:
        graph: The graph over HTTP.
        sockets: The graph over WebSocket.
        pages: Everything else.
    """

    graph: Application
    sockets: ASGIApp
    pages: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI form: pass a request to its endpoint."""
        app: ASGIApp = self.pages
        if scope["type"] != "lifespan" and scope["path"] == GRAPHQL_PATH:
            app = self.sockets if scope["type"] == "websocket" else self.graph
        await app(scope, receive, send)

    def respond_sync(self, scope: Scope, headers: HeaderMap, body: bytes) -> Reply | None:
        """The sync form, which is that of the graph; no other endpoint has one."""
        return self.graph.respond_sync(scope, headers, body)


def with_middleware(  # noqa: PLR0913  # a parameter for each part
    endpoints: Endpoints,
    *,
    metrics: Metrics,
    observers: Sequence[Observer],
    origins: Sequence[str],
    authenticator: Authenticator,
    limiter: RateLimiter | None,
    caches: CacheRegistry,
) -> Application:
    """The endpoints inside their middleware, in the order in which a request passes it.

    `origins`: web origins whose pages may read; without any there is no CORS. `limiter`: None for
    no rate limit.
    """
    middleware: list[Middleware] = [
        partial(TelemetryMiddleware, note=metrics.note, observers=observers, paths=(GRAPHQL_PATH,)),
        SecurityHeadersMiddleware,
    ]
    if origins:
        middleware.append(partial(CorsMiddleware, origins=origins, caches=caches))
    middleware.append(
        partial(
            AuthenticationMiddleware,
            authenticator=authenticator,
            page_path=GRAPHQL_PATH,
            limiter=limiter,
        )
    )
    if limiter is not None:
        middleware.append(partial(RateLimitMiddleware, limiter=limiter))
    return compose(middleware, endpoints)
