"""The check before measuring: all servers must return the same data."""

from __future__ import annotations

import binascii
import http.client
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from tests.benchmarks.http.servers import BenchmarkServer

_TIMEOUT_S = 30
_ABSENT = "(absent)"
_CODE_BYTES = 8
"""How long the code is at the end of a cursor; a peer, which has no key, gives zeros."""
_STANDARD = str.maketrans("-_", "+/")
_NOT_IN_SCHEMA = b"MER_ERR_GQL_VALIDATION"  # as Mercurius says it


class DisagreementError(Exception):
    """A response has errors, or differs from another server's; the message says where."""


class UnsupportedQueryError(Exception):
    """The schema of a server lacks a part of an operation."""


def fetch_data(server: BenchmarkServer, query: str, bodies: Sequence[bytes]) -> list[Any]:
    """The data of the responses to these bodies.

    Raises: DisagreementError: a response has errors or no data. UnsupportedQueryError.
    """
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_TIMEOUT_S)
    try:
        return [_fetch(connection, server, query, body) for body in bodies]
    finally:
        connection.close()


def _fetch(
    connection: http.client.HTTPConnection, server: BenchmarkServer, query: str, body: bytes
) -> Any:
    headers = {"content-type": "application/json", **server.variant.headers}
    connection.request("POST", server.path(query), body, headers)
    text = connection.getresponse().read()
    if _NOT_IN_SCHEMA in text:
        raise UnsupportedQueryError(f"{server.name} does not take {query}: {text[:300]!r}")
    result = orjson.loads(text)
    if result.get("errors") or not result.get("data"):
        raise DisagreementError(f"{server.name} answers {query} with {text[:500]!r}")
    return result["data"]


def check_equal(who: str, expected: Sequence[Any], found: Sequence[Any]) -> None:
    """Raise DisagreementError with the first difference if data differ."""
    where = next(differences(expected, found, "answers"), None)
    if where:
        raise DisagreementError(f"{who} differ: {where}")


def differences(one: Any, two: Any, path: str) -> Iterator[str]:
    """The paths at which two JSON values differ, with both values."""
    if isinstance(one, dict) and isinstance(two, dict):
        for key in one | two:
            yield from differences(one.get(key, _ABSENT), two.get(key, _ABSENT), f"{path}.{key}")
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        for place, (left, right) in enumerate(zip(one, two, strict=True)):
            yield from differences(left, right, f"{path}[{place}]")
    elif one != two and not _are_equal_cursors(one, two):
        yield f"{path} is {one!r:.200} and {two!r:.200}"


def _are_equal_cursors(one: Any, two: Any) -> bool:
    """Whether two values are cursors of the same position, the second without a signature."""
    if not (isinstance(one, str) and isinstance(two, str) and len(one) == len(two)):
        return False
    try:
        left, right = (binascii.a2b_base64(f"{each}==".translate(_STANDARD)) for each in (one, two))
    except ValueError:
        return False
    return left[:-_CODE_BYTES] == right[:-_CODE_BYTES] and not any(right[-_CODE_BYTES:])


def typical_response(data: Sequence[Any]) -> bytes:
    """The response whose size is nearest the mean, in compact JSON."""
    texts = [orjson.dumps({"data": one}) for one in data]
    mean = sum(map(len, texts)) / len(texts)
    return min(texts, key=lambda text: abs(len(text) - mean))
