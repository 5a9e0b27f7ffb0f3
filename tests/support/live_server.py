"""A server in a thread of this process, for tests over HTTP or WebSocket."""

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
    """Wait for a condition. Raises: TimeoutError."""
    async with asyncio.timeout(STOP_TIMEOUT_S):
        while not condition():  # noqa: ASYNC110  # there is no event for every condition
            await asyncio.sleep(0.01)


class AdjustableClockLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be put forward.

    Attributes:
        ahead_s: How far its clock is ahead.
    """

    ahead_s = 0.0

    def time(self) -> float:
        """See asyncio."""
        return super().time() + self.ahead_s


class LiveServer(uvicorn.Server):
    """A uvicorn server in a thread.

    Attributes:
        listening: Set when it listens.
        port: Its port.
        loop: Its event loop.
    """

    def __init__(self, config: uvicorn.Config, listener: socket.socket) -> None:
        super().__init__(config)
        self.listening = threading.Event()
        self.port: int = listener.getsockname()[1]
        self._listener = listener
        self._thread = threading.Thread(target=self.run, args=([listener],), daemon=True)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        await super().startup(sockets)
        self.loop = asyncio.get_running_loop()
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn. In a thread, no signal tells the application to end its streams."""
        realtime = getattr(self.config.app, "realtime", None)
        if realtime is not None:
            realtime.stop()
            await wait_until(lambda: not realtime.connections)
        await super().shutdown(sockets)

    def start(self) -> None:
        """Start, and wait until it listens."""
        self._thread.start()
        if not self.listening.wait(START_TIMEOUT_S):
            raise RuntimeError(f"the server did not start within {START_TIMEOUT_S} s")

    def stop(self) -> None:
        """Stop, and wait until it has stopped."""
        self.should_exit = True
        self._thread.join(STOP_TIMEOUT_S)

    def run_in_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the event loop of the server, and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(START_TIMEOUT_S)


@contextmanager
def run_server(app: Any, port: int = 0, **config: Any) -> Iterator[LiveServer]:
    """Run an ASGI application on a port, a free one by default, until the block ends."""
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
    """Run an ASGI application on a free port until the block ends; its base URL."""
    with run_server(app) as server:
        yield server.url
