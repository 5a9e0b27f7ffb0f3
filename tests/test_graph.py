"""Answers about single articles, providers and topics, and the ways between them."""

from __future__ import annotations

import asyncio
import re

import pytest

from gql.execution import pipeline
from gql.settings import load_settings
from gql.viewer import PREVIEW
from store import FolderLoader, MemoryRepository
from store.model import Image, ProviderMention, Related, TopicDefinition

from .graph import CARD, SCHEMA, Graph
from .sites import NOON, article, stored

DOCUMENT = """---
title: "Tide &amp; time"
excerpt: "<p>It comes,   and it goes.</p>"
publishedDateTime: 2026-03-01T13:30:00+01:30
updatedDateTime: 2026-03-02
category: news
type: feature
webUrl: "https://one.example/tide?a=1&#038;b=2"
originalUrl: "https://wire.example/tide"
ampWebUrl: "https://one.example/amp/tide"
cdnAmpWebUrl: "https://cdn.example/tide"
quality: 7
heat: -1
locale: de-CH
tags: [sea, moon]
topics: [Tides]
featuredContent: "<iframe src='https://video.example/1'></iframe>"
secured: "sealed"
provider: {name: The One, domain: One.Example, images: [{url: "https://one.example/logo.png"}]}
images: [{url: "https://one.example/a.jpg", width: 480, height: 320, title: A, attribution: B,
  isCached: true}]
related: [{title: Another, webUrl: "https://two.example/other", type: video, quality: 3,
  publishedDateTime: 2026-02-01T00:00:00.25Z, provider: {name: Two, domain: two.example}}]
byline: {name: N. N.}
---
The body.
"""
EVERY_FIELD = """{ article(by: {slug: "2026-03-01-tide-time"}) {
  slug title excerpt content category type publishedDateTime updatedDateTime url webUrl originalUrl
  ampWebUrl cdnAmpWebUrl quality heat published locale tags featuredContent secured metadata
  revision provider { domain name articleCount images { url } image { url } }
  topics { slug name }
  images { url width height title attribution isCached } image { url }
  related { title excerpt type publishedDateTime url webUrl ampWebUrl cdnAmpWebUrl quality
    provider { domain name articleCount } images { url } article { slug } }
  referencedBy { totalCount }
} }"""
NAMELESS = ["", "nonsense", "a_", "a_0000000000000000", "x_0000000000000000", "\x00", "💥"]


def test_article_has_every_field_of_its_document(tmp_path):
    """What the document says arrives, cleaned as the README promises."""
    (tmp_path / "any.md").write_text(DOCUMENT)
    repository = MemoryRepository()
    asyncio.run(FolderLoader(repository, tmp_path).load())
    assert Graph(repository, viewer=PREVIEW).ask(EVERY_FIELD)["article"] == {
        "slug": "2026-03-01-tide-time",
        "title": "Tide & time",
        "excerpt": "It comes, and it goes.",
        "content": "The body.",
        "category": "news",
        "type": "feature",
        "publishedDateTime": "2026-03-01T12:00:00Z",
        "updatedDateTime": "2026-03-02T00:00:00Z",
        "url": "https://one.example/tide?a=1&b=2",
        "webUrl": "https://one.example/tide?a=1&b=2",
        "originalUrl": "https://wire.example/tide",
        "ampWebUrl": "https://one.example/amp/tide",
        "cdnAmpWebUrl": "https://cdn.example/tide",
        "quality": 7,
        "heat": -1,
        "published": True,
        "locale": "de-CH",
        "tags": ["sea", "moon"],
        "featuredContent": "<iframe src='https://video.example/1'></iframe>",
        "secured": "sealed",
        "metadata": {"byline": {"name": "N. N."}},
        "revision": "1",
        "provider": {
            "domain": "one.example",
            "name": "The One",
            "articleCount": 1,
            "images": [{"url": "https://one.example/logo.png"}],
            "image": {"url": "https://one.example/logo.png"},
        },
        "topics": [{"slug": "tides", "name": "Tides"}],
        "images": [
            {
                "url": "https://one.example/a.jpg",
                "width": 480,
                "height": 320,
                "title": "A",
                "attribution": "B",
                "isCached": True,
            }
        ],
        "image": {"url": "https://one.example/a.jpg"},
        "related": [
            {
                "title": "Another",
                "excerpt": None,
                "type": "video",
                "publishedDateTime": "2026-02-01T00:00:00.250000Z",
                "url": "https://two.example/other",
                "webUrl": "https://two.example/other",
                "ampWebUrl": None,
                "cdnAmpWebUrl": None,
                "quality": 3,
                "provider": {"domain": "two.example", "name": "Two", "articleCount": 0},
                "images": [],
                "article": None,
            }
        ],
        "referencedBy": {"totalCount": 0},
    }


