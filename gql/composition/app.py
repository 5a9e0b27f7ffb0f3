"""The composition root: settings and a repository in, an ASGI application out."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from gql import gc_tuning
from gql.access import RateLimiter, build_authenticator
from gql.cache import CacheRegistry
from gql.error_formatting import client_message
from gql.folder_watcher import folder_watcher
from gql.http import (
    Executor,
    FastPath,
    GraphQLApp,
    HeaderMap,
    HttpSettings,
    PersistedDocuments,
    QueryRegistry,
    Reply,
    RequestCache,
    response_cache,
)
from gql.http.asgi.client_watch import WATCH
from gql.http.asgi.private_responses import PrivateResponses
from gql.http.persisted.trusted_documents import TrustedDocuments
from gql.identity.preview_links import is_preview_request, read_preview
from gql.identity.viewer import Viewer
from gql.logs import configure_logging, get_logger
from gql.package_check import check_packages
from gql.realtime import ChangeNotifier, Operations, Realtime, RealtimeSettings
from gql.scheduler import Job, Scheduler
from gql.schema import Context, build_schema
from gql.server.connection_limits import connection_limits, raise_file_limit
from gql.server.head_cache import HeadCache
from gql.settings import Settings, SettingsError, load_settings
from gql.store_factory import document_writer, folder_loader, log_load, open_store
from gql.telemetry import RequestHook, access_log
from gql.telemetry.metrics import Metrics
from gql.web.feeds import feed_routes
from gql.web.graphiql_page import NOT_BUILT, load_page, page_response, static_routes
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
from store.preview import ChangeSource, PreviewSource, preview_snapshot

from .executors import (
    build_executor,
    build_write_executor,
    page_sizes,
    representation_digest,
)
from .middleware import GRAPHQL_PATH, Endpoints, wrap_endpoints
from .operator_endpoints import OperatorEndpoints
from .trusted_documents import prepare_trusted_documents, read_entries, trusted_documents

if TYPE_CHECKING:
    from gql.telemetry.tracing import RequestTracer

__all__ = ["GRAPHQL_PATH", "App", "create_app", "from_env"]


def create_app(
    settings: Settings, repository: Repository, loader: FolderLoader | None = None
) -> App:
    """Build the application over a repository, which it closes at shutdown.

    `loader`, if given, loads its folder at startup.
    """
    return App(settings, repository, loader)


def from_env() -> App:
    """Build the application from the settings of the environment, for several workers.

    For `uvicorn gql.composition.app:from_env --factory`.
    """
    check_packages()
    gc_tuning.disable_collector()
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    raise_file_limit(settings.max_connections)
    repository = open_store(settings)
    return create_app(settings, repository, folder_loader(settings, repository))


class App:
    """The application: builds all parts from the settings and joins them.

    Attributes:
        is_ready: Whether the folder is loaded, so that queries can be answered.
        application: The endpoints inside their middleware.
    """

    def __init__(
        self, settings: Settings, repository: Repository, loader: FolderLoader | None
    ) -> None:
        self.settings = settings
        self.repository = repository
        self.loader = loader
        self.is_ready = False
        self.tracing = _tracing() if settings.trace else None
        self.authenticator = build_authenticator(settings)
        self.limiter = RateLimiter(settings.rate_limit) if settings.rate_limit else None
        self.writer = document_writer(settings, repository)
        self.schema = build_schema(federation=settings.federation)
        self.page = load_page()
        self.page_sizes = page_sizes(settings)
        self.scheduler = Scheduler()
        self.caches = CacheRegistry()
        entries = read_entries(settings)
        self.documents = self._persisted_documents(trusted_documents(entries))
        self.executor = build_executor(
            settings,
            self.schema,
            self.caches,
            repository.current,
            self.documents.trusted.texts,
        )
        if entries:
            prepare_trusted_documents(self.executor, entries)
        self.http_settings = http_settings(settings, self.documents)
        self.metrics = Metrics(self.executor.counts, self.caches)
        self.request_heads = self.caches.add(HeadCache())
        self.connection_limits = connection_limits(settings, self.metrics.http.count_refusal)
        self.watcher = folder_watcher(settings, repository, self.metrics.count_load)
        self.change_notifier = ChangeNotifier(repository)
        registry = self.documents.registry
        execute = build_write_executor(settings, self.executor, registry)
        operations = Operations(self.executor, execute, registry)
        self.caches.add(operations.shared.cache)
        self.realtime = Realtime(
            operations,
            self.context,
            self.count,
            self.metrics.streams,
            realtime_settings(settings, self.http_settings),
        )
        self.request_hooks = self._request_hooks()
        self.web_app = self._web_app()
        self.application = wrap_endpoints(
            self._endpoints(execute),
            metrics=self.metrics,
            request_hooks=self.request_hooks,
            origins=settings.cors_origins,
            authenticator=self.authenticator,
            limiter=self.limiter,
            caches=self.caches,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI form: respond to a request."""
        await self.application(scope, receive, send)

    def respond_sync(self, scope: Scope, headers: HeaderMap, body: bytes) -> Reply | None:
        """The sync form, for a server that calls it before it creates a task.

        None: call the ASGI form. Only the GraphQL endpoint has a sync form.
        """
        if scope["path"] != GRAPHQL_PATH:
            return None
        return self.application.respond_sync(scope, headers, body)

    def _endpoints(self, execute: Executor) -> Endpoints:
        """The endpoints. GraphQL over HTTP: the fast path, then event streams, then the complete
        application. Previews have no fast path, which has caches.
        """
        settings, http_settings = self.settings, self.http_settings
        graphql_app = GraphQLApp(
            execute, context_factory=self.context, settings=http_settings, page=self.graphiql
        )
        event_streams = self.realtime.event_streams(graphql_app)
        fast_path = FastPath(
            event_streams,
            self.executor,
            RequestCache(http_settings, settings.plan_cache_bytes // 2, self.caches),
            self.context,
            self.repository.current,
            responses=response_cache(settings.response_cache_bytes),
            caches=self.caches,
            cache_control=settings.cache_control,
            etag_key=representation_digest(self.schema, self.page_sizes),
            explain=settings.explain,
        )
        return Endpoints(
            fast_path,
            PrivateResponses(event_streams),
            self.realtime.websocket,
            self.web_app,
            has_document_paths=self.documents.is_enabled,
        )

    def _persisted_documents(self, trusted: TrustedDocuments) -> PersistedDocuments:
        """The documents that requests can name by an id."""
        settings, registry = self.settings, None
        if settings.apq_bytes:
            registry = QueryRegistry(settings.queries_path, settings.apq_bytes, self.caches)
        return PersistedDocuments(trusted, registry, trusted_only=settings.trusted_only)

    def _web_app(self) -> Starlette:
        """The Starlette application with feeds, pages and the endpoints for operators."""
        operator_endpoints = OperatorEndpoints(
            self.repository,
            self.settings.store_path,
            self.metrics,
            f"{self.schema}\n",
            lambda: self.is_ready,
        )
        routes = [
            root_route(self.repository),
            *feed_routes(self.repository, public_url=self.settings.public_url),
            *operator_endpoints.routes(),
            *static_routes(),
        ]
        handlers = {StoreError: _store_error_response}
        return Starlette(routes=routes, lifespan=self._lifespan, exception_handlers=handlers)

    def _request_hooks(self) -> list[RequestHook]:
        """The functions to call after each request: access log and tracing."""
        hooks: list[RequestHook] = []
        if self.settings.log_level in ("debug", "info"):
            hooks.append(access_log())
        if self.tracing is not None:
            hooks.append(self.tracing.record_span)
        return hooks

    async def context(self, scope: Scope) -> Context:
        """Make the context of a request: its viewer, its snapshot of the store, its job."""
        viewer: Viewer | None = scope.get("state", {}).get("viewer")  # set by the authentication
        if viewer is None:
            viewer = await self.authenticator.authenticate(scope)
        job = Job(self.scheduler)
        await job.pause()  # a new document, which takes long to prepare, may come next
        job.watch = scope.get("state", {}).get(WATCH)
        snapshot = await self.repository.snapshot()
        source: ChangeSource = self.change_notifier
        if is_preview_request(scope):
            link = read_preview(snapshot.cursors.key, scope)
            viewer = viewer if link is None else viewer.with_preview(link.id)
        if viewer.preview is not None:
            snapshot = await preview_snapshot(snapshot, viewer.preview)
            source = PreviewSource(source, viewer.preview)
        context = Context(snapshot, viewer, self.page_sizes, source, job)
        context.writer = self.writer
        context.idempotency_key = idempotency_key(scope)
        return context

    def count(self, viewer: Viewer | None, scope: Scope) -> None:
        """Count a message of a WebSocket for the rate limit. Raises: RateLimitedError."""
        if self.limiter is not None:
            self.limiter.count(viewer, scope)

    async def graphiql(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The GraphiQL page, for browsers at `/graphql`."""
        await page_response(self.page, Request(scope))(scope, receive, send)

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        log = get_logger()
        if not self.page.bundled:
            log.warning(NOT_BUILT)
        if self.loader is not None:
            report = await self.loader.load()
            log_load("loaded", report)
            self.metrics.count_load(report)
        await self._warm_up()
        gc_tuning.freeze_and_enable()
        shorten_switch_interval()
        self.is_ready = True
        try:
            async with self.watcher.running() if self.watcher else nullcontext():
                with self.realtime.running():
                    yield
        finally:
            self.is_ready = False
            await self.change_notifier.close()
            if self.tracing is not None:
                await run_in_threadpool(self.tracing.close)
            await self.repository.close()

    async def _warm_up(self) -> None:
        """Build each sorted list before the first request, which would have to wait for it.

        An optimization must not stop the server from starting, so no error is raised here. The
        first request raises the same error, which is then logged and masked.
        """
        queries = [ArticleQuery(Window(first=1), order=(OrderStep(field),)) for field in OrderField]
        with suppress(Exception):
            if snapshot := self.repository.current():
                await snapshot.pages(queries, Visibility.PUBLISHED)


async def _store_error_response(_request: Request, error: Exception) -> Response:
    """The response of a page when the store cannot be read."""
    return JSONResponse({"reason": client_message(error)}, 503)


def idempotency_key(scope: Scope) -> str | None:
    """The `Idempotency-Key` of a request; None if it has none."""
    values = [value for name, value in scope["headers"] if name == b"idempotency-key"]
    return b", ".join(values).decode("latin-1") if values else None


def http_settings(settings: Settings, documents: PersistedDocuments) -> HttpSettings:
    """The settings of GraphQL over HTTP."""
    return HttpSettings(
        max_body_bytes=settings.max_body_bytes,
        max_json_values=max(HttpSettings().max_json_values, 20 * settings.max_import_documents),
        documents=documents,
    )


def realtime_settings(settings: Settings, http_settings: HttpSettings) -> RealtimeSettings:
    """The limits of subscriptions, from the settings."""
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
        http=http_settings,
    )


def shorten_switch_interval() -> None:
    """Shorten the thread switch interval, so that background threads do not delay requests.

    The event loop needs the interpreter lock again after every system call. The default of 5 ms for
    each wait would be most of a response time.
    """
    sys.setswitchinterval(0.0002)


def _tracing() -> RequestTracer:
    try:
        from gql.telemetry.tracing import start_tracing  # noqa: PLC0415  # an optional dependency
    except ImportError as error:
        raise SettingsError(
            f"trace (NEWSGRAPH_TRACE, --trace) is on, but {error.name} is not installed. "
            "Install newsgraph with its extra: pip install 'newsgraph[otel]'"
        ) from None
    return start_tracing()
