"""Random sessions: writes to a store, and repeated requests of several viewers between them.

A session is a function of its seed, so that it can be repeated.
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
from tests.support.random_operations import RandomOperation, random_operation
from tests.support.random_store import (
    LARGE,
    StoreModel,
    Write,
    edit_in_place,
    first_write,
    random_write,
)

VIEWERS = [PUBLIC, PUBLIC, PREVIEW, PREVIEW, *(Viewer(frozenset({scope})) for scope in Permission)]
ENGINES = ["memory", "indexed", "indexed", "both", "both"]
"""The engine of the store; with `both`, the reference executor reads a store that scans, and the
compiled executor reads a store with an index."""

_LARGE_SHARE = 0.25
_REPEATED_SHARE = 0.55
_IN_PLACE_SHARE = 0.3  # sessions with no other writes
_SLICED_SHARE = 0.4


class SessionRequest(NamedTuple):
    """A request to a store.

    Attributes:
        request: The request.
        viewer: The viewer that sends it.
        age: How many writes its snapshot is behind the newest state.
    """

    request: GraphQLRequest
    viewer: Viewer
    age: int = 0


Step = Write | tuple[SessionRequest, ...]
"""A write, or requests that run at the same time."""


@dataclass(frozen=True)
class Session:
    """A sequence of writes and requests to one store.

    Attributes:
        engine: One of `ENGINES`.
        capacity_bytes: The capacity of the row cache.
        turns: The turns of the event loop before a read of the store returns.
        is_sliced: Whether executions yield to the event loop after each document and value.
        page_sizes: The page sizes of the lists.
        steps: The writes and requests.
    """

    engine: str
    capacity_bytes: int
    turns: int
    page_sizes: PageSizes
    steps: tuple[Step, ...]
    is_sliced: bool = False


def random_session(seed: int) -> Session:
    """The session of a seed: a first batch, then requests and writes in turn."""
    rng = Random(seed)
    model = StoreModel()
    if rng.random() < _LARGE_SHARE:
        model = StoreModel(rng.choice([30, 80, 200]), LARGE)
    engine = rng.choice(ENGINES)
    if engine == "both":
        model.without_nan()
    first = first_write(rng, model)
    model.apply(first)
    steps: list[Step] = [first]
    clients = _RequestGenerator(rng, model)
    next_write = edit_in_place if rng.random() < _IN_PLACE_SHARE else random_write
    for _ in range(rng.randint(2, 7)):
        steps.append(clients.requests())
        for _ in range(rng.choice([1, 1, 2])):
            write = next_write(rng, model)
            model.apply(write)
            steps.append(write)
    return Session(
        engine=engine,
        capacity_bytes=rng.choice([0, 700, 3_000, 20_000, 1 << 20, 1 << 20]),
        turns=rng.choice([0, 0, 1, 2]),
        page_sizes=model.page_sizes,
        steps=(*steps, clients.requests(), clients.requests()),
        is_sliced=rng.random() < _SLICED_SHARE,
    )


class _RequestGenerator:
    """Generates requests: of a few operations, with many values of their variables."""

    def __init__(self, rng: Random, model: StoreModel) -> None:
        self._rng = rng
        self._model = model
        self._operations = [self._operation() for _ in range(rng.randint(1, 4))]
        self._sent: list[tuple[GraphQLRequest, Viewer]] = []

    def requests(self) -> tuple[SessionRequest, ...]:
        """Concurrent requests: some repeated, most of them on the newest state."""
        rng = self._rng
        return tuple(
            SessionRequest(*self._request(), rng.choice([0, 0, 0, 0, 1, 2]))
            for _ in range(rng.randint(2, 7))
        )

    def _operation(self) -> RandomOperation:
        rng = self._rng
        if rng.random() < 0.8:
            return client_operation(rng, self._model)
        return random_operation(rng.getrandbits(32), rng.choice([5, 10, 20, 40]), self._model)

    def _request(self) -> tuple[GraphQLRequest, Viewer]:
        rng = self._rng
        if self._sent and rng.random() < _REPEATED_SHARE:
            request, viewer = rng.choice(self._sent)
            # A server without a request cache parses a repeated request into another object.
            return (request if rng.random() < 0.5 else copy_request(request)), viewer
        operation = rng.choice(self._operations)
        variables = dict(operation.draw(rng, self._model))
        name = rng.choice(list(operation.names))
        request = GraphQLRequest(query=operation.text, operation_name=name, variables=variables)
        self._sent.append((request, rng.choice(VIEWERS)))
        return self._sent[-1]


def copy_request(request: GraphQLRequest) -> GraphQLRequest:
    """The same request with an empty memo."""
    return msgspec.structs.replace(request, memo=RequestMemo())


def without_memos(steps: Sequence[Step]) -> list[Step]:
    """The steps with empty memos of their requests; repeated requests stay one object."""
    fresh: dict[int, GraphQLRequest] = {}
    made: list[Step] = []
    for step in steps:
        if isinstance(step, tuple) and step and isinstance(step[0], SessionRequest):
            requests = []
            for sent in step:
                assert isinstance(sent, SessionRequest)
                request = fresh.setdefault(id(sent.request), copy_request(sent.request))
                requests.append(sent._replace(request=request))
            made.append(tuple(requests))
        else:
            made.append(step)
    return made
