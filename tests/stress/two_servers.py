"""Consistency checks of two servers on one store, for clients that switch between them.

`python -m tests.stress.two_servers --count 3000` runs each check `count` times and prints the
failures. The test suite runs fewer (`test_processes`).
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from gql.access import KeyFile
from gql.identity.viewer import Permission
from store import Batch, TinyDBRepository
from tests.support.mutation_client import FIELDS, PUT
from tests.support.repository_contract import make_article
from tests.support.server_process import TIMEOUT_S, run_newsgraph

SLUGS = "{ articles(first: 100000) { nodes { slug } } }"
COUNTER = '{ article(by: {slug: "2026-01-01-counter"}) { heat } }'
CHANGES = (
    "query ($after: String) { changes(after: $after, first: 1000)"
    " { nodes { kind slug cursor } pageInfo { hasNextPage } } }"
)
_LIMITS = {
    "NEWSGRAPH_MAX_PAGE_SIZE": "100000",
    "NEWSGRAPH_MAX_COST": "100000000",
    "NEWSGRAPH_LOG_LEVEL": "warning",
}


class ServerClient:
    """A client with a persistent connection to one server."""

    def __init__(self, url: str, key: str) -> None:
        self._address = urlsplit(url).netloc
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self._connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_S)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def execute(self, query: str, **variables: Any) -> Any:
        """The data of an operation; fail if it has errors."""
        status, _, answer = self.post(query, **variables)
        assert status == 200, answer
        assert "errors" not in answer, answer
        return answer["data"]

    def post(self, query: str, **variables: Any) -> tuple[int, http.client.HTTPMessage, Any]:
        """The status, header fields and body of the response of an operation."""
        body = json.dumps({"query": query, "variables": variables})
        self._connection.request("POST", "/graphql", body, self._headers)
        response = self._connection.getresponse()
        return response.status, response.headers, json.loads(response.read())

    def put(self, slug: str, **fields: Any) -> str:
        """Write an article; returns the cursor of the change."""
        payload = self.execute(PUT, input={**FIELDS, "slug": slug, **fields})["putArticle"]
        assert payload["userErrors"] == []
        return str(payload["cursor"])

    def slugs(self) -> set[str]:
        """The slugs of all articles."""
        return {node["slug"] for node in self.execute(SLUGS)["articles"]["nodes"]}

    def counter(self) -> int:
        """The value of the counter."""
        return int(self.execute(COUNTER)["article"]["heat"])

    def changes(self, after: str | None) -> tuple[set[str], str | None]:
        """The slugs of all changes after a cursor, and the last cursor."""
        slugs = set()
        while True:
            page = self.execute(CHANGES, after=after)["changes"]
            for node in page["nodes"]:
                assert node["kind"] == "PUT", node
                slugs.add(node["slug"])
                after = node["cursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return slugs, after

    @contextmanager
    def subscribe(self) -> Iterator[Iterator[str]]:
        """The slugs of changes from now on, by server-sent events."""
        connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_S)
        body = json.dumps({"query": "subscription { changes { slug } }"})
        headers = {**self._headers, "accept": "text/event-stream"}
        connection.request("POST", "/graphql", body, headers)
        response = connection.getresponse()
        assert response.status == 200
        lines = (line for line in response if line.startswith(b"data: {"))
        try:
            yield (json.loads(line[6:])["data"]["changes"]["slug"] for line in lines)
        finally:
            response.close()
            connection.close()


class Servers(NamedTuple):
    """The URLs of two servers on one store, and a key for both."""

    one: str
    other: str
    key: str

    @contextmanager
    def clients(self) -> Iterator[tuple[ServerClient, ServerClient]]:
        """A client of each server."""
        one, other = ServerClient(self.one, self.key), ServerClient(self.other, self.key)
        try:
            yield one, other
        finally:
            one.close()
            other.close()


@contextmanager
def two_servers(folder: Path, **settings: str) -> Iterator[Servers]:
    """Run two servers on a new store with the article "counter", until the block ends."""
    store = folder / "store.json"

    async def make() -> None:
        repository = TinyDBRepository.open(store)
        await repository.apply(Batch(puts=(make_article("counter"),)))
        await repository.close()

    asyncio.run(make())
    key, _ = KeyFile(folder / "keys.json").add("writer", [Permission.WRITE])
    with ExitStack() as stack:
        urls: dict[str, str] = {}
        for name in ("one", "other"):
            place = folder / name
            place.mkdir()
            server = run_newsgraph("--store", str(store), folder=place, **_LIMITS, **settings)
            urls[name] = stack.enter_context(server).url
        yield Servers(**urls, key=key)


@contextmanager
def background_writes(servers: Servers, same: str | None = None) -> Iterator[list[str]]:
    """Write articles in a thread, through both servers in turn, until the block ends.

    `same`: the slug of one article to write every time, with increasing heat. The list grows by the
    slugs of acknowledged writes.
    """
    acknowledged: list[str] = []
    stop = threading.Event()

    def write() -> None:
        with servers.clients() as clients:
            heat = clients[0].counter()
            while not stop.is_set():
                number = len(acknowledged)
                slug = same or f"2026-02-01-{number:06}"
                clients[number % 2].put(slug, heat=heat + number)
                acknowledged.append(slug)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield acknowledged
    finally:
        stop.set()
        writer.join()


def stale_reads(servers: Servers, count: int) -> int:
    """The number of reads that lack a write acknowledged before by the other server."""
    stale = 0
    with servers.clients() as (one, other):
        for number in range(1, count + 1):
            writer, reader = (one, other) if number % 2 else (other, one)
            writer.put("2026-01-01-counter", heat=number)
            stale += reader.counter() != number
    return stale


def non_monotonic_reads(servers: Servers, count: int) -> int:
    """The number of reads that show less than the read before, on the other server."""
    last = back = 0
    with background_writes(servers, "2026-01-01-counter"), servers.clients() as clients:
        for number in range(count):
            seen = clients[number % 2].counter()
            back += seen < last
            last = seen
    return back


def missed_after_subscribing(servers: Servers, count: int) -> int:
    """The number of clients that subscribe, then read at the other server, and miss a write."""
    missed = 0
    with background_writes(servers) as acknowledged, servers.clients() as (one, other):
        for number in range(count):
            subscriber, reader = (one, other) if number % 2 else (other, one)
            with subscriber.subscribe() as events:
                held = reader.slugs()
                written = set(acknowledged)
                last = f"2026-03-01-{number:06}"
                reader.put(last)
                for slug in events:
                    held.add(slug)
                    if slug == last:
                        break
            missed += not written <= held
    return missed


def missed_after_paging(servers: Servers, count: int) -> int:
    """The number of clients that miss a write when they read changes at one server, articles at
    the other, and continue with the changes.
    """
    missed = 0
    cursor: str | None = None
    with background_writes(servers) as acknowledged, servers.clients() as (one, other):
        for number in range(count):
            pager, reader = (one, other) if number % 2 else (other, one)
            _, cursor = pager.changes(cursor)
            held = reader.slugs()
            written = set(acknowledged)
            more, cursor = pager.changes(cursor)
            missed += not written <= held | more
    return missed


CHECKS = (stale_reads, non_monotonic_reads, missed_after_subscribing, missed_after_paging)


def main() -> None:
    """Run all checks, and print their failures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000)
    count = parser.parse_args().count
    for check in CHECKS:
        with tempfile.TemporaryDirectory() as folder, two_servers(Path(folder)) as servers:
            print(f"{check.__name__:<26} {check(servers, count)} of {count}", flush=True)


if __name__ == "__main__":
    main()
