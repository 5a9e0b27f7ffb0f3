"""Previews over HTTP and WebSocket: a link shows one draft, and leaves nothing in any cache."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from starlette.testclient import TestClient

from gql.composition.app import create_app
from gql.identity.preview_links import sign_preview
from gql.identity.viewer import Permission
from gql.settings import Settings
from store import Batch, MemoryRepository
from store.model import ProviderMention
from tests.support.auth_client import add_key, auth_app, bearer_header, error_code
from tests.support.cursors import KEY
from tests.support.factories import article, memory_repository, put_articles
from tests.support.live_server import LiveServer, run_server
from tests.support.mutation_client import DELETE, FIELDS, PUT, mutation_client
from tests.support.websocket_client import connect_websocket

LONE = ProviderMention(domain="lone.example", name="Lone")
DRAFT = article("draft", published=False, provider=LONE, topics=("Secret",), secured="sealed")
OTHER = article("other", published=False, provider=LONE)
OPEN = article("open")
LOOK_UP = """query ($id: ID!, $slug: String!, $url: URL!) {
  byId: article(by: {id: $id}) { slug title revision provider { name articleCount }
    topics { name articleCount articles { totalCount } } referencedBy { totalCount } }
  bySlug: article(by: {slug: $slug}) { id } byUrl: article(by: {url: $url}) { id }
  node(id: $id) { id } nodes(ids: [$id]) { id } }"""
LISTS = """{ articles { totalCount edges { cursor node { slug } } }
  drafts: articles(filter: {published: false}) { totalCount }
  providers { totalCount nodes { domain articleCount } } topics { totalCount nodes { name } }
  changes { nodes { slug kind } latestCursor } }"""


def token(id: str = DRAFT.id, lifetime: timedelta = timedelta(hours=1)) -> str:
    """A token of the test's store."""
    return sign_preview(KEY, id, lifetime).token


def variables(draft: Any) -> dict[str, str]:
    """The variables of `LOOK_UP`."""
    return {"id": draft.id, "slug": draft.slug, "url": draft.web_url}


@pytest.fixture
def repository() -> MemoryRepository:
    """A store with two drafts and an article."""
    return memory_repository(DRAFT, OTHER, OPEN)


@pytest.fixture
def client(tmp_path: Path, repository: MemoryRepository) -> TestClient:
    """A client of a server of that store, which has a response cache."""
    return TestClient(auth_app(tmp_path, repository))


def send(client: TestClient, method: str, query: str, preview: str | None, **named: Any) -> Any:
    """The response of a query, with or without a link."""
    parameters: dict[str, str] = {"preview": preview} if preview else {}
    if method == "POST":
        body = {"query": query, "variables": named}
        return client.post("/graphql", json=body, params=parameters)
    parameters |= {"query": query, "variables": json.dumps(named)}
    return client.get("/graphql", params=parameters)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_link_shows_one_draft_and_leaves_nothing_in_caches(client, method):
    """A stranger before and after gets the same as ever; no cache may store the response."""
    before = send(client, method, LOOK_UP, None, **variables(DRAFT))
    shown = send(client, method, LOOK_UP, token(), **variables(DRAFT))
    for _ in range(3):
        after = send(client, method, LOOK_UP, None, **variables(DRAFT))
        assert after.content == before.content
    data = shown.json()["data"]
    assert "errors" not in shown.json()
    assert data["byId"]["title"] == DRAFT.title
    assert data["byId"]["provider"] == {"name": "Lone", "articleCount": 0}
    assert data["byId"]["topics"] == [
        {"name": "Secret", "articleCount": 0, "articles": {"totalCount": 0}}
    ]
    assert all(data[name] == {"id": DRAFT.id} for name in ("bySlug", "byUrl", "node"))
    assert data["nodes"] == [{"id": DRAFT.id}]
    assert shown.headers["cache-control"] == "private, no-store"
    assert shown.headers["referrer-policy"] == "no-referrer"
    assert "etag" not in shown.headers
    assert before.json()["data"] == {
        **dict.fromkeys(("byId", "bySlug", "byUrl", "node")),
        "nodes": [None],
    }


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_lists_totals_and_other_drafts_are_as_for_a_stranger(client, method):
    """A link to one draft tells nothing of others, nor does it count."""
    assert send(client, method, LISTS, token()).json()["data"].pop("changes")["nodes"] == [
        {"slug": OPEN.slug, "kind": "PUT"}
    ]
    lists = LISTS.replace("latestCursor", "")
    assert send(client, method, lists, token()).content == send(client, method, lists, None).content
    named = variables(OTHER)
    other = send(client, method, LOOK_UP, token(), **named)
    assert other.content == send(client, method, LOOK_UP, None, **named).content


