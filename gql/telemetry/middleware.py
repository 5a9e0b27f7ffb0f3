"""Telemetry as middleware: each request is recorded when it is over, for metrics, log, traces."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

import msgspec
from starlette.types import Message, Receive, Scope, Send

from gql.http import Application, HeaderMap, Reply, RequestSummary
from gql.logs import get_logger

NO_ROUTE = "other"
"""The route of requests that no route answers."""


class Observation(msgspec.Struct, frozen=True, gc=False):
    """A request that is over.

    `route`: the template of its path, so that there are few. `status`: 0 where nothing was
    answered. `started` and `ended`: by `time.perf_counter`. `graphql`: what was executed, if
    anything was.
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
        """How long it took, in seconds."""
        return self.ended - self.started

    @property
    def started_ns(self) -> int:
        """When it started, in nanoseconds since the epoch."""
        return time.time_ns() - int((time.perf_counter() - self.started) * 1e9)


Note = Callable[[str, str, int, int, float, float, RequestSummary | None, Scope], None]
"""Takes an observation's members one by one, the scope last: there are many requests to count."""

Observer = Callable[[Observation], None]
"""Is told of every request. The server waits for it, so it has to be quick."""


class TelemetryMiddleware:
    """Middleware that records each HTTP request when it is over.

    It is the outermost, so that it sees what other middleware refuses or answers.

    Attributes:
        app: The application inside.
        note: Takes every request, for the metrics.
        observers: Are told of every request, too.
        paths: Those that are no routes of Starlette, which names the others.
    """

    def __init__(
        self,
        app: Application,
        note: Note,
        observers: Sequence[Observer] = (),
        paths: Collection[str] = (),
    ) -> None:
        self.app = app
        self.note = note
        self.observers = observers
        self.paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI form: pass a request on, and record it when it is answered or has failed."""
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

    def record(  # noqa: PLR0913, PLR0917  # what an observation consists of
        self,
        scope: Scope,
        route: str,
        status: int,
        size_bytes: int,
        started: float,
        summary: RequestSummary | None,
    ) -> None:
        """Record a request that is over now. `started`: by `time.perf_counter`."""
        method, ended = scope["method"], time.perf_counter()
        self.note(method, route, status, size_bytes, started, ended, summary, scope)
        if self.observers:
            observation = Observation(
                scope, method, route, status, size_bytes, started, ended, summary
            )
            for observe in self.observers:
                observe(observation)

    def _route(self, scope: Scope) -> str:
        if scope["path"] in self.paths:
            return str(scope["path"])
        return getattr(scope.get("route"), "path", NO_ROUTE)


def access_log() -> Observer:
    """Logs a `request` event for each request.

    Query strings and bodies are not logged: they may hold what a client keeps secret.
    """
    log = get_logger()

    def observe(seen: Observation) -> None:
        client = seen.scope.get("client")
        event = {
            "method": seen.scope["method"],
            "path": seen.scope["path"],
            "status": seen.status,
            "bytes": seen.size_bytes,
            "duration_ms": round(seen.duration_s * 1e3, 2),
            "client": client[0] if client else None,
        }
        viewer = seen.scope.get("state", {}).get("viewer")
        if viewer is not None and viewer.name is not None:
            event["key"] = viewer.name
        if seen.graphql is not None:
            event["operation"] = seen.graphql.operation_name
            if seen.graphql.error_codes:
                event["errors"] = list(seen.graphql.error_codes)
        log.info("request", **event)

    return observe
