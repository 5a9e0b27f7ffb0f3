"""The memory that different queries take: `python -m tests.benchmarks.memory`.

A server gets thousands of different queries of 0.3 to 15 kB, each twice, as a public endpoint does
whose clients write their own queries. The resident set may grow by little more than the capacity of
the caches, and a second batch of other queries may add nothing.
"""

from __future__ import annotations

import argparse
import http.client
import math
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from random import Random
from typing import NamedTuple

import orjson

from gql.settings import Settings
from store import topic_slug
from store.model import Article
from tests.benchmarks.http.data import make_data
from tests.benchmarks.http.measure import make_inputs
from tests.benchmarks.http.operations import selections
from tests.benchmarks.http.servers import LOAD_CORE, NEWSGRAPH, BenchmarkServer, run_server

MIB = 1 << 20
GROWTH_GOAL = 1.2
MAX_GROWTH_SHARE = 0.02  # of the resident set: what a second batch may add to the first

_SHORTEST, _LONGEST = 300, 15_000
_TIMES = 2
_CONNECTIONS = 4
_REPORT_EVERY = 2_000
_TIMEOUT_S = 120


class BatchResult(NamedTuple):
    """The measurements of a batch of queries.

    Attributes:
        queries: The number of different queries.
        sent_bytes: The size of all bodies, each counted once.
        duration_s: The duration.
        cpu_s: CPU time of the server.
        errors: The number of responses with errors.
        rss_bytes: The server's resident set afterwards.
    """

    queries: int
    sent_bytes: int
    duration_s: float
    cpu_s: float
    errors: int
    rss_bytes: int

    def __str__(self) -> str:
        requests = self.queries * _TIMES
        return (
            f"{self.queries:,} queries of {self.sent_bytes / 1e6:.1f} MB, {_TIMES} times each: "
            f"{requests / self.duration_s:,.0f} requests/s, {self.cpu_s / requests * 1e3:,.1f} ms "
            f"of CPU each, {self.errors} with errors, RSS {self.rss_bytes / MIB:,.0f} MiB"
        )


def bodies(articles: Sequence[Article], count: int, seed: int) -> Iterator[bytes]:
    """Bodies of different queries, whose sizes are spread evenly on a logarithmic scale."""
    rng = Random(f"memory {seed}")
    for number in range(count):
        size = _SHORTEST * math.exp(rng.random() * math.log(_LONGEST / _SHORTEST))
        yield orjson.dumps({"query": _query(rng, articles, f"Q{seed}x{number}", int(size))})


def _query(rng: Random, articles: Sequence[Article], name: str, size: int) -> str:
    """A query of about this size, of lists and look-ups under aliases."""
    parts: list[str] = []
    length = len(name) + 10
    while length < size and len(parts) < 90:  # newsgraph allows 100 aliases
        part = f"f{len(parts)}: {_field(rng, rng.choice(articles))}"
        parts.append(part)
        length += len(part) + 1
    return f"query {name} {{ {' '.join(parts)} }}"


def _field(rng: Random, article: Article) -> str:
    """One field of the root, with literals."""
    selection = rng.choice((selections.headline, selections.card))(rng)
    match rng.randrange(4):
        case 0:
            return f'article(by: {{id: "{article.id}"}}) {{ {selection} }}'
        case 1:
            topic = topic_slug(rng.choice(article.topics))
            size = rng.randrange(1, 6)
            return f'topic(by: {{slug: "{topic}"}}) {{ {_list(rng, size, selection, "")} }}'
        case _:
            heat = rng.randrange(400)
            return _list(
                rng, rng.randrange(1, 6), selection, f"filter: {{heat: {{gte: {heat}}}}}, "
            )


def _list(rng: Random, size: int, selection: str, filter: str) -> str:
    page = f"nodes {{ {selection} }}"
    if rng.random() < 0.5:
        page = f"edges {{ cursor node {{ {selection} }} }}"
    return f"articles({filter}first: {size}) {{ {page} }}"


