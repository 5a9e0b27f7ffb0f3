"""The telemetry middleware: records each completed request, for metrics, access log and traces."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

import msgspec
from starlette.types import Message, Receive, Scope, Send

from gql.http import Application, HeaderMap, Reply, RequestSummary
from gql.logs import get_logger

UNKNOWN_ROUTE = "other"
"""The route of requests that match no route."""


class RequestRecord(msgspec.Struct, frozen=True, gc=False):
    """The record of a completed request.

    Attributes:
        scope: Its ASGI scope.
        method: Its HTTP method.
        route: The template of its path, of which there are few.
        status: The HTTP status of the response; 0 without a response.
        size_bytes: The size of the response body.
        started: The start time, by `time.perf_counter`.
        ended: The end time, by `time.perf_counter`.
        graphql: The summary of the GraphQL execution, if there was one.
    """

    scope: Scope
    method: str
    route: str
    status: int
    size_bytes: int
    started: float
    ended: float
    graphql: RequestSummary | None

    @property
    def duration_s(self) -> float:
        """The duration, in seconds."""
        return self.ended - self.started

    @property
    def started_ns(self) -> int:
        """The start time, in nanoseconds since the epoch."""
        return time.time_ns() - int((time.perf_counter() - self.started) * 1e9)


RequestCounter = Callable[[str, str, int, int, float, float, RequestSummary | None, Scope], None]
"""Counts a request. It takes the fields of a `RequestRecord`, the scope last, to save an object."""

RequestHook = Callable[[RequestRecord], None]
"""Called after each request. The server waits for it, so it has to be fast."""


class TelemetryMiddleware:
    """Middleware that records each HTTP request when it is completed.

    It is the outermost middleware, so that it records what other middleware refuses or answers.

    Attributes:
        app: The application inside.
        count_request: Counts every request, for the metrics.
        hooks: Called after every request.
        paths: The paths outside Starlette, whose router names the other routes.
    """

    def __init__(
        self,
        app: Application,
        count_request: RequestCounter,
        hooks: Sequence[RequestHook] = (),
        paths: Collection[str] = (),
    ) -> None:
        self.app = app
        self.count_request = count_request
        self.hooks = hooks
        self.paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI form: pass a request on, and record it after its response or failure."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status, size_bytes = 0, 0

        async def measured_send(message: Message) -> None:
            nonlocal status, size_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                size_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, measured_send)
        finally:
            summary = scope.get("state", {}).get("graphql")
            self.record(scope, self._route(scope), status, size_bytes, started, summary)

    def respond_sync(self, scope: Scope, headers: HeaderMap, body: bytes) -> Reply | None:
        """The sync form: record a request that has a reply; one without takes the ASGI form."""
        started = time.perf_counter()
        reply = self.app.respond_sync(scope, headers, body)
        if reply is not None:
            path: str = scope["path"]
            self.record(scope, path, reply.status, reply.size_bytes, started, reply.summary)
        return reply

    def record(  # noqa: PLR0913, PLR0917  # the fields of a record
        self,
        scope: Scope,
        route: str,
        status: int,
        size_bytes: int,
        started: float,
        summary: RequestSummary | None,
    ) -> None:
        """Record a request that is completed now. `started`: by `time.perf_counter`."""
        method, ended = scope["method"], time.perf_counter()
        self.count_request(method, route, status, size_bytes, started, ended, summary, scope)
        if self.hooks:
            record = RequestRecord(
                scope, method, route, status, size_bytes, started, ended, summary
            )
            for hook in self.hooks:
                hook(record)

    def _route(self, scope: Scope) -> str:
        if scope["path"] in self.paths:
            return str(scope["path"])
        return getattr(scope.get("route"), "path", UNKNOWN_ROUTE)


def access_log() -> RequestHook:
    """The access log: a hook that logs a `request` event for each request.

    Query strings and bodies are not logged, since they may hold secrets of clients.
    """
    log = get_logger()

    def log_request(record: RequestRecord) -> None:
        client = record.scope.get("client")
        event = {
            "method": record.scope["method"],
            "path": record.scope["path"],
            "status": record.status,
            "bytes": record.size_bytes,
            "duration_ms": round(record.duration_s * 1e3, 2),
            "client": client[0] if client else None,
        }
        viewer = record.scope.get("state", {}).get("viewer")
        if viewer is not None and viewer.name is not None:
            event["key"] = viewer.name
        if record.graphql is not None:
            event["operation"] = record.graphql.operation_name
            if record.graphql.error_codes:
                event["errors"] = list(record.graphql.error_codes)
        log.info("request", **event)

    return log_request
