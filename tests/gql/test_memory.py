"""The byte counts of caches: memory grows by no more, and evicted entries are freed.

More entries of each kind are sent than its cache has room for. Memory is measured as allocated by
the interpreter, without a full garbage collection, which a server seldom runs.
"""

from __future__ import annotations

import asyncio
import gc
import json
import tracemalloc
import weakref
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Scope

from gql.composition.app import App, create_app
from gql.settings import load_settings
from store import MemoryRepository
from tests.support.factories import article, put_articles

MiB = 1 << 20
SLACK_BYTES = 300_000
"""What else a few hundred requests leave: metrics, hashes of keys, the interpreter's free lists."""

JSON = {"content-type": "application/json"}

Request = tuple[dict[str, str], bytes]
"""Header fields, and the body."""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """An application with little room, and with the collector as a server sets it."""
    repository = MemoryRepository()
    put_articles(
        repository, *(article(f"story-{n}", excerpt="What it tells. " * 9) for n in range(20))
    )
    settings = load_settings(
        {
            "store": tmp_path / "store.json",
            "plan_cache_bytes": 2 * MiB,
            "fragment_cache_bytes": MiB,
            "response_cache_bytes": MiB // 4,
            "log_level": "error",
        }
    )
    threshold = gc.get_threshold()
    gc.set_threshold(1_000, 10, 1_000)
    yield create_app(settings, repository)
    gc.set_threshold(*threshold)


def send(app: App, requests: Iterable[Request]) -> None:
    """Have requests answered, one after the other."""

    async def answered() -> None:
        for headers, body in requests:
            scope: Scope = {
                "type": "http",
                "method": "POST",
                "path": "/graphql",
                "query_string": b"",
                "client": ("192.0.2.1", 1),
                "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
                "state": {},
            }
            status: list[int] = []
            await app(scope, partial(_receive, body), partial(_send, status))
            assert status[0] == 200

    asyncio.run(answered())


async def _receive(body: bytes) -> Message:
    return {"type": "http.request", "body": bytes(bytearray(body))}


async def _send(status: list[int], message: Message) -> None:
    status.append(message.get("status", 0))


def counted_bytes(app: App) -> int:
    """What the caches say they hold."""
    return sum(cache.size_bytes for cache in app.caches)


def grown_bytes(app: App, request_of: Callable[[int], Request], count: int) -> int:
    """What sending so many requests, each of them twice, leaves in memory."""
    send(app, map(request_of, range(count, count + 10)))  # what is made once
    gc.collect()
    tracemalloc.start()
    try:
        send(app, chain.from_iterable(repeat(request_of(number), 2) for number in range(count)))
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return grown


def body(query: str, **variables: Any) -> bytes:
    """The body of a request."""
    return json.dumps({"query": query, "variables": variables}).encode()


def documents(number: int) -> Request:
    """A document of its own, of about 1 kB."""
    fields = (
        f'a{n}: article(by: {{slug: "story-{number}-{n}"}}) {{ id title provider {{ name }} }}'
        for n in range(12)
    )
    return JSON, body(f"query Q{number} {{ {' '.join(fields)} }}")


def faulty_documents(number: int) -> Request:
    """A document that is refused, of about 1 kB."""
    fields = " ".join(f"a{n}: article(by: {{slug: {number}}}) {{ no }}" for n in range(25))
    return JSON, body(f"{{ {fields} }}")


LOOKUP = "query Lookup($slug: String!) { article(by: {slug: $slug}) { id title } }"
LIST = """query List($first: Int!, $ids: [ID!]!) {
  articles(first: $first) { nodes { id } } nodes(ids: $ids) { id }
}"""


def lookups(number: int) -> Request:
    """A request of its own for the same document."""
    return JSON, body(LOOKUP, slug=f"story-{number % 20}", number=number)


def large_variables(number: int) -> Request:
    """Variables that take far more as objects than as text."""
    return JSON, body(LOOKUP, slug=f"story-{number}", lists=[[]] * 1_000)


def costs(number: int) -> Request:
    """An operation that costs something else each time."""
    return JSON, body(LIST, first=number % 100, ids=["x"] * (number // 100))


def headers(number: int) -> Request:
    """Headers of their own for the same request."""
    accept = f"application/json, text/x-{number};note={'x' * 4_000}"
    return {**JSON, "accept": accept}, body(LOOKUP, slug="story-1")


def compressed(number: int) -> Request:
    """An answer of its own that is long enough to be compressed."""
    query = "query Page($first: Int!) { articles(first: $first) { nodes { id title excerpt } } }"
    return {**JSON, "accept-encoding": "gzip"}, body(query, first=19, number=number)


def test_evicted_document_frees_its_tree_and_plans_at_once(app: App) -> None:
    """Though its requests are remembered, with no help of the collector; and it is made again."""
    request, caches = documents(1), {cache.name: cache for cache in app.caches}
    gc.set_threshold(1_000_000)
    send(app, [request, request])
    store: Any = caches["documents"]
    document = store.get(json.loads(request[1])["query"])
    kept = [weakref.ref(each) for each in (document.ast, *document.plans.values())]
    assert len(kept) == 2
    del document
    store.clear()
    assert [each() for each in kept] == [None, None]
    made = app.executor.counts["compiled"]
    responses: Any = caches["responses"]
    responses.clear()
    send(app, [request])
    assert app.executor.counts["compiled"] == made + 1
    gc.collect()
    store.clear()
    assert gc.collect() == 0, "reference cycles are left, for which only the collector looks"


def test_faulty_documents_leave_nothing(app: App) -> None:
    """Neither trees nor the frames that their errors refer to; one takes 400 kB until it is freed.

    Free lists take twice as much here as where nothing fails.
    """
    assert grown_bytes(app, faulty_documents, 20) <= 1.2 * counted_bytes(app) + 2 * SLACK_BYTES


@pytest.mark.parametrize(
    ("request_of", "count"),
    [
        (documents, 60),
        (lookups, 1_500),
        (large_variables, 60),
        (costs, 700),
        (headers, 800),
        (compressed, 600),
    ],
)
def test_memory_grows_by_what_the_caches_count(
    app: App, request_of: Callable[[int], Request], count: int
) -> None:
    """However many there are, each sent twice, and with nothing left of those that were evicted."""
    assert grown_bytes(app, request_of, count) <= 1.2 * counted_bytes(app) + SLACK_BYTES
