"""HTTP: request heads, trailers, framing, and requests that never end."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random

from tests.benchmarks.abuse.attack_client import AttackClient, AttackResult, request
from tests.benchmarks.abuse.attacks.attack import Attack, random_word, raw

_GET = "GET /healthz HTTP/1.1\r\nHost: x\r\n"
_POST = (
    "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    "Transfer-Encoding: chunked\r\n"
)
_BODY = '{"query":"{__typename}"}'
_OPEN_AT_ONCE = 200
_WAIT_S = 0.002


def _field(rng: Random, size: int) -> bytes:
    return f"{_GET}X: {random_word(rng)}{'a' * size}\r\n\r\n".encode()


def _fields(_: Random, size: int) -> bytes:
    return f"{_GET}{''.join(f'X{i}: a{chr(13)}{chr(10)}' for i in range(size))}\r\n".encode()


def _target(rng: Random, size: int) -> bytes:
    return f"GET /{random_word(rng)}{'a' * size} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def _chunked(chunks: str, trailers: str = "") -> bytes:
    return f"{_POST}\r\n{chunks}0\r\n{trailers}\r\n".encode()


def _trailers(_: Random, size: int) -> bytes:
    whole = f"{len(_BODY):x}\r\n{_BODY}\r\n"
    return _chunked(whole, "".join(f"X{i}: a\r\n" for i in range(size)))


def _trailer(rng: Random, size: int) -> bytes:
    return _chunked(f"{len(_BODY):x}\r\n{_BODY}\r\n", f"X: {random_word(rng)}{'a' * size}\r\n")


def _chunks(_: Random, size: int) -> bytes:
    return _chunked("".join(f"1\r\n{each}\r\n" for each in _BODY + " " * size))


def _extensions(_: Random, size: int) -> bytes:
    return _chunked(f"{len(_BODY):x};{'a' * size}\r\n{_BODY}\r\n")


def _header(name: str, field: str, value: Callable[[Random, int], str], size: int) -> Attack:
    """A header field with a long list as its value, on the persistent connection."""

    def attempt(client: AttackClient, rng: Random, size: int) -> AttackResult:
        headers = {"content-type": "application/json", field: value(rng, size)}
        return client.exchange(request("POST", "/graphql", headers, _BODY.encode()))

    return Attack(name, attempt, size)


def _keep_open(name: str, begin: Callable[[Random], bytes]) -> Attack:
    """Connections that are left open after some bytes, a limited number at once."""

    def attempt(client: AttackClient, rng: Random, _: int) -> AttackResult:
        if len(client.open_connections) >= _OPEN_AT_ONCE:
            client.open_connections.pop(0).close()
        connection = client.connect()
        client.open_connections.append(connection)
        sent = begin(rng)
        code = "left open"
        with suppress(OSError):
            connection.sendall(sent)
            if select.select([connection], [], [], _WAIT_S)[0]:
                said = connection.recv(1_000)
                code = said.split(b"\r\n", 1)[0].decode("latin-1")[:20] or "closed"
        return AttackResult(code, code.startswith(("HTTP/1.1 4", "closed")), len(sent), 0)

    return Attack(name, attempt)


def _drip(client: AttackClient, rng: Random, size: int) -> AttackResult:
    """A whole request, sent byte by byte."""
    raw = f"{_GET}X: {random_word(rng)}{'a' * size}\r\n\r\n".encode()
    with client.connect() as connection:
        for i in range(len(raw)):
            connection.send(raw[i : i + 1])
        said = connection.recv(1_000)
    return AttackResult(said[9:12].decode(), said[9:10] != b"2", len(raw), len(said))


def _pipelined(client: AttackClient, _: Random, size: int) -> AttackResult:
    """Pipelined requests whose responses are never read."""
    query = b'{"query":"{articles(first:100){nodes{id title excerpt content}}}"}'
    one = request("POST", "/graphql", {"content-type": "application/json"}, query)
    if len(client.open_connections) >= 20:
        client.open_connections.pop(0).close()
    connection = client.connect()
    client.open_connections.append(connection)
    connection.setblocking(False)
    sent, deadline = 0, time.monotonic() + 0.2
    while sent < size * len(one) and time.monotonic() < deadline:
        try:
            sent += connection.send(one * 10)
        except BlockingIOError:
            break
        except OSError:
            return AttackResult("closed", True, sent, 0)
    return AttackResult("left open", False, sent, 0)


_HALF = (
    b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1000000\r\n\r\n{"
)
_MEGABYTE = f"{_POST}\r\nFFFFF\r\n".encode() + b"a" * 1_000_000
_UPGRADE = (
    b"POST /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Content-Length: 100\r\n\r\n{"
)
_TLS = bytes.fromhex("16030100f1010000ed0303") + b"a" * 200

ATTACKS: tuple[Attack, ...] = (
    raw("head: a long field, bytes", _field, 64_000_000),
    raw("head: a field of a megabyte, bytes", _field, 1_000_000),
    raw("head: fields, fields", _fields, 100_000),
    raw("head: a long address, bytes", _target, 1_000_000),
    raw("trailers, trailers", _trailers, 100_000),
    raw("a long trailer, bytes", _trailer, 1_000_000),
    raw("chunks of one byte, chunks", _chunks, 200_000),
    raw("a long chunk extension, bytes", _extensions, 1_000_000),
    _header("Accept: many types", "accept", lambda _, n: ",".join(["a/b;q=0.5"] * n), 5_000),
    _header(
        "Accept-Encoding: many", "accept-encoding", lambda r, n: f"{random_word(r)}," * n, 6_000
    ),
    _header("If-None-Match: many", "if-none-match", lambda r, n: f'"{random_word(r)}",' * n, 5_000),
    _header(
        "Authorization: a long key",
        "authorization",
        lambda r, n: f"Bearer {random_word(r)}{'a' * n}",
        60_000,
    ),
    _header(
        "Authorization: a token",
        "authorization",
        lambda r, n: f"Bearer {random_word(r)}.{'e' * n}.a",
        60_000,
    ),
    _header("X-Forwarded-For: many", "x-forwarded-for", lambda _, n: "1.2.3.4," * n, 7_000),
    _header("Cookie: long", "cookie", lambda r, n: f"{random_word(r)}=1; " * n, 5_000),
    _header(
        "Idempotency-Key: long", "idempotency-key", lambda r, n: random_word(r) + "a" * n, 60_000
    ),
    Attack("a head byte by byte, bytes", _drip, 2_000),
    _keep_open("held: nothing sent", lambda _: b""),
    _keep_open("held: half a head", lambda rng: f"{_GET}X: {random_word(rng)}".encode()),
    _keep_open("held: half a body", lambda _: _HALF),
    _keep_open("held: a megabyte of a chunked body", lambda _: _MEGABYTE),
    _keep_open("held: POST with Upgrade: websocket", lambda _: _UPGRADE),
    _keep_open("garbage", lambda rng: rng.randbytes(200)),
    _keep_open("a TLS hello", lambda _: _TLS),
    _keep_open("HTTP/2's preface", lambda _: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    Attack("pipelined, and never read", _pipelined, 1_000),
)
"""Heads and framing."""
