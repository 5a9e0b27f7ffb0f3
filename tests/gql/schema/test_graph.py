"""Providers, topics and related stories, and the links between them."""

from __future__ import annotations

import pytest

from gql.composition.executors import build_executor
from gql.settings import load_settings
from store.model import Image, ProviderMention, Related, TopicDefinition
from tests.support.factories import NOON, article, memory_repository
from tests.support.graph_client import CARD, SCHEMA, GraphClient


def test_provider_is_one_entity_however_documents_call_it(graph):
    """The old name, the new name and the related stories' name are one provider with one id."""
    answer = graph.query(
        """{ articles(first: 100, filter: {providerDomain: {eq: "HarbourPost.example"}}) {
          nodes { provider { id name } } }
        all: articles(first: 100) { nodes { related { provider { id name domain } } } } }"""
    )
    own = [node["provider"] for node in answer["articles"]["nodes"]]
    mentioned = [
        {"id": story["provider"]["id"], "name": story["provider"]["name"]}
        for node in answer["all"]["nodes"]
        for story in node["related"]
        if story["provider"] and story["provider"]["domain"] == "harbourpost.example"
    ]
    assert len(own) > 1
    assert len(mentioned) > 1
    assert {tuple(each.items()) for each in own + mentioned} == {
        (("id", own[0]["id"]), ("name", "Harbour Post"))
    }


def test_provider_shows_each_logo_of_its_documents_once():
    """Its pictures are united by URL, newest first."""

    def mention(*names: str) -> ProviderMention:
        images = tuple(Image(url=f"https://one.example/{name}") for name in names)
        return ProviderMention(domain="one.example", name="One", images=images)

    graph = GraphClient(
        memory_repository(
            article("old", provider=mention("b", "c"), published_date_time=NOON.replace(year=2020)),
            article("new", provider=mention("a", "b")),
        )
    )
    provider = graph.query('{ provider(by: {domain: "one.example"}) { images { url } } }')[
        "provider"
    ]
    assert [image["url"][-1] for image in provider["images"]] == ["a", "b", "c"]


def test_provider_lists_its_own_articles(graph):
    """`provider.articles` are those whose provider it is, newest first, as many as it counts."""
    providers = graph.query(
        """{ providers(first: 100) { nodes { domain articleCount
        articles(first: 100) { totalCount nodes { publishedDateTime provider { domain } } } } } }"""
    )["providers"]["nodes"]
    for provider in providers:
        nodes = provider["articles"]["nodes"]
        assert {node["provider"]["domain"] for node in nodes} <= {provider["domain"]}
        assert provider["articleCount"] == provider["articles"]["totalCount"] == len(nodes)
        assert nodes == sorted(nodes, key=lambda node: node["publishedDateTime"], reverse=True)
    assert sum(provider["articleCount"] for provider in providers) == 35


def test_topics_form_a_tree_that_can_be_walked_both_ways(graph):
    """A topic is among the children of its parent, and its children have it as their parent."""
    topics = graph.query(
        "{ topics(first: 100) { nodes { slug name keywords parent { slug children { slug } }"
        " children { slug parent { slug } } } } }"
    )["topics"]["nodes"]
    by_slug = {topic["slug"]: topic for topic in topics}
    for topic in topics:
        if topic["parent"] is not None:
            assert {"slug": topic["slug"]} in topic["parent"]["children"]
        for child in topic["children"]:
            assert child["parent"] == {"slug": topic["slug"]}
    assert by_slug["tides"]["parent"]["slug"] == "ocean"
    assert [child["slug"] for child in by_slug["ocean"]["children"]] == ["reefs", "tides"]
    assert by_slug["tides"]["keywords"] == ["tide", "tides", "lagoon"]
    assert by_slug["birds"] == {
        "slug": "birds",
        "name": "Birds",
        "keywords": [],
        "parent": None,
        "children": [],
    }


def test_topic_lists_the_articles_that_name_it(graph):
    """`topic.articles` are those that name this very topic, and as many as it counts."""
    topics = graph.query(
        "{ topics(first: 100) { nodes { slug articleCount"
        " articles(first: 100) { totalCount nodes { topics { slug } } } } } }"
    )["topics"]["nodes"]
    for topic in topics:
        nodes = topic["articles"]["nodes"]
        assert all({"slug": topic["slug"]} in node["topics"] for node in nodes)
        assert topic["articleCount"] == topic["articles"]["totalCount"] == len(nodes)
    assert [t["slug"] for t in topics if t["articleCount"] == 0] == ["bridges"]


