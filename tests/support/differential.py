"""Differential testing: the compiled executor and graphql-core must give equal responses."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import strawberry

from gql.executor import CompiledExecutor, row_renderer
from gql.http import DocumentLimits, GraphQLRequest, ReferenceExecutor, Result
from gql.identity.viewer import PUBLIC, Viewer
from gql.scheduler import Job, Scheduler
from gql.schema import Context, PageSizes
from store import (
    Batch,
    LookupKey,
    MemoryRepository,
    Repository,
    Snapshot,
    TinyDBRepository,
    Visibility,
)
from store.engines.indexed.snapshot import IndexedSnapshot
from store.engines.memory_snapshot import MemorySnapshot
from store.model import Article, Image, Related, TopicDefinition
from tests.support.cursors import CURSORS, KEY
from tests.support.graph_client import SCHEMA, UNSLICED
from tests.support.random_sessions import Session, SessionRequest, without_memos
from tests.support.random_store import SMALL, Edit, Write, write_kinds
from tests.support.repository_contract import make_article
from tests.support.request_coverage import Coverage, RequestFeatures, cursor_id, request_key

MAX_SNAPSHOTS = 3

_FAULT_IDS = re.compile(rb'(with the id |"id":")[0-9a-f]{12}\b')

IMAGES = (Image(url="https://x.example/1", width=100), Image(url="https://x.example/2", width=200))
STORY = make_article(
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
OTHER = make_article("other", day=2, web_url="https://post.example/other", secured="s3cret")


class RemoteSnapshot:
    """A snapshot whose reads wait for some iterations of the event loop, as for a remote engine."""

    def __init__(self, snapshot: Snapshot, turns: int) -> None:
        self._snapshot = snapshot
        self._turns = turns
        self.revision = snapshot.revision
        self.version = snapshot.version
        self.ordinals_of = snapshot.ordinals_of  # these two are synchronous
        self.resolve_topics = snapshot.resolve_topics

    def __getattr__(self, name: str) -> Any:
        read = getattr(self._snapshot, name)
        if not callable(read):
            return read

        async def later(*arguments: Any) -> Any:
            for _ in range(self._turns):
                await asyncio.sleep(0)
            return await read(*arguments)

        return later


class ExecutorPair:
    """The compiled and the reference executor, which execute the same requests.

    Attributes:
        sizes: The page sizes.
        reference: The reference executor.
        compiled: The compiled executor, which is under test.
        coverage: Counts the features of the requests.
        last_write: The kinds of the newest write to the store, as in `WRITE_KINDS`.
    """

    def __init__(
        self,
        *,
        capacity_bytes: int = 1 << 20,
        sizes: PageSizes = SMALL,
        schema: strawberry.Schema = SCHEMA,
    ) -> None:
        self.sizes = sizes
        self.reference = ReferenceExecutor(schema, DocumentLimits())
        self.compiled = CompiledExecutor(self.reference, sizes, row_cache_bytes=capacity_bytes)
        self.coverage = Coverage()
        self.last_write: set[str] = set()
        self._versions: dict[str, str] = {}  # the store's version at the last equal request
        self._texts: set[str] = set()

    async def check(
        self,
        request: GraphQLRequest,
        snapshot: Snapshot,
        viewer: Viewer = PUBLIC,
        reference_snapshot: Snapshot | None = None,
        scheduler: Scheduler = UNSLICED,
    ) -> Result:
        """Execute a request on both executors. Raises: AssertionError: the results differ."""

        def context(snapshot: Snapshot) -> Context:
            return Context(snapshot, viewer, self.sizes, job=Job(scheduler))

        expected = await self.reference(request, context(reference_snapshot or snapshot))
        if request.memo.prepared and not isinstance(snapshot, RemoteSnapshot):
            # As a server does with a repeated request.
            self._check_sync(request, snapshot, viewer, expected)
        result = await self.compiled(request, context(snapshot))
        comparable = normalize if scheduler is UNSLICED else unordered
        assert comparable(result) == comparable(expected), request
        cache = self.compiled.row_cache
        assert cache.size_bytes <= cache.capacity_bytes
        features = await self._features(request, snapshot, viewer)
        self.coverage.count(
            features | {"scanned and indexed"} if reference_snapshot is not None else features,
            is_valid=expected.has_data and not expected.error_codes,
            is_compiled=result.executor == "compiled",
        )
        if not isinstance(snapshot, RemoteSnapshot):
            self._check_repeated(request, snapshot, viewer, result)
        return result

    def _check_repeated(
        self, request: GraphQLRequest, snapshot: Snapshot, viewer: Viewer, result: Result
    ) -> None:
        """Execute without waiting: rows are admitted, and then those that they embed."""
        for _ in range(3):
            is_answered = self._check_sync(request, snapshot, viewer, result)
            assert is_answered or result.executor != "compiled", request

    def _check_sync(
        self, request: GraphQLRequest, snapshot: Snapshot, viewer: Viewer, result: Result
    ) -> bool:
        """Execute without waiting; return whether there was a response, and compare it."""
        query = self.compiled.sync_query(request, viewer)
        pieces = query.run(snapshot) if query is not None else None
        assert pieces is None or b"".join(pieces) == result.body, request
        return pieces is not None

    async def _features(
        self, request: GraphQLRequest, snapshot: Snapshot, viewer: Viewer
    ) -> set[str]:
        """The features of a request and of its execution."""
        parsed = RequestFeatures(request)
        features = parsed.features
        features.add("sees drafts" if viewer.visibility is Visibility.ALL else "sees no drafts")
        if self.compiled.row_cache.capacity_bytes < 1 << 15:
            features.add("small cache")
        ids = [id for id in map(cursor_id, parsed.cursors) if id is not None]
        for article in await snapshot.get_many(LookupKey.ID, ids, viewer.visibility) if ids else ():
            features.add("cursor of an article here" if article else "cursor of something else")
        key = f"{viewer.permission_key!r} {request_key(request)}"
        before = self._versions.get(key)
        if before == snapshot.version:
            features.add("repeated")
        elif before is not None:
            features.add("repeated after a write")
            features.update(f"repeated after {kind}" for kind in self.last_write)
        elif request.query in self._texts:
            features.add("other variables")
        self._versions[key] = snapshot.version
        self._texts.add(request.query)
        return features


def normalize(result: Result) -> Result:
    """A result without fault ids and executor, which differ between two executions."""
    body = _FAULT_IDS.sub(rb"\1", result.body)
    return msgspec.structs.replace(result, body=body, executor="")


def unordered(result: Result) -> tuple[Any, frozenset[str]]:
    """The data and the errors of a result, where time slices decide which item fails first.

    If an item that fails makes its list null, only the first error is reported, so positions in
    lists are left out.
    """
    response = json.loads(normalize(result).body)
    errors = response.get("errors", ())
    texts = (
        f"{error['message']} {[step for step in error.get('path', ()) if isinstance(step, str)]}"
        for error in errors
    )
    return response.get("data"), frozenset(texts)


class ComparedResponse:
    """The response of a request on which both executors agree.

    Attributes:
        pair: The executors.
        response: The response as JSON values.
        compiled: Whether a plan produced it.
    """

    def __init__(self, pair: ExecutorPair, response: Any, compiled: bool) -> None:
        self.pair = pair
        self.response = response
        self.compiled = compiled

    @property
    def data(self) -> Any:
        """The data; fail if there are errors, or no plan produced it."""
        assert "errors" not in self.response
        assert self.compiled
        return self.response["data"]

    @property
    def error(self) -> Any:
        """The only error; fail if there is none."""
        [error] = self.response["errors"]
        return error


def execute(
    text: str,
    variables: dict[str, Any] | None = None,
    *,
    articles: Sequence[Article] = (STORY, OTHER),
    viewer: Viewer = PUBLIC,
    pair: ExecutorPair | None = None,
    operation_name: str | None = None,
) -> ComparedResponse:
    """Execute a request on both executors, twice: with an empty and with a filled row cache."""
    pair = pair or ExecutorPair()
    snapshot = MemorySnapshot(
        articles, [TopicDefinition(slug="tides", name="Tides")], cursors=CURSORS
    )
    request = GraphQLRequest(query=text, variables=variables, operation_name=operation_name)

    async def twice() -> Any:
        await pair.check(request, snapshot, viewer)
        return await pair.check(request, snapshot, viewer)

    result = asyncio.run(twice())
    return ComparedResponse(pair, json.loads(result.body), result.executor == "compiled")


async def run_session(session: Session) -> Coverage:
    """Execute the steps of a session. Raises: AssertionError: two results differ."""
    with _repositories(session.engine) as repositories, _chunks(session):
        pair = ExecutorPair(capacity_bytes=session.capacity_bytes, sizes=session.page_sizes)
        states: list[Sequence[Snapshot]] = []
        for step in without_memos(session.steps):
            if isinstance(step, Batch | Edit):
                for repository in repositories:
                    await repository.apply(await _batch(repository, step))
                state = [await repository.snapshot() for repository in repositories]
                _share_history(state)
                states = [*states[1 - MAX_SNAPSHOTS :], state]
                pair.last_write = write_kinds(step)
            elif states:
                await _check_concurrently(pair, step, states, session)
        for repository in repositories:
            await repository.close()
    assert not pair.compiled.counts["fault"]
    return pair.coverage


def _share_history(state: Sequence[Snapshot]) -> None:
    """Share one history among all snapshots, because times of writes are part of it."""
    first, *others = state
    for other in others:
        assert isinstance(first, IndexedSnapshot)
        assert isinstance(other, MemorySnapshot)
        other.history = first.history


async def _check_concurrently(
    pair: ExecutorPair,
    requests: Sequence[SessionRequest],
    states: Sequence[Sequence[Snapshot]],
    session: Session,
) -> None:
    scheduler = Scheduler(slice_s=0) if session.is_sliced else UNSLICED

    async def check(sent: SessionRequest) -> None:
        snapshots: Any = states[max(-1 - sent.age, -len(states))]
        if session.turns:
            snapshots = [RemoteSnapshot(each, session.turns) for each in snapshots]
        snapshot, *others = snapshots
        reference = others[0] if others else None
        await pair.check(sent.request, snapshot, sent.viewer, reference, scheduler)

    await asyncio.gather(*map(check, requests))


@contextmanager
def _chunks(session: Session) -> Iterator[None]:
    """Render rows one by one if executions are sliced."""
    before = row_renderer.CHUNK_SIZE
    row_renderer.CHUNK_SIZE = 1 if session.is_sliced else before
    try:
        yield
    finally:
        row_renderer.CHUNK_SIZE = before


async def _batch(repository: Repository, step: Write) -> Batch:
    if isinstance(step, Batch):
        return step
    snapshot = await repository.snapshot()
    [article] = await snapshot.get_many(LookupKey.ID, [step.id], Visibility.ALL)
    return Batch(puts=(msgspec.structs.replace(article, **step.fields),) if article else ())


@contextmanager
def _repositories(engine: str) -> Iterator[Sequence[Repository]]:
    """The repositories of a session: one for both executors, or one for each (engine `both`)."""
    if engine == "memory":
        yield [MemoryRepository(cursor_key=KEY)]
        return
    with tempfile.TemporaryDirectory() as folder:
        indexed = TinyDBRepository.open(Path(folder) / "store.json", cursor_key=KEY)
        yield [indexed, MemoryRepository(cursor_key=KEY)] if engine == "both" else [indexed]
