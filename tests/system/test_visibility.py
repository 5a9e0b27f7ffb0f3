"""Visibility: viewers without a right learn nothing, by any access path."""

from __future__ import annotations

import json

import pytest

from gql.composition.executors import build_executor
from gql.identity.viewer import PREVIEW, Permission, Viewer
from gql.settings import load_settings
from store import NEWEST_FIRST
from store.model import Article, Image, ProviderMention, Related
from store.names import provider_id, topic_id
from tests.support.cursors import article_cursor
from tests.support.factories import article, memory_repository
from tests.support.graph_client import SCHEMA, GraphClient

CARD = """id slug title excerpt content url webUrl tags metadata revision
  provider { id domain name articleCount images { url } }
  topics { id slug name articleCount } images { url }"""
LIST = "totalCount edges { cursor } nodes { id slug title } pageInfo { startCursor endCursor }"
BROAD = f"""{{
  articles(first: 100) {{ totalCount edges {{ cursor }} pageInfo {{ startCursor endCursor }}
    nodes {{ {CARD} referencedBy(first: 100) {{ {LIST} }}
      related {{ title provider {{ id domain name articleCount images {{ url }} }}
        article {{ {CARD} related {{ article {{ {CARD} }} }} }} }} }} }}
  hottest: articles(last: 100, orderBy: [{{field: HEAT, direction: ASC}}]) {{ {LIST} }}
  drafts: articles(first: 100, filter: {{published: false}}) {{ {LIST} }}
  others: articles(first: 100, filter: {{not: {{published: true}}}}) {{ {LIST} }}
  providers(first: 100) {{ totalCount edges {{ cursor }} nodes {{ id domain name articleCount
    images {{ url }} articles(first: 100) {{ {LIST} }} }} }}
  topics(first: 100) {{ totalCount edges {{ cursor }} nodes {{ id slug name articleCount
    parent {{ slug }} children {{ slug }} articles(first: 100) {{ {LIST} }} }} }}
}}"""
LOOKUPS = """query ($id: ID!, $slug: String!, $url: URL!, $provider: ID!, $topic: ID!) {
  byId: article(by: {id: $id}) { id } bySlug: article(by: {slug: $slug}) { id }
  byUrl: article(by: {url: $url}) { id } byDomain: provider(by: {domain: "secret.example"}) { id }
  byName: topic(by: {name: "Secret topic"}) { id }
  byTopicSlug: topic(by: {slug: "secret-topic"}) { id }
  node(id: $id) { id } nodes(ids: [$id, $provider, $topic]) { id }
  inLocale: article(by: {slug: $slug, locale: "*"}) { id translations { id } }
}"""

DRAFT = article(
    "secret-draft",
    title="A secret title",
    excerpt="A secret excerpt",
    content="A secret body",
    published=False,
    heat=999,
    tags=("secret-tag",),
    topics=("Tides", "Secret topic"),
    metadata={"secretKey": "secret value"},
    web_url="https://one.example/secret-page",
    provider=ProviderMention(
        domain="one.example",
        name="Secret name",
        images=(Image(url="https://one.example/secret-logo.png"),),
    ),
    images=(Image(url="https://one.example/secret.jpg"),),
    related=(
        Related(
            title="A secret story",
            web_url="https://one.example/open",
            provider=ProviderMention(domain="secret-stub.example", name="Secret stub"),
        ),
    ),
)
LONER = article(
    "secret-loner",
    published=False,
    provider=ProviderMention(domain="secret.example", name="Secret provider"),
    web_url="https://secret.example/",
)
OPEN = article(
    "open",
    topics=("Tides",),
    related=(Related(title="A story, says the open one", web_url=DRAFT.web_url),),
)


@pytest.fixture(params=[False, True], ids=["reference", "compiled"])
def mixed(request):
    """A published story that links to a draft and is linked from it, and another draft."""
    wide = {"max_depth": 40, "max_cost": 10**6}  # the questions ask for all at once
    execute = build_executor(load_settings({"compiled": request.param, **wide}), SCHEMA)
    return GraphClient(memory_repository(DRAFT, LONER, OPEN), execute)


def ids(draft: Article) -> dict[str, str | None]:
    """All keys of a draft, and of entities that only drafts name."""
    return {
        "id": draft.id,
        "slug": draft.slug,
        "url": draft.web_url,
        "provider": provider_id("secret.example"),
        "topic": topic_id("secret-topic"),
    }


def test_draft_is_nowhere_in_what_the_public_gets(mixed):
    """No public list, count, cursor, name or image reveals a draft."""
    data = mixed.query(BROAD)
    text = json.dumps(data)
    assert "secret" not in text.lower()
    assert DRAFT.id not in text
    for draft in (DRAFT, LONER):
        assert article_cursor(draft, NEWEST_FIRST) not in text
    assert data["articles"]["totalCount"] == data["hottest"]["totalCount"] == 1
    assert data["drafts"]["totalCount"] == data["others"]["totalCount"] == 0
    [only] = data["articles"]["nodes"]
    assert only["provider"]["articleCount"] == only["topics"][0]["articleCount"] == 1
    assert only["referencedBy"]["totalCount"] == 0
    assert only["related"] == [
        {"title": "A story, says the open one", "provider": None, "article": None}
    ]
    assert (data["providers"]["totalCount"], data["topics"]["totalCount"]) == (1, 1)


