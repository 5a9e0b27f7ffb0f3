"""The composition root: settings and a repository in, an ASGI application out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from store import FolderLoader, Repository, StoreError

from .access_log import AccessLog
from .environment import check_environment
from .execution import page_sizes, pipeline
from .feeds import feed_routes
from .graphiql import NOT_BUILT, graphiql_page, page_response, static_routes
from .http import Front, GraphQLApp, HttpSettings, ResponseCache
from .loading import folder_loader, open_store
from .logs import configure_logging, get_logger
from .root_page import root_route
from .schema import Context, build_schema
from .settings import Settings, load_settings
from .viewer import PREVIEW, PUBLIC, is_local

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
        self.graphql = Front(
            everything,
            self.pipeline,
            self.context,
            http_settings,
            ResponseCache(settings.response_cache_bytes),
            cache_control=settings.cache_control,
            explain=settings.explain,
        )
        routes = [
            root_route(repository),
            *feed_routes(repository, public_url=settings.public_url),
            Route("/healthz", self.health),
            Route("/readyz", self.readiness),
            Route("/schema.graphql", self.schema_text),
            *static_routes(),
        ]
        super().__init__(routes=routes, lifespan=self._life)

    def build_middleware_stack(self) -> ASGIApp:
        """The way of a request: access log, CORS, then the graph or Starlette's routes."""
        routes = super().build_middleware_stack()

        async def graph_or_routes(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"] == GRAPHQL_PATH:
                await self.graphql(scope, receive, send)
            else:
                await routes(scope, receive, send)

        app: ASGIApp = graph_or_routes
        if self.settings.cors_origins:
            app = CORSMiddleware(
                app,
                allow_origins=self.settings.cors_origins,
                allow_methods=("GET", "POST"),
                allow_headers=("authorization", "content-type", "if-none-match"),
            )
        if self.settings.log_level in ("debug", "info"):
            app = AccessLog(app)
        return app

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
            log.info(
                "loaded",
                articles=report.articles,
                read=report.read,
                unchanged=report.unchanged,
                removed=report.removed,
                seconds=round(report.seconds, 3),
                problems={str(k): n for k, n in report.diagnostics.items()},
            )
        self.ready = True
        try:
            yield
        finally:
            self.ready = False
            await self.repository.close()