def test_article_without_anything_optional_has_nulls_and_empty_lists(tmp_path):
    """Three fields make a document; the rest is null, empty, zero, published."""
    (tmp_path / "any.md").write_text(
        "---\ntitle: Tide, time\npublishedDateTime: 2026-03-01\n"
        "provider: {name: One, domain: one.example}\n---\n"
    )
    repository = MemoryRepository()
    asyncio.run(FolderLoader(repository, tmp_path).load())
    found = Graph(repository, viewer=PREVIEW).ask(EVERY_FIELD)["article"]
    given = {"slug", "title", "publishedDateTime", "provider", "referencedBy", "revision", "type"}
    assert {name: value for name, value in found.items() if name not in given and value} == {
        "published": True
    }
    assert (found["type"], found["metadata"], found["tags"]) == ("article", {}, [])


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", "a 300"),
        ("(width: 1)", "b 100"),
        ("(width: 100)", "b 100"),
        ("(width: 101)", "c 200"),
        ("(width: 250)", "a 300"),
        ("(width: 999)", "a 300"),
    ],
)
def test_image_is_the_narrowest_that_is_wide_enough(asked, found):
    """Else it is the widest; without a width it is the first; ties go to the first."""
    sizes = [("a", 300), ("b", 100), ("c", 200), ("d", 200), ("e", None)]
    images = tuple(Image(url=f"https://one.example/{n}.jpg", width=w) for n, w in sizes)
    provider = ProviderMention(domain="one.example", name="One", images=images)
    graph = Graph(stored(article(images=images, provider=provider)))
    shown = f"image{asked} {{ url width }}"
    node = graph.ask(f"{{ articles {{ nodes {{ {shown} provider {{ {shown} }} }} }} }}")
    [only] = node["articles"]["nodes"]
    name, width = found.split()
    wanted = {"url": f"https://one.example/{name}.jpg", "width": int(width)}
    assert (only["image"], only["provider"]["image"]) == (wanted, wanted)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("(minWidth: 200)", "ac"),
        ("(minHeight: 200)", "a"),
        ("(isCached: true)", "a"),
        ("(isCached: false)", "bcd"),
        ("(minWidth: 100, isCached: false)", "bc"),
        ("(minWidth: null)", "abcd"),
    ],
)
def test_images_are_those_large_enough_and_cached_as_asked(asked, found):
    """A picture of unknown size is never large enough."""
    pictures = [("a", 300, 200, True), ("b", 100, 150, False), ("c", 200, None, False)]
    pictures += [("d", None, None, False)]  # type: ignore[list-item]
    images = tuple(
        Image(url=f"https://one.example/{n}", width=w, height=h, is_cached=c)
        for n, w, h, c in pictures
    )
    answer = Graph(stored(article(images=images))).ask(
        f"{{ articles {{ nodes {{ images{asked} {{ url }} }} }} }}"
    )
    [only] = answer["articles"]["nodes"]
    assert "".join(image["url"][-1] for image in only["images"]) == found


def test_provider_is_one_entity_however_documents_call_it(graph):
    """The old name, the new name and the related stories' name are one provider with one id."""
    answer = graph.ask(
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

    graph = Graph(
        stored(
            article("old", provider=mention("b", "c"), published_date_time=NOON.replace(year=2020)),
            article("new", provider=mention("a", "b")),
        )
    )
    provider = graph.ask('{ provider(by: {domain: "one.example"}) { images { url } } }')["provider"]
    assert [image["url"][-1] for image in provider["images"]] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "domain", ["harbourpost.example", "HARBOURPOST.Example", "harbourpost.example."]
)
def test_provider_is_found_by_its_domain_however_written(graph, domain):
    """Case and the root's dot do not matter."""
    query = "query ($domain: String!) { provider(by: {domain: $domain}) { domain articleCount } }"
    assert graph.ask(query, domain=domain)["provider"] == {
        "domain": "harbourpost.example",
        "articleCount": 5,
    }


