"""The composition root: settings and a repository in, an ASGI application out."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gql import gc_tuning
from gql.access import RateLimiter, authenticator
from gql.cache import CacheRegistry
from gql.error_formatting import client_message
from gql.folder_watcher import folder_watcher
from gql.http import (
    Executor,
    FastPath,
    GraphQLApp,
    HeaderMap,
    HttpSettings,
    IdempotencyStore,
    IdempotentExecutor,
    Reply,
    RequestCache,
    response_cache,
)
from gql.http.asgi.client_watch import WATCH
from gql.identity.viewer import Viewer
from gql.logs import configure_logging, get_logger
from gql.package_check import check_environment
from gql.realtime import ChangeNotifier, Operations, Realtime, RealtimeSettings
from gql.scheduler import Job, Scheduler
from gql.schema import Context, build_schema
from gql.server.connection_limits import connection_limits, raise_file_limit
from gql.settings import Settings, SettingsError, load_settings
from gql.store_factory import document_writer, folder_loader, log_load, open_store, size_bytes
from gql.telemetry import Observer, access_log
from gql.telemetry.metrics import Metrics
from gql.web.feeds import feed_routes
from gql.web.graphiql import NOT_BUILT, graphiql_page, page_response, static_routes
from gql.web.root_page import root_route
from store import (
    ArticleQuery,
    FolderLoader,
    OrderField,
    OrderStep,
    Repository,
    StoreError,
    Visibility,
    Window,
)

from .executors import answer_form, page_sizes, pipeline
from .middleware import GRAPHQL_PATH, Endpoints, with_middleware

if TYPE_CHECKING:
    from gql.telemetry.tracing import Tracing

__all__ = ["GRAPHQL_PATH", "App", "create_app", "from_env"]


def create_app(
    settings: Settings, repository: Repository, loader: FolderLoader | None = None
) -> App:
    """The application over a repository, which it closes when it stops.

    `loader`, where given, loads its folder before the application is ready.
    """
    return App(settings, repository, loader)


def from_env() -> App:
    """The application as the environment's settings say; for
    `uvicorn gql.composition.app:from_env --factory`.

    Several such processes may serve one store.
    """
    check_environment()
    gc_tuning.disable_collector()
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    raise_file_limit(settings.max_connections)
    repository = open_store(settings)
    return create_app(settings, repository, folder_loader(settings, repository))


class App:
    """All parts, and the application that they make: endpoints inside middleware."""

    def __init__(
        self, settings: Settings, repository: Repository, loader: FolderLoader | None
    ) -> None:
        self.settings = settings
        self.repository = repository
        self.loader = loader
        self.ready = False
        self.tracing = _tracing() if settings.trace else None
        self.authenticator = authenticator(settings)
        self.limiter = RateLimiter(settings.rate_limit) if settings.rate_limit else None
        self.writer = document_writer(settings, repository)
        self.schema = build_schema()
        self.page = graphiql_page()
        self.page_sizes = page_sizes(settings)
        self.scheduler = Scheduler()
        self.caches = CacheRegistry()
        self.pipeline = pipeline(settings, self.schema, self.caches, repository.current)
        self.metrics = Metrics(self.pipeline.counts, self.caches)
        self.connection_limits = connection_limits(settings, self.metrics.refused)
        self.watcher = folder_watcher(settings, repository, self.metrics.loaded)
        self.feed = ChangeNotifier(repository)
        answers = IdempotencyStore(
            settings.store_path.with_name(f"{settings.store_path.name}.answers")
        )
        once = IdempotentExecutor(self.pipeline, self.pipeline.reference, answers)
        operations = Operations(self.pipeline, once)
        self.caches.add(operations.shared.cache)
        self.realtime = Realtime(
            operations,
            self.context,
            self.count,
            self.metrics.streams,
            realtime_settings(settings),
        )
        self.observers = self._observers()
        self.pages = self._pages()
        self.application = with_middleware(
            Endpoints(self._graph(once), self.realtime.websocket, self.pages),
            metrics=self.metrics,
            observers=self.observers,
            origins=settings.cors_origins,
            authenticator=self.authenticator,
            limiter=self.limiter,
            caches=self.caches,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. The ASGI form."""
        await self.application(scope, receive, send)

    def respond_sync(self, scope: Scope, headers: HeaderMap, body: bytes) -> Reply | None:
        """The reply to a POST, for a server that calls this before it makes a task (`direct`).

        None: call the ASGI form. Only the graph has a sync form, and no other path comes to it.
        """
        if scope["path"] != GRAPHQL_PATH:
            return None
        return self.application.respond_sync(scope, headers, body)

    def _graph(self, execute: Executor) -> FastPath:
        """The graph over HTTP: the fast path, event streams, and whatever is left."""
        settings = self.settings
        http_settings = HttpSettings(
            max_body_bytes=settings.max_body_bytes,
            max_json_values=max(HttpSettings().max_json_values, 20 * settings.max_import_documents),
        )
        everything = GraphQLApp(
            execute, context_factory=self.context, settings=http_settings, page=self.graphiql
        )
        return FastPath(
            self.realtime.event_streams(everything),
            self.pipeline,
            RequestCache(http_settings, settings.plan_cache_bytes // 2, self.caches),
            self.context,
            self.repository.current,
            responses=response_cache(settings.response_cache_bytes),
            caches=self.caches,
            cache_control=settings.cache_control,
            form=answer_form(self.schema, self.page_sizes),
            explain=settings.explain,
        )

    def _pages(self) -> Starlette:
        """Feeds, pages, and what operators read."""
        routes = [
            root_route(self.repository),
            *feed_routes(self.repository, public_url=self.settings.public_url),
            Route("/healthz", self.health),
            Route("/readyz", self.readiness),
            Route("/metrics", self.exposition),
            Route("/schema.graphql", self.schema_text),
            *static_routes(),
        ]
        handlers = {StoreError: _store_failure}
        return Starlette(routes=routes, lifespan=self._life, exception_handlers=handlers)

    def _observers(self) -> list[Observer]:
        """Who is told of each request, besides the metrics."""
        observers: list[Observer] = []
        if self.settings.log_level in ("debug", "info"):
            observers.append(access_log())
        if self.tracing is not None:
            observers.append(self.tracing.observe)
        return observers

    async def context(self, scope: Scope) -> Context:
        """One request's viewer and its snapshot of the store."""
        viewer: Viewer | None = scope.get("state", {}).get("viewer")  # as authenticated
        if viewer is None:
            viewer = await self.authenticator.viewer(scope)
        job = Job(self.scheduler)
        await job.pause()  # what comes next may be a new document, which takes long to prepare
        job.watch = scope.get("state", {}).get(WATCH)
        snapshot = await self.repository.snapshot()
        context = Context(snapshot, viewer, self.page_sizes, self.feed, job)
        context.writer = self.writer
        context.idempotency_key = idempotency_key(scope)
        return context

    def count(self, viewer: Viewer | None, scope: Scope) -> None:
        """Count what comes over a connection that was authenticated once. Raises: GraphError."""
        if self.limiter is not None:
            self.limiter.count(viewer, scope)

    async def graphiql(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The page for people who open `/graphql` in a browser."""
        await page_response(self.page, Request(scope))(scope, receive, send)

    async def health(self, _request: Request) -> Response:
        """Whether the process runs at all."""
        return PlainTextResponse("ok\n")

    async def readiness(self, _request: Request) -> Response:
        """Whether queries can be answered: the folder is loaded and the store can be read."""
        try:
            await self.repository.snapshot()
        except StoreError as error:
            return JSONResponse({"ready": False, "reason": client_message(error)}, 503)
        if not self.ready:
            return JSONResponse({"ready": False, "reason": "The folder is being loaded."}, 503)
        return JSONResponse({"ready": True})

    async def exposition(self, request: Request) -> Response:
        """What Prometheus reads."""
        body, media_type = await self.metrics.exposition(
            request.headers.get("accept", ""),
            await self.repository.snapshot(),
            size_bytes(self.settings.store_path),
            request.state.viewer.visibility,
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
        await self._prepare_orders()
        gc_tuning.freeze_and_enable()
        share_interpreter()
        self.ready = True
        try:
            async with self.watcher.running() if self.watcher else nullcontext():
                with self.realtime.running():
                    yield
        finally:
            self.ready = False
            await self.feed.close()
            if self.tracing is not None:
                await run_in_threadpool(self.tracing.close)
            await self.repository.close()

    async def _prepare_orders(self) -> None:
        """Have a list in each order before anybody waits: the first one sorts all articles."""
        queries = [ArticleQuery(Window(first=1), order=(OrderStep(field),)) for field in OrderField]
        with suppress(Exception):  # whatever it is, requests will meet it and tell
            if snapshot := self.repository.current():
                await snapshot.pages(queries, Visibility.PUBLISHED)


async def _store_failure(_request: Request, error: Exception) -> Response:
    """The response of a page where the store cannot be read."""
    return JSONResponse({"reason": client_message(error)}, 503)


def idempotency_key(scope: Scope) -> str | None:
    """The client's name for a request, from its headers."""
    values = [value for name, value in scope["headers"] if name == b"idempotency-key"]
    return b", ".join(values).decode("latin-1") if values else None


def realtime_settings(settings: Settings) -> RealtimeSettings:
    """What subscriptions are held to."""
    return RealtimeSettings(
        max_subscriptions=settings.max_subscriptions,
        subscription_bytes=settings.subscription_bytes,
        max_per_socket=settings.max_per_socket,
        max_websockets=settings.max_websockets,
        max_per_client=settings.max_per_client,
        max_message_bytes=settings.max_body_bytes,
        init_timeout_s=settings.init_timeout_s,
        keep_alive_s=settings.keep_alive_s,
        send_timeout_s=settings.send_timeout_s,
        origins=settings.cors_origins,
    )


def share_interpreter() -> None:
    """Have a thread that writes give way to those who read after a small part of the usual time.

    Who answers requests needs the interpreter for well below a millisecond at a time, but has to
    ask for it again after every system call; 5 ms each time would be most of an answer.
    """
    sys.setswitchinterval(0.0002)


def _tracing() -> Tracing:
    try:
        from gql.telemetry.tracing import start_tracing  # noqa: PLC0415  # what it needs may not be installed
    except ImportError as error:
        raise SettingsError(
            f"trace (NEWSGRAPH_TRACE, --trace) is on, but {error.name} is not installed. "
            "Install newsgraph with its extra: pip install 'newsgraph[otel]'"
        ) from None
    return start_tracing()
