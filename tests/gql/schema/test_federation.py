"""Federation: the graph as a subgraph, beside another one, with Apollo's tools."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest
from graphql import ObjectTypeDefinitionNode, parse
from hypothesis import given
from hypothesis import strategies as st

from gql.adapters.strawberry import graphql_schema
from gql.composition.app import create_app
from gql.identity.viewer import PREVIEW, PUBLIC, Viewer
from gql.schema import PageSizes, build_schema
from gql.schema.federation import DIRECTIVES, FIELDS, MACHINERY, service_sdl, subgraph_sdl
from gql.settings import Settings
from store.model import ProviderMention
from tests.support.differential import ExecutorPair, execute
from tests.support.factories import article, memory_repository
from tests.support.live_server import run_server

FEDERATION = Path(__file__).parents[2] / "federation"
NO_NODE = "NODE IS NOT INSTALLED: the supergraph was not composed; install Node 20 or newer"
SCHEMA = build_schema(federation=True)
SDL = subgraph_sdl(str(SCHEMA))
OPEN = article("open", topics=("Sea birds",))
DRAFT = article(
    "draft",
    published=False,
    topics=("Secret",),
    provider=ProviderMention(domain="secret.example", name="Secret"),
)
ENTITIES = """query ($representations: [_Any!]!) { _entities(representations: $representations) {
  __typename ... on Article { id title provider { name } related { article { id } } }
  ... on Provider { domain articleCount } ... on Topic { slug name parent { slug } } } }"""
PAIR = ExecutorPair(schema=SCHEMA)

REPRESENTATIONS: list[tuple[dict[str, Any], dict[str, Any] | None, dict[str, Any] | None]] = [
    ({"__typename": "Article", "id": OPEN.id}, {"id": OPEN.id}, {"id": OPEN.id}),
    ({"__typename": "Article", "id": DRAFT.id}, None, {"id": DRAFT.id}),
    ({"__typename": "Article", "id": "a_unknown"}, None, None),
    ({"__typename": "Article", "id": OPEN.id, "text": 1}, {"id": OPEN.id}, {"id": OPEN.id}),
    (
        {"__typename": "Provider", "domain": "ONE.example"},
        {"domain": "one.example"},
        {"domain": "one.example"},
    ),
    ({"__typename": "Provider", "domain": "secret.example"}, None, {"domain": "secret.example"}),
    ({"__typename": "Topic", "slug": "sea-birds"}, {"slug": "sea-birds"}, {"slug": "sea-birds"}),
    ({"__typename": "Topic", "slug": "secret"}, None, {"slug": "secret"}),
]
"""Representations, and what the public and a reader of drafts get for them."""

INVALID: list[Any] = [
    1,
    "Article",
    [],
    {},
    {"__typename": "Article"},
    {"__typename": "Article", "slug": OPEN.slug},
    {"__typename": "Article", "id": 1},
    {"__typename": "Comment", "id": OPEN.id},
    {"__typename": ["Article"], "id": OPEN.id},
    {"__typename": "Query"},
]


def entities(representations: list[Any], viewer: Viewer = PUBLIC, pair: ExecutorPair = PAIR) -> Any:
    """The response to a router's request, on both executors."""
    return execute(
        ENTITIES,
        {"representations": representations},
        articles=(OPEN, DRAFT),
        viewer=viewer,
        pair=pair,
    )


@given(st.lists(st.sampled_from(REPRESENTATIONS), max_size=5))
def test_entities_come_in_the_order_of_their_representations(drawn):
    """Compiled, and null for drafts that the viewer may not see, as for unknown ones."""
    for number, viewer in ((1, PUBLIC), (2, PREVIEW)):
        answer = entities([each[0] for each in drawn], viewer)
        for found, each in zip(answer.data["_entities"], drawn, strict=True):
            expected = each[number]
            assert (found is None) is (expected is None)
            assert expected is None or expected.items() <= found.items()
            assert found is None or found["__typename"] == each[0]["__typename"]


@pytest.mark.parametrize("invalid", INVALID)
def test_representation_without_a_key_is_refused(invalid):
    """An error names the keys; the same, whether the article exists or not."""
    error = entities([REPRESENTATIONS[0][0], invalid]).error
    assert error["extensions"]["code"] == "BAD_QUERY"
    assert "Article by id; Provider by id or domain; Topic by id or slug" in error["message"]


def test_null_is_no_representation():
    """By the type `_Any!`."""
    assert entities([None]).error["extensions"]["code"] == "BAD_USER_INPUT"


