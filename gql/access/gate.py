"""The gate: every request is known and counted before anything is done for it."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import Headers, RequestError, refusal
from ..http import HeaderMap, Reply, RequestSummary
from ..http.encoding import encode
from ..http.front import Tell
from ..viewer import Viewer
from .authenticator import Authenticator, UnauthenticatedError, credentials_in
from .rates import RateLimitedError, RateLimiter

Now = Callable[[HeaderMap, bytes, Viewer], Reply | None]
"""The reply to a POST, given its header fields, body and viewer; None: ask the application."""

OPEN = frozenset({"/healthz", "/readyz", "/schema.graphql"})
"""Paths that tell nothing of documents, for those who watch over servers and write clients."""
_OPEN_FOLDER = "/static/"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """ASGI middleware that leaves the viewer in `scope["state"]["viewer"]`, or refuses.

    `page_path`: where a browser gets the page on which a key can be entered. `tell` is told of
    what is refused. `answer`: what the application answers without waiting, if it does at all.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # the seams between what it joins
        self,
        app: ASGIApp,
        authenticator: Authenticator,
        limiter: RateLimiter | None,
        page_path: str,
        tell: Tell,
        answer: Now | None = None,
    ) -> None:
        self.tell = tell
        self.app = app
        self.authenticator = authenticator
        self.limiter = limiter
        self.page_path = page_path
        self.answer = answer

    def now(self, scope: Scope, headers: HeaderMap, body: bytes) -> Reply | None:
        """The reply to a POST of somebody who is known at once, and is not counted."""
        if self.answer is None or self.limiter is not None or len(headers) < len(scope["headers"]):
            return None
        viewer = self.authenticator.now(headers.get(b"authorization"), scope)
        if viewer is None:
            return None
        scope["state"]["viewer"] = viewer
        return self.answer(headers, body, viewer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] != "http" or self.is_open(scope):
            await self.app(scope, receive, send)
            return
        try:
            credentials = credentials_in(scope)  # most have none, and should not wait for those
            viewer = (
                self.authenticator.stranger(scope)
                if credentials is None
                else await self.authenticator.bearer(credentials)
            )
            if self.limiter is not None:
                send = _adding(self.limiter.count(viewer, scope), send)
        except RequestError as error:
            await self.refuse(self.counted(error, scope), scope, send)
            return
        scope.setdefault("state", {})["viewer"] = viewer
        await self.app(scope, receive, send)

    def counted(self, error: RequestError, scope: Scope) -> RequestError:
        """What to refuse a request by: trying keys is no way round the limit."""
        if self.limiter is not None and isinstance(error, UnauthenticatedError):
            try:
                self.limiter.count(None, scope)
            except RateLimitedError as limited:
                return limited
        return error

    async def refuse(self, error: RequestError, scope: Scope, send: Send) -> None:
        """Answer by an error as GraphQL writes it, whatever was asked for."""
        started = time.perf_counter()
        body = encode({"errors": [refusal(error)]})
        headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            *error.headers,
        ]
        if scope["method"] == "HEAD":
            body = b""
        await send({"type": "http.response.start", "status": error.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        summary = RequestSummary(operation_name=None, error_codes=(error.code,))
        self.tell(scope, error.status, len(body), started, summary)

    def is_open(self, scope: Scope) -> bool:
        """Whether there is nothing to protect."""
        path: str = scope["path"]
        if path == self.page_path:
            # Without parameters a GET can name no operation: it gets the page, or is told so.
            return not scope["query_string"] and scope["method"] in _SAFE
        return path in OPEN or path.startswith(_OPEN_FOLDER)


def _adding(headers: Headers, send: Send) -> Send:
    """A send that adds headers to the response."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers]
        await send(message)

    return send_with_headers
