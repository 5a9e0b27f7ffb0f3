"""What became of a request, gathered once for all who want to know: log, metrics and traces."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .http import RequestSummary
from .logs import get_logger

NO_ROUTE = "other"
"""The route of requests that no route answers."""


class Observation(msgspec.Struct, frozen=True, gc=False):
    """A request that is over.

    `route`: the template of its path, so that there are few. `status`: 0 where nothing was
    answered. `started_ns`: since the epoch. `graphql`: what was executed, if anything was.
    """

    scope: Scope
    method: str
    route: str
    status: int
    size_bytes: int
    started_ns: int
    duration_s: float
    graphql: RequestSummary | None


Observer = Callable[[Observation], None]
"""Is told of every request. The server waits for it, so it has to be quick."""


class Observe:
    """ASGI middleware that tells observers of each HTTP request when it is over.

    `paths` are those that are answered in front of Starlette's routes.
    """

    def __init__(
        self, app: ASGIApp, observers: Sequence[Observer], paths: Collection[str] = ()
    ) -> None:
        self.app = app
        self.observers = observers
        self.paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and tell of it when it is answered or has failed."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started_ns, started = time.time_ns(), time.perf_counter()
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
            duration_s = time.perf_counter() - started
            summary = scope.get("state", {}).get("graphql")
            route = self._route(scope)
            observation = Observation(
                scope,
                scope["method"],
                route,
                status,
                size_bytes,
                started_ns,
                duration_s,
                summary,
            )
            for observe in self.observers:
                observe(observation)

    def tell(
        self, scope: Scope, status: int, size_bytes: int, started: float, seen: RequestSummary
    ) -> None:
        """Tell of a GraphQL request that was answered without passing through here.

        `started`: by `time.perf_counter`.
        """
        duration_s = time.perf_counter() - started
        started_ns = time.time_ns() - int(duration_s * 1e9)
        observation = Observation(
            scope,
            scope["method"],
            scope["path"],
            status,
            size_bytes,
            started_ns,
            duration_s,
            seen,
        )
        for observe in self.observers:
            observe(observation)

    def _route(self, scope: Scope) -> str:
        if scope["path"] in self.paths:
            return str(scope["path"])
        return getattr(scope.get("route"), "path", NO_ROUTE)


def leave_summary(
    scope: Scope, _status: int, _size_bytes: int, _started: float, summary: RequestSummary
) -> None:
    """Leave what was executed for an `Observe` around it, instead of telling of the request."""
    scope.setdefault("state", {})["graphql"] = summary


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
