"""Before anything is measured: whether all servers give the same data."""

from __future__ import annotations

import binascii
import http.client
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from tests.benchmarks.http.servers import Server

_TIMEOUT_S = 30
_ABSENT = "(absent)"
_CODE_BYTES = 8
"""How long the code is at the end of a cursor; a peer, which has no key, gives zeros."""
_STANDARD = str.maketrans("-_", "+/")
_NOT_IN_SCHEMA = b"MER_ERR_GQL_VALIDATION"  # as Mercurius says it


class DisagreementError(Exception):
    """A server answers with an error, or otherwise than the others; the message shows where."""


class NotTakenError(Exception):
    """A server's schema does not have what an operation asks for."""


def answers(server: Server, query: str, bodies: Sequence[bytes]) -> list[Any]:
    """The data of each body's answer.

    Raises: DisagreementError: it has errors, or no data. NotTakenError.
    """
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_TIMEOUT_S)
    try:
        return [_answer(connection, server, query, body) for body in bodies]
    finally:
        connection.close()


def _answer(connection: http.client.HTTPConnection, server: Server, query: str, body: bytes) -> Any:
    headers = {"content-type": "application/json", **server.variant.headers}
    connection.request("POST", server.path(query), body, headers)
    text = connection.getresponse().read()
    if _NOT_IN_SCHEMA in text:
        raise NotTakenError(f"{server.name} does not take {query}: {text[:300]!r}")
    result = orjson.loads(text)
    if result.get("errors") or not result.get("data"):
        raise DisagreementError(f"{server.name} answers {query} with {text[:500]!r}")
    return result["data"]


def check_same(who: str, expected: Sequence[Any], found: Sequence[Any]) -> None:
    """Raise DisagreementError, naming `who` and the first difference, where there is one."""
    where = next(differences(expected, found, "answers"), None)
    if where:
        raise DisagreementError(f"{who} differ: {where}")


def differences(one: Any, two: Any, path: str) -> Iterator[str]:
    """Each place where two JSON values differ, with what is there in both."""
    if isinstance(one, dict) and isinstance(two, dict):
        for key in one | two:
            yield from differences(one.get(key, _ABSENT), two.get(key, _ABSENT), f"{path}.{key}")
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        for place, (left, right) in enumerate(zip(one, two, strict=True)):
            yield from differences(left, right, f"{path}[{place}]")
    elif one != two and not _are_one_cursor(one, two):
        yield f"{path} is {one!r:.200} and {two!r:.200}"


def _are_one_cursor(one: Any, two: Any) -> bool:
    """Whether two values are cursors of the same position, of which the second has no code."""
    if not (isinstance(one, str) and isinstance(two, str) and len(one) == len(two)):
        return False
    try:
        left, right = (binascii.a2b_base64(f"{each}==".translate(_STANDARD)) for each in (one, two))
    except ValueError:
        return False
    return left[:-_CODE_BYTES] == right[:-_CODE_BYTES] and not any(right[-_CODE_BYTES:])


def ready_answer(data: Sequence[Any]) -> bytes:
    """A typical answer: of these, the one whose size is nearest the mean, written compactly."""
    texts = [orjson.dumps({"data": one}) for one in data]
    mean = sum(map(len, texts)) / len(texts)
    return min(texts, key=lambda text: abs(len(text) - mean))
