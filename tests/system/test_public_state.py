"""Public revisions and versions change only with public content.

A write that a reader cannot see changes no byte of its responses, header fields included; a write
that it can see changes every validator.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import msgspec
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from gql.access import KeyFile
from gql.composition.app import App
from gql.identity.viewer import Permission, Viewer
from store import BLANK_TOKEN, UNKNOWN_BOOKMARK, Batch, SourceFile
from store.model import Article, TopicDefinition
from store.names import article_id
from tests.support.cursors import CURSORS
from tests.support.factories import article
from tests.support.sizes import scaled
from tests.support.visibility_requests import (
    CHAIN,
    CHAIN_SUBSCRIBE,
    PATHS,
    SUBSCRIBE,
    requests,
)
from tests.support.visibility_strategies import (
    HIDDEN_PROBLEM,
    LAST_ARTICLE,
    TRANSLATED_CORPUS,
    Corpus,
    corpora,
    corpus,
    draft,
)
from tests.support.websocket_client import WebSocketClient, connect_websocket
from tests.system.test_no_leaks import _TRAFFIC, Someone, hear_events, hear_socket, seeds, served

PUBLIC = Someone(Viewer(), {})
_CODE = re.compile(
    rb'"[A-Za-z0-9_-]{32}(?:[A-Za-z0-9_-]{24}(?:[A-Za-z0-9_-]{16})?)?"|"at_?":"[^"]*"'
)
"""Revisions, cursors of changes (also those inside a change of a translation), and times (also as
`at_: at`), which are others in each store."""
_PLACES = """nodes { cursor kind articleId slug at article { revision } }
  pageInfo { endCursor hasNextPage }"""
_UNKNOWN = CURSORS.change(UNKNOWN_BOOKMARK, BLANK_TOKEN)
_STATES = [
    "{ articles(first: 100) { nodes { id revision } } a: changesCursor }",
    f"{{ changes(first: 100) {{ latestCursor {_PLACES} }} }}",
    f'{{ changes(after: "{_UNKNOWN}") {{ latestCursor {_PLACES} }} }}',
    f"{{ changes(first: 1) {{ latestCursor {_PLACES} }} }}",
]
"""Everything that speaks of revisions and places; the third gets a GAP."""


class Answer(NamedTuple):
    """A response without the time of day."""

    status: int
    headers: Sequence[tuple[str, str]]
    content: bytes

    @property
    def etag(self) -> str | None:
        """The ETag."""
        return dict(self.headers).get("etag")


@pytest.fixture(scope="module")
def secured(tmp_path_factory) -> tuple[Path, Someone]:
    """A key file, and the holder of a key for secured text, but not for drafts."""
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    text, _ = KeyFile(path).add("reader", [Permission.READ_SECURED])
    viewer = Viewer({Permission.READ_SECURED})
    return path, Someone(viewer, {"authorization": f"Bearer {text}"})


def answer_of(response: httpx2.Response) -> Answer:
    """The comparable part of a response; of metrics, only those of the store."""
    headers = [field for field in response.headers.multi_items() if field[0] != "date"]
    if response.url.path != "/metrics":
        return Answer(response.status_code, headers, response.content)
    headers = [field for field in headers if field[0] != "content-length"]
    return Answer(response.status_code, headers, _TRAFFIC.sub(b"", response.content))


class Reader:
    """A viewer that sends all requests over all transports.

    Attributes:
        someone: The viewer.
    """

    def __init__(
        self,
        someone: Someone,
        client: httpx2.AsyncClient,
        socket: WebSocketClient,
        bodies: Sequence[Mapping[str, Any]],
    ) -> None:
        self.someone = someone
        self._client = client
        self._socket = socket
        self._bodies = bodies

    async def graph(self) -> dict[str, Answer]:
        """The responses of GraphQL over HTTP, by request."""
        told = {}
        for body in self._bodies:
            asked, headers = json.dumps(body), self.someone.headers
            posted = await self._client.post("/graphql", json=body, headers=headers)
            told[f"POST {asked}"] = answer_of(posted)
            if not body.get("variables"):
                params = {"query": body["query"]}
                got = await self._client.get("/graphql", params=params, headers=headers)
                told[f"GET {asked}"] = answer_of(got)
        return told

    async def everything(self) -> dict[str, Answer]:
        """All responses."""
        told = await self.graph()
        for path in PATHS:
            told[path] = answer_of(await self._client.get(path, headers=self.someone.headers))
        for body in self._bodies:
            content = await self._socket.execute(body)
            told[f"WebSocket {json.dumps(body)}"] = Answer(0, (), content)
        return told

    async def is_up_to_date(self, told: Mapping[str, Answer]) -> bool:
        """Whether a conditional request with an earlier ETag gets 304."""
        for body in self._bodies:
            etag = told[f"POST {json.dumps(body)}"].etag
            if etag is not None:
                headers = {**self.someone.headers, "if-none-match": etag}
                answer = await self._client.post("/graphql", json=body, headers=headers)
                if answer.status_code != 304:
                    return False
        return True


@asynccontextmanager
async def reading(
    app: App, client: httpx2.AsyncClient, someone: Someone, bodies: Sequence[Mapping[str, Any]]
) -> AsyncIterator[Reader]:
    """A reader, until the block ends."""
    async with connect_websocket(app, someone.headers) as socket:
        yield Reader(someone, client, socket, bodies)


def hidden_writes(found: Corpus) -> list[Batch]:
    """Writes that only viewers of drafts can see."""
    new = draft(article("2026-05-05-quite-another"))
    source = SourceFile(path="_news/a.md", size_bytes=1, mtime_ns=1)
    translations = tuple(
        msgspec.structs.replace(
            new,
            id=article_id(new.slug, f"de-{number}"),
            locale=f"de-{number}",
            translation_key=each.translation_group,
        )
        for number, each in enumerate(found.open)
    )
    return [
        Batch(puts=(new, *translations)),
        Batch(deletes=tuple(each.id for each in translations)),
        Batch(puts=(msgspec.structs.replace(new, heat=9, secured="other"),)),
        Batch(diagnostics=(HIDDEN_PROBLEM, HIDDEN_PROBLEM)),
        Batch(sources=(source,)),
        Batch(deletes=(new.id,)),
        Batch(deletes=tuple(each.id for each in found.hidden)),
    ]


def sealed(found: Article) -> Article:
    """The article with other secured text."""
    return msgspec.structs.replace(found, secured=f"{found.secured or ''} and more")


class Plan(NamedTuple):
    """The requests, the store and the executor."""

    corpus: Corpus
    seeds: Sequence[tuple[int, int]]
    engine: str
    compiled: bool
    federation: bool = True

    @property
    def options(self) -> dict[str, Any]:
        """The settings."""
        return {"compiled": self.compiled, "federation": self.federation, "max_depth": 40}

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """The requests."""
        return [*requests(self.corpus, self.seeds), *({"query": text} for text in _STATES)]


plans = st.builds(
    Plan,
    corpora,
    st.lists(seeds, min_size=1, max_size=3),
    st.sampled_from(["memory", "tinydb"]),
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=scaled(2, long=6), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(plans)
@example(Plan(TRANSLATED_CORPUS, (), "tinydb", compiled=True))
def test_write_that_a_reader_does_not_see_changes_nothing_for_it(secured, plan):
    """An invisible write changes no byte over any transport; a visible one changes every ETag."""
    asyncio.run(compare_before_and_after(plan, *secured))


async def compare_before_and_after(plan: Plan, keys: Path, secured: Someone) -> None:
    """Send all requests before and after an invisible write."""
    options = {"keys": keys, **plan.options}
    async with (
        served(plan.corpus.batches, plan.engine, **options) as (app, client),
        reading(app, client, PUBLIC, plan.bodies) as public,
        reading(app, client, secured, plan.bodies) as secured_reader,
    ):
        readers = [public, secured_reader]
        before = [await reader.everything() for reader in readers]
        for batch in hidden_writes(plan.corpus):
            await app.repository.apply(batch)
        for reader, told in zip(readers, before, strict=True):
            assert await reader.everything() == told
            assert await reader.is_up_to_date(told)
        for number, each in enumerate(plan.corpus.open[:1]):
            await app.repository.apply(Batch(puts=(sealed(each),)))
            assert await public.everything() == before[0], number
            await check_moved(secured_reader, before[1])
        topic = TopicDefinition(slug="quite-new", name="Quite new")
        for batch in (
            Batch(puts=(LAST_ARTICLE,)),
            Batch(deletes=(LAST_ARTICLE.id,)),
            Batch(topics=(topic,)),
        ):
            earlier = [await reader.graph() for reader in readers]
            await app.repository.apply(batch)
            for reader, told in zip(readers, earlier, strict=True):
                await check_moved(reader, told)


async def check_moved(reader: Reader, told: Mapping[str, Answer]) -> None:
    """Raise AssertionError if an ETag from before is still valid."""
    now = await reader.graph()
    moved = {asked: answer.etag != told[asked].etag for asked, answer in now.items() if answer.etag}
    assert moved
    assert all(moved.values())


@settings(max_examples=scaled(2, long=6), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(plans)
@example(Plan(TRANSLATED_CORPUS, (), "memory", compiled=True))
@example(Plan(TRANSLATED_CORPUS, (), "tinydb", compiled=False))
def test_stores_that_differ_in_drafts_answer_the_public_alike(plan):
    """Public responses do not depend on the history of drafts."""
    asyncio.run(compare_twins(plan))


async def compare_twins(plan: Plan) -> None:
    """Send all requests to a store and to its reference store without drafts."""
    async with (
        served(plan.corpus.batches, plan.engine, **plan.options) as (app, client),
        served(plan.corpus.twin, plan.engine, **plan.options) as (other_app, other_client),
        reading(app, client, PUBLIC, plan.bodies) as reader,
        reading(other_app, other_client, PUBLIC, plan.bodies) as twin,
    ):
        told, expected = await reader.everything(), await twin.everything()
        for asked, answer in told.items():
            assert without_codes(answer) == without_codes(expected[asked]), asked


def without_codes(answer: Answer) -> Answer:
    """A response without values that depend on the store's key or on the hour.

    The compressed size of such values is random.
    """
    without = {"etag"}
    if any(name == "content-encoding" for name, _ in answer.headers):
        without.add("content-length")
    headers = [field for field in answer.headers if field[0] not in without]
    return Answer(answer.status, headers, _CODE.sub(b'""', answer.content))


@pytest.mark.parametrize("road", [hear_socket, hear_events])
@pytest.mark.parametrize("engine", ["memory", "tinydb"])
@pytest.mark.parametrize(
    ("latest", "query"),
    [
        ("{ changesCursor }", SUBSCRIBE),
        (f"{{ changesCursor({CHAIN}) }}", CHAIN_SUBSCRIBE),
    ],
)
def test_follower_is_told_nothing_of_what_it_does_not_see(road, engine, latest, query):
    """An invisible write causes neither an event nor a GAP, and no other event id."""
    drawn = [article(role, topics=("Tides",)) for role in ("open", "hidden", "other")]
    found = corpus(drawn, ["open", "hidden", "open"], ())
    asyncio.run(follow(found, road, engine, latest, query))


async def follow(found: Corpus, road: Any, engine: str, latest: str, query: str) -> None:
    """Subscribe while drafts and secured text are written, then a public article."""
    async with served(found.batches, engine) as (app, client):
        begin = await client.post("/graphql", json={"query": latest})
        after = begin.json()["data"]["changesCursor"]
        following = asyncio.ensure_future(road(app, PUBLIC, query, after))
        for batch in (*hidden_writes(found), Batch(puts=(sealed(found.open[0]),))):
            await app.repository.apply(batch)
            await asyncio.sleep(0)
        assert not following.done()
        await app.repository.apply(Batch(puts=(LAST_ARTICLE,)))
        told = (await following).decode()
        assert told.count('"kind"') == 1
        now = await client.post("/graphql", json={"query": latest})
        assert now.json()["data"]["changesCursor"] in told


def test_readers_of_drafts_see_every_write_in_their_validators(tmp_path):
    """For viewers of drafts, every write changes the version."""
    text, _ = KeyFile(tmp_path / "keys.json").add("editor", [Permission.READ_DRAFTS])
    drawn = [article(role, topics=("Tides",)) for role in ("open", "hidden")]
    found = corpus(drawn, ["open", "hidden"], ())

    async def etags() -> list[str]:
        async with served(found.batches, "memory", keys=tmp_path / "keys.json") as (app, client):
            headers = {"authorization": f"Bearer {text}"}
            told = []
            for batch in (Batch(), *hidden_writes(found), Batch(puts=(sealed(found.open[0]),))):
                await app.repository.apply(batch)
                answer = await client.post("/graphql", json={"query": _STATES[1]}, headers=headers)
                told.append(answer.headers["etag"])
            return told

    told = asyncio.run(etags())
    assert len(set(told)) == len(told) - 1  # but for what the loader remembers of a file
