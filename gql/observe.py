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


Note = Callable[[str, str, int, int, float, float, RequestSummary | None], None]
"""Takes an observation's members but the scope, one by one: there are many requests to count."""

Observer = Callable[[Observation], None]
"""Is told of every request. The server waits for it, so it has to be quick."""


class Observe:
    """ASGI middleware that tells of each HTTP request when it is over: `note` always, and others.

    `paths` are those that are answered in front of Starlette's routes.
    """

    def __init__(
        self,
        app: ASGIApp,
        note: Note,
        observers: Sequence[Observer] = (),
        paths: Collection[str] = (),
    ) -> None:
        self.app = app
        self.note = note
        self.observers = observers
        self.paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and tell of it when it is answered or has failed."""
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
            self.tell(scope, status, size_bytes, started, summary, self._route(scope))

    def tell(  # noqa: PLR0913, PLR0917  # what an observation consists of
        self,
        scope: Scope,
        status: int,
        size_bytes: int,
        started: float,
        seen: RequestSummary | None,
        route: str | None = None,
    ) -> None:
        """Tell of a request that is over, and need not have passed through here.

        `started`: by `time.perf_counter`. `route`: its path, if nothing else.
        """
        ended = time.perf_counter()
        route = route or scope["path"]
        self.note(scope["method"], route, status, size_bytes, started, ended, seen)
        if self.observers:
            observation = Observation(
                scope, scope["method"], route, status, size_bytes, started, ended, seen
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
