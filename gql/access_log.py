"""One event for each request: what was asked, how it went, how long it took."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .http import RequestSummary
from .logs import get_logger


class AccessLog:
    """ASGI middleware that logs a `request` event after each response.

    Query strings and bodies are not logged: they may hold what a client keeps secret.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.log = get_logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and log it when it is answered or has failed."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status, size_bytes = 0, 0

        async def watched_send(message: Message) -> None:
            nonlocal status, size_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                size_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, watched_send)
        finally:
            client = scope.get("client")
            event = {
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "bytes": size_bytes,
                "duration_ms": round((time.perf_counter() - started) * 1e3, 2),
                "client": client[0] if client else None,
            }
            summary: RequestSummary | None = scope.get("state", {}).get("graphql")
            if summary is not None:
                event["operation"] = summary.operation_name
                if summary.error_codes:
                    event["errors"] = list(summary.error_codes)
            self.log.info("request", **event)