def send_batch(server: BenchmarkServer, batch: Sequence[bytes]) -> BatchResult:
    """Send each body twice in a row, on a few connections."""
    queue: SimpleQueue[bytes] = SimpleQueue()
    for body in batch:
        queue.put(body)
    errors: list[int] = []
    start_s, cpu_before_s = time.monotonic(), server.cpu_s
    threads = [
        threading.Thread(target=_client, args=(server, queue, len(batch), errors))
        for _ in range(_CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(errors) < len(batch):
        raise RuntimeError(f"{len(batch) - len(errors)} queries got no answer.")
    duration_s, cpu_s = time.monotonic() - start_s, server.cpu_s - cpu_before_s
    size = sum(map(len, batch))
    return BatchResult(len(batch), size, duration_s, cpu_s, sum(errors), server.rss_bytes)


def _client(
    server: BenchmarkServer, queue: SimpleQueue[bytes], count: int, errors: list[int]
) -> None:
    """Send the queued bodies; the numbers of responses with errors go to `errors`."""
    os.sched_setaffinity(0, {LOAD_CORE})  # this thread only
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_TIMEOUT_S)
    headers = {"content-type": "application/json"}
    while (body := _next(queue)) is not None:
        failed = 0
        for _ in range(_TIMES):
            connection.request("POST", "/graphql", body, headers)
            text = connection.getresponse().read()
            failed += text.startswith(b'{"errors"') or b'"errors":[{"message"' in text
        errors.append(failed)
        if len(errors) % _REPORT_EVERY == 0:
            rss = server.rss_bytes / MIB
            print(f"{len(errors):,} of {count:,}: RSS {rss:,.0f} MiB", file=sys.stderr, flush=True)
    connection.close()


def _next(queue: SimpleQueue[bytes]) -> bytes | None:
    try:
        return queue.get_nowait()
    except Empty:
        return None


def cache_settings() -> dict[str, int]:
    """The capacities of caches by setting, with their defaults."""
    names = (name for name in Settings.model_fields if name.endswith("_cache_bytes"))
    return {name: Settings.model_fields[name].default for name in names}


def measure(count: int, articles: int, folder: Path, seed: int) -> int:
    """Print the growth of memory by two batches; 1 if a goal is missed."""
    data = make_data(folder, articles, for_peer=False)
    bounds = cache_settings()
    allowed = sum(bounds.values())
    settings = {name: str(value) for name, value in bounds.items()}
    with (
        tempfile.TemporaryDirectory() as work,
        run_server(NEWSGRAPH, make_inputs(data, Path(work), settings)) as server,
    ):
        send_batch(server, list(bodies(data.articles, 20, seed=seed + 2)))  # what is imported late
        before = server.rss_bytes
        print(f"before: RSS {before / MIB:,.0f} MiB with {articles:,} articles")
        first = send_batch(server, list(bodies(data.articles, count, seed)))
        print(f"first batch: {first}")
        second = send_batch(server, list(bodies(data.articles, count, seed + 1)))
        print(f"second batch: {second}")
    grown = first.rss_bytes - before
    ratio, added = grown / allowed, second.rss_bytes / first.rss_bytes - 1
    print(f"grown by {grown / MIB:,.0f} MiB; the caches may hold {allowed / MIB:,.0f} MiB:")
    print(
        f"ratio {ratio:.2f} (goal <= {GROWTH_GOAL}); second batch {added:+.1%} "
        f"(goal <= {MAX_GROWTH_SHARE:+.0%})"
    )
    return int(ratio > GROWTH_GOAL or added > MAX_GROWTH_SHARE)


def main() -> int:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--count",
        type=int,
        default=30_000,
        help="distinct queries of a batch (30,000); fewer may not fill the caches",
    )
    parser.add_argument("--articles", type=int, default=10_000, help="how many are served")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, help="keep the articles there for the next time")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.data or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        return measure(given.count, given.articles, folder, given.seed)


if __name__ == "__main__":
    sys.exit(main())
