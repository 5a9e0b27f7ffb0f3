"""A real server in a thread, for tests that speak HTTP or WebSocket to it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import uvicorn

from gql.server.websocket_protocol import WebSocketProtocol

T = TypeVar("T")

START_TIMEOUT_S = 10
STOP_TIMEOUT_S = 10


async def wait_until(condition: Callable[[], bool]) -> None:
    """Return when something is so. Raises: TimeoutError."""
    async with asyncio.timeout(STOP_TIMEOUT_S):
        while not condition():  # noqa: ASYNC110  # a program tells nobody of all that it does
            await asyncio.sleep(0.01)


class AdjustableClockLoop(asyncio.SelectorEventLoop):
    """A loop whose clock can be put forward."""

    ahead_s = 0.0

    def time(self) -> float:
        """See asyncio."""
        return super().time() + self.ahead_s


class LiveServer(uvicorn.Server):
    """Tells when it listens, so that nobody has to poll; runs what tests want in its own loop."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket) -> None:
        super().__init__(config)
        self.listening = threading.Event()
        self.port: int = listener.getsockname()[1]
        self._listener = listener
        self._thread = threading.Thread(target=self.run, args=([listener],), daemon=True)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        await super().startup(sockets)
        self.loop = asyncio.get_running_loop()
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn. In a thread no signal tells the application to end its streams."""
        realtime = getattr(self.config.app, "realtime", None)
        if realtime is not None:
            realtime.stop()
            await wait_until(lambda: not realtime.connections)
        await super().shutdown(sockets)

    def start(self) -> None:
        """Serve, once this returns."""
        self._thread.start()
        if not self.listening.wait(START_TIMEOUT_S):
            raise RuntimeError(f"the server did not start within {START_TIMEOUT_S} s")

    def stop(self) -> None:
        """Serve no more, once this returns."""
        self.should_exit = True
        self._thread.join(STOP_TIMEOUT_S)

    def run_in_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """What some work gives, done where the application runs."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(START_TIMEOUT_S)


@contextmanager
def run_server(app: Any, port: int = 0, **config: Any) -> Iterator[LiveServer]:
    """A server of this ASGI application, on a free port or this one, until the block ends."""
    options: dict[str, Any] = {"lifespan": "auto", "log_level": "warning"}
    options |= {"ws": WebSocketProtocol, **config}
    with socket.create_server(("127.0.0.1", port)) as listener:
        server = LiveServer(uvicorn.Config(app, **options), listener)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def serve(app: Any) -> Iterator[str]:
    """The base URL of a server of this ASGI application, on a free port, until the block ends."""
    with run_server(app) as server:
        yield server.url
