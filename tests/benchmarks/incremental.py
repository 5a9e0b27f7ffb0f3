"""Whole against incremental responses: `python -m tests.benchmarks.incremental`.

One page of articles with their details: whole, compiled and on graphql-core, and by graphql-core
with `@defer` and `@stream`. Medians of the time to the first part, and to the last one. Then many
readers at once, to see whether any waits for ever.
"""

from __future__ import annotations

import asyncio
import inspect
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from math import inf
from pathlib import Path
from typing import Any

from graphql import GraphQLDeferDirective, GraphQLSchema, GraphQLStreamDirective, parse
from graphql.execution import experimental_execute_incrementally

from gql.adapters.strawberry import graphql_schema
from gql.executor import CompiledExecutor
from gql.http import DocumentLimits, Executor, GraphQLRequest, ReferenceExecutor
from gql.identity.viewer import PUBLIC
from gql.scheduler import Job, Scheduler
from gql.schema import Context, PageSizes, build_schema
from store import Batch, Snapshot, TinyDBRepository
from store.model import Image, Related
from tests.support.factories import article

CARD = "id slug title provider { name } images { url width } topics { name }"
DETAILS = """excerpt contentHtml related { title article { title provider { name } } }
  referencedBy(first: 5) { nodes { title } }"""
WHOLE = f"{{ articles(first: 50) {{ nodes {{ {CARD} {DETAILS} }} }} }}"
INCREMENTAL = {
    "@defer": f"{{ articles(first: 50) {{ nodes {{ {CARD} ... @defer {{ {DETAILS} }} }} }} }}",
    "@stream and @defer": f"""{{ articles(first: 50) {{ nodes @stream(initialCount: 5) {{ {CARD}
      ... @defer {{ {DETAILS} }} }} }} }}""",
}
ARTICLES, ROUNDS, READERS, LIMIT_S = 300, 9, 40, 60
SIZES = PageSizes(20, 100)


async def store(folder: Path) -> Snapshot:
    """A store of articles that relate to each other."""
    articles = [
        article(
            f"s{number}",
            content="Some *text* with words. " * 100,
            topics=(f"T{number % 7}",),
            images=(Image(url=f"https://one.example/{number}.jpg", width=100),),
            related=(Related(title="R", web_url=f"https://one.example/s{number * 7 % ARTICLES}"),),
        )
        for number in range(ARTICLES)
    ]
    repository = TinyDBRepository.open(folder / "store.json")
    await repository.apply(Batch(puts=tuple(articles)))
    return await repository.snapshot()


def context(snapshot: Snapshot) -> Context:
    """The context of a request without time slices."""
    return Context(snapshot, PUBLIC, SIZES, job=Job(Scheduler(slice_s=inf)))


async def whole(execute: Executor, snapshot: Snapshot) -> tuple[float, float]:
    """The seconds to a whole response."""
    start = time.perf_counter()
    await execute(GraphQLRequest(query=WHOLE), context(snapshot))
    passed = time.perf_counter() - start
    return passed, passed


async def incremental(text: str, schema: GraphQLSchema, snapshot: Snapshot) -> tuple[float, float]:
    """The seconds to the first part of a response, and to the last. Raises: TimeoutError."""
    start = time.perf_counter()
    executed: Any = experimental_execute_incrementally(
        schema, parse(text), context_value=context(snapshot)
    )
    result = await executed if inspect.isawaitable(executed) else executed
    first = time.perf_counter() - start
    async with asyncio.timeout(LIMIT_S):
        async for _ in result.subsequent_results:
            pass
    return first, time.perf_counter() - start


async def measure(name: str, run: Callable[[], Awaitable[tuple[float, float]]]) -> None:
    """Print the medians of one reader, then the time and the failures of many at once."""
    rounds = [await run() for _ in range(ROUNDS)]
    first, last = (1e3 * statistics.median(times) for times in zip(*rounds, strict=True))
    start = time.perf_counter()
    together = await asyncio.gather(*(run() for _ in range(READERS)), return_exceptions=True)
    passed = 1e3 * (time.perf_counter() - start)
    failed = sum(isinstance(each, BaseException) for each in together)
    print(f"{name:20}{first:10.2f}{last:10.2f}{passed:14.1f}{failed:8}")


async def main() -> None:
    """Measure all four."""
    schema = build_schema()
    reference = ReferenceExecutor(schema, DocumentLimits(depth=40))
    compiled = CompiledExecutor(reference, SIZES, row_cache_bytes=1 << 24)
    extended = graphql_schema(build_schema())
    extended.directives = (*extended.directives, GraphQLDeferDirective, GraphQLStreamDirective)
    print(f"{'':20}{'first ms':>10}{'last ms':>10}{f'{READERS} at once':>14}{'failed':>8}")
    with tempfile.TemporaryDirectory() as folder:
        snapshot = await store(Path(folder))
        await measure("compiled, whole", lambda: whole(compiled, snapshot))
        await measure("graphql-core, whole", lambda: whole(reference, snapshot))
        for name, text in INCREMENTAL.items():
            await measure(name, lambda text=text: incremental(text, extended, snapshot))  # type: ignore[misc]


if __name__ == "__main__":
    asyncio.run(main())
