"""The endpoints for operators: health, readiness, metrics, and the schema."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from gql.error_formatting import client_message
from gql.store_factory import file_size_bytes
from gql.telemetry.metrics import Metrics
from store import Repository, StoreError


class OperatorEndpoints:
    """The endpoints for operators.

    Args:
        repository: The store, which has to be readable for readiness.
        store_path: The store's file, whose size is a metric.
        metrics: The metrics.
        sdl: The schema in the schema definition language (SDL).
        is_ready: Whether the application has started.
    """

    def __init__(
        self,
        repository: Repository,
        store_path: Path,
        metrics: Metrics,
        sdl: str,
        is_ready: Callable[[], bool],
    ) -> None:
        self._repository = repository
        self._store_path = store_path
        self._metrics = metrics
        self._sdl = sdl
        self._is_ready = is_ready

    def routes(self) -> list[BaseRoute]:
        """The routes of the endpoints."""
        return [
            Route("/healthz", self.health),
            Route("/readyz", self.readiness),
            Route("/metrics", self.metrics),
            Route("/schema.graphql", self.schema),
        ]

    async def health(self, _request: Request) -> Response:
        """The liveness check: the process runs."""
        return PlainTextResponse("ok\n")

    async def readiness(self, _request: Request) -> Response:
        """The readiness check: the folder is loaded and the store can be read."""
        try:
            await self._repository.snapshot()
        except StoreError as error:
            return JSONResponse({"ready": False, "reason": client_message(error)}, 503)
        if not self._is_ready():
            return JSONResponse({"ready": False, "reason": "The folder is being loaded."}, 503)
        return JSONResponse({"ready": True})

    async def metrics(self, request: Request) -> Response:
        """The metrics, for Prometheus."""
        body, media_type = await self._metrics.exposition(
            request.headers.get("accept", ""),
            await self._repository.snapshot(),
            file_size_bytes(self._store_path),
            request.state.viewer.visibility,
        )
        return Response(body, headers={"content-type": media_type, "cache-control": "no-store"})

    async def schema(self, _request: Request) -> Response:
        """The schema in SDL."""
        return PlainTextResponse(self._sdl, headers={"cache-control": "no-cache"})
