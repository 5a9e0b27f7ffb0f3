"""The command `serve`."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from importlib import metadata
from typing import Any

import uvloop

from gql import gc_tuning
from gql.adapters.uvicorn import Config
from gql.composition.app import GRAPHQL_PATH, create_app
from gql.composition.trusted_documents import check_trusted_documents
from gql.logs import configure_logging, get_logger
from gql.server import GracefulServer, Supervisor
from gql.server.connection_limits import raise_file_limit
from gql.server.direct_protocol import DirectProtocol
from gql.server.websocket_protocol import WebSocketProtocol
from gql.settings import Settings, SettingsError
from gql.store_factory import folder_loader, open_store
from gql.telemetry.metrics import MULTIPROCESS_FOLDER
from store import Repository, Visibility
from store.errors import system_remedy
from store.filesystem.file_lock import lockless_file_system

from .documents import AcceptLoss, load_folder, print_report
from .options import as_environment, with_settings
from .output import count_of, out, progress_bar

SERVE_SETTINGS = tuple(Settings.model_fields)
BACKLOG = 2_048
WORKER_TIMEOUT_S = 30
"""The time in which a worker has to start, or to respond to a health check, on a busy machine."""


@with_settings(
    *SERVE_SETTINGS, directory="The folder of documents. Without it, the existing store is served."
)
def serve(settings: Settings, *, accept_loss: AcceptLoss = False) -> None:
    """Load a folder into the store and serve the graph over HTTP.

    [bold]Examples[/]

    newsgraph serve articles

    newsgraph serve articles --watch --drafts --port 8080

    newsgraph serve --store /srv/news.json --host 0.0.0.0 --workers 4
    """
    gc_tuning.disable_collector()
    configure_logging(settings.log_level, settings.log_format)
    with open_listening_socket(settings) as listener:
        out.print(f"[bold]newsgraph[/] {metadata.version('newsgraph')}")
        if settings.workers == 1:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(serve_in_process(settings, listener, accept_loss=accept_loss))
        else:
            serve_with_workers(settings, listener, accept_loss=accept_loss)


async def serve_in_process(
    settings: Settings, listener: socket.socket, *, accept_loss: bool = False
) -> None:
    """Load and serve in this process, until a signal stops it."""
    repository = open_store(
        settings, must_exist=settings.folder is None, loss_is_accepted=accept_loss
    )
    try:
        loader = folder_loader(settings, repository)
        if loader is not None:
            with progress_bar("Reading documents") as progress:
                print_report(await loader.load(progress), settings)
        await print_startup(settings, listener, repository)
        raise_file_limit(settings.max_connections)
        server = GracefulServer(uvicorn_config(create_app(settings, repository), settings))
        await server.serve([listener])
    finally:
        await repository.close()


def serve_with_workers(
    settings: Settings, listener: socket.socket, *, accept_loss: bool = False
) -> None:
    """Load in this process, then serve the store by several worker processes.

    All of them write into the folder. With live reload one of them watches it, and the others
    follow the store.
    """
    check_trusted_documents(settings)
    asyncio.run(_load_before_workers(settings, listener, accept_loss=accept_loss))
    file_system = lockless_file_system(settings.store_path.parent)
    if file_system is not None:
        raise SettingsError(
            f"workers (NEWSGRAPH_WORKERS, --workers) is {settings.workers}, but locks do not work "
            f"on the store's file system ({file_system}), so only one process can write. Use "
            "--workers 1, or keep the store on a local disk with --store (NEWSGRAPH_STORE)."
        )
    warn_about_rate_limit(settings)
    folder = settings.folder.absolute() if settings.folder else None
    os.environ.pop("NEWSGRAPH_FOLDER", None)
    files = {"store": settings.store_path.absolute(), "keys": settings.keys_path.absolute()}
    os.environ.update(as_environment(settings, folder=folder, **files))
    config = uvicorn_config(
        "gql.composition.app:from_env", settings, factory=True, workers=settings.workers
    )
    with tempfile.TemporaryDirectory(prefix="newsgraph-metrics-") as metrics_folder:
        os.environ.setdefault(MULTIPROCESS_FOLDER, metrics_folder)
        Supervisor(config, sockets=[listener]).run()


def warn_about_rate_limit(settings: Settings) -> None:
    """Log a warning that each worker counts for the rate limit for itself."""
    workers = settings.workers
    if settings.rate_limit is not None:
        get_logger().warning(
            "rate_limit_per_worker",
            rate_limit=settings.rate_limit,
            workers=workers,
            effect="Each worker counts for itself, so the limit of a client can be up to "
            f"{workers} times as high.",
            remedy="If that is too high, limit the rate at a reverse proxy, or use one worker.",
        )


async def _load_before_workers(
    settings: Settings, listener: socket.socket, *, accept_loss: bool
) -> None:
    if settings.folder is not None:
        print_report(await load_folder(settings, accept_loss=accept_loss), settings)
    repository = open_store(settings, must_exist=True, loss_is_accepted=accept_loss)
    try:
        await print_startup(settings, listener, repository)
    finally:
        await repository.close()


def uvicorn_config(app: Any, settings: Settings, **more: Any) -> Config:
    """The configuration of uvicorn, with our protocols, logging and timeouts."""
    return Config(
        app,
        loop="uvloop",
        http=DirectProtocol,
        ws=WebSocketProtocol,
        ws_max_size=settings.max_body_bytes,
        ws_per_message_deflate=False,  # 1 kB may unpack to 1 MB, a thousand times in one packet
        ws_ping_interval=settings.keep_alive_s,
        ws_ping_timeout=settings.send_timeout_s,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=settings.shutdown_timeout_s,
        backlog=BACKLOG,
        timeout_worker_healthcheck=WORKER_TIMEOUT_S,
        **more,
    )


def open_listening_socket(settings: Settings) -> socket.socket:
    """Listen on the host and port of the settings. Raises: SettingsError: it is not possible."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server(
            (settings.host, settings.port), family=family, backlog=BACKLOG
        )
    except OSError as error:
        raise SettingsError(
            f"Cannot listen on {settings.host} port {settings.port}: {error.strerror or error}. "
            + system_remedy(
                error, "Choose another with --port (NEWSGRAPH_PORT); 0 takes any that is free."
            )
        ) from None
    listener.set_inheritable(True)
    return listener


async def print_startup(
    settings: Settings, listener: socket.socket, repository: Repository
) -> None:
    """Print what is served, and its URL."""
    visibility = Visibility.ALL if settings.drafts else Visibility.PUBLISHED
    counts = await (await repository.snapshot()).counts(visibility)
    host, port = listener.getsockname()[:2]
    address = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104  # printed, not bound
    url = f"http://{f'[{address}]' if ':' in address else address}:{port}"
    out.print(
        f"[bold]Serving[/]   {count_of(counts.articles, 'article')}, "
        f"{count_of(counts.providers, 'provider')}, {count_of(counts.topics, 'topic')}"
        + (" [yellow](drafts too, for clients on this machine)[/]" if settings.drafts else "")
    )
    out.print(f"[bold]Open[/]      [link]{url}{GRAPHQL_PATH}[/link] [dim](stop with Ctrl+C)[/]")