def test_draft_is_everywhere_in_a_preview(mixed):
    """A viewer of drafts sees them by every access path; provider names stay the public ones."""
    data = mixed.as_viewer(PREVIEW).query(BROAD)
    assert data["articles"]["totalCount"] == 3
    assert data["drafts"]["totalCount"] == data["others"]["totalCount"] == 2
    nodes = {node["slug"]: node for node in data["articles"]["nodes"]}
    assert nodes[OPEN.slug]["related"][0]["article"]["slug"] == DRAFT.slug
    assert nodes[OPEN.slug]["referencedBy"]["nodes"][0]["slug"] == DRAFT.slug
    assert (
        nodes[DRAFT.slug]["provider"]["name"] == nodes[OPEN.slug]["provider"]["name"] == "The One"
    )
    domains = [provider["domain"] for provider in data["providers"]["nodes"]]
    assert domains == ["one.example", "secret-stub.example", "secret.example"]
    assert [topic["name"] for topic in data["topics"]["nodes"]] == ["Secret topic", "Tides"]


def test_draft_is_not_found_by_any_name(mixed):
    """No look-up finds a draft for the public; a preview finds it."""
    hidden = mixed.query(LOOKUPS, **ids(DRAFT))
    assert hidden.pop("nodes") == [None, None, None]
    assert set(hidden.values()) == {None}
    shown = mixed.as_viewer(PREVIEW).query(LOOKUPS, **ids(DRAFT))
    assert None not in [*shown.pop("nodes"), *shown.values()]


def test_draft_does_not_show_in_the_pages_around_it(mixed):
    """A preview's cursor of a draft is a valid position for the public."""
    query = "query ($after: String!) { articles(after: $after) { totalCount nodes { slug } } }"
    found = mixed.query(query, after=article_cursor(DRAFT, NEWEST_FIRST))["articles"]
    assert found["totalCount"] == 1
    assert {node["slug"] for node in found["nodes"]} <= {OPEN.slug}


def test_drafts_of_the_seeds_are_nowhere_for_the_public(graph):
    """The same on the seeds."""
    mine = "{ articles(first: 100, filter: {published: false}) { nodes { id slug excerpt } } }"
    drafts = graph.as_viewer(PREVIEW).query(mine)["articles"]["nodes"]
    text = json.dumps(graph.query(BROAD))
    assert len(drafts) == 5
    for draft in drafts:
        assert draft["slug"] not in text
        assert draft["id"] not in text
        assert not draft["excerpt"] or json.dumps(draft["excerpt"])[1:40] not in text
    assert "council-budget-2027" not in text
    assert "Harbour Post Preview" not in text


def test_secured_text_is_refused_with_the_reason():
    """Secured text is null for the public, with an error that names the missing scope."""
    graph = GraphClient(memory_repository(article(secured="sealed")))
    query = "{ articles { nodes { slug secured } } }"
    answer = graph.response(query)
    assert answer["data"]["articles"]["nodes"] == [{"slug": "2026-03-01-tide", "secured": None}]
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert error["path"] == ["articles", "nodes", 0, "secured"]
    assert "Article.secured needs the scope READ_SECURED" in error["message"]
    [shown] = graph.as_viewer(PREVIEW).query(query)["articles"]["nodes"]
    assert shown["secured"] == "sealed"


def test_secured_text_is_not_for_everybody_who_sees_drafts():
    """The right to drafts does not include secured text."""
    graph = GraphClient(
        memory_repository(article(secured="sealed")),
        viewer=Viewer(frozenset({Permission.READ_DRAFTS})),
    )
    assert graph.error("{ articles { nodes { secured } } }")[0] == "FORBIDDEN"


@pytest.mark.parametrize(
    "query", ["{ articles { nodes { secured } } }", "{ diagnostics { totalCount } }"]
)
def test_refusal_is_the_same_whether_there_is_something_or_not(query):
    """The error does not reveal whether there is secured text or a diagnostic."""
    refusals = {
        GraphClient(memory_repository(article(secured=text))).error(query)
        for text in (None, "sealed")
    }
    [(code, _)] = refusals
    assert code == "FORBIDDEN"


def test_diagnostics_are_refused_with_the_reason(graph):
    """Diagnostics need the right to drafts, because they may name drafts."""
    query = "{ diagnostics { nodes { path line severity code message remedy } } }"
    code, message = graph.error(query)
    assert code == "FORBIDDEN"
    assert "Query.diagnostics needs the scope READ_DRAFTS" in message
    nodes = graph.as_viewer(PREVIEW).query(query)["diagnostics"]["nodes"]
    assert nodes[1] == {
        "path": "_news/2026-08-14-kestrels-prefer-the-tallest-crane.yml",
        "line": 21,
        "severity": "WARNING",
        "code": "UNKNOWN_TOPIC",
        "message": "The topic 'Birds' is not in the topic tree; it becomes a root topic.",
        "remedy": "Correct the name, or define the topic in _data/topics.",
    }


@pytest.mark.parametrize(("severity", "count"), [("ERROR", 0), ("WARNING", 4), ("INFO", 1)])
def test_diagnostics_are_selected_by_their_severity(graph, severity, count):
    """The filter by severity applies to the list and its total."""
    query = f"{{ diagnostics(severity: {severity}) {{ totalCount nodes {{ severity }} }} }}"
    found = graph.as_viewer(PREVIEW).query(query)["diagnostics"]
    assert found == {"totalCount": count, "nodes": [{"severity": severity}] * count}
