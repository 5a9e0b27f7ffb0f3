"""The cost of a change for many subscribers: `python -m tests.benchmarks.subscriptions`.

A server in a process of its own, and WebSockets that all subscribe to `changes`. An article is
written, and the next one when all have its event. The baseline server sends the same text from a
queue for each socket with the same WebSocket library, and writes nothing to a disk.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import orjson
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from gql.access import KeyFile
from gql.cli.serve import uvicorn_config
from gql.composition.app import create_app
from gql.identity.viewer import Permission
from gql.settings import Settings
from store import Batch, TinyDBRepository
from tests.benchmarks.store import articles

PROTOCOL = Subprotocol("graphql-transport-ws")
PUT = """mutation ($id: ID!, $heat: Int!) {
  putArticle(input: {id: $id, heat: $heat}) { userErrors { message } } }"""
CARD = """cursor kind articleId slug article { id title url heat publishedDateTime
  provider { name domain } topics { name slug } images { url width height } }"""
SUBSCRIPTION = "subscription ($after: String) { changes(after: $after) { %s } }"
FILTERED = "subscription { changes(filter: {heat: {gte: 0}}) { %s } }"


class BaselineApp:
    """An ASGI application that broadcasts posted texts to all sockets."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[str]] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a socket, or broadcast a posted text."""
        if scope["type"] == "websocket":
            await self._broadcast(receive, send)
        elif scope["type"] == "http":
            text = (await receive())["body"].decode()
            for queue in self._queues:
                queue.put_nowait(text)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"{}"})

    async def _broadcast(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        queue: asyncio.Queue[str] = asyncio.Queue()
        for answer in ('{"type":"connection_ack"}', None, '{"type":"pong"}'):
            await receive()
            if answer is not None:
                await send({"type": "websocket.send", "text": answer})
        self._queues.add(queue)
        while True:
            await send({"type": "websocket.send", "text": await queue.get()})


class SubscriptionServer(NamedTuple):
    """A running server: its URL and its process."""

    url: str
    process: subprocess.Popen[str]

    @property
    def cpu_s(self) -> float:
        """CPU time of all its threads so far."""
        # The clock of a process: what clock_getcpuclockid(3) returns, which Python lacks.
        return time.clock_gettime((~self.process.pid << 3) | 2)


@contextmanager
def run_server(kind: str, folder: Path) -> Iterator[SubscriptionServer]:
    """Run a server until the block ends."""
    command = [sys.executable, "-m", __spec__.name, "--serve", kind, "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield SubscriptionServer(process.stdout.readline().strip(), process)
        finally:
            process.kill()


def serve(kind: str, folder: Path) -> None:
    """Run as the server process, and print its URL."""
    settings = Settings(
        store=folder / "store.json",
        keys=folder / "keys.json",
        log_level="warning",
        max_subscriptions=100_000,
        max_websockets=100_000,
        max_per_client=80_000,
    )
    app = (
        BaselineApp()
        if kind == "bare"
        else create_app(settings, TinyDBRepository.open(folder / "s"))
    )
    config = uvicorn_config(app, settings)
    config.lifespan = "off" if kind == "bare" else "on"
    with socket.create_server(("127.0.0.1", 0), backlog=2_048) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(config).run([listener])


class SubscriberGroup:
    """All subscribers: the number of messages so far, and the last one."""

    def __init__(self) -> None:
        self.heard = 0
        self.sample = ""
        self._target = 0
        self._all = asyncio.Event()

    async def receive_all(self, connection: ClientConnection) -> None:
        """Receive messages until the connection ends."""
        async for message in connection:
            assert isinstance(message, str)
            self.sample = message
            self.heard += 1
            if self.heard == self._target:
                self._all.set()

    def event_after(self, count: int) -> asyncio.Event:
        """An event that is set after `count` further messages."""
        self._target = self.heard + count
        self._all = asyncio.Event()
        return self._all


@asynccontextmanager
async def open_subscribers(
    url: str, queries: Sequence[str], *, compress: bool
) -> AsyncIterator[SubscriberGroup]:
    """A subscriber for each query, after all have started."""
    everybody = SubscriberGroup()
    async with AsyncExitStack() as held:
        for query in queries:
            connection = await held.enter_async_context(
                connect(
                    f"{url.replace('http', 'ws')}/graphql",
                    subprotocols=[PROTOCOL],
                    compression="deflate" if compress else None,
                )
            )
            await subscribe(connection, query)
            task = asyncio.create_task(everybody.receive_all(connection))
            held.callback(task.cancel)
        yield everybody


async def subscribe(connection: ClientConnection, query: str) -> None:
    """Subscribe. Messages are handled in order, so a pong proves that it has started."""
    await connection.send('{"type":"connection_init"}')
    await connection.recv()
    message = {"type": "subscribe", "id": "s", "payload": {"query": query}}
    await connection.send(orjson.dumps(message).decode())
    await connection.send('{"type":"ping"}')
    assert orjson.loads(await connection.recv())["type"] == "pong"


class FanOutResult(NamedTuple):
    """The median time until all have a change, in ms, and CPU time for each of them, in us."""

    until_all_ms: float
    cpu_us: float
    sample: str


async def measure(
    running: SubscriptionServer, queries: Sequence[str], post: Any, writes: int, *, compress: bool
) -> FanOutResult:
    """Write articles one after the other, each when all have the event of the one before."""
    taken_ms = []
    async with (
        httpx2.AsyncClient(base_url=running.url, timeout=60) as client,
        open_subscribers(running.url, queries, compress=compress) as everybody,
    ):
        for number in range(writes + 5):
            if number == 5:  # the first ones are to warm up
                cpu_s = running.cpu_s
            start = time.perf_counter()
            all_have_it = everybody.event_after(len(queries))
            answer = await client.post("/graphql", **post(number))
            assert answer.status_code == 200
            assert b"message" not in answer.content, answer.text
            await asyncio.wait_for(all_have_it.wait(), 60)
            taken_ms.append((time.perf_counter() - start) * 1e3)
        cpu_us = (running.cpu_s - cpu_s) * 1e6 / writes / len(queries)
    return FanOutResult(statistics.median(taken_ms[5:]), cpu_us, everybody.sample)


def prepare(folder: Path, count: int) -> Any:
    """Generate a store of `count` articles; returns a function that posts a change."""
    corpus = articles(count)

    async def fill() -> None:
        repository = TinyDBRepository.open(folder / "s")
        await repository.apply(Batch(puts=tuple(corpus)))
        await repository.close()

    asyncio.run(fill())
    key, _ = KeyFile(folder / "keys.json").add("writer", [Permission.WRITE])
    headers = {"authorization": f"Bearer {key}"}
    open_ids = [article.id for article in corpus if article.published]

    def post(number: int) -> dict[str, Any]:
        variables = {"id": open_ids[number % len(open_ids)], "heat": int(time.time()) + number}
        return {"json": {"query": PUT, "variables": variables}, "headers": headers}

    return post


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=500)
    parser.add_argument("--writes", type=int, default=50)
    parser.add_argument("--articles", type=int, default=1_000)
    parser.add_argument("--compress", action="store_true", help="as browsers ask for")
    parser.add_argument("--serve", choices=["newsgraph", "bare"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.folder)
        return
    print(
        f"{given.subscribers} subscribers, {given.writes} writes, "
        f"Python {platform.python_version()}, {os.cpu_count()} cores"
    )
    with tempfile.TemporaryDirectory() as name:
        show(Path(name), given)


def show(folder: Path, given: argparse.Namespace) -> None:
    """Measure each kind of subscribers, then the baseline with a text of the same size."""
    post = prepare(folder, given.articles)
    own = [f"mine{number}: kind {CARD}" for number in range(given.subscribers)]
    kinds = {
        "all ask the same": [SUBSCRIPTION % CARD] * given.subscribers,
        "all ask the same, with a filter": [FILTERED % CARD] * given.subscribers,
        "each asks something else": [SUBSCRIPTION % fields for fields in own],
    }
    print(f"{'':<34} {'until all have it, ms':>22} {'CPU an event, us':>18}")
    figures = {}
    for name, queries in kinds.items():
        with run_server("newsgraph", folder) as running:
            figures[name] = asyncio.run(
                measure(running, queries, post, given.writes, compress=given.compress)
            )
        print(f"{name:<34} {figures[name].until_all_ms:>22,.1f} {figures[name].cpu_us:>18,.1f}")
    text = figures["all ask the same"].sample
    with run_server("bare", folder) as running:
        bare = asyncio.run(
            measure(
                running,
                [""] * given.subscribers,
                lambda _: {"content": text},
                given.writes,
                compress=given.compress,
            )
        )
    print(f"{'bare queues':<34} {bare.until_all_ms:>22,.1f} {bare.cpu_us:>18,.1f}")
    for name, found in figures.items():
        print(f"{f'times bare: {name}':<50} {found.cpu_us / bare.cpu_us:>24,.2f}")


if __name__ == "__main__":
    main()
