"""The rate limit middleware: counts each request of a viewer once, and refuses those beyond."""

from __future__ import annotations

from starlette.types import Message, Receive, Scope, Send

from gql.errors import Headers, RateLimitedError
from gql.http import Application, HeaderMap, Reply, accept_header, refusal_reply
from gql.identity.viewer import Viewer

from .rate_limiter import RateLimiter


class RateLimitMiddleware:
    """Middleware that counts requests, and refuses those that exceed the rate limit.

    It comes after the authentication. Requests without a viewer (public paths) are not counted.

    Attributes:
        app: The application inside.
        limiter: The rate limiter, shared with the authentication, which counts failed ones.
    """

    def __init__(self, app: Application, limiter: RateLimiter) -> None:
        self.app = app
        self.limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI form: count a request, then pass it on or refuse it."""
        viewer: Viewer | None = scope.get("state", {}).get("viewer")
        if scope["type"] != "http" or viewer is None:
            await self.app(scope, receive, send)
            return
        try:
            headers = self.limiter.count(viewer, scope)
        except RateLimitedError as error:
            await refusal_reply(error, accept_header(scope)).send(scope, send)
            return
        await self.app(scope, receive, _with_headers(headers, send))

    def respond_sync(self, scope: Scope, headers: HeaderMap, body: bytes) -> Reply | None:
        """The sync form: count a request if it has a reply; if not, the ASGI form counts it."""
        viewer: Viewer = scope["state"]["viewer"]
        limiter, now = self.limiter, self.limiter.clock()
        window = limiter.window_of(viewer, scope, now)
        if not window.remaining:
            error = limiter.exceeded_error(window, viewer, now)
            return refusal_reply(error, headers.get(b"accept", b"").decode("latin-1"))
        reply = self.app.respond_sync(scope, headers, body)
        if reply is None:
            return None
        return reply.with_fields(reply.block, limiter.consume(window, now))


def _with_headers(headers: Headers, send: Send) -> Send:
    """A `send` that adds headers to the response."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers]
        await send(message)

    return send_with_headers