def test_link_gives_no_right_but_to_read_the_draft(client):
    """Secured text and mutations need their scopes, and a scope of a key stays."""
    secured = f'{{ article(by: {{id: "{DRAFT.id}"}}) {{ title secured }} }}'
    response = send(client, "POST", secured, token()).json()
    assert response["data"]["article"] == {"title": DRAFT.title, "secured": None}
    written = client.post(
        "/graphql",
        params={"preview": token()},
        json={"query": DELETE, "variables": {"input": {"id": DRAFT.id}}},
    )
    assert error_code(written) == "FORBIDDEN"


def test_link_adds_to_the_rights_of_a_key(client, tmp_path):
    """A front end with a key of its own renders previews, too."""
    key = add_key(tmp_path, Permission.READ_SECURED)
    body = {"query": f'{{ article(by: {{id: "{DRAFT.id}"}}) {{ secured }} }}'}
    shown = client.post(
        "/graphql", params={"preview": token()}, json=body, headers=bearer_header(key)
    )
    assert shown.json()["data"]["article"] == {"secured": "sealed"}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_invalid_link_is_refused_and_not_repeated(client, method, capsys):
    """With 401, whether or not the article exists; neither response nor log has the token."""
    invalid = [token()[:-1] + "-", token("a_unknown")[:-2], "x"]
    for text in invalid:
        response = send(client, method, "{ __typename }", text)
        assert (response.status_code, error_code(response)) == (401, "UNAUTHENTICATED")
        assert response.headers["cache-control"] == "private, no-store"
        assert text == "x" or text not in response.text
    send(client, method, "{ __typename }", token())
    logged = "".join(capsys.readouterr())
    assert "ngp_" not in logged


def test_server_that_requires_a_key_requires_it_beside_a_link(tmp_path, repository):
    """A stranger sees nothing there, and a link shows what a stranger sees and one draft."""
    client = TestClient(auth_app(tmp_path, repository, anonymous=False))
    assert send(client, "POST", LISTS, token()).status_code == 401


def test_published_or_deleted_article_needs_no_link(client, repository):
    """A link that is left shows what everyone sees."""
    put_articles(repository, msgspec.structs.replace(DRAFT, published=True))
    shown = send(client, "POST", LOOK_UP, token(), **variables(DRAFT)).json()
    assert shown == send(client, "POST", LOOK_UP, None, **variables(DRAFT)).json()
    asyncio.run(repository.apply(Batch(deletes=(DRAFT.id,))))
    shown = send(client, "POST", LOOK_UP, token(), **variables(DRAFT)).json()
    assert shown["data"]["byId"] is None


@pytest.fixture
def server(repository: MemoryRepository) -> Iterator[LiveServer]:
    """A real server of that store."""
    with run_server(create_app(Settings(), repository)) as server:
        yield server


def test_event_source_follows_the_draft(server, repository):
    """Its edits and its deletion come, and those of other drafts do not."""
    query = "subscription { changes { kind slug article { heat } } }"

    def write(batch: Batch) -> None:
        server.run_in_loop(repository.apply(batch))

    parameters = {"query": query, "preview": token()}
    with httpx2.stream(
        "GET",
        f"{server.url}/graphql",
        params=parameters,
        headers={"accept": "text/event-stream"},
        timeout=10,
    ) as response:
        assert response.headers["cache-control"] == "private, no-store"
        lines = response.iter_lines()
        next(line for line in lines if line.startswith("id:"))
        write(Batch(puts=(msgspec.structs.replace(OTHER, heat=1),)))
        write(Batch(puts=(msgspec.structs.replace(DRAFT, heat=2),)))
        write(Batch(deletes=(DRAFT.id,)))
        events = (json.loads(line[5:]) for line in lines if re.match(r"data: ?\{", line))
        found = [next(events)["data"]["changes"] for _ in range(2)]
    assert [(each["kind"], each["slug"]) for each in found] == [
        ("PUT", DRAFT.slug),
        ("DELETE", DRAFT.slug),
    ]


