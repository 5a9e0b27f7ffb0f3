"""Random sessions: a store that changes while several viewers ask the same things again.

Everything follows from one number, so that a session can be had again by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import msgspec

from gql.http import GraphQLRequest
from gql.http.request_memo import RequestMemo
from gql.identity.viewer import PREVIEW, PUBLIC, Permission, Viewer
from gql.schema import PageSizes
from tests.support.client_operations import client_operation
from tests.support.random_operations import Operation, random_operation
from tests.support.random_store import LARGE, World, Write, edit_in_place, first_write, random_write

VIEWERS = [PUBLIC, PUBLIC, PREVIEW, PREVIEW, *(Viewer(frozenset({scope})) for scope in Permission)]
ENGINES = ["memory", "indexed", "indexed", "both", "both"]
"""Which store both executors read; with `both`, the reference reads one that scans and the compiled
one reads one with an index."""

_LARGE_SHARE = 0.25
_REPEATED_SHARE = 0.55
_IN_PLACE_SHARE = 0.3  # sessions with no other writes
_SLICED_SHARE = 0.4


class Ask(NamedTuple):
    """A request to a store.

    Attributes:
        request: The request.
        viewer: The viewer that sends it.
        age: How many states back the snapshot is that it reads.
    """

    request: GraphQLRequest
    viewer: Viewer
    age: int = 0


Step = Write | tuple[Ask, ...]
"""A write, or requests that run at the same time."""


@dataclass(frozen=True)
class Session:
    """A story of one store.

    Attributes:
        engine: One of `ENGINES`.
        capacity_bytes: The size of the executor's cache.
        turns: How often the event loop runs other tasks before a read of the store returns.
        is_sliced: Whether requests have their turns after each document and value.
        page_sizes: The sizes of pages that may be asked for.
        steps: The writes and requests.
    """

    engine: str
    capacity_bytes: int
    turns: int
    page_sizes: PageSizes
    steps: tuple[Step, ...]
    is_sliced: bool = False


def random_session(seed: int) -> Session:
    """A filled store, a few operations, and writes between their requests."""
    rng = Random(seed)
    world = World()
    if rng.random() < _LARGE_SHARE:
        world = World(rng.choice([30, 80, 200]), LARGE)
    engine = rng.choice(ENGINES)
    if engine == "both":
        world.without_nan()
    first = first_write(rng, world)
    world.apply(first)
    steps: list[Step] = [first]
    clients = _Clients(rng, world)
    next_write = edit_in_place if rng.random() < _IN_PLACE_SHARE else random_write
    for _ in range(rng.randint(2, 7)):
        steps.append(clients.asks())
        for _ in range(rng.choice([1, 1, 2])):
            write = next_write(rng, world)
            world.apply(write)
            steps.append(write)
    return Session(
        engine=engine,
        capacity_bytes=rng.choice([0, 700, 3_000, 20_000, 1 << 20, 1 << 20]),
        turns=rng.choice([0, 0, 1, 2]),
        page_sizes=world.page_sizes,
        steps=(*steps, clients.asks(), clients.asks()),
        is_sliced=rng.random() < _SLICED_SHARE,
    )


class _Clients:
    """What is sent to a store: a few operations, with many values of their variables."""

    def __init__(self, rng: Random, world: World) -> None:
        self._rng = rng
        self._world = world
        self._operations = [self._operation() for _ in range(rng.randint(1, 4))]
        self._sent: list[tuple[GraphQLRequest, Viewer]] = []

    def asks(self) -> tuple[Ask, ...]:
        """Requests at the same time: some of them again, most of the newest state."""
        rng = self._rng
        return tuple(
            Ask(*self._request(), rng.choice([0, 0, 0, 0, 1, 2])) for _ in range(rng.randint(2, 7))
        )

    def _operation(self) -> Operation:
        rng = self._rng
        if rng.random() < 0.8:
            return client_operation(rng, self._world)
        return random_operation(rng.getrandbits(32), rng.choice([5, 10, 20, 40]), self._world)

    def _request(self) -> tuple[GraphQLRequest, Viewer]:
        rng = self._rng
        if self._sent and rng.random() < _REPEATED_SHARE:
            request, viewer = rng.choice(self._sent)
            # What was sent again is another object to servers that do not remember requests.
            return (request if rng.random() < 0.5 else copied(request)), viewer
        operation = rng.choice(self._operations)
        variables = dict(operation.draw(rng, self._world))
        name = rng.choice(list(operation.names))
        request = GraphQLRequest(query=operation.text, operation_name=name, variables=variables)
        self._sent.append((request, rng.choice(VIEWERS)))
        return self._sent[-1]


def copied(request: GraphQLRequest) -> GraphQLRequest:
    """The same request, of which nobody knows anything yet."""
    return msgspec.structs.replace(request, memo=RequestMemo())


def without_memory(steps: Sequence[Step]) -> list[Step]:
    """The steps with requests of which nobody knows anything yet; what was one object stays one."""
    fresh: dict[int, GraphQLRequest] = {}
    made: list[Step] = []
    for step in steps:
        if isinstance(step, tuple) and step and isinstance(step[0], Ask):
            asks = []
            for ask in step:
                assert isinstance(ask, Ask)
                request = fresh.setdefault(id(ask.request), copied(ask.request))
                asks.append(ask._replace(request=request))
            made.append(tuple(asks))
        else:
            made.append(step)
    return made
