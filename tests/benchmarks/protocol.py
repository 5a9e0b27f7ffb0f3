"""The cost of a small request in the protocol: `python -m tests.benchmarks.protocol`.

Query Q1 of the HTTP benchmark, given to the protocol as bytes, with a transport that counts the
sent bytes. Requests come over one connection, or over many in turn, whose state leaves the
processor's caches meanwhile. The minimum of many rounds, in process time.

To compare two versions, run them in turn: other work on the machine slows both.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from uvicorn.server import ServerState

from gql.composition.app import create_app
from gql.server.direct_protocol import DirectProtocol
from gql.settings import load_settings
from store import TinyDBRepository
from tests.benchmarks.http.data import Data, make_data
from tests.benchmarks.http.queries import QUERIES, Workload

CONNECTIONS = (1, 256)
ROUNDS, REQUESTS = 60, 4_000
_HEAD = (
    b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)


class CountingTransport(asyncio.Transport):
    """A transport that counts the sent bytes.

    Attributes:
        sent_bytes: The number of sent bytes.
    """

    def __init__(self, protocol: DirectProtocol) -> None:
        super().__init__({"peername": ("127.0.0.1", 50_000), "sockname": ("127.0.0.1", 8_000)})
        self.sent_bytes = 0
        self._protocol = protocol

    def write(self, data: Any) -> None:
        """Count."""
        self.sent_bytes += len(data)

    def is_closing(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """Stay open."""

    def resume_reading(self) -> None:
        """Go on."""

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol."""
        return self._protocol


class ProtocolBenchmark:
    """An application, and requests to it.

    Attributes:
        requests: Heads and bodies as they are sent.
    """

    def __init__(self, app: Any, bodies: Sequence[bytes]) -> None:
        config = uvicorn.Config(
            app, lifespan="off", log_config=None, access_log=False, server_header=False
        )
        config.load()
        self._config = config
        self.state = ServerState()
        self.state.default_headers = [(b"date", b"Thu, 01 Jan 1970 00:00:00 GMT")]
        self.requests = [_HEAD % len(body) + body for body in bodies]

    def connect(self) -> DirectProtocol:
        """A new connection."""
        protocol = DirectProtocol(self._config, self.state, {}, asyncio.get_running_loop())
        protocol.connection_made(CountingTransport(protocol))
        return protocol

    async def warm_up(self) -> None:
        """Fill the caches, which no request waits for here."""
        connection = self.connect()
        connection.data_received(self.requests[0])
        while not self.state.total_requests:  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0)
        connection.connection_lost(None)

    def round(self, connections: Sequence[DirectProtocol]) -> float:
        """Microseconds per request, with connections that take turns."""
        before = self.state.total_requests
        each = cycle([connection.data_received for connection in connections])
        start = time.process_time()
        for receive, request in zip(each, self.requests, strict=False):
            receive(request)
        taken_s = time.process_time() - start
        assert self.state.total_requests - before == len(self.requests), "all at once"
        return taken_s / len(self.requests) * 1e6


async def measure(bench: ProtocolBenchmark, rounds: int) -> list[float]:
    """The minimum of the rounds, by number of connections."""
    await bench.warm_up()
    groups = [[bench.connect() for _ in range(count)] for count in CONNECTIONS]
    lowest = [float("inf")] * len(groups)
    for _ in range(rounds):
        lowest = [min(low, bench.round(group)) for low, group in zip(lowest, groups, strict=True)]
    for connection in [each for group in groups for each in group]:
        connection.connection_lost(None)
    return lowest


async def run(data: Data, rounds: int) -> list[float]:
    """Serve articles, and measure."""
    bodies = Workload(QUERIES["Q1"], data.articles, data.cursors).rotating()[:REQUESTS]
    settings = load_settings(
        {"store": data.store, "log_level": "warning", "response_cache_bytes": 0}
    )
    repository = TinyDBRepository.open(data.store)
    try:
        return await measure(ProtocolBenchmark(create_app(settings, repository), bodies), rounds)
    finally:
        await repository.close()


def main() -> None:
    """Print the cost of a request on this machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000, help="how many articles")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of which the lowest counts")
    parser.add_argument("--folder", type=Path, help="where to keep the articles between runs")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        data = make_data(folder, given.count, for_peer=False)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            lowest = runner.run(run(data, given.rounds))
    for connections, taken_us in zip(CONNECTIONS, lowest, strict=True):
        print(f"{connections:>4} connections: {taken_us:6.2f} us a request")


if __name__ == "__main__":
    main()
