"""An attack: a kind of expensive request with a size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

from tests.benchmarks.abuse.attack_client import AttackClient, AttackResult, request

Attempt = Callable[[AttackClient, Random, int], AttackResult]
"""Sends one random request of a size, so that no response comes from a cache."""
Document = Callable[[Random, int], "str | tuple[str, Mapping[str, Any]]"]
"""The text of an operation of a size, and maybe its variables."""
Body = Callable[[Random, int], bytes]


@dataclass(frozen=True)
class Attack:
    """A kind of expensive request.

    Attributes:
        name: The name.
        attempt: Sends one request of a size.
        size: The largest number of parts.
        is_scaled: Whether to measure the largest accepted size, too.
        prepare: Runs once before the first request.
    """

    name: str
    attempt: Attempt
    size: int = 1
    is_scaled: bool = False
    prepare: Callable[[AttackClient, Random], None] | None = None


def operation(name: str, document: Document, size: int = 1, **more: Any) -> Attack:
    """Operations by POST; with a size, the largest accepted one is measured, too."""

    def attempt(client: AttackClient, rng: Random, size: int) -> AttackResult:
        return client.post(body_of(document(rng, size)))

    return Attack(name, attempt, size, is_scaled=size > 1, **more)


def body_of(drawn: str | tuple[str, Mapping[str, Any]]) -> bytes:
    """The body of an operation, with or without variables."""
    text, variables = (drawn, {}) if isinstance(drawn, str) else drawn
    return orjson.dumps({"query": text, "variables": variables})


def body(name: str, make: Body, size: int = 1, **headers: str) -> Attack:
    """POST requests with other bodies."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}

    def attempt(client: AttackClient, rng: Random, size: int) -> AttackResult:
        return client.post(make(rng, size), fields)

    return Attack(name, attempt, size, is_scaled=size > 1)


def raw(name: str, make: Body, size: int = 1) -> Attack:
    """Raw bytes, each time on a new connection."""

    def attempt(client: AttackClient, rng: Random, size: int) -> AttackResult:
        return client.exchange(make(rng, size), fresh=True)

    return Attack(name, attempt, size)


def get(name: str, target: Callable[[Random], str], **headers: str) -> Attack:
    """GET requests."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}

    def attempt(client: AttackClient, rng: Random, _: int) -> AttackResult:
        return client.exchange(request("GET", target(rng), fields))

    return Attack(name, attempt)


def random_word(rng: Random, length: int = 8) -> str:
    """Random letters, which no index holds."""
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=length))


def aliases(rng: Random, count: int, field: Callable[[Random, int], str]) -> str:
    """A query that selects a field under `count` aliases."""
    start = rng.randrange(10**6)
    return "{" + " ".join(f"a{start}_{i}: {field(rng, i)}" for i in range(count)) + "}"