def test_representations_are_bounded():
    """By the page size, as `nodes(ids:)`."""
    pair = ExecutorPair(schema=SCHEMA, sizes=PageSizes(default=2, maximum=3))
    many = [REPRESENTATIONS[0][0]] * 4
    assert len(entities(many[:3], pair=pair).data["_entities"]) == 3
    assert entities(many, pair=pair).error["extensions"]["code"] == "BAD_PAGE_SIZE"


def test_entities_are_counted_in_the_cost():
    """Each representation costs its selection."""
    app = create_app(Settings(federation=True, max_page_size=100), memory_repository(OPEN))
    with run_server(app) as server:
        costs = [cost_of(server.url, number) for number in (1, 11, 21)]
    assert costs[1] - costs[0] == costs[2] - costs[1] > 50


def cost_of(url: str, count: int) -> int:
    """The cost of a request for so many entities."""
    variables = {"representations": [REPRESENTATIONS[0][0]] * count}
    response = httpx2.post(f"{url}/graphql", json={"query": ENTITIES, "variables": variables})
    assert len(response.json()["data"]["_entities"]) == count
    return int(response.headers["x-newsgraph-cost"])


def test_subgraph_is_served_on_request_only():
    """The default schema has none of it."""
    plain = graphql_schema(build_schema())
    assert plain.query_type is not None
    assert not set(FIELDS) & plain.query_type.fields.keys()
    assert not set(MACHINERY) & plain.type_map.keys()
    assert str(build_schema()) == str(build_schema(federation=False))


def test_sdl_has_the_directives_and_no_look_up_of_nodes():
    """`node` would get the ids of other subgraphs; the machinery is no part of a supergraph."""
    types = {
        each.name.value: each
        for each in parse(SDL).definitions
        if isinstance(each, ObjectTypeDefinitionNode)
    }
    for name, expected in DIRECTIVES.items():
        assert len(types[name].directives or ()) == expected.count("@"), name
    fields = {field.name.value for field in types["Query"].fields or ()}
    assert fields.isdisjoint({"node", "nodes", *FIELDS})
    assert fields >= {"article", "articles", "changes"}
    assert not [name for name in MACHINERY if f"{name} " in SDL]


@pytest.mark.skipif(not shutil.which("npm"), reason=NO_NODE)
def test_subgraph_composes_and_is_queried_beside_another_relay_subgraph():
    """By Apollo's composition and gateway: each type is extended there, and joined by its key."""
    if not (FEDERATION / "node_modules" / "@apollo").is_dir():
        subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=FEDERATION, check=True, timeout=300)
    with run_server(
        create_app(Settings(federation=True), memory_repository(OPEN, DRAFT))
    ) as server:
        finished = subprocess.run(
            ["node", "supergraph.mjs", f"{server.url}/graphql", OPEN.id, DRAFT.id, "a_unknown"],
            cwd=FEDERATION,
            check=True,
            timeout=120,
            stdout=subprocess.PIPE,
        )
    answer = json.loads(finished.stdout.splitlines()[-1])
    assert "errors" not in answer, answer["errors"]
    assert answer["scalars"]
    nodes = [edge["node"] for edge in answer["comments"]["data"]["comments"]["edges"]]
    assert nodes[0] == {
        "text": "On 0",
        "article": {
            "title": OPEN.title,
            "provider": {"name": "The One", "rating": len("one.example")},
            "topics": [{"name": "Sea birds", "followers": len("sea-birds")}],
        },
    }
    assert [node["article"] for node in nodes[1:]] == [None, None]
    articles = answer["articles"]["data"]["articles"]
    assert articles["totalCount"] == 1
    assert articles["nodes"][0]["comments"]["edges"] == [{"node": {"text": "On 0"}}]
    assert answer["favourites"]["data"]["favourites"] == [
        {"rating": len("one.example"), "domain": "one.example", "name": "The One"},
        None,
    ]
    assert answer["node"]["data"]["node"] == {"id": "c0", "text": "On 0"}
    assert answer["entityRequests"] >= 2


def test_sdl_is_made_at_the_start_and_counted_in_the_cost():
    """To print the schema for each of 100 fields took 1.5 s."""
    app = create_app(Settings(federation=True), memory_repository(OPEN))
    misses = service_sdl.cache_info().misses
    with run_server(app) as server:
        answers = [
            httpx2.post(f"{server.url}/graphql", json={"query": "{" + fields + "}"})
            for fields in (
                " ".join(f"a{n}: _service {{ sdl }}" for n in range(count)) for count in (9, 99)
            )
        ]
    assert [{each["sdl"]} for each in answers[0].json()["data"].values()] == [{SDL}] * 9
    assert answers[1].json()["errors"][0]["extensions"]["code"] == "QUERY_TOO_EXPENSIVE"
    assert service_sdl.cache_info().misses == misses
