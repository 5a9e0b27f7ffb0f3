"""A random search for expensive operations that no attack covers.

An operation is a list of seeds; each seed generates a root field from the schema. The most
expensive operations are mutated: a part more, a part twice, another part, or one part less.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
)

from gql.schema import build_schema
from tests.benchmarks.abuse.attack_client import AttackClient, AttackResult
from tests.benchmarks.abuse.attacks.attack import Attack, body_of, random_word
from tests.benchmarks.abuse.measure import Progress
from tests.benchmarks.abuse.server import AttackedServer

_SCHEMA = build_schema()._schema
_DEPTH = 9
_KEPT = 8
_PARTS = 60
_TWICE = 2


@dataclass(frozen=True)
class Candidate:
    """An operation of the search.

    Attributes:
        seeds: The seeds of its parts.
        cpu: CPU time of the server for it, in milliseconds.
        is_refused: Whether it was refused.
    """

    seeds: Sequence[int]
    cpu: float
    is_refused: bool

    def attack(self) -> Attack:
        """The operation as an attack."""
        seeds = self.seeds

        def attempt(client: AttackClient, rng: Random, _: int) -> AttackResult:
            return client.post(body_of(operation_text(seeds, rng)))

        return Attack(f"found, {'refused' if self.is_refused else 'accepted'}", attempt)


def operation_text(seeds: Sequence[int], rng: Random) -> str:
    """The operation of seeds; a random comment makes each text different."""
    assert _SCHEMA.query_type
    parts = " ".join(
        f"p{i}: {_PartGenerator(Random(seed)).field(_SCHEMA.query_type, 1)}"
        for i, seed in enumerate(seeds)
    )
    return f"#{random_word(rng)}\n{{ {parts} }}"


class _PartGenerator:
    """Generates a part of an operation with a limited number of fields."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.fields = rng.choice([3, 10, 40])
        self.aliases = itertools.count()

    def field(self, type: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
        """A field of a type, with arguments and a selection set."""
        fields = {name: each for name, each in type.fields.items() if self._may(each, depth)}
        branches = [name for name, each in fields.items() if not _is_leaf(each)]
        if not fields:
            return "__typename"
        name = self.rng.choice(branches if branches and self.rng.random() < 0.7 else [*fields])
        self.fields -= 1
        below = get_named_type(fields[name].type)
        inner = ""
        if isinstance(below, GraphQLObjectType | GraphQLInterfaceType):
            count = self.rng.choice([1, 1, 2, 3])
            names = ("" if not i else f"s{next(self.aliases)}: " for i in range(count))
            inner = " { " + " ".join(n + self.field(below, depth + 1) for n in names) + " }"
        return f"{name}{self._arguments(fields[name])}{inner}"

    def _may(self, field: GraphQLField, depth: int) -> bool:
        return _is_leaf(field) or (depth < _DEPTH and self.fields > 0)

    def _arguments(self, field: GraphQLField) -> str:
        given = [
            f"{name}: {self.value(each.type, 0)}"
            for name, each in field.args.items()
            if isinstance(each.type, GraphQLNonNull)
            or (name not in {"after", "before", "last"} and self.rng.random() < 0.6)
        ]
        return f"({', '.join(given)})" if given else ""

    def value(self, type: Any, depth: int) -> str:
        """A literal of an input type."""
        rng = self.rng
        if isinstance(type, GraphQLNonNull):
            return self.value(type.of_type, depth)
        if isinstance(type, GraphQLList):
            return "[" + ", ".join(self.value(type.of_type, depth) for _ in range(2)) + "]"
        if isinstance(type, GraphQLEnumType):
            return str(rng.choice([*type.values]))
        if isinstance(type, GraphQLInputObjectType):
            return self._object(type, depth)
        values: dict[str, Callable[[], str]] = {
            "Int": lambda: rng.choice(["0", "1", "100", "100"]),
            "Boolean": lambda: rng.choice(["true", "false"]),
            "DateTime": lambda: f'"20{rng.randrange(10, 30)}-01-01"',
        }
        return values.get(type.name, lambda: json.dumps(random_word(rng, rng.choice([1, 2, 4]))))()

    def _object(self, type: GraphQLInputObjectType, depth: int) -> str:
        names = [name for name in type.fields if depth < 4 or name not in {"and", "or", "not"}]
        count = 1 if type.is_one_of else min(len(names), self.rng.choice([1, 1, 2, 3]))
        chosen = set(self.rng.sample(names, count))
        chosen |= {n for n, f in type.fields.items() if isinstance(f.type, GraphQLNonNull)}
        inner = (f"{name}: {self.value(type.fields[name].type, depth + 1)}" for name in chosen)
        return "{" + ", ".join(sorted(inner)) + "}"


def _is_leaf(field: GraphQLField) -> bool:
    return is_leaf_type(get_named_type(field.type))


def search(
    server: AttackedServer, client: AttackClient, rng: Random, count: int, progress: Progress
) -> list[Candidate]:
    """The most expensive accepted and the most expensive refused operation of `count`."""
    best: dict[bool, list[Candidate]] = {False: [], True: []}
    for number in range(count):
        parents = best[False] + best[True]
        found = _measure(_mutate(parents, rng), server, client, rng)
        kept = best[found.is_refused]
        kept.append(found)
        kept.sort(key=lambda each: -each.cpu)
        if kept[0] is found:
            word = "refused" if found.is_refused else "accepted"
            progress(f"search, {number + 1} of {count}: {found.cpu:,.1f} ms, {word}")
        del kept[_KEPT:]
    return [kept[0] for kept in best.values() if kept]


def _mutate(parents: Sequence[Candidate], rng: Random) -> list[int]:
    if not parents or rng.random() < 0.3:
        return [rng.randrange(2**32) for _ in range(rng.choice([1, 1, 2, 4]))]
    seeds = list(rng.choice(parents).seeds)
    match rng.choice(["more", "twice", "less", "other"]):
        case "more":
            seeds.append(rng.randrange(2**32))
        case "twice":
            seeds += seeds[: _PARTS - len(seeds)]
        case "less" if len(seeds) > 1:
            seeds.pop(rng.randrange(len(seeds)))
        case _:
            seeds[rng.randrange(len(seeds))] = rng.choice(rng.choice(parents).seeds)
    return seeds


def _measure(
    seeds: list[int], server: AttackedServer, client: AttackClient, rng: Random
) -> Candidate:
    """Measure an operation twice, and take the smaller cost."""
    used, is_refused = [], True
    for _ in range(_TWICE):
        before_s = server.cpu_s
        is_refused = client.post(body_of(operation_text(seeds, rng))).is_refused
        used.append((server.cpu_s - before_s) * 1e3)
    return Candidate(seeds, min(used), is_refused)
