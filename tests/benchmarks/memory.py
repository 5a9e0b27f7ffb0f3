"""How much memory distinct queries take: each is sent twice, of 0.3 to 15 kB.

    python -m tests.benchmarks.memory [--queries 30000] [--plans-mib 128] [--rows-mib 128]

What the process has grown by is to stay within the caches' settings and a fifth more.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from starlette.types import Message

from gql import garbage
from gql.app import App, create_app
from gql.settings import load_settings
from store import MemoryRepository

from ..sites import article, put

MiB = 1 << 20
MIN_BYTES, MAX_BYTES = 300, 15_000
SELECTIONS = (
    "id title excerpt webUrl provider { name domain } topics { slug name }",
    "id title images { url width height } provider { name }",
    "title related { title webUrl } heat quality",
)


def queries(count: int, query_bytes: int | None, seed: int = 1) -> Iterator[bytes]:
    """Bodies of requests, none of which is like another; short ones are as many as long ones."""
    random = Random(seed)
    for number in range(count):
        size = query_bytes or MIN_BYTES * (MAX_BYTES / MIN_BYTES) ** random.random()
        fields: list[str] = []
        while sum(map(len, fields)) < size:
            selection = random.choice(SELECTIONS)
            place = f"a{len(fields)}"
            if random.random() < 0.7:
                slug = f"story-{random.randrange(200)}"
                fields.append(f'{place}: article(by: {{slug: "{slug}"}}) {{ {selection} }}')
            else:
                first = random.randrange(1, 4)
                edges = f"edges {{ cursor node {{ {selection} }} }}"
                fields.append(f"{place}: articles(first: {first}) {{ {edges} }}")
        yield json.dumps({"query": f"query Q{number} {{ {' '.join(fields)} }}"}).encode()


def rss_bytes() -> int:
    """What this process takes of the machine's memory; on Linux."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def ask(app: App, body: bytes) -> None:
    """Have one request answered."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "query_string": b"",
        "client": ("192.0.2.1", 1),
        "headers": [(b"content-type", b"application/json")],
        "state": {},
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": bytes(bytearray(body))}

    async def send(message: Message) -> None:
        if message.get("body", b"").startswith(b'{"errors"'):
            raise AssertionError(message["body"])

    await app(scope, receive, send)


async def run(app: App, count: int, query_bytes: int | None, settings_bytes: int) -> None:
    """Send all of them, and tell from time to time what they take."""
    for body in queries(20, query_bytes, seed=2):
        await ask(app, body)
    garbage.settle()
    before = rss_bytes()
    started, sent_bytes, step = time.perf_counter(), 0, max(1, count // 10)
    for number, body in enumerate(queries(count, query_bytes), 1):
        await ask(app, body)
        await ask(app, body)
        sent_bytes += len(body)
        if number % step == 0:
            grown = rss_bytes() - before
            held = {cache.name: round(cache.size_bytes / MiB, 1) for cache in app.caches}
            print(
                f"{number:6} queries, {sent_bytes / MiB:6.1f} MiB sent once, "
                f"{time.perf_counter() - started:6.0f} s: RSS +{grown / MiB:6.1f} MiB, "
                f"{grown / settings_bytes:.2f} of the settings; {held}",
                flush=True,
            )


def main() -> None:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=30_000)
    parser.add_argument("--query-bytes", type=int, help="the same size for all")
    parser.add_argument("--plans-mib", type=int, default=128)
    parser.add_argument("--rows-mib", type=int, default=128)
    parser.add_argument("--responses-mib", type=int, default=32)
    given = parser.parse_args()
    repository = MemoryRepository()
    put(repository, *(article(f"story-{n}", excerpt="What it tells. " * 9) for n in range(200)))
    sizes: dict[str, Any] = {
        "plan_cache_bytes": given.plans_mib * MiB,
        "fragment_cache_bytes": given.rows_mib * MiB,
        "response_cache_bytes": given.responses_mib * MiB,
    }
    with tempfile.TemporaryDirectory() as folder:
        limits = {"max_aliases": 10_000, "max_tokens": 100_000, "max_cost": 10**9}
        chosen = {"store": Path(folder) / "store.json", "log_level": "error", **limits, **sizes}
        app = create_app(load_settings(chosen), repository)
        asyncio.run(run(app, given.queries, given.query_bytes, sum(sizes.values())))


if __name__ == "__main__":
    main()
