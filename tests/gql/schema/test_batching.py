"""Batch loads: a query reads each kind of link once per level, not once per article."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from gql.composition.executors import build_executor
from gql.settings import load_settings
from store import Snapshot
from store.model import Article, ProviderMention, Related, TopicDefinition
from tests.support.factories import NOON, article, memory_repository
from tests.support.graph_client import SCHEMA, GraphClient
from tests.support.recording_snapshot import RecordingSnapshot

FEW, MANY = 6, 20


class WatchedRepository:
    """A repository with one watched snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.watched = RecordingSnapshot(snapshot)

    async def snapshot(self) -> Any:
        """The watched snapshot; taking it is no question."""
        return self.watched

    def counts(self) -> dict[str, int]:
        """How often each kind of question was asked."""
        return dict(Counter(name for name, _ in self.watched.calls))


def a_story(number: int, count: int) -> Article:
    """One of `count` stories, each of its own provider and topic, pointing at the next two."""
    following = [f"https://p{(number + step) % count}.example/story" for step in (1, 2)]
    return article(
        f"{number}",
        provider=ProviderMention(domain=f"p{number}.example", name=f"P {number}"),
        topics=(f"Topic {number}",),
        web_url=f"https://p{number}.example/story",
        published_date_time=NOON.replace(day=1 + number),
        related=tuple(
            Related(title=url, web_url=url, provider=ProviderMention(domain=url[8:-6], name="P"))
            for url in following
        ),
    )


def watched(count: int) -> WatchedRepository:
    """A repository of `count` stories."""
    tree = [
        TopicDefinition(slug="shared", name="Shared"),
        TopicDefinition(slug="quiet", name="Quiet", parent="shared"),
    ]
    tree += [
        TopicDefinition(slug=f"topic-{n}", name=f"Topic {n}", parent="shared") for n in range(count)
    ]
    repository = memory_repository(
        *(a_story(number, count) for number in range(count)), topics=tree
    )
    return WatchedRepository(asyncio.run(repository.snapshot()))


CARDS = "{ articles(first: 20) { nodes { %s } } }"
QUERIES: dict[str, tuple[str, dict[str, int]]] = {
    "one article": ('{ article(by: {slug: "2026-03-01-1"}) { title } }', {"get_many": 1}),
    "scalars": (CARDS % "id slug title webUrl", {"pages": 1}),
    "total and cursors": ("{ articles { totalCount edges { cursor } } }", {"pages": 1}),
    "provider": (CARDS % "provider { name articleCount }", {"pages": 1, "providers": 1}),
    "topics": (CARDS % "topics { name }", {"pages": 1, "topics": 1}),
    "tree": (CARDS % "topics { name parent { children { name } } }", {"pages": 1, "topics": 3}),
    "translations": (
        CARDS % "translations { title }",
        {"pages": 1, "translations": 1},
    ),
    "related": (CARDS % "related { title article { title } }", {"pages": 1, "get_many": 1}),
    "referencedBy": (CARDS % "referencedBy { totalCount nodes { title } }", {"pages": 2}),
    "card": (
        CARDS % "title images { url } provider { name } topics { name } related { title }",
        {"pages": 1, "providers": 1, "topics": 1},
    ),
    "two levels of related": (
        "{ articles(first: 2) { nodes { related { article { related { article { id } } } } } } }",
        {"pages": 1, "get_many": 2},
    ),
    "providers and their articles": (
        "{ providers { nodes { articles { nodes { topics { name } } } } } }",
        {"provider_page": 1, "pages": 1, "topics": 1},
    ),
    "topics and their articles": (
        "{ topics(first: 50) { nodes { articles(first: 5) { nodes { provider { name } } } } } }",
        {"topic_page": 1, "pages": 1, "providers": 1},
    ),
    "aliased lists": (
        """{ a: articles { nodes { id } } b: articles(first: 1) { nodes { id } }
        c: articles(orderBy: [{field: HEAT}]) { nodes { id } } }""",
        {"pages": 1},
    ),
    "look-ups side by side": (
        """{ a: article(by: {slug: "2026-03-01-0"}) { id } b: article(by: {slug: "none"}) { id }
        c: provider(by: {domain: "p0.example"}) { id } d: provider(by: {domain: "p"}) { id } }""",
        {"get_many": 1, "providers": 1},
    ),
}


@pytest.mark.parametrize("compiled", [False, True], ids=["reference", "compiled"])
@pytest.mark.parametrize(("query", "calls"), QUERIES.values(), ids=QUERIES)
def test_query_asks_the_store_as_often_for_many_articles_as_for_few(query, calls, compiled):
    """The number of calls depends on the query alone, and is one for each kind at each level."""
    for count in (FEW, MANY):
        repository = watched(count)
        execute = build_executor(load_settings({"compiled": compiled, "max_depth": 40}), SCHEMA)
        GraphClient(repository, execute).query(query)  # type: ignore[arg-type]  # it only reads
        assert repository.counts() == calls, f"with {count} articles"


def test_nodes_are_asked_for_together():
    """Ids of three kinds take one call for each kind, however many there are."""
    repository = watched(MANY)
    graph = GraphClient(repository)  # type: ignore[arg-type]  # it only reads
    found = graph.query("{ articles { nodes { id provider { id } topics { id } } } }")
    ids = [node["id"] for node in found["articles"]["nodes"]]
    ids += [node["provider"]["id"] for node in found["articles"]["nodes"]]
    ids += [node["topics"][0]["id"] for node in found["articles"]["nodes"]]
    repository.watched.calls.clear()
    graph.query("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids)
    assert repository.counts() == {"get_many": 1, "providers": 1, "topics": 1}


def test_total_is_asked_for_only_where_it_is_shown():
    """Counting may cost; who does not show the total does not pay for it."""
    repository = watched(FEW)
    graph = GraphClient(repository)  # type: ignore[arg-type]  # it only reads
    graph.query("{ articles { nodes { id } } }")
    graph.query(
        "{ articles { ... { ...total } } } fragment total on ArticleConnection { totalCount }"
    )
    asked = [queries[0].with_total for _, queries in repository.watched.calls]
    assert asked == [False, True]
