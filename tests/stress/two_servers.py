"""Two servers on one store, and clients that go from one to the other.

`python -m tests.stress.two_servers --count 3000` runs each check that often and prints what it
found. The suite runs them bounded (`test_processes`).
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
HEAT = '{ article(by: {slug: "2026-01-01-counter"}) { heat } }'
CHANGES = (
    "query ($after: String) { changes(after: $after, first: 1000)"
    " { nodes { kind slug cursor } pageInfo { hasNextPage } } }"
)
_LIMITS = {
    "NEWSGRAPH_MAX_PAGE_SIZE": "100000",
    "NEWSGRAPH_MAX_COST": "100000000",
    "NEWSGRAPH_LOG_LEVEL": "warning",
}


class Client:
    """One connection to one server."""

    def __init__(self, url: str, key: str) -> None:
        self._address = urlsplit(url).netloc
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self._connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_S)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of an operation, which must have no errors."""
        status, _, answer = self.post(query, **variables)
        assert status == 200, answer
        assert "errors" not in answer, answer
        return answer["data"]

    def post(self, query: str, **variables: Any) -> tuple[int, http.client.HTTPMessage, Any]:
        """Status, header fields and body of the response to an operation."""
        body = json.dumps({"query": query, "variables": variables})
        self._connection.request("POST", "/graphql", body, self._headers)
        response = self._connection.getresponse()
        return response.status, response.headers, json.loads(response.read())

    def put(self, slug: str, **fields: Any) -> str:
        """Write an article; the cursor of that."""
        payload = self.ask(PUT, input={**FIELDS, "slug": slug, **fields})["putArticle"]
        assert payload["userErrors"] == []
        return str(payload["cursor"])

    def slugs(self) -> set[str]:
        """All articles."""
        return {node["slug"] for node in self.ask(SLUGS)["articles"]["nodes"]}

    def heat(self) -> int:
        """What the counter says."""
        return int(self.ask(HEAT)["article"]["heat"])

    def changes(self, after: str | None) -> tuple[set[str], str | None]:
        """The articles that changed after a cursor, to the end, and where to go on."""
        found = set()
        while True:
            part = self.ask(CHANGES, after=after)["changes"]
            for node in part["nodes"]:
                assert node["kind"] == "PUT", node
                found.add(node["slug"])
                after = node["cursor"]
            if not part["pageInfo"]["hasNextPage"]:
                return found, after

    @contextmanager
    def subscribed(self) -> Iterator[Iterator[str]]:
        """The slugs of changes from now on, as server-sent events."""
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
    """Two servers on one store, and a key for both."""

    one: str
    other: str
    key: str

    @contextmanager
    def clients(self) -> Iterator[tuple[Client, Client]]:
        """A connection to each."""
        one, other = Client(self.one, self.key), Client(self.other, self.key)
        try:
            yield one, other
        finally:
            one.close()
            other.close()


@contextmanager
def two_servers(folder: Path, **settings: str) -> Iterator[Servers]:
    """Two servers on a store of their own, which holds the article "counter"."""
    store = folder / "store.json"

    async def make() -> None:
        repository = TinyDBRepository.open(store)
        await repository.apply(Batch(puts=(make_article("counter"),)))
        await repository.close()

    asyncio.run(make())
    key, _ = KeyFile(folder / "keys.json").add("writer", [Permission.WRITE])
    with ExitStack() as held:
        urls: dict[str, str] = {}
        for name in ("one", "other"):
            place = folder / name
            place.mkdir()
            server = run_newsgraph("--store", str(store), folder=place, **_LIMITS, **settings)
            urls[name] = held.enter_context(server).url
        yield Servers(**urls, key=key)


@contextmanager
def writing(servers: Servers, same: str | None = None) -> Iterator[list[str]]:
    """Articles that are written one after the other, by both servers in turn; or the same one, with
    more heat each time.

    The list has the slugs of those that were acknowledged.
    """
    acknowledged: list[str] = []
    ends = threading.Event()

    def write() -> None:
        with servers.clients() as clients:
            heat = clients[0].heat()
            while not ends.is_set():
                number = len(acknowledged)
                slug = same or f"2026-02-01-{number:06}"
                clients[number % 2].put(slug, heat=heat + number)
                acknowledged.append(slug)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield acknowledged
    finally:
        ends.set()
        writer.join()


def stale_reads(servers: Servers, count: int) -> int:
    """How many reads begun after a write's acknowledgement, at the other server, lack it."""
    stale = 0
    with servers.clients() as (one, other):
        for number in range(1, count + 1):
            writer, reader = (one, other) if number % 2 else (other, one)
            writer.put("2026-01-01-counter", heat=number)
            stale += reader.heat() != number
    return stale


def steps_back(servers: Servers, count: int) -> int:
    """How many reads show less than the one before, at one server after the other."""
    last = back = 0
    with writing(servers, "2026-01-01-counter"), servers.clients() as clients:
        for number in range(count):
            seen = clients[number % 2].heat()
            back += seen < last
            last = seen
    return back


def holes_after_subscribing(servers: Servers, count: int) -> int:
    """How many who subscribe at one server and then read at the other never hear of something."""
    holes = 0
    with writing(servers) as acknowledged, servers.clients() as (one, other):
        for number in range(count):
            subscriber, reader = (one, other) if number % 2 else (other, one)
            with subscriber.subscribed() as events:
                held = reader.slugs()
                written = set(acknowledged)
                last = f"2026-03-01-{number:06}"
                reader.put(last)
                for slug in events:
                    held.add(slug)
                    if slug == last:
                        break
            holes += not written <= held
    return holes


def holes_after_paging(servers: Servers, count: int) -> int:
    """How many who page through the changes at one server, read at the other and page on lack
    something.
    """
    holes = 0
    cursor: str | None = None
    with writing(servers) as acknowledged, servers.clients() as (one, other):
        for number in range(count):
            pager, reader = (one, other) if number % 2 else (other, one)
            _, cursor = pager.changes(cursor)
            held = reader.slugs()
            written = set(acknowledged)
            more, cursor = pager.changes(cursor)
            holes += not written <= held | more
    return holes


CHECKS = (stale_reads, steps_back, holes_after_subscribing, holes_after_paging)


def main() -> None:
    """Run all checks and print how often each failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000)
    count = parser.parse_args().count
    for check in CHECKS:
        with tempfile.TemporaryDirectory() as folder, two_servers(Path(folder)) as servers:
            print(f"{check.__name__:<26} {check(servers, count)} of {count}", flush=True)


if __name__ == "__main__":
    main()
