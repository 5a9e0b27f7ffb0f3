"""Look-ups of an article, provider or topic: by id, slug, URL, domain or name."""

from __future__ import annotations

import re

import pytest

from tests.support.factories import NOON, article, memory_repository
from tests.support.graph_client import GraphClient

NAMELESS = ["", "nonsense", "a_", "a_0000000000000000", "x_0000000000000000", "\x00", "💥"]


@pytest.mark.parametrize(
    "url",
    [
        "https://www.tidegauge.example/2026/05/how-a-lagoon-breathes/",
        "https://WWW.TideGauge.EXAMPLE:443/2026/05/how-a-lagoon-breathes/",
        "https://www.tidegauge.example/2026/05/how-a-lagoon-breathes/?utm_source=a&#038;fbclid=b",
        "https://www.tidegauge.example/2026/05/how-a-lagoon-breathes/#comments",
        "https://www.tidegauge.example/2026/05/how-a-lagoon-breathes/?amp=1",
    ],
)
def test_article_is_found_by_any_spelling_of_any_of_its_addresses(graph, url):
    """Host's case, default port, tracking, fragments and HTML's escaping do not matter."""
    query = "query ($url: URL!) { article(by: {url: $url}) { slug } }"
    assert graph.query(query, url=url)["article"] == {
        "slug": "2026-05-11-how-a-lagoon-learns-to-breathe-with-the-moon"
    }


def test_article_found_by_a_shared_address_is_the_newest():
    """Of several articles at one address the look-up gives the newest."""
    shared = {"web_url": "https://one.example/same"}
    graph = GraphClient(
        memory_repository(
            article("old", **shared, published_date_time=NOON.replace(year=2020)),
            article("new", **shared),
            article("older", **shared, published_date_time=NOON.replace(year=2019)),
        )
    )
    answer = graph.query('{ article(by: {url: "https://one.example/same"}) { slug } }')
    assert answer["article"]["slug"] == "2026-03-01-new"


@pytest.mark.parametrize(
    "domain", ["harbourpost.example", "HARBOURPOST.Example", "harbourpost.example."]
)
def test_provider_is_found_by_its_domain_however_written(graph, domain):
    """Case and the root's dot do not matter."""
    query = "query ($domain: String!) { provider(by: {domain: $domain}) { domain articleCount } }"
    assert graph.query(query, domain=domain)["provider"] == {
        "domain": "harbourpost.example",
        "articleCount": 5,
    }


@pytest.mark.parametrize("name", ["Energy storage", "ENERGY  STORAGE", " energy storage "])
def test_topic_is_found_by_its_name_however_written(graph, name):
    """Case and spacing do not matter."""
    query = "query ($name: String!) { topic(by: {name: $name}) { slug name articleCount } }"
    assert graph.query(query, name=name)["topic"] == {
        "slug": "energy-storage",
        "name": "Energy storage",
        "articleCount": 2,
    }


@pytest.mark.parametrize("root", ["articles", "providers", "topics"])
def test_node_gives_everything_with_an_id_again(graph, root):
    """Each article, provider and topic is found by its id, as what it is."""
    listed = graph.query(f"{{ {root}(first: 100) {{ nodes {{ __typename id }} }} }}")[root]["nodes"]
    ids = [node["id"] for node in listed]
    assert graph.query("query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", ids=ids) == {
        "nodes": listed
    }
    one = graph.query("query ($id: ID!) { node(id: $id) { __typename id } }", id=ids[0])
    assert one == {"node": listed[0]}
    assert len(set(ids)) == len(ids)


def test_nodes_keep_their_order_and_have_holes(graph):
    """Null stands for what is not there, and an id may be asked for twice."""
    found = graph.query(
        '{ article(by: {slug: "2026-02-18-counting-fish-by-ear"}) { id topics { id }'
        " provider { id } } }"
    )["article"]
    topic, provider = found["topics"][0]["id"], found["provider"]["id"]
    ids = [topic, "nonsense", found["id"], provider, topic, found["id"][:-1] + "!"]
    nodes = graph.query(
        """query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Article { slug }
        ... on Provider { domain } ... on Topic { name } } }""",
        ids=ids,
    )["nodes"]
    assert [node and node["id"] for node in nodes] == [
        topic,
        None,
        found["id"],
        provider,
        topic,
        None,
    ]
    assert [node["__typename"] for node in nodes if node] == [
        "Topic",
        "Article",
        "Provider",
        "Topic",
    ]


@pytest.mark.parametrize("id", NAMELESS)
def test_node_of_nonsense_is_null(graph, id):
    """What is no id of ours names nothing; that is no error."""
    query = "query ($id: ID!) { node(id: $id) { id } article(by: {id: $id}) { id } }"
    assert graph.query(query, id=id) == {"node": None, "article": None}


def test_lookups_of_what_is_not_there_are_null(graph):
    """No article, provider or topic of that name: null, without an error."""
    assert graph.query(
        """{ a: article(by: {slug: "none"}) { id }
        b: article(by: {url: "http://none.example"}) { id }
        c: provider(by: {domain: "none.example"}) { id } d: provider(by: {id: "none"}) { id }
        e: topic(by: {name: "None"}) { id } f: topic(by: {slug: "Tides"}) { id } }"""
    ) == dict.fromkeys("abcdef")


@pytest.mark.parametrize("by", ["{}", '{id: "a", domain: "b"}', "{id: null}"])
def test_lookup_takes_exactly_one_key(graph, by):
    """None, two, or null: refused before anything is looked up."""
    code, message = graph.error(f"{{ provider(by: {by}) {{ id }} }}")
    assert code == "GRAPHQL_VALIDATION_FAILED"
    assert "ProviderBy" in message


def test_ids_are_opaque_and_the_same_after_a_reload(graph, seeded):
    """Whatever the engine, an id is the same, and tells nothing of what it names."""
    query = "{ articles(first: 100) { nodes { id slug } } }"
    found = graph.query(query)
    assert found == GraphClient(seeded).query(query)
    assert all(re.fullmatch(r"a_[\w-]{16}", node["id"]) for node in found["articles"]["nodes"])
