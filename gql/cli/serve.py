"""The command that serves."""

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
from .output import out, plural, progress_bar

SERVING = tuple(name for name in Settings.model_fields if name != "folder")
BACKLOG = 2_048
WORKER_TIMEOUT_S = 30
"""How long a worker may take to start, or to say that it runs, on a machine that has much to do."""


@with_settings(*SERVING, folder="The folder of documents; without it, what is in the store.")
def serve(settings: Settings, *, accept_loss: AcceptLoss = False) -> None:
    """Load a folder into the store and serve the graph over HTTP.

    [bold]Examples[/]

    newsgraph serve articles

    newsgraph serve articles --watch --drafts --port 8080

    newsgraph serve --store /srv/news.json --host 0.0.0.0 --workers 4
    """
    gc_tuning.disable_collector()
    configure_logging(settings.log_level, settings.log_format)
    with bind(settings) as bound:
        out.print(f"[bold]newsgraph[/] {metadata.version('newsgraph')}")
        if settings.workers == 1:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(serve_here(settings, bound, accept_loss=accept_loss))
        else:
            serve_with_workers(settings, bound, accept_loss=accept_loss)


async def serve_here(
    settings: Settings, bound: socket.socket, *, accept_loss: bool = False
) -> None:
    """Load and serve in this process, until it is told to stop."""
    repository = open_store(
        settings, must_exist=settings.folder is None, loss_is_accepted=accept_loss
    )
    try:
        loader = folder_loader(settings, repository)
        if loader is not None:
            with progress_bar("Reading documents") as progress:
                print_report(await loader.load(progress), settings)
        await print_welcome(settings, bound, repository)
        raise_file_limit(settings.max_connections)
        server = GracefulServer(uvicorn_config(create_app(settings, repository), settings))
        await server.serve([bound])
    finally:
        await repository.close()


def serve_with_workers(
    settings: Settings, bound: socket.socket, *, accept_loss: bool = False
) -> None:
    """Load here, then let several processes serve what is in the store.

    All write into the folder. Where it is to be followed, one of them does, and the others notice
    what that writes to the store.
    """
    asyncio.run(_prepare(settings, bound, accept_loss=accept_loss))
    file_system = lockless_file_system(settings.store_path.parent)
    if file_system is not None:
        raise SettingsError(
            f"workers (NEWSGRAPH_WORKERS, --workers) is {settings.workers}, but locks do not work "
            f"on the store's file system ({file_system}), so one process only may write. Use "
            "--workers 1, or keep the store on a local disk with --store (NEWSGRAPH_STORE)."
        )
    warn_of_rate_limit(settings)
    folder = settings.folder.absolute() if settings.folder else None
    os.environ.pop("NEWSGRAPH_FOLDER", None)
    files = {"store": settings.store_path.absolute(), "keys": settings.keys_path.absolute()}
    os.environ.update(as_environment(settings, folder=folder, **files))
    config = uvicorn_config(
        "gql.composition.app:from_env", settings, factory=True, workers=settings.workers
    )
    with tempfile.TemporaryDirectory(prefix="newsgraph-metrics-") as counts:
        os.environ.setdefault(MULTIPROCESS_FOLDER, counts)
        Supervisor(config, sockets=[bound]).run()


def warn_of_rate_limit(settings: Settings) -> None:
    """Log what several workers make of a rate limit: each of them counts for itself."""
    workers = settings.workers
    if settings.rate_limit is not None:
        get_logger().warning(
            "rate_limit_of_each_worker",
            rate_limit=settings.rate_limit,
            workers=workers,
            effect="A client whose connections reach several workers may ask up to "
            f"{workers} times as often.",
            remedy="Where that is too often, limit rates at the proxy in front, or use one worker.",
        )


async def _prepare(settings: Settings, bound: socket.socket, *, accept_loss: bool) -> None:
    if settings.folder is not None:
        print_report(await load_folder(settings, accept_loss=accept_loss), settings)
    repository = open_store(settings, must_exist=True, loss_is_accepted=accept_loss)
    try:
        await print_welcome(settings, bound, repository)
    finally:
        await repository.close()


def uvicorn_config(app: Any, settings: Settings, **more: Any) -> Config:
    """How uvicorn runs: our logging, no headers that say nothing, a graceful end."""
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


def bind(settings: Settings) -> socket.socket:
    """A socket on the settings' host and port. Raises: SettingsError: it cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        bound = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise SettingsError(
            f"Cannot listen on {settings.host} port {settings.port}: {error.strerror or error}. "
            + system_remedy(
                error, "Choose another with --port (NEWSGRAPH_PORT); 0 takes any that is free."
            )
        ) from None
    bound.set_inheritable(True)
    return bound


async def print_welcome(settings: Settings, bound: socket.socket, repository: Repository) -> None:
    """What is served, and where to click."""
    visibility = Visibility.ALL if settings.drafts else Visibility.PUBLISHED
    counts = await (await repository.snapshot()).counts(visibility)
    host, port = bound.getsockname()[:2]
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104  # shown, not bound
    url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
    out.print(
        f"[bold]Serving[/]   {plural(counts.articles, 'article')}, "
        f"{plural(counts.providers, 'provider')}, {plural(counts.topics, 'topic')}"
        + (" [yellow](drafts too, to viewers on this machine)[/]" if settings.drafts else "")
    )
    out.print(f"[bold]Open[/]      [link]{url}{GRAPHQL_PATH}[/link] [dim](stop with Ctrl+C)[/]")
