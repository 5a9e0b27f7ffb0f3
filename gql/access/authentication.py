"""The authentication middleware: sets the viewer of each request, or refuses the request."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from gql.errors import RateLimitedError, RequestError, UnauthenticatedError
from gql.http import Application, HeaderMap, Reply, accept_header, refusal_reply

from .authenticator import Authenticator
from .rate_limiter import RateLimiter

PUBLIC_PATHS = frozenset({"/healthz", "/readyz", "/schema.graphql"})
"""Paths without authentication, for health checks and client tools; they show no documents."""
_PUBLIC_PREFIX = "/static/"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class AuthenticationMiddleware:
    """Middleware that sets `scope["state"]["viewer"]`, or refuses the request.

    Attributes:
        app: The application inside.
        authenticator: Checks credentials.
        page_path: The path of the GraphiQL page, where a key can be entered.
        limiter: Counts failed authentications; None for no rate limit.
    """

    def __init__(
        self,
        app: Application,
        authenticator: Authenticator,
        page_path: str,
        limiter: RateLimiter | None,
    ) -> None:
        self.app = app
        self.authenticator = authenticator
        self.page_path = page_path
        self.limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI form: authenticate a request, then pass it on or refuse it."""
        if scope["type"] == "http" and not self._is_public(scope):
            try:
                viewer = await self.authenticator.authenticate(scope)
            except RequestError as error:
                reply = refusal_reply(self._count_failure(error, scope), accept_header(scope))
                await reply.send(scope, send)
                return
            scope.setdefault("state", {})["viewer"] = viewer
        await self.app(scope, receive, send)

    def respond_sync(self, scope: Scope, headers: HeaderMap, body: bytes) -> Reply | None:
        """The sync form: only for anonymous viewers and cached keys, and never a refusal."""
        viewer = self.authenticator.authenticate_sync(headers.get(b"authorization"), scope)
        if viewer is None:
            return None
        scope["state"]["viewer"] = viewer
        return self.app.respond_sync(scope, headers, body)

    def _count_failure(self, error: RequestError, scope: Scope) -> RequestError:
        """Count a failed authentication, so that guessing keys is rate-limited, too.

        Returns the error to respond with.
        """
        if self.limiter is not None and isinstance(error, UnauthenticatedError):
            try:
                self.limiter.count(None, scope)
            except RateLimitedError as limited:
                return limited
        return error

    def _is_public(self, scope: Scope) -> bool:
        """Whether a request needs no authentication."""
        path: str = scope["path"]
        if path == self.page_path:
            # A GET without parameters has no operation: the response is the page, or an error.
            return not scope["query_string"] and scope["method"] in _SAFE_METHODS
        return path in PUBLIC_PATHS or path.startswith(_PUBLIC_PREFIX)
