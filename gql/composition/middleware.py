"""The middleware stack: an ordered list of middleware around the endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from urllib.parse import urlencode

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
from gql.identity.preview_links import PREVIEW_MARK
from gql.telemetry import RequestHook, TelemetryMiddleware
from gql.telemetry.metrics import Metrics

GRAPHQL_PATH = "/graphql"
_DOCUMENT_PATHS = f"{GRAPHQL_PATH}/"


class Endpoints(msgspec.Struct, frozen=True):
    """The endpoints, by path and protocol.

    Attributes:
        http: GraphQL over HTTP.
        previews: The same for requests with a preview token, without caches.
        websocket: GraphQL over WebSocket.
        web_app: All other paths.
        has_document_paths: Whether `/graphql/ID` executes the document with an id.
    """

    http: Application
    previews: ASGIApp
    websocket: ASGIApp
    web_app: ASGIApp
    has_document_paths: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI form: route a request to its endpoint."""
        if self.has_document_paths and scope["type"] == "http":
            rewrite_document_path(scope)
        app: ASGIApp = self.web_app
        if scope["type"] != "lifespan" and scope["path"] == GRAPHQL_PATH:
            app = self.http
            if scope["type"] == "websocket":
                app = self.websocket
            elif PREVIEW_MARK in scope["query_string"]:  # a call would slow down all others
                app = self.previews
        await app(scope, receive, send)

    def respond_sync(self, scope: Scope, headers: HeaderMap, body: bytes) -> Reply | None:
        """The sync form of GraphQL over HTTP; no other endpoint has one."""
        return self.http.respond_sync(scope, headers, body)


def rewrite_document_path(scope: Scope) -> None:
    """Rewrite a GET of `/graphql/ID` or `/graphql/ID/OPERATION` to one with parameters.

    The appendix on persisted documents names this form: logs and caches, which leave query strings
    out, tell documents apart. The metrics see the rewritten path. Other methods keep the path, so
    that they get 404.
    """
    path: str = scope["path"]
    if not path.startswith(_DOCUMENT_PATHS) or scope["method"] not in ("GET", "HEAD"):
        return
    id, _, operation = path.removeprefix(_DOCUMENT_PATHS).partition("/")
    if not id:
        return
    parameters = {"documentId": id} | ({"operationName": operation} if operation else {})
    pairs = [urlencode(parameters).encode(), scope["query_string"]]
    scope["path"], scope["query_string"] = GRAPHQL_PATH, b"&".join(filter(None, pairs))


def wrap_endpoints(  # noqa: PLR0913  # a parameter for each part
    endpoints: Endpoints,
    *,
    metrics: Metrics,
    request_hooks: Sequence[RequestHook],
    origins: Sequence[str],
    authenticator: Authenticator,
    limiter: RateLimiter | None,
    caches: CacheRegistry,
) -> Application:
    """Wrap the endpoints in middleware; a request passes the list from first to last.

    Args:
        endpoints: The endpoints.
        metrics: The metrics that count requests.
        request_hooks: Called after each request.
        origins: The allowed origins of CORS; no CORS without any.
        authenticator: The authenticator.
        limiter: The rate limiter; None for no rate limit.
        caches: The registry for the caches of middleware.
    """
    middleware: list[Middleware] = [
        partial(
            TelemetryMiddleware,
            count_request=metrics.count_request,
            hooks=request_hooks,
            paths=(GRAPHQL_PATH,),
        ),
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
