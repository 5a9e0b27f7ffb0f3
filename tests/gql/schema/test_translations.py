"""Translations in the graph: look-ups by slug and locale, links, and chains of locales.

Each request is executed by both executors, whose responses are compared byte for byte.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from gql.composition.executors import build_executor
from gql.http import GraphQLRequest
from gql.http.limits.cost import OBJECT
from gql.identity.viewer import PREVIEW, PUBLIC, Viewer
from gql.settings import load_settings
from store import Batch
from store.engines.memory import MemoryRepository
from store.model import Article
from store.names import article_id
from tests.support.differential import ExecutorPair
from tests.support.factories import memory_repository
from tests.support.graph_client import SCHEMA
from tests.support.translation_contract import STORIES, story

LOOK_UP = "query ($by: ArticleBy!) { article(by: $by) { title } }"
LIST = """query ($chain: [String!]!) {
  articles(first: 5, filter: {locale: {firstOf: $chain}}) {
    totalCount nodes { slug locale title translations { locale title } }
  }
}"""
FIRST_OF = "{ articles(filter: {locale: {firstOf: %s}}) { nodes { title } } }"


class Reader:
    """Both executors, on one repository."""

    def __init__(self, *articles: Article) -> None:
        self.repository: MemoryRepository = memory_repository(*articles)
        self._pair = ExecutorPair()

    def ask(self, text: str, viewer: Viewer = PUBLIC, **variables: Any) -> Any:
        """The response that both give."""

        async def ask() -> Any:
            request = GraphQLRequest(query=text, variables=variables)
            snapshot = await self.repository.snapshot()
            result = await self._pair.check(request, snapshot, viewer)
            response = json.loads(result.body)
            assert result.executor == ("reference" if "errors" in response else "compiled")
            return response

        return asyncio.run(ask())

    def put(self, *articles: Article) -> None:
        """Write articles."""
        asyncio.run(self.repository.apply(Batch(puts=articles)))


@pytest.mark.parametrize(
    ("by", "title"),
    [
        ({"slug": "one"}, "one en"),
        ({"slug": "one", "locale": None, "id": None}, "one en"),
        ({"slug": "one", "locale": "de"}, "one de"),
        ({"slug": "one", "locale": "JA"}, "one ja"),
        ({"slug": "two", "locale": "de"}, "two de-CH"),
        ({"slug": "one", "locale": "fr"}, None),
        ({"slug": "five"}, "five ja"),
        ({"id": article_id("one", "de")}, "one de"),
    ],
)
def test_article_is_found_by_slug_and_locale(by, title):
    """A range gives the article of that locale, else one of a region, else null."""
    article = Reader(*STORIES).ask(LOOK_UP, by=by)["data"]["article"]
    assert article == (title and {"title": title})


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ({}, "exactly one of id, slug and url"),
        ({"id": None}, "exactly one of id, slug and url"),
        ({"locale": "de"}, "exactly one of id, slug and url"),
        ({"id": "a", "slug": "b"}, "exactly one of id, slug and url"),
        ({"id": "a", "locale": "de"}, "only with a slug"),
        ({"url": "https://a.example/", "locale": "de"}, "only with a slug"),
    ],
)
def test_look_up_takes_exactly_one_key(by, message):
    """None, several, and a locale without a slug are errors, in literals and in variables."""
    reader = Reader(*STORIES)
    fields = ", ".join(f"{name}: {json.dumps(value)}" for name, value in by.items())
    for response in (
        reader.ask(LOOK_UP, by=by),
        reader.ask(f"{{ article(by: {{{fields}}}) {{ title }} }}"),
    ):
        [error] = response["errors"]
        assert (error["extensions"]["code"], error["path"]) == ("BAD_USER_INPUT", ["article"])
        assert message in error["message"]


def test_look_up_takes_optional_variables():
    """A client may declare all of its keys, and send one."""
    text = """query ($id: ID, $slug: String, $url: URL, $locale: String) {
      article(by: {id: $id, slug: $slug, url: $url, locale: $locale}) { title } }"""
    reader = Reader(*STORIES)
    for sent in ({"slug": "one", "locale": "de"}, {"id": article_id("one", "de"), "slug": None}):
        assert reader.ask(text, **sent)["data"] == {"article": {"title": "one de"}}


def test_translations_are_the_other_articles_of_the_group_by_locale():
    """The article itself is not among them; one without others has none."""
    nodes = Reader(*STORIES).ask(LIST, chain=["en", "*"])["data"]["articles"]["nodes"]
    translations = {
        node["title"]: [each["title"] for each in node["translations"]] for node in nodes
    }
    assert translations == {
        "one en": ["one de", "one ja"],
        "two en": ["two de-CH"],
        "drei de": ["three fr"],
        "four None": [],
        "five ja": [],
    }


def test_articles_in_the_own_locale_are_no_translations():
    """Where a group has two in one locale, each shows those in others only."""
    puts = [
        story("a", "de", translation_key="k"),
        story("b", "DE", translation_key="k", day=1),
        story("c", "en", translation_key="k"),
    ]
    reader = Reader(*puts)
    text = "{ articles { nodes { title translations { title } } } }"
    nodes = reader.ask(text)["data"]["articles"]["nodes"]
    shown = {node["title"]: [each["title"] for each in node["translations"]] for node in nodes}
    assert shown == {"a de": ["c en"], "b DE": ["c en"], "c en": ["b DE", "a de"]}


def test_drafts_are_no_translations_of_published_articles():
    """They hide nothing and show nowhere, but for viewers of drafts."""
    reader = Reader(story("x", "en", in_id=False), story("x", "de", published=False))
    for viewer, title, others in [(PUBLIC, "x en", []), (PREVIEW, "x de", ["x en"])]:
        articles = reader.ask(LIST, viewer, chain=["de", "en"])["data"]["articles"]
        assert articles["totalCount"] == 1
        assert [node["title"] for node in articles["nodes"]] == [title]
        [node] = articles["nodes"]
        assert [each["title"] for each in node["translations"]] == others
        found = reader.ask(LOOK_UP, viewer, by={"slug": "x", "locale": "de"})["data"]["article"]
        assert (found is None) is (viewer is PUBLIC)


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (story("x", "en", in_id=False, title="New"), {"x de": ["New"]}),
        (story("x", "de", title="New"), {"New": ["x en"]}),
        (story("x", "ja", title="New"), {"x de": ["x en", "New"]}),
        (story("x", "de", published=False), {"x en": []}),
        (story("x", "de", translation_key="y"), {"x de": [], "x en": []}),
        (story("x", "de-AT", title="New"), {"x de": ["New", "x en"]}),
    ],
)
def test_list_and_translations_follow_every_write(write, expected):
    """Rows and pages that were cached show each write of a translation at once."""
    reader = Reader(story("x", "en", in_id=False), story("x", "de"))
    for _ in range(3):  # until rows and pages are cached
        reader.ask(LIST, chain=["de", "en"])
    reader.put(write)
    for _ in range(2):
        nodes = reader.ask(LIST, chain=["de", "en"])["data"]["articles"]["nodes"]
        shown = {node["title"]: [each["title"] for each in node["translations"]] for node in nodes}
        assert shown == expected


def test_chain_of_another_field_is_refused():
    """Only the locale takes one, and null is no chain."""
    reader = Reader()
    response = reader.ask('{ articles(filter: {slug: {firstOf: ["a"]}}) { totalCount } }')
    [error] = response["errors"]
    assert error["extensions"]["code"] == "BAD_FILTER"
    assert "does not take firstOf" in error["message"]
    [error] = reader.ask(FIRST_OF % "null")["errors"]
    assert "is null" in error["message"]
    assert reader.ask(FIRST_OF % "[]")["data"] == {"articles": {"nodes": []}}


def test_translations_of_translations_are_rendered():
    """The link leads back to the article, so it is nested without end."""
    text = """{ article(by: {slug: "one"}) { title translations { title
      translations { title translations { title } } } } }"""
    article = Reader(*STORIES).ask(text)["data"]["article"]
    assert article["translations"][0]["translations"][0]["title"] == "one en"


def test_translation_that_leaves_its_group_is_none_any_more():
    """A change of the translation key alone shows on the others."""
    reader = Reader(*STORIES)
    text = '{ article(by: {slug: "one"}) { translations { title } } }'
    before = [{"title": "one de"}, {"title": "one ja"}]
    assert reader.ask(text)["data"]["article"]["translations"] == before
    moved = msgspec.structs.replace(STORIES[1], translation_key="elsewhere")
    reader.put(moved)
    assert reader.ask(text)["data"]["article"]["translations"] == [{"title": "one ja"}]


def test_translations_count_as_twenty_in_the_cost():
    """They lead to each other, so a chain of them is counted by the power of that."""
    executor = build_executor(load_settings({}), SCHEMA)

    def cost(selection: str) -> int:
        text = f'{{ article(by: {{slug: "x"}}) {{ {selection} }} }}'
        return executor.estimate_cost(GraphQLRequest(query=text))

    assert cost("translations { title }") == OBJECT + 1 + 20 * 2
    assert cost("translations { translations { title } }") == OBJECT + 1 + 20 * (2 + 20 * 2)