def test_provider_lists_its_own_articles(graph):
    """`provider.articles` are those whose provider it is, newest first, as many as it counts."""
    providers = graph.ask(
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
    topics = graph.ask(
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


@pytest.mark.parametrize("name", ["Energy storage", "ENERGY  STORAGE", " energy storage "])
def test_topic_is_found_by_its_name_however_written(graph, name):
    """Case and spacing do not matter."""
    query = "query ($name: String!) { topic(by: {name: $name}) { slug name articleCount } }"
    assert graph.ask(query, name=name)["topic"] == {
        "slug": "energy-storage",
        "name": "Energy storage",
        "articleCount": 2,
    }


def test_topic_lists_the_articles_that_name_it(graph):
    """`topic.articles` are those that name this very topic, and as many as it counts."""
    topics = graph.ask(
        "{ topics(first: 100) { nodes { slug articleCount"
        " articles(first: 100) { totalCount nodes { topics { slug } } } } } }"
    )["topics"]["nodes"]
    for topic in topics:
        nodes = topic["articles"]["nodes"]
        assert all({"slug": topic["slug"]} in node["topics"] for node in nodes)
        assert topic["articleCount"] == topic["articles"]["totalCount"] == len(nodes)
    assert [t["slug"] for t in topics if t["articleCount"] == 0] == ["bridges"]


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
    assert graph.ask(query, url=url)["article"] == {
        "slug": "2026-05-11-how-a-lagoon-learns-to-breathe-with-the-moon"
    }


def test_article_found_by_a_shared_address_is_the_newest():
    """Of several articles at one address the look-up gives the newest."""
    shared = {"web_url": "https://one.example/same"}
    graph = Graph(
        stored(
            article("old", **shared, published_date_time=NOON.replace(year=2020)),
            article("new", **shared),
            article("older", **shared, published_date_time=NOON.replace(year=2019)),
        )
    )
    answer = graph.ask('{ article(by: {url: "https://one.example/same"}) { slug } }')
    assert answer["article"]["slug"] == "2026-03-01-new"


def test_related_stories_lead_to_their_articles(graph):
    """Whatever the spelling of their address, stories that the store holds have their article."""
    answer = graph.ask(
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
    answer = graph.ask(
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
    nodes = graph.ask(
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
    graph = Graph(stored(article("tide", related=(own,))))
    answer = graph.ask(f"{{ articles {{ nodes {{ slug referencedBy {CARD} }} }} }}")
    [only] = answer["articles"]["nodes"]
    assert only["referencedBy"]["nodes"] == [{"slug": only["slug"]}]


@pytest.mark.parametrize("root", ["articles", "providers", "topics"])
def test_node_gives_everything_with_an_id_again(graph, root):
    """Each article, provider and topic is found by its id, as what it is."""
    listed = graph.ask(f"{{ {root}(first: 100) {{ nodes {{ __typename id }} }} }}")[root]["nodes"]
    ids = [node["id"] for node in listed]
    assert graph.ask("query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", ids=ids) == {
        "nodes": listed
    }
    one = graph.ask("query ($id: ID!) { node(id: $id) { __typename id } }", id=ids[0])
    assert one == {"node": listed[0]}
    assert len(set(ids)) == len(ids)


def test_nodes_keep_their_order_and_have_holes(graph):
    """Null stands for what is not there, and an id may be asked for twice."""
    found = graph.ask(
        '{ article(by: {slug: "2026-02-18-counting-fish-by-ear"}) { id topics { id }'
        " provider { id } } }"
    )["article"]
    topic, provider = found["topics"][0]["id"], found["provider"]["id"]
    ids = [topic, "nonsense", found["id"], provider, topic, found["id"][:-1] + "!"]
    nodes = graph.ask(
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
    assert graph.ask(query, id=id) == {"node": None, "article": None}


def test_lookups_of_what_is_not_there_are_null(graph):
    """No article, provider or topic of that name: null, without an error."""
    assert graph.ask(
        """{ a: article(by: {slug: "none"}) { id }
        b: article(by: {url: "http://none.example"}) { id }
        c: provider(by: {domain: "none.example"}) { id } d: provider(by: {id: "none"}) { id }
        e: topic(by: {name: "None"}) { id } f: topic(by: {slug: "Tides"}) { id } }"""
    ) == dict.fromkeys("abcdef")


@pytest.mark.parametrize("by", ["{}", '{id: "a", slug: "b"}', "{id: null}"])
def test_lookup_takes_exactly_one_key(graph, by):
    """None, two, or null: refused before anything is looked up."""
    code, message = graph.refusal(f"{{ article(by: {by}) {{ id }} }}")
    assert code == "GRAPHQL_VALIDATION_FAILED"
    assert "ArticleBy" in message


def test_ids_are_opaque_and_the_same_after_a_reload(graph, seeded):
    """Whatever the engine, an id is the same, and tells nothing of what it names."""
    query = "{ articles(first: 100) { nodes { id slug } } }"
    found = graph.ask(query)
    assert found == Graph(seeded).ask(query)
    assert all(re.fullmatch(r"a_[\w-]{16}", node["id"]) for node in found["articles"]["nodes"])


@pytest.fixture(params=[False, True], ids=["reference", "compiled"])
def execute(request):
    """Either way to execute a request."""
    return pipeline(load_settings({"compiled": request.param, "max_depth": 40}), SCHEMA)


def test_topic_is_one_for_all_who_name_it_by_name_or_by_slug(execute):
    """It has one slug and one name, is in every list once, and is found by either."""
    graph = Graph(
        stored(
            article("name", topics=("Marine Biology",)),
            article("slug", topics=("sea", "Tides")),
            article("both", topics=("Sea", "Tides", "marine biology")),
            topics=[TopicDefinition(slug="sea", name="Marine biology")],
        ),
        execute,
    )
    found = graph.ask(
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
    answer = Graph(stored(topics=tree)).ask("{ topics { nodes { slug parent { slug } } } }")
    assert answer["topics"]["nodes"] == [{"slug": "tides", "parent": None}]
