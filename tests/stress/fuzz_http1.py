"""Raw requests drawn by lot, sent to the direct way and to ASGI's: both answer alike.

`python -m tests.stress.fuzz_http1 --count 2000 --seed 1` draws methods, URLs, fields, framing,
garbage and cuts, and stops at the first difference. The suite draws a few (`test_http1`).
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


def drawn(lot: Random) -> list[bytes]:
    """What a client sends, in pieces."""
    text = b"".join(_request(lot) for _ in range(lot.randint(1, 4)))
    if lot.random() < 0.2:
        at = lot.randrange(len(text))
        text = text[:at] + lot.choice([b"", b"\0", b"\r\n", b"\n", b":", b"\xff"]) + text[at + 1 :]
    cuts = sorted(lot.randrange(len(text)) for _ in range(lot.randint(0, 4)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def _request(lot: Random) -> bytes:
    lines = [lot.choice(_STARTS)]
    lines += [] if lot.random() < 0.05 else ["Host: x"]
    lines += [] if lot.random() < 0.2 else ["Content-Type: application/json"]
    lines += filter(None, lot.sample(_FIELDS, lot.choice([0, 0, 0, 1, 1, 2, 3])))
    body = lot.choice(_BODIES)
    if lot.random() < 0.4:
        lines.append("Transfer-Encoding: chunked")
        half = lot.randint(0, len(body))
        pieces = [piece for piece in (body[:half], body[half:]) if piece]
        trailers = [each for each in lot.sample(_FIELDS, lot.choice([0, 0, 1, 2])) if ": " in each]
        body = chunked(*pieces, trailers=trailers)
    elif lot.random() < 0.95:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    return head + body + lot.choice(_GARBAGE)


@contextmanager
def both_ways() -> Iterator[tuple[LiveServer, LiveServer]]:
    """One application behind both protocols."""
    options: dict[str, Any] = {"lifespan": "off", "access_log": False, "server_header": False}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        app = Watched(Path(folder), log_level="warning", request_timeout_s=1)
        servers = [
            stack.enter_context(run_server(app, http=each, timeout_keep_alive=1, **options))
            for each in (Http1Protocol, DirectProtocol)
        ]
        yield servers[0], servers[1]


def compare(servers: tuple[LiveServer, LiveServer], seed: int) -> None:
    """Send what a seed draws to both. Raises: AssertionError: the answers differ or are none."""
    pieces = drawn(Random(seed))
    found = [
        [
            (each.status, each.closes, each.code, len(each.body))
            for each in exchange(server.port, *pieces, LAST)
        ]
        for server in servers
    ]
    assert found[0] == found[1], (seed, pieces)
    assert {each[0] for each in found[0]} <= STATUSES, (seed, found, pieces)


def compare_many(seeds: Iterable[int]) -> None:
    """Compare what these draw. Some wait for a time-out, so many are sent at once."""
    with both_ways() as servers, ThreadPoolExecutor(16) as clients:
        for _ in clients.map(partial(compare, servers), seeds):
            pass


def main() -> None:
    """Draw and compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    compare_many(range(options.seed, options.seed + options.count))
    print(f"{options.count} drawn, no difference")


if __name__ == "__main__":
    main()
