"""The rate limit as middleware: each request of a known viewer is counted once, in either form."""

from __future__ import annotations

from starlette.types import Message, Receive, Scope, Send

from gql.errors import Headers, RateLimitedError
from gql.http import Application, HeaderMap, Reply, refusal_reply
from gql.identity.viewer import Viewer

from .rates import RateLimiter


class RateLimitMiddleware:
    """Middleware that counts requests, and refuses those beyond the rate.

    It comes behind the authentication, and leaves alone what needs none.

    Attributes:
        app: The application inside.
        limiter: Counts. The authentication counts there, too, what it refuses.
    """

    def __init__(self, app: Application, limiter: RateLimiter) -> None:
        self.app = app
        self.limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI form: count a request, then pass it on."""
        viewer: Viewer | None = scope.get("state", {}).get("viewer")
        if scope["type"] != "http" or viewer is None:
            await self.app(scope, receive, send)
            return
        try:
            headers = self.limiter.count(viewer, scope)
        except RateLimitedError as error:
            await refusal_reply(error).send(scope, send)
            return
        await self.app(scope, receive, _adding(headers, send))

    def respond_sync(self, scope: Scope, headers: HeaderMap, body: bytes) -> Reply | None:
        """The sync form: count a request when there is a reply; without one, the ASGI form does."""
        viewer: Viewer = scope["state"]["viewer"]
        limiter, now = self.limiter, self.limiter.clock()
        window = limiter.window(viewer, scope, now)
        if not window.left:
            return refusal_reply(limiter.refusal(window, viewer, now))
        reply = self.app.respond_sync(scope, headers, body)
        if reply is None:
            return None
        return reply.with_fields(reply.block, limiter.take(window, now))


def _adding(headers: Headers, send: Send) -> Send:
    """A send that adds headers to the response."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers]
        await send(message)

    return send_with_headers