def test_draft_that_no_longer_matches_a_filter_is_dropped(client, repository):
    """Its reader saw it before, though nobody else did."""
    matching = "filter: {heat: {gte: 5}}"
    answer = send(client, "GET", f"{{ changesCursor({matching}) }}", token())
    after = answer.json()["data"]["changesCursor"]
    changes = f"""query ($after: String) {{ changes(after: $after, {matching}) {{
      nodes {{ kind articleId }} pageInfo {{ endCursor }} }} }}"""
    for heat, kind in ((6, "PUT"), (1, "DELETE")):
        put_articles(repository, msgspec.structs.replace(DRAFT, heat=heat))
        put_articles(repository, msgspec.structs.replace(OTHER, heat=heat))
        page = send(client, "POST", changes, token(), after=after).json()["data"]["changes"]
        assert page["nodes"] == [{"kind": kind, "articleId": DRAFT.id}]
        after = page["pageInfo"]["endCursor"]


def test_websocket_takes_a_link_in_its_url(tmp_path, repository):
    """For all its operations; an invalid link closes it as an invalid key does."""
    app = auth_app(tmp_path, repository)
    body = {"query": f'{{ article(by: {{id: "{DRAFT.id}"}}) {{ title }} }}'}

    async def check() -> None:
        async with connect_websocket(app, {}, f"preview={token()}".encode()) as socket:
            shown = json.loads(await socket.execute(body))
            assert shown == {"data": {"article": {"title": DRAFT.title}}}
        with pytest.raises(AssertionError, match="4403"):
            async with connect_websocket(app, {}, f"preview={token()[:-2]}".encode()):
                pass

    asyncio.run(check())


LINK = """mutation ($input: CreatePreviewLinkInput!) { createPreviewLink(input: $input) {
  token expiresAt userErrors { code field } query { articles { totalCount } } } }"""


def test_mutation_makes_a_link(tmp_path):
    """It can be used at once, without the key."""
    with mutation_client(tmp_path) as client:
        put = client.mutate(PUT, **FIELDS, published=False)["article"]
        link = client.mutate(LINK, id=put["id"], expiresInMinutes=5)
        assert link["userErrors"] == []
        left = datetime.fromisoformat(link["expiresAt"]) - datetime.now(UTC)
        assert timedelta(minutes=4) < left <= timedelta(minutes=5)
        body = {"query": f'{{ article(by: {{id: "{put["id"]}"}}) {{ slug }} }}'}
        shown = client.http.post("/graphql", params={"preview": link["token"]}, json=body).json()
        assert shown["data"]["article"] == {"slug": put["slug"]}
        assert client.http.post("/graphql", json=body).json()["data"]["article"] is None


def test_mutation_refuses_unknown_articles_other_scopes_and_long_lives(tmp_path):
    """With NOT_FOUND, FORBIDDEN and BAD_QUERY."""
    with mutation_client(tmp_path) as client:
        [error] = client.mutate(LINK, id="a_unknown")["userErrors"]
        assert error == {"code": "NOT_FOUND", "field": ["input", "id"]}
        id = client.mutate(PUT, **FIELDS, published=False)["article"]["id"]
        for scope, minutes, code in (
            (Permission.READ_DRAFTS, 5, "FORBIDDEN"),
            (Permission.WRITE, 0, "BAD_QUERY"),
            (Permission.WRITE, 10_081, "BAD_QUERY"),
        ):
            input = {"id": id, "expiresInMinutes": minutes}
            assert error_code(client.post(LINK, scope=scope, input=input)) == code