def test_related_stories_lead_to_their_articles(graph):
    """Whatever the spelling of their address, stories that the store holds have their article."""
    answer = graph.query(
        "{ articles(first: 100) { nodes { slug related { title article { slug title } } } } }"
    )["articles"]["nodes"]
    related = {node["slug"]: node["related"] for node in answer}
    [gauge] = related["2026-09-09-the-bakery-that-keeps-tide-time"]
    assert gauge["article"]["slug"] == "2025-04-07-harbour-tide-gauge-turns-one-hundred"
    stories = related["2026-10-02-tidal-lagoon-sends-its-first-power-to-the-grid"]
    assert [story["article"] and story["article"]["slug"] for story in stories] == [
        "2026-08-19-port-verrins-lagoon-wall-is-closed-after-six-years",
        None,  # a draft
        None,  # of a publisher that is not here
    ]


def test_related_stories_may_lead_in_a_circle(graph):
    """Two stories that point at each other can be followed round and round."""
    answer = graph.query(
        """{ article(by: {slug: "2026-06-15-night-trams-return-to-port-verrin"}) { slug
        related { article { slug related { article { slug
        related { article { slug } } } } } } } }"""
    )["article"]
    path = [answer["slug"]]
    while "related" in answer:
        answer = answer["related"][0]["article"]
        path.append(answer["slug"])
    assert path[0] == path[2] != path[1] == path[3]


def test_referenced_by_is_the_inverse_of_related(graph):
    """An article is referenced by exactly those whose related stories lead to it, newest first."""
    nodes = graph.query(
        """{ articles(first: 100) { nodes { slug related { article { slug } }
        referencedBy(first: 100) { totalCount nodes { slug } } } } }"""
    )["articles"]["nodes"]
    for target in nodes:
        pointing = [
            node["slug"]
            for node in nodes
            if {"article": {"slug": target["slug"]}} in node["related"]
        ]
        assert [node["slug"] for node in target["referencedBy"]["nodes"]] == pointing
        assert target["referencedBy"]["totalCount"] == len(pointing)


def test_story_that_points_at_itself_references_itself():
    """Nothing is special about a link to oneself."""
    own = Related(title="Me", web_url="https://one.example/tide#top")
    graph = GraphClient(memory_repository(article("tide", related=(own,))))
    answer = graph.query(f"{{ articles {{ nodes {{ slug referencedBy {CARD} }} }} }}")
    [only] = answer["articles"]["nodes"]
    assert only["referencedBy"]["nodes"] == [{"slug": only["slug"]}]


@pytest.fixture(params=[False, True], ids=["reference", "compiled"])
def execute(request):
    """Either way to execute a request."""
    return build_executor(load_settings({"compiled": request.param, "max_depth": 40}), SCHEMA)


def test_topic_is_one_for_all_who_name_it_by_name_or_by_slug(execute):
    """It has one slug and one name, is in every list once, and is found by either."""
    graph = GraphClient(
        memory_repository(
            article("name", topics=("Marine Biology",)),
            article("slug", topics=("sea", "Tides")),
            article("both", topics=("Sea", "Tides", "marine biology")),
            topics=[TopicDefinition(slug="sea", name="Marine biology")],
        ),
        execute,
    )
    found = graph.query(
        f"""{{ articles(orderBy: [{{field: TITLE, direction: ASC}}])
            {{ nodes {{ topics {{ slug name articleCount }} }} }}
        topics {{ totalCount nodes {{ slug articleCount articles {CARD} }} }}
        byName: topic(by: {{name: "Marine Biology"}}) {{ slug }}
        byNameOfSlug: topic(by: {{name: "Sea"}}) {{ slug }}
        bySlug: topic(by: {{slug: "sea"}}) {{ slug }} }}"""
    )
    sea = {"slug": "sea", "name": "Marine biology", "articleCount": 3}
    tides = {"slug": "tides", "name": "Tides", "articleCount": 2}
    topics = [node["topics"] for node in found["articles"]["nodes"]]
    assert topics == [[sea, tides], [sea], [sea, tides]]
    assert found["topics"]["totalCount"] == 2
    counts = [
        (t["slug"], t["articleCount"], len(t["articles"]["nodes"]))
        for t in found["topics"]["nodes"]
    ]
    assert counts == [("sea", 3, 3), ("tides", 2, 2)]
    assert found["byName"] == found["byNameOfSlug"] == found["bySlug"] == {"slug": "sea"}
    for name in ("Marine  Biology", "marine-biology", "SEA"):
        for member, count in [("some", 3), ("all", 3), ("none", 0)]:
            assert len(graph.slugs(filter={"topics": {member: [name]}})) == count


def test_topic_whose_parent_is_missing_is_a_root():
    """A parent that the tree lacks leaves its child a root."""
    tree = [TopicDefinition(slug="tides", name="Tides", parent="nowhere")]
    answer = GraphClient(memory_repository(topics=tree)).query(
        "{ topics { nodes { slug parent { slug } } } }"
    )
    assert answer["topics"]["nodes"] == [{"slug": "tides", "parent": None}]
