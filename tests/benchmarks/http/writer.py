"""A writer beside the readers: durable writes over HTTP at a fixed rate."""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count

import orjson

from store.model import Article
from tests.benchmarks.http.data import Data
from tests.benchmarks.http.servers import LOAD_CORE, BenchmarkServer

_TIMEOUT_S = 30
_PUT = """
mutation Put($id: ID!, $heat: Int!) {
  putArticle(input: {id: $id, heat: $heat}) { cursor userErrors { code message } }
}
"""
_NUMBERS = count(1)


@contextmanager
def background_writes(server: BenchmarkServer, data: Data) -> Iterator[None]:
    """Write to a server at its rate until the block ends.

    Raises: RuntimeError: a write failed, or the writer could not keep up.
    """
    if not server.variant.writes_per_s:
        yield
        return
    ended = threading.Event()
    faults: list[str] = []
    thread = threading.Thread(target=_write, args=(server, data.articles, ended, faults))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if faults:
        raise RuntimeError(f"The writer beside {server.name} failed: {faults[0]}")


def _write(
    server: BenchmarkServer, articles: Sequence[Article], ended: threading.Event, faults: list[str]
) -> None:
    os.sched_setaffinity(0, {LOAD_CORE})  # this thread only
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_TIMEOUT_S)
    start, written = time.monotonic(), 0
    try:
        while not ended.wait(
            max(0.0, start + written / server.variant.writes_per_s - time.monotonic())
        ):
            written += 1
            if fault := _put(connection, server, articles):
                faults.append(fault)
                return
    except OSError as error:
        faults.append(str(error))
    finally:
        connection.close()


def _put(
    connection: http.client.HTTPConnection, server: BenchmarkServer, articles: Sequence[Article]
) -> str | None:
    """One durable write; its error, or None."""
    number = next(_NUMBERS)
    article = articles[number * 7919 % len(articles)]
    body = orjson.dumps({"query": _PUT, "variables": {"id": article.id, "heat": number % 500}})
    key = f"Bearer {server.variant.write_key}"
    headers = {"content-type": "application/json", "authorization": key}
    connection.request("POST", "/graphql", body, headers)
    text = connection.getresponse().read()
    payload = (orjson.loads(text).get("data") or {}).get("putArticle") or {}
    return None if payload.get("cursor") else text[:500].decode(errors="replace")
