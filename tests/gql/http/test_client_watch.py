"""A disconnected client cancels its query, but not its mutation."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from gql.access import KeyFile
from gql.composition.app import App, create_app
from gql.identity.viewer import Permission
from gql.scheduler import Scheduler
from gql.settings import load_settings
from store import Batch, LookupKey, MemoryRepository, Visibility
from tests.support.mutation_client import PUBLISH
from tests.support.repository_contract import make_article

LONG = "{ articles(first: 100) { nodes { id title topics { name } provider { name } } } }"


@pytest.fixture
def repository() -> MemoryRepository:
    """A hundred articles."""
    repository = MemoryRepository()
    articles = tuple(make_article(f"n{number}", topics=("Tides",)) for number in range(100))
    asyncio.run(repository.apply(Batch(puts=articles)))
    return repository


@pytest.fixture
def key(tmp_path: Path) -> str:
    """The key of somebody who may write."""
    text, _ = KeyFile(tmp_path / "keys.json").add("writer", [Permission.WRITE])
    return text


@pytest.fixture
def app(tmp_path: Path, repository: MemoryRepository, key: str) -> App:
    """An application in which every document and value is a time slice of its own."""
    assert key
    options = {"store": tmp_path / "store.json", "compiled": False, "response_cache_bytes": 0}
    made = create_app(load_settings(options), repository)
    made.scheduler = Scheduler(slice_s=0)
    return made


class Conversation:
    """One request to an application, whose client may go away."""

    def __init__(self, app: App, body: Any, key: str = "") -> None:
        self.sent: list[Any] = []
        self.gone = asyncio.Event()
        self._messages = [{"type": "http.request", "body": orjson.dumps(body), "more_body": False}]
        bearer = [(b"authorization", b"Bearer " + key.encode())] if key else []
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/graphql",
            "raw_path": b"/graphql",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json"), *bearer],
            "client": ("127.0.0.1", 1),
            "state": {},
        }
        self.task = asyncio.ensure_future(app(scope, self._receive, self._send))

    async def _receive(self) -> Any:
        if self._messages:
            return self._messages.pop()
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_long_query_ends_when_its_client_goes_away(app: App) -> None:
    """It ends at its next turn, without an answer and without an error."""

    async def turns(*, stays: bool) -> tuple[int, int]:
        conversation = Conversation(app, {"query": LONG})
        count = 0
        while not conversation.task.done():
            count += 1
            if count == 50 and not stays:
                conversation.gone.set()
            await asyncio.sleep(0)
        await conversation.task
        return count, len(conversation.sent)

    whole, answered = asyncio.run(turns(stays=True))
    assert answered == 2
    assert whole > 150
    ended, unanswered = asyncio.run(turns(stays=False))
    assert unanswered == 0
    assert ended < 70


def test_write_goes_on_without_its_client(app: App, repository: MemoryRepository, key: str) -> None:
    """What somebody has told us to do is done, though nobody waits for the answer."""

    async def write() -> int:
        id = make_article("n7").id
        variables = {"input": {"id": id, "published": False}}
        body = {"query": PUBLISH, "variables": variables}
        conversation = Conversation(app, body, key)
        for turn in range(1_000):
            if turn == 3:
                conversation.gone.set()
            if conversation.task.done():
                break
            await asyncio.sleep(0.001)
        await conversation.task
        snapshot = await repository.snapshot()
        [article] = await snapshot.get_many(LookupKey.ID, [id], Visibility.ALL)
        assert article is not None
        assert not article.published, conversation.sent
        return len(conversation.sent)

    assert asyncio.run(write()) == 2
