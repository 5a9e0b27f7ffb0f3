"""Clients that read everything and then follow `changes`, while their connections break.

`python -m tests.stress.followers --disconnects 200` runs npm graphql-ws and graphql-sse, each with
a filter and without, and prints counts. Meanwhile articles are written, topics are renamed, and the
server starts again. At the end each client's articles have to be those of a query. The test suite
runs fewer disconnects (`test_npm_clients`).
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from gql.composition.app import create_app
from gql.settings import Settings
from store import Batch, TinyDBRepository
from store.model import TopicDefinition
from tests.support.cursors import KEY
from tests.support.factories import article
from tests.support.live_server import LiveServer, run_server

CLIENTS = Path(__file__).parents[1] / "realtime"
TRANSPORTS = ("ws", "sse")
FILTERS: tuple[Any, ...] = (None, {"heat": {"gte": 5}})
LAST = "last"
_ARTICLES = 60
"""The number of articles after a while."""
_RENAMED, _CHANGED, _DRAFTS = 0.01, 0.2, 0.2
"""The shares of renamed topics among writes, of changes among puts, and of drafts."""
_WRITES = 150
"""The writes between two starts of the server."""
_LONGEST_PAUSE_S = 0.01
_QUERY = """query ($filter: ArticleFilter) {
  articles(first: 1000, filter: $filter) { nodes { id revision } } }"""
_TIMEOUT_S = 120


class HoleError(AssertionError):
    """A client's articles differ from those of a query, or a change came twice."""


class Follower:
    """A client in a process of its own, `tests/realtime/mirror.mjs`.

    Attributes:
        filter: Its filter.
        is_broken: Set when its connection has broken as often as it should, or it has ended.
        result: What it printed at its end.
    """

    def __init__(self, transport: str, filter: Any, url: str, seed: int, disconnects: int) -> None:
        self.filter = filter
        self.is_broken = threading.Event()
        self.result: dict[str, Any] = {}
        last = article(LAST).slug
        options = [transport, url, json.dumps(filter), str(seed), str(disconnects), last]
        command = ["node", "mirror.mjs", *options]
        self._process = subprocess.Popen(command, cwd=CLIENTS, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line == "broken\n":
                self.is_broken.set()
            else:
                self.result = json.loads(line)
        self.is_broken.set()

    def wait(self) -> None:
        """Wait until it has ended. Raises: HoleError: it has failed."""
        self._reader.join(_TIMEOUT_S)
        if self._process.wait(_TIMEOUT_S) or not self.result:
            raise HoleError("a client has failed; its message is on stderr")

    def check(self, server: LiveServer) -> None:
        """Compare its articles with those of a query. Raises: HoleError."""
        body = {"query": _QUERY, "variables": {"filter": self.filter}}
        response = httpx2.post(f"{server.url}/graphql", json=body)
        nodes = response.json()["data"]["articles"]["nodes"]
        listed = {node["id"]: node["revision"] for node in nodes}
        copied = self.result.pop("articles")
        if copied != listed or self.result["repeated"]:
            wrong = {id for id in copied | listed if copied.get(id) != listed.get(id)}
            raise HoleError(f"articles that differ: {sorted(wrong)}; counts: {self.result}")

    def stop(self) -> None:
        """End the process, also after a failure."""
        with self._process as process:  # closes its output
            process.kill()
            self._reader.join()


class RandomWrites:
    """Endless random writes.

    Most articles are written once and deleted once, so that a lost change shows at the end.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._names: list[str] = []
        self._count = 0

    def next(self) -> Batch:
        """The next batch. Few rename a topic, which is a GAP for all clients."""
        rng = self._rng
        if rng.random() < _RENAMED:
            topic = TopicDefinition(slug="tides", name=rng.choice(["Tides", "The Sea", "Ebb"]))
            return Batch(topics=(topic,))
        if len(self._names) > rng.randint(0, 2 * _ARTICLES):
            name = self._names.pop(rng.randrange(len(self._names)))
            return Batch(deletes=(article(name).id,))
        name = f"n{self._count}"
        if self._names and rng.random() < _CHANGED:
            name = rng.choice(self._names)
        else:
            self._names.append(name)
            self._count += 1
        published = rng.random() > _DRAFTS
        put = article(name, heat=rng.randint(0, 9), published=published, title=f"{rng.random()}")
        return Batch(puts=(put,))


class Outcome(NamedTuple):
    """The counts of one client: see `mirror.mjs`."""

    transport: str
    filter: Any
    counts: dict[str, int]


def run_followers(folder: Path, disconnects: int, seed: int) -> list[Outcome]:
    """Run a client of each kind until all have lost that many connections, and compare.

    Raises: HoleError.
    """
    path, rng, port = folder / "store.json", random.Random(seed), 0
    writes = RandomWrites(rng)
    followers: list[tuple[str, Follower]] = []
    with ExitStack() as stack:
        while True:
            repository = TinyDBRepository.open(path, cursor_key=KEY)
            with run_server(create_app(Settings(max_page_size=1_000), repository), port) as server:
                port = server.port
                for _ in range(_WRITES):
                    time.sleep(rng.random() * _LONGEST_PAUSE_S)  # quiet moments, too
                    server.run_in_loop(repository.apply(writes.next()))
                if not followers:
                    for number, (transport, filter) in enumerate(product(TRANSPORTS, FILTERS)):
                        url = f"{server.url}/graphql"
                        each = Follower(transport, filter, url, seed + number, disconnects)
                        stack.callback(each.stop)
                        followers.append((transport, each))
                if all(each.is_broken.is_set() for _, each in followers):
                    server.run_in_loop(repository.apply(Batch(puts=(article(LAST, heat=9),))))
                    for _, each in followers:
                        each.wait()
                        each.check(server)
                    return [Outcome(name, each.filter, each.result) for name, each in followers]


def main() -> None:
    """Run until each client has lost so many connections, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--disconnects", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for outcome in run_followers(Path(folder), options.disconnects, options.seed):
            print(outcome, flush=True)


if __name__ == "__main__":
    main()
