"""Differential fuzzing of HTTP/1.1: the direct protocol and the ASGI protocol must agree.

`python -m tests.stress.fuzz_http1 --count 2000 --seed 1` sends random methods, URLs, header fields,
framing, garbage and truncations, and stops at the first difference. The test suite runs a few
(`test_http1`).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from gql.server import Http1Protocol
from gql.server.direct_protocol import DirectProtocol
from tests.gql.server.test_direct_protocol import Watched
from tests.support.live_server import LiveServer, run_server
from tests.support.raw_http import body_of, chunked, exchange, get

STATUSES = frozenset({*range(200, 207), *range(300, 309), *range(400, 500), 503, 505})
LAST = get("Connection: close")
_STARTS = [
    *["POST /graphql HTTP/1.1"] * 8,
    "POST /graphql?x=1 HTTP/1.1",
    "POST /nowhere HTTP/1.1",
    "GET /healthz HTTP/1.1",
    "GET /graphql?query={__typename} HTTP/1.1",
    "OPTIONS /graphql HTTP/1.1",
    "DELETE /graphql HTTP/1.1",
    "OPTIONS * HTTP/1.1",
    "POST http://x/graphql HTTP/1.1",
    "POST /graphql HTTP/1.0",
    "POST /graphql HTTP/2.0",
    "POST /%ff%00 HTTP/1.1",
    "POST  /graphql HTTP/1.1",
    "CONNECT /graphql HTTP/1.1",
    "post /graphql HTTP/1.1",
]
_FIELDS = [
    "Accept: application/graphql-response+json",
    "Accept: text/csv",
    "Accept-Encoding: gzip",
    "Authorization: Bearer ng_wrong",
    "Connection: close",
    "Connection: keep-alive",
    "Connection: Upgrade",
    "Upgrade: h2c",
    "Upgrade: foo",
    "Content-Type: application/json",
    "Content-Type: text/plain",
    "Content-Length: 5",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip",
    "Expect: 100-continue",
    "Host: y",
    "Host: a b",
    "Idempotency-Key: one",
    "If-None-Match: *",
    "Origin: https://evil.example",
    "X-Forwarded-For: 10.0.0.7",
    "X-Forwarded-For: 10.0.0.8, 127.0.0.1",
    "X-Forwarded-For: nobody, [::1]:80",
    "X-Forwarded-Proto: https",
    "X: a\0b",
    "X : a",
    " folded",
    "nothing",
    "X: " + "a" * 9_000,
    *[""] * 3,
]
_BODIES = [body_of(), body_of("{ nonsense }"), b"{", b"", b"[]", body_of() + b" " * 70_000]
_GARBAGE = [b"", b"", b"", b"\r\n", b"\0", b"GARBAGE", b"\x16\x03\x01", b"GET / HTTP"]


def random_requests(rng: Random) -> list[bytes]:
    """The bytes of random requests, in several pieces."""
    text = b"".join(_request(rng) for _ in range(rng.randint(1, 4)))
    if rng.random() < 0.2:
        at = rng.randrange(len(text))
        text = text[:at] + rng.choice([b"", b"\0", b"\r\n", b"\n", b":", b"\xff"]) + text[at + 1 :]
    cuts = sorted(rng.randrange(len(text)) for _ in range(rng.randint(0, 4)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def _request(rng: Random) -> bytes:
    lines = [rng.choice(_STARTS)]
    lines += [] if rng.random() < 0.05 else ["Host: x"]
    lines += [] if rng.random() < 0.2 else ["Content-Type: application/json"]
    lines += filter(None, rng.sample(_FIELDS, rng.choice([0, 0, 0, 1, 1, 2, 3])))
    body = rng.choice(_BODIES)
    if rng.random() < 0.4:
        lines.append("Transfer-Encoding: chunked")
        half = rng.randint(0, len(body))
        pieces = [piece for piece in (body[:half], body[half:]) if piece]
        trailers = [each for each in rng.sample(_FIELDS, rng.choice([0, 0, 1, 2])) if ": " in each]
        body = chunked(*pieces, trailers=trailers)
    elif rng.random() < 0.95:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    return head + body + rng.choice(_GARBAGE)


@contextmanager
def server_pair() -> Iterator[tuple[LiveServer, LiveServer]]:
    """Two servers of one application, one with each protocol."""
    options: dict[str, Any] = {"lifespan": "off", "access_log": False, "server_header": False}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        app = Watched(Path(folder), log_level="warning", request_timeout_s=1)
        servers = [
            stack.enter_context(run_server(app, http=each, timeout_keep_alive=1, **options))
            for each in (Http1Protocol, DirectProtocol)
        ]
        yield servers[0], servers[1]


def compare_responses(servers: tuple[LiveServer, LiveServer], seed: int) -> None:
    """Send the requests of a seed to both. Raises: AssertionError: responses differ."""
    pieces = random_requests(Random(seed))
    results = [
        [
            (each.status, each.closes, each.code, len(each.body))
            for each in exchange(server.port, *pieces, LAST)
        ]
        for server in servers
    ]
    assert results[0] == results[1], (seed, pieces)
    assert {each[0] for each in results[0]} <= STATUSES, (seed, results, pieces)


def compare_seeds(seeds: Iterable[int]) -> None:
    """Compare the responses for these seeds, in parallel, because some wait for a timeout."""
    with server_pair() as servers, ThreadPoolExecutor(16) as clients:
        for _ in clients.map(partial(compare_responses, servers), seeds):
            pass


def main() -> None:
    """Compare random requests."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    compare_seeds(range(options.seed, options.seed + options.count))
    print(f"{options.count} requests drawn, no difference")


if __name__ == "__main__":
    main()
