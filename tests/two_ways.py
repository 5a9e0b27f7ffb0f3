"""One store asked both ways: compiled, and on graphql-core. The answers have to be the same."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from gql.executor import CompiledPipeline
from gql.http import GraphQLRequest, Limits, Pipeline, Result
from gql.schema import Context, PageSizes
from gql.viewer import PUBLIC, Viewer
from store import Batch, Key, MemoryRepository, Repository, Snapshot, TinyDBRepository, Visibility
from store.memory import MemorySnapshot
from store.model import Article, Image, Related, TopicDefinition

from .executor_sessions import Ask, Edit, Session
from .graph import SCHEMA
from .made_up_arguments import MAX_SIZE
from .repository_contract import an_article

SIZES = PageSizes(default=3, maximum=MAX_SIZE)
KEPT_SNAPSHOTS = 3

_FAULT_IDS = re.compile(rb'(with the id |"id":")[0-9a-f]{12}\b')

IMAGES = (Image(url="https://x.example/1", width=100), Image(url="https://x.example/2", width=200))
STORY = an_article(
    "story",
    topics=("Tides",),
    images=IMAGES,
    related=(
        Related(
            title="Related",
            web_url="https://post.example/nowhere",
            original_url="https://post.example/other",
        ),
    ),
)
OTHER = an_article("other", day=2, web_url="https://post.example/other", secured="s3cret")


@dataclass
class Tally:
    """How many requests there were, how many had no errors, and how many of these ran compiled."""

    asked: int = 0
    valid: int = 0
    compiled: int = 0

    def add(self, other: Tally) -> None:
        """Count what another has counted, too."""
        self.asked += other.asked
        self.valid += other.valid
        self.compiled += other.compiled


class DistantSnapshot:
    """A snapshot whose answers take turns of the event loop, as those of a remote engine do."""

    def __init__(self, snapshot: Snapshot, turns: int) -> None:
        self._snapshot = snapshot
        self._turns = turns
        self.revision = snapshot.revision
        self.version = snapshot.version

    def __getattr__(self, name: str) -> Any:
        read = getattr(self._snapshot, name)

        async def later(*arguments: Any) -> Any:
            for _ in range(self._turns):
                await asyncio.sleep(0)
            return await read(*arguments)

        return later


class TwoWays:
    """A pipeline of each kind, that answer the same requests for a long time."""

    def __init__(self, *, capacity_bytes: int = 1 << 20, sizes: PageSizes = SIZES) -> None:
        self.sizes = sizes
        self.reference = Pipeline(SCHEMA, Limits())
        self.compiled = CompiledPipeline(self.reference, sizes, fragment_cache_bytes=capacity_bytes)
        self.tally = Tally()

    async def check(
        self, request: GraphQLRequest, snapshot: Snapshot, viewer: Viewer = PUBLIC
    ) -> Result:
        """The result of a request. Raises: AssertionError: it is not the same both ways."""
        expected = await self.reference(request, Context(snapshot, viewer, self.sizes))
        result = await self.compiled(request, Context(snapshot, viewer, self.sizes))
        assert plain(result) == plain(expected), request
        if isinstance(snapshot, DistantSnapshot):
            return self.told(expected, result)
        ready = self.compiled.ready(request, viewer)
        for _ in range(3):  # kept when asked again, and then what it leads to is remembered
            pieces = ready.run(snapshot) if ready is not None else None
            assert pieces is None or b"".join(pieces) == result.body, request
            assert pieces is not None or result.way != "compiled", request
        return self.told(expected, result)

    def told(self, expected: Result, result: Result) -> Result:
        """The result, counted."""
        cache = self.compiled.rows
        assert cache.size_bytes <= cache.capacity_bytes
        self.tally.asked += 1
        if expected.has_data and not expected.error_codes:
            self.tally.valid += 1
            self.tally.compiled += result.way == "compiled"
        return result


def plain(result: Result) -> Result:
    """A result without what differs between two executions: ids of faults, and the way."""
    body = _FAULT_IDS.sub(rb"\1", result.body)
    return msgspec.structs.replace(result, body=body, way="")


class Asked:
    """What became of a request: its answer, and whether it ran compiled."""

    def __init__(self, ways: TwoWays, answer: Any, compiled: bool) -> None:
        self.ways = ways
        self.answer = answer
        self.compiled = compiled

    @property
    def data(self) -> Any:
        """The data of an answer without errors that ran compiled."""
        assert "errors" not in self.answer
        assert self.compiled
        return self.answer["data"]

    @property
    def error(self) -> Any:
        """The only error of an answer."""
        [error] = self.answer["errors"]
        return error


def ask(
    text: str,
    variables: dict[str, Any] | None = None,
    *,
    articles: Sequence[Article] = (STORY, OTHER),
    viewer: Viewer = PUBLIC,
    ways: TwoWays | None = None,
    operation_name: str | None = None,
) -> Asked:
    """Ask both ways, twice: once with nothing rendered before, once with everything."""
    ways = ways or TwoWays()
    snapshot = MemorySnapshot(articles, [TopicDefinition(slug="tides", name="Tides")])
    request = GraphQLRequest(query=text, variables=variables, operation_name=operation_name)

    async def twice() -> Any:
        await ways.check(request, snapshot, viewer)
        return await ways.check(request, snapshot, viewer)

    result = asyncio.run(twice())
    return Asked(ways, json.loads(result.body), result.way == "compiled")


async def play(session: Session) -> Tally:
    """Do what happens in a session. Raises: AssertionError: somebody got a wrong answer."""
    with _repository(session.engine) as repository:
        ways = TwoWays(capacity_bytes=session.capacity_bytes)
        states: list[Snapshot] = []
        for step in session.steps:
            if isinstance(step, Batch | Edit):
                await repository.apply(await _batch(repository, step))
                states = [*states[1 - KEPT_SNAPSHOTS :], await repository.snapshot()]
            else:
                await _ask_together(ways, step, states, session.turns)
        await repository.close()
    assert not ways.compiled.counts["fault"]
    return ways.tally


async def _ask_together(
    ways: TwoWays, asks: Sequence[Ask], states: Sequence[Snapshot], turns: int
) -> None:
    def snapshot(age: int) -> Any:
        return DistantSnapshot(states[max(-1 - age, -len(states))], turns)

    await asyncio.gather(*(ways.check(a.request, snapshot(a.age), a.viewer) for a in asks))


async def _batch(repository: Repository, step: Batch | Edit) -> Batch:
    if isinstance(step, Batch):
        return step
    snapshot = await repository.snapshot()
    [article] = await snapshot.get_many(Key.ID, [step.id], Visibility.ALL)
    return Batch(puts=(msgspec.structs.replace(article, **step.fields),) if article else ())


@contextmanager
def _repository(engine: str) -> Iterator[Repository]:
    if engine == "memory":
        yield MemoryRepository()
        return
    with tempfile.TemporaryDirectory() as folder:
        yield TinyDBRepository.open(Path(folder) / "store.json")
