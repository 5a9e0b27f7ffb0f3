"""The composition root: settings and a repository in, an ASGI application out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from store import FolderLoader, Repository, StoreError

from . import garbage
from .environment import check_environment
from .execution import page_sizes, pipeline
from .feeds import feed_routes
from .graphiql import NOT_BUILT, graphiql_page, page_response, static_routes
from .http import BoundedCache, Front, GraphQLApp, HttpSettings, ResponseCache
from .loading import folder_loader, log_load, open_store, size_bytes
from .logs import configure_logging, get_logger
from .metrics import Metrics
from .observe import Observe, Observer, access_log, leave_summary
from .root_page import root_route
from .schema import Context, build_schema
from .settings import Settings, SettingsError, load_settings
from .viewer import PREVIEW, PUBLIC, is_local
from .watching import folder_watcher

if TYPE_CHECKING:
    from .tracing import Tracing

GRAPHQL_PATH = "/graphql"


def create_app(
    settings: Settings, repository: Repository, loader: FolderLoader | None = None
) -> App:
    """The application over a repository, which it closes when it stops.

    `loader`, where given, loads its folder before the application is ready.
    """
    return App(settings, repository, loader)


def from_env() -> App:
    """The application as the environment's settings say; for `uvicorn gql.app:from_env --factory`.

    Several such processes may serve one store.
    """
    check_environment()
    garbage.hold()
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    repository = open_store(settings)
    return create_app(settings, repository, folder_loader(settings, repository))


class App(Starlette):
    """Starlette with the graph in front of its routing, under the same CORS and access log."""

    def __init__(
        self, settings: Settings, repository: Repository, loader: FolderLoader | None
    ) -> None:
        self.settings = settings
        self.repository = repository
        self.loader = loader
        self.ready = False
        self.metrics = Metrics()
        self.tracing = _tracing() if settings.trace else None
        self.watcher = folder_watcher(settings, repository, self.metrics.loaded)
        self.schema = build_schema()
        self.page = graphiql_page()
        self.page_sizes = page_sizes(settings)
        self.pipeline = pipeline(settings, self.schema)
        http_settings = HttpSettings(max_body_bytes=settings.max_body_bytes)
        everything = GraphQLApp(
            self.pipeline,
            context_factory=self.context,
            settings=http_settings,
            page=self.graphiql,
        )
        self.is_direct = not settings.cors_origins
        self.observers = self._observers()
        watched = self.observe(everything)
        self.graphql = Front(
            watched if self.is_direct else everything,
            self.pipeline,
            self.context,
            http_settings,
            responses=ResponseCache(settings.response_cache_bytes),
            requests=BoundedCache(settings.plan_cache_bytes),
            cache_control=settings.cache_control,
            tell=watched.tell if self.is_direct else leave_summary,
            explain=settings.explain,
        )
        routes = [
            root_route(repository),
            *feed_routes(repository, public_url=settings.public_url),
            Route("/healthz", self.health),
            Route("/readyz", self.readiness),
            Route("/metrics", self.exposition),
            Route("/schema.graphql", self.schema_text),
            *static_routes(),
        ]
        super().__init__(routes=routes, lifespan=self._life)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the graph before anything else, unless CORS has to come before it."""
        if scope["type"] == "http" and scope["path"] == GRAPHQL_PATH and self.is_direct:
            await self.graphql(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """The way of other requests: observers, then Starlette's routes; with CORS, of all."""
        routes = super().build_middleware_stack()
        if self.is_direct:
            return self.observe(routes)

        async def graph_or_routes(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] == GRAPHQL_PATH:
                await self.graphql(scope, receive, send)
            else:
                await routes(scope, receive, send)

        return self.observe(
            CORSMiddleware(
                graph_or_routes,
                allow_origins=self.settings.cors_origins,
                allow_methods=("GET", "POST"),
                allow_headers=("authorization", "content-type", "if-none-match"),
            )
        )

    def observe(self, app: ASGIApp) -> Observe:
        """An application whose requests the observers are told of."""
        return Observe(app, self.observers, paths=(GRAPHQL_PATH,))

    def _observers(self) -> list[Observer]:
        """Who is told of each request."""
        observers: list[Observer] = [self.metrics.observe]
        if self.settings.log_level in ("debug", "info"):
            observers.append(access_log())
        if self.tracing is not None:
            observers.append(self.tracing.observe)
        return observers

    async def context(self, scope: Scope) -> Context:
        """One request's viewer and its snapshot of the store."""
        viewer = PREVIEW if self.settings.drafts and is_local(scope) else PUBLIC
        return Context(await self.repository.snapshot(), viewer, self.page_sizes)

    async def graphiql(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The page for people who open `/graphql` in a browser."""
        await page_response(self.page, Request(scope))(scope, receive, send)

    async def health(self, _request: Request) -> Response:
        """Whether the process runs at all."""
        return PlainTextResponse("ok\n")

    async def readiness(self, _request: Request) -> Response:
        """Whether queries can be answered: the folder is loaded and the store can be read."""
        try:
            revision = (await self.repository.snapshot()).revision
        except StoreError as error:
            return JSONResponse({"ready": False, "reason": str(error)}, 503)
        if not self.ready:
            return JSONResponse({"ready": False, "reason": "The folder is being loaded."}, 503)
        return JSONResponse({"ready": True, "revision": str(revision)})

    async def exposition(self, request: Request) -> Response:
        """What Prometheus reads."""
        body, media_type = await self.metrics.exposition(
            request.headers.get("accept", ""),
            await self.repository.snapshot(),
            size_bytes(self.settings.store_path),
        )
        return Response(body, headers={"content-type": media_type, "cache-control": "no-store"})

    async def schema_text(self, _request: Request) -> Response:
        """The schema in GraphQL's own language."""
        return PlainTextResponse(f"{self.schema}\n", headers={"cache-control": "no-cache"})

    @asynccontextmanager
    async def _life(self, _app: Starlette) -> AsyncIterator[None]:
        log = get_logger()
        if not self.page.bundled:
            log.warning(NOT_BUILT)
        if self.loader is not None:
            report = await self.loader.load()
            log_load("loaded", report)
            self.metrics.loaded(report)
        garbage.settle()
        self.ready = True
        try:
            async with self.watcher.running() if self.watcher else nullcontext():
                yield
        finally:
            self.ready = False
            if self.tracing is not None:
                await run_in_threadpool(self.tracing.close)
            await self.repository.close()


def _tracing() -> Tracing:
    try:
        from .tracing import start_tracing  # noqa: PLC0415  # what it needs may not be installed
    except ImportError as error:
        raise SettingsError(
            f"trace (NEWSGRAPH_TRACE, --trace) is on, but {error.name} is not installed. "
            "Install newsgraph with its extra: pip install 'newsgraph[otel]'"
        ) from None
    return start_tracing()
