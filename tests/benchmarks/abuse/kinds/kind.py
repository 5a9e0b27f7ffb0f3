"""A kind of request that costs much, and how its requests are drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

from tests.benchmarks.abuse.client import Client, Outcome, request

Attempt = Callable[[Client, Random, int], Outcome]
"""Sends one request of a size, drawn by lot, so that no answer comes from a cache."""
Document = Callable[[Random, int], "str | tuple[str, Mapping[str, Any]]"]
"""The text of an operation of a size, and maybe its variables."""
Body = Callable[[Random, int], bytes]


@dataclass(frozen=True)
class Kind:
    """A kind of request.

    Attributes:
        name: What it is.
        attempt: Sends one.
        size: Of how many parts the largest one is.
        is_scaled: Whether to measure the largest size that is accepted, too.
        prepare: What happens once before.
    """

    name: str
    attempt: Attempt
    size: int = 1
    is_scaled: bool = False
    prepare: Callable[[Client, Random], None] | None = None


def operation(name: str, document: Document, size: int = 1, **more: Any) -> Kind:
    """Operations by POST; with a size, the largest accepted one is measured, too."""

    def attempt(client: Client, rng: Random, size: int) -> Outcome:
        return client.post(body_of(document(rng, size)))

    return Kind(name, attempt, size, is_scaled=size > 1, **more)


def body_of(drawn: str | tuple[str, Mapping[str, Any]]) -> bytes:
    """The body of an operation."""
    text, variables = (drawn, {}) if isinstance(drawn, str) else drawn
    return orjson.dumps({"query": text, "variables": variables})


def body(name: str, make: Body, size: int = 1, **headers: str) -> Kind:
    """Bodies by POST that are no JSON of one operation."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}

    def attempt(client: Client, rng: Random, size: int) -> Outcome:
        return client.post(make(rng, size), fields)

    return Kind(name, attempt, size, is_scaled=size > 1)


def raw(name: str, make: Body, size: int = 1) -> Kind:
    """Bytes as they are, each on a connection of its own."""

    def attempt(client: Client, rng: Random, size: int) -> Outcome:
        return client.exchange(make(rng, size), fresh=True)

    return Kind(name, attempt, size)


def get(name: str, target: Callable[[Random], str], **headers: str) -> Kind:
    """Requests by GET."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}

    def attempt(client: Client, rng: Random, _: int) -> Outcome:
        return client.exchange(request("GET", target(rng), fields))

    return Kind(name, attempt)


def word(rng: Random, length: int = 8) -> str:
    """Letters by lot, which no index has ready."""
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=length))


def aliases(rng: Random, count: int, field: Callable[[Random, int], str]) -> str:
    """A query of one field under so many aliases."""
    start = rng.randrange(10**6)
    return "{" + " ".join(f"a{start}_{i}: {field(rng, i)}" for i in range(count)) + "}"
