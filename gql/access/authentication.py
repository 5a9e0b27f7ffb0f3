"""Authentication as middleware: every request has a viewer before anything is done for it."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from gql.errors import RateLimitedError, RequestError, UnauthenticatedError
from gql.http import Application, HeaderMap, Reply, refusal_reply

from .authenticator import Authenticator
from .rates import RateLimiter

OPEN = frozenset({"/healthz", "/readyz", "/schema.graphql"})
"""Paths that tell nothing of documents, for those who watch over servers and write clients."""
_OPEN_FOLDER = "/static/"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class AuthenticationMiddleware:
    """Middleware that leaves the viewer in `scope["state"]["viewer"]`, or refuses the request.

    Attributes:
        app: The application inside.
        authenticator: Tells whose credentials a request has.
        page_path: Where a browser gets the page on which a key can be entered.
        limiter: Counts requests whose credentials are refused; None: nobody does.
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
        """The ASGI form: let a request pass, or answer it."""
        if scope["type"] == "http" and not self._is_open(scope):
            try:
                viewer = await self.authenticator.viewer(scope)
            except RequestError as error:
                await refusal_reply(self._counted(error, scope)).send(scope, send)
                return
            scope.setdefault("state", {})["viewer"] = viewer
        await self.app(scope, receive, send)

    def respond_sync(self, scope: Scope, headers: HeaderMap, body: bytes) -> Reply | None:
        """The sync form: only for viewers who are known at once, and are not refused."""
        viewer = self.authenticator.viewer_sync(headers.get(b"authorization"), scope)
        if viewer is None:
            return None
        scope["state"]["viewer"] = viewer
        return self.app.respond_sync(scope, headers, body)

    def _counted(self, error: RequestError, scope: Scope) -> RequestError:
        """The error to refuse a request by: trying keys is no way round the rate limit."""
        if self.limiter is not None and isinstance(error, UnauthenticatedError):
            try:
                self.limiter.count(None, scope)
            except RateLimitedError as limited:
                return limited
        return error

    def _is_open(self, scope: Scope) -> bool:
        """Whether there is nothing to protect."""
        path: str = scope["path"]
        if path == self.page_path:
            # Without parameters a GET can name no operation: it gets the page, or is told so.
            return not scope["query_string"] and scope["method"] in _SAFE
        return path in OPEN or path.startswith(_OPEN_FOLDER)
