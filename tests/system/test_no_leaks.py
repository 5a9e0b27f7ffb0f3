"""No draft and no secured text reaches a viewer without the right, by any access path.

Responses are compared as bytes: all texts of drafts are marked, and a viewer without rights must
get the responses of a reference store that never had them.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx2
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gql.access import KeyFile
from gql.composition.app import App, create_app
from gql.identity.preview_links import sign_preview
from gql.identity.viewer import Permission, Viewer
from gql.settings import load_settings
from store import (
    Batch,
    MemoryRepository,
    OrderField,
    OrderStep,
    Repository,
    TinyDBRepository,
)
from store.model import Article
from store.names import provider_id, topic_id, topic_slug
from tests.support.cursors import KEY, article_cursor
from tests.support.factories import article
from tests.support.sizes import scaled
from tests.support.visibility_requests import (
    BEGINNINGS,
    CHANGES,
    PATHS,
    SECURED,
    SUBSCRIBE,
    requests,
    writes,
)
from tests.support.visibility_strategies import (
    HIDDEN_DOMAIN,
    HIDDEN_MARK,
    HIDDEN_TOPIC,
    LAST_ARTICLE,
    SECURED_MARK,
    Corpus,
    corpora,
    corpus,
)
from tests.support.websocket_client import WebSocketClient, connect_websocket
from tests.system.test_visibility import BROAD

GRANTS = [
    (),
    (Permission.READ_DRAFTS,),
    (Permission.READ_SECURED,),
    (Permission.WRITE,),
    (Permission.READ_DRAFTS, Permission.READ_SECURED),
    (Permission.ADMIN,),
]
SUBSCRIBE_TIMEOUT_S = 20
WRITING = "mutation"
"""What all writing says, and nothing else."""
_TRAFFIC = re.compile(
    rb"(?m)^(?:#|process_|\w+_(?:total|created|bucket|count|sum)\b"
    rb"|newsgraph_(?:websockets|subscriptions)\b).*\n"
)
"""Lines of the metrics that tell of requests, and not of the store."""
_CHANGING = re.compile(rb"Revision [\d,]+ of the store")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,}")


class Someone(NamedTuple):
    """A viewer, with the headers that authenticate it."""

    viewer: Viewer
    headers: Mapping[str, str]


@pytest.fixture(scope="module")
def people(tmp_path_factory) -> tuple[Path, list[Someone]]:
    """The key file, the holder of each key, and an anonymous viewer."""
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    people = [Someone(Viewer(), {})]
    for number, scopes in enumerate(GRANTS):
        text, _ = KeyFile(path).add(f"key{number}", scopes)
        people.append(Someone(Viewer(set(scopes)), {"authorization": f"Bearer {text}"}))
    return path, people


def revealed(content: bytes) -> str:
    """A response's text, and the decoded base64 in it, such as cursors."""
    text = content.decode()
    decoded = []
    for token in set(_TOKEN.findall(text)):
        try:
            decoded.append(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        except binascii.Error:
            continue
    return text + "\n".join(part.decode("utf-8", "replace") for part in decoded)


class Watch:
    """Finds the hidden values of a corpus in responses."""

    def __init__(self, corpus: Corpus) -> None:
        self.names = {HIDDEN_MARK, provider_id(HIDDEN_DOMAIN), topic_id(topic_slug(HIDDEN_TOPIC))}
        self.names |= _names(corpus.hidden)
        self.withdrawn = _names(corpus.withdrawn)
        # Articles may have one slug. An open one may have that of a hidden one as its group.
        said = {each.translation_group for each in corpus.open} | {a.slug for a in corpus.open}
        self.names -= said | self.withdrawn
        self.withdrawn -= said

    def check(self, someone: Someone, asked: str, content: bytes) -> None:
        """Raise AssertionError if a response shows a hidden value to a viewer without the right.

        Values of the request may be repeated. Consumers may learn that a withdrawn article is gone.
        """
        text, said = revealed(content), revealed(asked.encode())
        if Permission.READ_SECURED not in someone.viewer.permissions:
            assert SECURED_MARK not in text, asked
        if Permission.READ_DRAFTS not in someone.viewer.permissions:
            names = self.names if "changes" in asked else self.names | self.withdrawn
            assert {name for name in names if name in text and name not in said} == set(), asked


def _names(articles: Sequence[Article]) -> set[str]:
    return {name for article in articles for name in (article.id, article.slug)}


def in_one_piece(app: ASGIApp) -> ASGIApp:
    """The application with bodies in one message, as servers call it on the fast path."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        while message.get("more_body"):
            message = {**(more := await receive()), "body": message["body"] + more["body"]}
        pending = [message]

        async def receive_once() -> Message:
            return pending.pop() if pending else await receive()

        await app(scope, receive_once, send)

    return call


@asynccontextmanager
async def served(
    batches: Sequence[Batch], engine: str, **given: Any
) -> AsyncIterator[tuple[App, httpx2.AsyncClient]]:
    """The application over a store with these batches, and its client."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.json"
        repository: Repository = (
            MemoryRepository(cursor_key=KEY)
            if engine == "memory"
            else TinyDBRepository.open(path, cursor_key=KEY)
        )
        for batch in batches:
            await repository.apply(batch)
        app = create_app(
            load_settings({"store": path, "log_level": "warning", "max_cost": 10**6, **given}),
            repository,
        )
        transport = httpx2.ASGITransport(app=in_one_piece(app))
        async with (
            app.web_app.router.lifespan_context(app.web_app),
            httpx2.AsyncClient(transport=transport, base_url="http://news.example") as client,
        ):
            yield app, client


class Plan(NamedTuple):
    """The store, the executor, the requests and the order of viewers; one is anonymous."""

    corpus: Corpus
    seeds: Sequence[tuple[int, int]]
    order: Sequence[int]
    engine: str
    compiled: bool
    federation: bool


seeds = st.tuples(st.integers(0, 2**24 - 1), st.integers(5, 40))
plans = st.builds(
    Plan,
    corpora,
    st.lists(seeds, min_size=3, max_size=6),
    st.permutations(range(1, len(GRANTS) + 1)).flatmap(
        lambda order: st.permutations([0, *order[:3]])
    ),
    st.sampled_from(["memory", "tinydb"]),
    st.booleans(),
    st.booleans(),
)


# An example asks a thousand times; to shrink one would take minutes and help little.
@settings(max_examples=scaled(4, long=15), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(plans)
def test_nothing_hidden_reaches_who_may_not_see_it(people, plan):
    """No hidden name, number or byte reaches a viewer without the right, whatever is cached."""
    asyncio.run(look_everywhere(plan, *people))


async def look_everywhere(plan: Plan, keys: Path, everybody: Sequence[Someone]) -> None:
    """Send all requests as several viewers, to the store and to the reference store."""
    given = {"keys": keys, "compiled": plan.compiled, "max_depth": 40}
    given["federation"] = plan.federation
    people, corpus = [everybody[place] for place in plan.order], plan.corpus
    watch = Watch(corpus)
    async with (
        served(corpus.batches, plan.engine, **given) as (app, client),
        served(corpus.twin, "memory", **given) as (_, twin),
        AsyncExitStack() as open_sockets,
    ):
        sockets = [
            await open_sockets.enter_async_context(connect_websocket(app, someone.headers))
            for someone in people
        ]
        for body in requests(corpus, plan.seeds):
            await ask_everybody(watch, people, body, client, twin)
            await ask_over_sockets(watch, people, sockets, body, client)
        for path in PATHS:
            await read_page(watch, people[:2], path, client, twin)
        for number, body in enumerate(writes(corpus)):
            headers = {"idempotency-key": f"the-same-{number}"}
            await ask_everybody(watch, people, body, client, twin, more_headers=headers)
            await ask_over_sockets(watch, people, sockets, body, client)
        await app.repository.apply(Batch(puts=(LAST_ARTICLE,)))
        for someone in people:
            for query in BEGINNINGS:
                after = await beginning(client, someone, query)
                for road in (hear_events, hear_socket):
                    heard = await road(app, someone, query, after)
                    watch.check(someone, query, heard)
                    assert LAST_ARTICLE.slug in heard.decode()


async def ask_everybody(
    watch: Watch,
    people: Sequence[Someone],
    body: Mapping[str, Any],
    client: httpx2.AsyncClient,
    twin: httpx2.AsyncClient,
    *,
    more_headers: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Send equal bytes as one viewer after the other, which would expose mixed-up caches."""
    asked = json.dumps(body)
    etags: dict[str, bytes] = {}
    for someone in people:
        headers = {**someone.headers, **more_headers}
        answer = await client.post("/graphql", json=body, headers=headers)
        watch.check(someone, asked, answer.content + str(answer.headers).encode())
        if Permission.READ_DRAFTS not in someone.viewer.permissions and "changes" not in asked:
            expected = await twin.post("/graphql", json=body, headers=headers)
            assert (answer.status_code, answer.content) == (expected.status_code, expected.content)
            link = {"preview": sign_preview(KEY, "a_unknown", timedelta(hours=1)).token}
            shown = await client.post("/graphql", params=link, json=body, headers=headers)
            assert (shown.status_code, shown.content) == (expected.status_code, expected.content)
        others = [etag for etag, mark in etags.items() if mark != someone.viewer.permission_key]
        if others:
            headers = {**someone.headers, "if-none-match": ", ".join(others)}
            again = await client.post("/graphql", json=body, headers=headers)
            assert (again.status_code, again.content) == (answer.status_code, answer.content)
        if "etag" in answer.headers:
            etags[answer.headers["etag"]] = someone.viewer.permission_key


async def ask_over_sockets(
    watch: Watch,
    people: Sequence[Someone],
    sockets: Sequence[WebSocketClient],
    body: Mapping[str, Any],
    client: httpx2.AsyncClient,
) -> None:
    """A socket has the responses of HTTP, whatever other sockets sent before."""
    asked = json.dumps(body)
    for someone, socket in zip(people, sockets, strict=True):
        answer = await socket.execute(body)
        watch.check(someone, asked, answer)
        if WRITING not in asked:
            expected = await client.post("/graphql", json=body, headers=someone.headers)
            assert json.loads(answer) == expected.json()


async def read_page(
    watch: Watch,
    people: Sequence[Someone],
    path: str,
    client: httpx2.AsyncClient,
    twin: httpx2.AsyncClient,
) -> None:
    """A page is the same for every viewer."""
    for someone in people:
        page = await client.get(path, headers=someone.headers)
        watch.check(people_without_rights(someone), path, page.content)
        is_metrics = path == "/metrics"
        if path != "/readyz" and not (
            is_metrics and Permission.READ_DRAFTS in someone.viewer.permissions
        ):
            expected = await twin.get(path, headers=someone.headers)
            changing = _TRAFFIC if is_metrics else _CHANGING
            assert page.status_code == expected.status_code
            assert changing.sub(b"", page.content) == changing.sub(b"", expected.content)
            if page.content == expected.content:
                assert page.headers == expected.headers


def people_without_rights(someone: Someone) -> Someone:
    """The same viewer, as if its key had no scopes."""
    return Someone(Viewer(), someone.headers)


async def beginning(client: httpx2.AsyncClient, someone: Someone, query: str) -> str:
    """The cursor before the first change."""
    body = {"query": BEGINNINGS[query]}
    answer = await client.post("/graphql", json=body, headers=someone.headers)
    cursor: str = answer.json()["data"]["changes"]["pageInfo"]["endCursor"]
    return cursor


async def hear_socket(app: App, someone: Someone, query: str, after: str) -> bytes:
    """All events from the first to the last article, over a WebSocket."""
    told: list[str] = []
    async with (
        connect_websocket(app, someone.headers) as socket,
        asyncio.timeout(SUBSCRIBE_TIMEOUT_S),
    ):
        variables = {"after": after}
        await socket.send("subscribe", id="s", payload={"query": query, "variables": variables})
        while not told or LAST_ARTICLE.slug not in told[-1]:
            told.append(await socket.receive())
    return "\n".join(told).encode()


async def hear_events(app: App, someone: Someone, query: str, after: str) -> bytes:
    """All events from the first to the last article, over event streams."""
    told, has_heard_all = bytearray(), asyncio.Event()
    body = json.dumps({"query": query, "variables": {"after": after}}).encode()
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if pending:
            return pending.pop()
        await has_heard_all.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        told.extend(message.get("body", b""))
        if LAST_ARTICLE.slug.encode() in told:
            has_heard_all.set()

    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream",
        "host": "news.example",
        **someone.headers,
    }
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.1", 1),
    }
    async with asyncio.timeout(SUBSCRIBE_TIMEOUT_S):
        await app(scope, receive, send)
    return bytes(told)


def test_what_is_hidden_is_there_for_who_may_see_it(people):
    """A viewer with all rights sees the marks, so that the test above can fail."""
    keys, everybody = people
    roles = ["open", "hidden", "withdrawn", "dropped"]
    drawn = [article(role, secured="text", topics=("Tides",)) for role in roles]
    asyncio.run(find_marks(corpus(drawn, roles, ()), keys, everybody[-1]))


async def find_marks(corpus: Corpus, keys: Path, administrator: Someone) -> None:
    """Look for the marks in all responses of the test above."""
    async with served(corpus.batches, "memory", keys=keys) as (app, client):
        for query, mark in [(BROAD, HIDDEN_MARK), (CHANGES, HIDDEN_MARK), (SECURED, SECURED_MARK)]:
            answer = await client.post(
                "/graphql", json={"query": query}, headers=administrator.headers
            )
            assert mark in revealed(answer.content)
            assert answer.headers["etag"]  # of the fast way, whose caches are what could leak
        await app.repository.apply(Batch(puts=(LAST_ARTICLE,)))
        after = await beginning(client, administrator, SUBSCRIBE)
        for road in (hear_events, hear_socket):
            assert HIDDEN_MARK.encode() in await road(app, administrator, SUBSCRIBE, after)
    by_title = article_cursor(corpus.hidden[0], (OrderStep(OrderField.TITLE, descending=False),))
    assert HIDDEN_MARK in revealed(f'{{"cursor": "{by_title}"}}'.encode())
