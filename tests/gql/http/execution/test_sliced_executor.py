"""Execution in time slices has the results of graphql-core, and shares the event loop."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from math import inf
from typing import Any

import orjson
import pytest
from graphql import ExecutionResult, GraphQLError, execute, parse, validate

from gql.adapters.strawberry import ExecutionContext, graphql_schema, is_awaitable
from gql.http import GraphQLRequest, ReferenceExecutor
from gql.http.execution.sliced_executor import SlicedExecutor
from gql.identity.viewer import PUBLIC
from gql.scheduler import Job, Scheduler
from gql.schema import Context, PageSizes
from store.engines.memory_snapshot import MemorySnapshot
from store.model import Image, Related
from tests.support.cursors import CURSORS
from tests.support.graph_client import SCHEMA
from tests.support.random_operations import random_operation
from tests.support.random_store import StoreModel
from tests.support.repository_contract import make_article

# graphql-core lets go of what it need not finish, once an error or its end has emptied the answer.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning"
    ),
]

ARTICLES = [
    make_article(
        f"story-{number}",
        topics=("Tides", f"Topic {number % 3}"),
        images=tuple(Image(url=f"https://x.example/{n}", width=n) for n in range(number % 4)),
        related=(
            Related(
                title="Related",
                web_url="https://post.example/other",
                original_url=f"https://post.example/{number - 1}",
            ),
        ),
        web_url=f"https://post.example/{number}",
    )
    for number in range(30)
]
SNAPSHOT = MemorySnapshot(ARTICLES, cursors=CURSORS)
NESTED = """{ topics(first: 5) { nodes { name articles(first: 5) { totalCount nodes {
  id images { url } related { title article { id } } topics { name } provider { name } } } } } }"""


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Collects the garbage of a test before the next one."""
    yield
    gc.collect()


async def executed(
    text: str, executor_class: Any, scheduler: Scheduler, variables: Any = None
) -> ExecutionResult:
    """The result of an operation, executed by a class of executor."""
    result: Any = execute(
        graphql_schema(SCHEMA),
        parse(text),
        context_value=Context(SNAPSHOT, PUBLIC, PageSizes(5, 100), job=Job(scheduler)),
        variable_values=variables,
        operation_name="Main" if " Other " in text else None,
        executor_class=executor_class,
        is_awaitable=is_awaitable,
    )
    executed: ExecutionResult = await result if asyncio.iscoroutine(result) else result
    return executed


def outcome(result: ExecutionResult) -> tuple[Any, bool]:
    """The data, and whether there are errors: of several errors any one may be reported."""
    return result.data, bool(result.errors)


async def compare(text: str, variables: Any = None) -> None:
    """Compare the results with and without slices. Raises: AssertionError."""
    plain = await executed(text, ExecutionContext, Scheduler(), variables)
    for slice_s in (0, inf):
        sliced = await executed(text, SlicedExecutor, Scheduler(slice_s), variables)
        assert outcome(sliced) == outcome(plain), text


def test_slices_do_not_change_results() -> None:
    """Random operations have the same data as on graphql-core's own executor, errors included."""

    async def run() -> int:
        count = 0
        for seed in range(60):
            operation = random_operation(seed, 5 + seed % 40, StoreModel())
            try:
                is_valid = not validate(graphql_schema(SCHEMA), parse(operation.text))
            except GraphQLError:
                continue
            for variables in operation.variables if is_valid else ():
                await compare(operation.text, variables)
                count += 1
        return count

    assert asyncio.run(run()) >= 100


@pytest.mark.parametrize(
    "text",
    [
        NESTED,
        "{ articles(first: 30) { nodes { id topics { articles(first: 101) { totalCount } } } } }",
        '{ articles(first: 30) { nodes { slug } } a: article(by: {id: "nothing"}) { id } }',
        "{ __schema { types { name fields { name args { name type { name } } } } } }",
    ],
)
def test_lists_errors_and_introspection_are_the_same_in_slices(text: str) -> None:
    """A list that waits in the middle continues there, with the same paths and nulls."""
    asyncio.run(compare(text))


def test_long_execution_shares_the_event_loop() -> None:
    """Other tasks run between the objects of a long response; a short execution never waits."""

    async def turns(slice_s: float) -> int:
        count = 0

        async def other() -> None:
            nonlocal count
            while True:
                await asyncio.sleep(0)
                count += 1

        task = asyncio.create_task(other())
        await executed(NESTED, SlicedExecutor, Scheduler(slice_s))
        task.cancel()
        return count

    once = asyncio.run(turns(inf))
    assert once <= 30
    assert asyncio.run(turns(0)) >= 50 + once


def test_cancelled_execution_stops_at_its_next_slice() -> None:
    """No field is executed once the task was cancelled."""

    async def run() -> None:
        scheduler = Scheduler(0)
        context = Context(SNAPSHOT, PUBLIC, PageSizes(5, 100), job=Job(scheduler))
        result: Any = execute(
            graphql_schema(SCHEMA),
            parse(NESTED),
            context_value=context,
            executor_class=SlicedExecutor,
            is_awaitable=is_awaitable,
        )
        task = asyncio.ensure_future(result)
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(5):
            await asyncio.sleep(0)
        assert scheduler.ends_at is None, "somebody still has a slice"

    asyncio.run(run())


def test_errors_have_the_same_order_in_slices() -> None:
    """Errors are in the order of the document, and of list items, whatever took longer."""
    text = (
        "{ articles(first: 8) { nodes { topics { name } secured id } }"
        "  a: articles { nodes { secured } } }"
    )

    async def errors(slice_s: float) -> list[Any]:
        context = Context(SNAPSHOT, PUBLIC, PageSizes(5, 100), job=Job(Scheduler(slice_s)))
        result = await ReferenceExecutor(SCHEMA)(GraphQLRequest(query=text), context)
        return [error["path"] for error in orjson.loads(result.body)["errors"]]

    paths = asyncio.run(errors(inf))
    assert paths == asyncio.run(errors(0))
    assert paths == [
        *(["articles", "nodes", n, "secured"] for n in range(8)),
        *(["a", "nodes", n, "secured"] for n in range(5)),
    ]
