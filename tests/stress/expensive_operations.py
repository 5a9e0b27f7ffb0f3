"""A search for the most expensive operations that the limits accept, by hill climbing.

`python -m tests.stress.expensive_operations --minutes 5 --articles 10000` mutates the most
expensive operation so far, and keeps mutants with more CPU time. It prints their CPU time and how
long they block the event loop, also as multiples of a plain query.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import NamedTuple

from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type

from gql.adapters.strawberry import graphql_schema
from gql.composition.executors import build_executor
from gql.http import CostLimitExecutor, GraphQLRequest
from gql.identity.viewer import PUBLIC
from gql.scheduler import Job, Scheduler
from gql.schema import Context, PageSizes
from gql.settings import Settings
from store import Repository, TinyDBRepository
from tests.benchmarks.http.data import make_data
from tests.support.graph_client import SCHEMA

BUDGET = 50_000
PLAIN = "{ articles(first: 100) { nodes { id title url } } }"
GRAPHQL = graphql_schema(SCHEMA)
FILTERS = [
    'filter: {title: {contains: "tide"}}',
    'filter: {not: {excerpt: {contains: "a"}}, heat: {gt: 0}}',
    "filter: {published: true}, orderBy: [{field: TITLE}]",
    "orderBy: [{field: HEAT, direction: DESC}, {field: QUALITY}]",
]
_DEPTH = 5
STEPS = 30


@dataclass(frozen=True)
class OperationField:
    """A field of an operation.

    Attributes:
        name: The name in the schema.
        type_name: The name of its type.
        arguments: Its arguments in GraphQL.
        children: The fields of its selection set; none for a leaf.
        times: How often the operation selects it, under different aliases.
    """

    name: str
    type_name: str
    arguments: str = ""
    children: tuple[OperationField, ...] = ()
    times: int = field(default=1)

    def text(self) -> str:
        """The field in GraphQL."""
        below = f" {{ {' '.join(child.text() for child in self.children)} }}"
        own = f"{self.name}{self.arguments}{below if self.children else ''}"
        return " ".join(f"{self.name}{n}: {own}" if n else own for n in range(self.times))


class CpuCost(NamedTuple):
    """The cost of an operation, in CPU time of the thread.

    Attributes:
        cpu_s: The total, in seconds.
        hold_s: The longest block of the event loop, in seconds.
    """

    cpu_s: float
    hold_s: float


class HillClimb:
    """A search on one store with one executor.

    Attributes:
        rng: The source of randomness.
        limit: The executor with the cost limit.
        repository: The store.
        compiled: Whether the executor compiles.
    """

    def __init__(self, repository: Repository, seed: int, *, compiled: bool) -> None:
        self.rng = Random(seed)
        self.repository = repository
        self.compiled = compiled
        self.limit = self._build_executor()

    def _build_executor(self) -> CostLimitExecutor:
        settings = Settings(compiled=self.compiled, max_cost=BUDGET, max_aliases=200)
        return build_executor(settings, SCHEMA, current=self.repository.current)

    async def measure(self, text: str, rounds: int = 1) -> CpuCost:
        """The least cost of an operation in some rounds with empty caches."""
        found = []
        for _ in range(rounds):
            self.limit = self._build_executor()
            request = GraphQLRequest(query=text)
            self.limit.sync_query(request, PUBLIC)  # parsing and validating has bounds of its own
            found.append(await self._measure(request))
        return CpuCost(min(each.cpu_s for each in found), min(each.hold_s for each in found))

    async def _measure(self, request: GraphQLRequest) -> CpuCost:
        snapshot = await self.repository.snapshot()
        context = Context(snapshot, PUBLIC, PageSizes(20, 100), job=Job(Scheduler()))
        beats = [time.thread_time()]

        async def beat() -> None:
            while True:
                await asyncio.sleep(0)
                beats.append(time.thread_time())

        heart = asyncio.create_task(beat())
        await asyncio.sleep(0)
        result = await self.limit(request, context)
        beats.append(time.thread_time())
        heart.cancel()
        assert result.has_data, result.body
        holds = [later - earlier for earlier, later in pairwise(beats)]
        return CpuCost(beats[-1] - beats[0], max(holds))

    def is_accepted(self, text: str) -> bool:
        """Whether an operation passes all limits."""
        request = GraphQLRequest(query=text)
        document, _ = self.limit.reference.find_operation(request)
        return not document.errors and 0 < self.limit.estimate_cost(request) <= BUDGET

    def children(self, type_name: str, depth: int) -> tuple[OperationField, ...]:
        """Some random fields of an object type."""
        type = GRAPHQL.type_map[type_name]
        if not isinstance(type, GraphQLObjectType | GraphQLInterfaceType):
            return ()
        names = self.rng.sample(sorted(type.fields), min(len(type.fields), self.rng.randint(1, 5)))
        made = [self.node(type_name, name, depth) for name in names]
        return tuple(each for each in made if each is not None) or (
            OperationField("__typename", "String"),
        )

    def node(self, parent: str, name: str, depth: int) -> OperationField | None:
        """A random field; None if it needs an argument or is too deep."""
        parent_type = GRAPHQL.type_map[parent]
        assert isinstance(parent_type, GraphQLObjectType | GraphQLInterfaceType)
        definition = parent_type.fields[name]
        named = get_named_type(definition.type)
        arguments = ""
        if "first" in definition.args:
            size = self.rng.choice([1, 2, 5, 20, 100])
            more = f", {self.rng.choice(FILTERS)}" if "filter" in definition.args else ""
            arguments = f"(first: {size}{more if self.rng.random() < 0.3 else ''})"
        elif any(
            argument.type.__class__.__name__ == "GraphQLNonNull"
            for argument in definition.args.values()
        ):
            return None
        if not isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
            return OperationField(name, named.name, arguments)
        if depth == 0:
            return None
        children = self.children(named.name, depth - 1)
        return OperationField(
            name, named.name, arguments, children, self.rng.choice([1, 1, 1, 2, 4])
        )

    def initial(self) -> OperationField:
        """A random operation to start from."""
        nodes = [self.node("Query", name, _DEPTH) for name in ("articles", "topics", "providers")]
        return OperationField(
            "query", "Query", "", tuple(each for each in nodes if each is not None)
        )

    def mutate(
        self, node: OperationField, type_name: str = "Query", depth: int = _DEPTH
    ) -> OperationField:
        """An operation with a random change."""
        composite = [n for n, child in enumerate(node.children) if child.children]
        if composite and self.rng.random() < 0.75:
            at = self.rng.choice(composite)
            child = node.children[at]
            below = self.mutate(child, child.type_name, depth - 1)
            if below.arguments and self.rng.random() < 0.3:
                size = self.rng.choice([10, 50, 100])
                below = replace(below, arguments=f"(first: {size})")
            if self.rng.random() < 0.2:
                below = replace(below, times=self.rng.choice([1, 2, 5, 20]))
            return replace(node, children=(*node.children[:at], below, *node.children[at + 1 :]))
        if type_name == "Query":
            return self.initial()
        more = self.children(type_name, max(depth, 0))
        names = {child.name for child in more}
        unchanged = tuple(child for child in node.children if child.name not in names)
        return replace(node, children=unchanged + more)

    async def climb(self, steps: int) -> Sequence[tuple[str, CpuCost]]:
        """The more and more expensive operations of a search, the most expensive last.

        `steps`: how many accepted operations are measured.
        """
        best, worst = self.initial(), CpuCost(0, 0)
        found: list[tuple[str, CpuCost]] = []
        left = steps
        while left:
            candidate = self.mutate(best)
            text = f"{{ {' '.join(child.text() for child in candidate.children)} }}"
            if not self.is_accepted(text):
                continue
            left -= 1
            spent = await self.measure(text)
            if spent.cpu_s > worst.cpu_s:
                best, worst = candidate, spent
                found.append((text, spent))
        return found


async def run(store: Path, minutes: float, seed: int) -> None:
    """Search with both executors, from new starts, until the time is over."""
    repository = TinyDBRepository.open(store)
    try:
        until = time.monotonic() + minutes * 60
        while time.monotonic() < until:
            for compiled in (True, False):
                search = HillClimb(repository, seed, compiled=compiled)
                plain = await search.measure(PLAIN, rounds=5)
                found = await search.climb(STEPS)
                if not found:
                    continue
                text, _ = found[-1]
                spent = await search.measure(text, rounds=3)
                print(
                    f"seed {seed} {'compiled' if compiled else 'graphql-core'}: "
                    f"{spent.cpu_s * 1e3:.0f} ms CPU ({spent.cpu_s / plain.cpu_s:.0f} x plain), "
                    f"longest hold {spent.hold_s * 1e3:.1f} ms "
                    f"({spent.hold_s / plain.cpu_s:.1f} x plain)\n  {text[:400]}",
                    flush=True,
                )
            seed += 1
    finally:
        await repository.close()


def main() -> None:
    """Search as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5, help="how long to search")
    parser.add_argument("--articles", type=int, default=10_000, help="how large the store is")
    parser.add_argument("--seed", type=int, default=1, help="where to begin")
    parser.add_argument("--data", type=Path, help="where generated stores are kept")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        store = make_data(given.data or Path(scratch), given.articles, for_peer=False).store
        asyncio.run(run(store, given.minutes, given.seed))


if __name__ == "__main__":
    main()
