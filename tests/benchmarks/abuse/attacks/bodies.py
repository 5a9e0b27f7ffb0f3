"""Bodies and variables that are expensive to decode and coerce."""

from __future__ import annotations

from random import Random
from typing import Any
from urllib.parse import quote

import orjson

from tests.benchmarks.abuse.attack_client import AttackClient, AttackResult
from tests.benchmarks.abuse.attacks.attack import Attack, body, get, operation, random_word

_FILTER = "query ($f: ArticleFilter) { articles(filter: $f) { totalCount } }"


def _enums(rng: Random, size: int) -> tuple[str, dict[str, Any]]:
    text = "query ($o: [ArticleOrder!]) { articles(orderBy: $o) { totalCount } }"
    return text, {"o": [{"field": rng.choice(["HEAT", "TITLE"])} for _ in range(size)]}


def _lists(rng: Random, size: int) -> tuple[str, dict[str, Any]]:
    return _FILTER, {"f": {"and": [{"heat": {"gt": rng.randrange(99)}} for _ in range(size)]}}


def _wrong(rng: Random, size: int) -> tuple[str, dict[str, Any]]:
    return _FILTER, {"f": {"and": [{random_word(rng): 1} for _ in range(size)]}}


def _integers(rng: Random, size: int) -> bytes:
    number = str(rng.randrange(1, 10)) * size
    text = orjson.dumps(_FILTER).decode()
    return f'{{"query": {text}, "variables": {{"f": {{"heat": {{"gt": {number}}}}}}}}}'.encode()


def _needle(rng: Random, size: int) -> tuple[str, dict[str, Any]]:
    return _FILTER, {"f": {"excerpt": {"contains": random_word(rng) + "e" * size}}}


def _addresses(rng: Random, size: int) -> tuple[str, dict[str, Any]]:
    text = "query ($u: URL!) { article(by: {url: $u}) { id } }"
    return text, {"u": f"https://{random_word(rng)}.example/?" + "a=%41&" * (size // 6)}


def _dates(rng: Random, size: int) -> tuple[str, dict[str, Any]]:
    date = {"publishedDateTime": {"gt": f"20{rng.randrange(10, 99)}-01-01T00:00:00.123456+01:00"}}
    return _FILTER, {"f": {"or": [date] * size}}


def _undeclared(rng: Random, size: int) -> tuple[str, dict[str, Any]]:
    return "{ __typename }", {random_word(rng): i for i in range(size)}


def _cursor(rng: Random, size: int) -> tuple[str, dict[str, Any]]:
    return "query ($a: String) { articles(after: $a) { totalCount } }", {
        "a": random_word(rng) * size
    }


def _batch(rng: Random, size: int) -> bytes:
    one = {"query": f"{{ articles(first: 100) {{ nodes {{ id a{random_word(rng)}: title }} }} }}"}
    return orjson.dumps([one] * size)


def _brackets(rng: Random, size: int) -> bytes:
    return (
        f'{{"query": "{{__typename}}", "variables": {{"{random_word(rng)}": '.encode() + b"[" * size
    )


def _deep_json(rng: Random, size: int) -> bytes:
    head = f'{{"query": "{{__typename}}", "variables": {{"{random_word(rng)}": '.encode()
    return head + b'{"a":' * size + b"1" + b"}" * size + b"}}"


def _keys(rng: Random, size: int) -> bytes:
    same = b'"query":"{__typename}",' * size
    return b"{" + same + f'"operationName": "{random_word(rng)}"}}'.encode()


def _garbage(rng: Random, size: int) -> bytes:
    return rng.randbytes(size)


def _form(name: str, type: str) -> Attack:
    def attempt(client: AttackClient, rng: Random, size: int) -> AttackResult:
        return client.post(random_word(rng).encode() * (size // 8), {"content-type": type})

    return Attack(name, attempt, 1_000_000)


ATTACKS: tuple[Attack, ...] = (
    operation("orders in a variable, orders", _enums, 30_000),
    operation("conditions in a variable, conditions", _lists, 40_000),
    operation("wrong conditions in a variable, conditions", _wrong, 60_000),
    body("a number in a variable, digits", _integers, 900_000),
    operation("a needle, characters", _needle, 900_000),
    operation("an address with parameters, characters", _addresses, 900_000),
    operation("dates in a variable, dates", _dates, 14_000),
    operation("variables that are not declared, variables", _undeclared, 60_000),
    operation("a cursor that is none, times 8 characters", _cursor, 100_000),
    body("a batch, operations", _batch, 10_000),
    body("JSON of open brackets, brackets", _brackets, 900_000),
    body("JSON of objects in objects, levels", _deep_json, 140_000),
    body("JSON of one key again and again, times", _keys, 40_000),
    body("bytes that are no JSON, bytes", _garbage, 1_000_000),
    body("a body that is too large, bytes", _garbage, 16_000_000),
    _form("a form", "application/x-www-form-urlencoded"),
    _form("a multipart form", "multipart/form-data; boundary=aaaaaaaa"),
    get(
        "GET with a long query",
        lambda rng: (
            "/graphql?query=" + quote("{" + f"a{random_word(rng)}: __typename " * 2_000 + "}")
        ),
    ),
)
"""Bodies."""
