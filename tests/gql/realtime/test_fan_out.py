"""Fan-out to many subscribers, and long histories, do not block the event loop."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from time import thread_time
from typing import Any, Self

import pytest

from gql.composition.app import App, create_app
from gql.http import GraphQLRequest, Result
from gql.identity.viewer import PUBLIC
from gql.realtime.operations import ResultStream, StreamedResult
from gql.settings import Settings
from store import Batch, MemoryRepository
from tests.support.cursors import KEY, change_cursor
from tests.support.factories import article

FOLLOW = """subscription ($after: String, $f: ArticleFilter) {
  changes(after: $after, filter: $f) { %s } }"""
CARD = "cursor kind articleId slug article { id title url heat provider { name } topics { name } }"


@pytest.fixture(autouse=True)
def _collector_at_rest() -> Iterator[None]:
    """As in a server, see `gql.gc_tuning`; the tests before have left much to collect."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Holds:
    """For how long the event loop of a block was held at once, and worked in all, in s of CPU."""

    def __init__(self) -> None:
        self.longest = self.worked = 0.0

    async def __aenter__(self) -> Self:
        self._began = thread_time()
        self._task = asyncio.create_task(self._watch())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        self.worked = thread_time() - self._began

    async def _watch(self) -> None:
        last = thread_time()
        while True:
            await asyncio.sleep(0)
            now = thread_time()
            self.longest, last = max(self.longest, now - last), now


def many_conditions(number: int) -> dict[str, Any]:
    """A filter that takes long to judge, and is none of the others."""
    wanted = [{"excerpt": {"contains": f"{number} {n}"}} for n in range(90)]
    return {"not": {"or": wanted}}


async def followed(
    app: App, variables: Any = None, fields: str = CARD, turn: asyncio.Lock | None = None
) -> ResultStream:
    """The answers of a subscription of the public's that has begun."""
    request = GraphQLRequest(query=FOLLOW % fields, variables=variables or {})
    context = await app.context({"type": "http", "headers": [], "state": {"viewer": PUBLIC}})
    operations = app.realtime._service.operations
    answers = await operations.subscribe(request, context, turn or asyncio.Lock())
    assert not isinstance(answers, Result), answers.body
    return answers


async def told(answers: ResultStream, count: int) -> list[StreamedResult]:
    """The next answers."""
    return [await anext(answers) for _ in range(count)]


def in_a_loop(work: Callable[[App, MemoryRepository], Awaitable[None]]) -> None:
    """Do something with an application over an empty store."""

    async def run() -> None:
        repository = MemoryRepository(cursor_key=KEY)
        app = create_app(Settings(), repository)
        await work(app, repository)
        await app.change_notifier.close()

    asyncio.run(run())


def test_write_that_many_follow_never_holds_the_event_loop():
    """Each subscriber is told in a turn of its own, whatever its filter takes."""

    async def work(app: App, repository: MemoryRepository) -> None:
        streams = [await followed(app, {"f": many_conditions(n)}) for n in range(100)]
        waiting = [asyncio.create_task(told(each, 1)) for each in streams]
        await asyncio.sleep(0)
        async with Holds() as holds:
            await repository.apply(Batch(puts=(article("one", excerpt="Some words. " * 20),)))
            answers = await asyncio.gather(*waiting)
        assert all(b'"PUT"' in answer.body for [answer] in answers)
        assert holds.longest < holds.worked / 4

    in_a_loop(work)


@pytest.mark.parametrize("is_made_already", [True, False])
def test_reading_of_a_long_history_never_holds_the_event_loop(is_made_already):
    """Who comes from far back, with many others, is told thousands of events in turns."""

    async def work(app: App, repository: MemoryRepository) -> None:
        await repository.apply(Batch(puts=tuple(article(f"n{n}") for n in range(500))))
        variables = {"after": change_cursor()}
        await told(await followed(app, variables, "a0: cursor slug"), 500)
        names = ["a0"] * 50 if is_made_already else [f"a{n}" for n in range(1, 9)]
        streams = [await followed(app, variables, f"{each}: cursor slug") for each in names]
        async with Holds() as holds:
            replayed = await asyncio.gather(*(told(each, 500) for each in streams))
        assert {len(answers) for answers in replayed} == {500}
        assert holds.longest < holds.worked / 10

    in_a_loop(work)


def test_who_follows_does_not_wait_for_those_who_read_the_history():
    """A new event is told before thousands of old ones."""

    async def work(app: App, repository: MemoryRepository) -> None:
        await repository.apply(Batch(puts=tuple(article(f"n{n}") for n in range(500))))
        live = asyncio.create_task(told(await followed(app), 1))
        variables = {"after": change_cursor()}
        await told(await followed(app, variables, CARD), 500)
        streams = [await followed(app, variables, CARD) for _ in range(40)]
        reading = [asyncio.create_task(told(each, 500)) for each in streams]
        await asyncio.sleep(0)
        await repository.apply(Batch(puts=(article("new"),)))
        [answer] = await live
        assert b"2026-03-01-new" in answer.body
        assert sum(each.done() for each in reading) < len(reading) / 2
        for each in reading:
            each.cancel()
        await asyncio.gather(*reading, return_exceptions=True)

    in_a_loop(work)


def test_socket_that_reads_slowly_has_one_answer_held_for_all_its_subscriptions():
    """Results may be large, and a socket may have a hundred subscriptions."""

    async def work(app: App, repository: MemoryRepository) -> None:
        socket = asyncio.Lock()
        made = app.realtime._service.operations.shared.cache
        streams = [await followed(app, fields=f"a{n}: cursor", turn=socket) for n in range(5)]
        reading = [asyncio.create_task(told(each, 1)) for each in streams]
        for _ in range(5):
            await asyncio.sleep(0)
        await repository.apply(Batch(puts=(article("one"),)))
        for count in range(1, 6):
            done, _ = await asyncio.wait(reading, return_when=asyncio.FIRST_COMPLETED)
            for _ in range(50):
                await asyncio.sleep(0)
            assert made.entries == count
            sent = reading.index(done.pop())
            del reading[sent]
            await streams.pop(sent).aclose()

    in_a_loop(work)
