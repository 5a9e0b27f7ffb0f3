"""The results of each filter, and invalid filters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, get_named_type

from gql.adapters.strawberry import graphql_schema
from gql.identity.viewer import PREVIEW
from store import Visibility, topic_slug
from store.model import Article
from store.names import article_id
from tests.support.graph_client import CARD, SCHEMA

Case = tuple[Any, Callable[[Article], bool]]
"""An operand, and what it must select, worked out by looking at a document."""


def date(text: str) -> datetime:
    """A moment."""
    return datetime.fromisoformat(text)


def texts(read: Callable[[Article], str | None], whole: str, part: str) -> dict[str, Case]:
    """A case for each operator of a StringFilter; `whole` is a value, `part` begins one."""
    folded = part.lower()
    return {
        "eq": (whole, lambda a: read(a) == whole),
        "ne": (whole, lambda a: read(a) != whole),
        "in": ([whole, "nothing"], lambda a: read(a) == whole),
        "notIn": ([whole, "nothing"], lambda a: read(a) != whole),
        "contains": (part[1:].upper(), lambda a: folded[1:] in (read(a) or "").lower()),
        "startsWith": (part.upper(), lambda a: (read(a) or "").lower().startswith(folded)),
        "isNull": (True, lambda a: read(a) is None),
    }


def numbers(read: Callable[[Article], int], value: int) -> dict[str, Case]:
    """A case for each operator of an IntFilter."""
    return {
        "eq": (value, lambda a: read(a) == value),
        "ne": (value, lambda a: read(a) != value),
        "in": ([value, -1], lambda a: read(a) in (value, -1)),
        "gt": (value, lambda a: read(a) > value),
        "gte": (value, lambda a: read(a) >= value),
        "lt": (value, lambda a: read(a) < value),
        "lte": (value, lambda a: read(a) <= value),
    }


def lists(read: Callable[[Article], set[str]], one: str, other: str) -> dict[str, Case]:
    """A case for each operator of a ListFilter; `one` and `other` are in some lists."""
    return {
        "some": ([one, other], lambda a: bool({one, other} & read(a))),
        "all": ([one, other], lambda a: {one, other} <= read(a)),
        "none": ([one, other], lambda a: not {one, other} & read(a)),
        "isEmpty": (True, lambda a: not read(a)),
    }


NOON = "2026-05-11T10:30:00Z"  # an article's own moment
FISH = article_id("2026-02-18-counting-fish-by-ear")
CASES: dict[str, dict[str, Case]] = {
    "id": {
        "eq": (FISH, lambda a: a.id == FISH),
        "ne": (FISH, lambda a: a.id != FISH),
        "in": ([FISH, FISH, "nothing"], lambda a: a.id == FISH),
        "notIn": ([FISH, "nothing"], lambda a: a.id != FISH),
    },
    "slug": texts(lambda a: a.slug, "2026-02-18-counting-fish-by-ear", "2026-02"),
    "title": texts(lambda a: a.title, "Counting fish by ear", "Watch:"),
    "excerpt": texts(lambda a: a.excerpt, "Six years of stone, seen from one lamp post.", "the "),
    "category": texts(lambda a: a.category, "feature", "new"),
    "type": texts(lambda a: a.type, "video", "vid"),
    "locale": {
        **texts(lambda a: a.locale, "en", "fr"),
        "firstOf": (["fr", "en"], lambda a: a.locale in ("fr", "en")),  # nothing is translated
    },
    "providerDomain": texts(lambda a: a.provider.domain, "harbourpost.example", "harbour"),
    "quality": numbers(lambda a: a.quality, 95),
    "heat": numbers(lambda a: a.heat, 0),
    "publishedDateTime": {
        "eq": (NOON, lambda a: a.published_date_time == date(NOON)),
        "gt": (NOON, lambda a: a.published_date_time > date(NOON)),
        "gte": (NOON, lambda a: a.published_date_time >= date(NOON)),
        "lt": (NOON, lambda a: a.published_date_time < date(NOON)),
        "lte": (NOON, lambda a: a.published_date_time <= date(NOON)),
    },
    "topics": lists(lambda a: set(a.topics), "Tides", "Energy"),
    "tags": lists(lambda a: set(a.tags), "lagoon", "first power"),
}
FLAGS: dict[str, Callable[[Article], bool]] = {
    "published": lambda a: a.published,
    "hasImages": lambda a: bool(a.images),
    "hasRelated": lambda a: bool(a.related),
}
OPERATORS = [(member, operator) for member, cases in CASES.items() for operator in cases]


@pytest.fixture(scope="module")
def documents(seeded):
    """All articles of the seeds, newest first."""
    return seeded._snapshot._visible(Visibility.ALL)


def slugs_of(documents: list[Article], holds: Callable[[Article], bool]) -> list[str]:
    """What a look at each document finds."""
    return [article.slug for article in documents if holds(article)]


def test_filter_cases_cover_every_member_of_the_inputs():
    """A member that is added to a filter needs a case here."""
    members = graphql_schema(SCHEMA).type_map["ArticleFilter"].fields  # type: ignore[attr-defined]
    found = set()
    for name, field in members.items():
        type = get_named_type(field.type)
        if isinstance(type, GraphQLInputObjectType) and type.name != "ArticleFilter":
            found |= {(name, each) for each in type.fields if each != "ignoreAccents"}
    found -= {(name, "firstOf") for name in members if name != "locale"}  # which refuse it
    assert found == set(OPERATORS)
    assert members.keys() == {*CASES, *FLAGS, "and", "or", "not"}


@pytest.mark.parametrize(("member", "operator"), OPERATORS)
def test_filter_selects_what_a_look_at_each_document_finds(graph, documents, member, operator):
    """Each operator of each field selects its articles, and `not` all the others."""
    operand, holds = CASES[member][operator]
    graph = graph.as_viewer(PREVIEW)
    filter = {member: {operator: operand}}
    assert graph.slugs(filter=filter, first=100) == slugs_of(documents, holds)
    others = slugs_of(documents, lambda article: not holds(article))
    assert graph.slugs(filter={"not": filter}, first=100) == others


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("member", FLAGS)
def test_filter_flag_selects_what_a_look_at_each_document_finds(graph, documents, member, value):
    """Flags select those that have it, or those that have not."""
    expected = slugs_of(documents, lambda article: FLAGS[member](article) is value)
    assert graph.as_viewer(PREVIEW).slugs(filter={member: value}, first=100) == expected
    assert 0 < len(expected) < len(documents)


@pytest.mark.parametrize(
    ("filter", "holds"),
    [
        (
            {"type": {"eq": "video"}, "heat": {"gt": 100}},
            lambda a: a.type == "video" and a.heat > 100,
        ),
        ({"heat": {"gte": 50, "lt": 100}}, lambda a: 50 <= a.heat < 100),
        (
            {"or": [{"locale": {"eq": "fr"}}, {"locale": {"eq": "de"}}]},
            lambda a: a.locale in ("fr", "de"),
        ),
        (
            {"and": [{"topics": {"some": ["tides"]}}, {"not": {"heat": {"gt": 100}}}]},
            lambda a: "Tides" in a.topics and not a.heat > 100,
        ),
        ({"or": []}, lambda _: False),
        ({"and": []}, lambda _: True),
        ({"slug": {"in": []}}, lambda _: False),
        ({"locale": {"isNull": False}}, lambda a: a.locale is not None),
        ({"tags": {"isEmpty": False}}, lambda a: bool(a.tags)),
    ],
)
def test_filter_members_are_joined_as_logic_has_it(graph, documents, filter, holds):
    """Members and `and` all hold, of `or` at least one, `not` turns round."""
    found = graph.as_viewer(PREVIEW).slugs(filter=filter, first=100)
    assert found == slugs_of(documents, holds)


@pytest.mark.parametrize("name", ["Energy storage", "ENERGY storage", "energy-storage"])
def test_filter_takes_topics_by_name_or_slug(graph, documents, name):
    """A topic may be named as people write it or as addresses do."""
    found = graph.as_viewer(PREVIEW).slugs(filter={"topics": {"some": [name]}})
    assert found == slugs_of(
        documents, lambda a: "energy-storage" in {topic_slug(topic) for topic in a.topics}
    )


def test_filter_takes_a_plain_date_as_its_midnight(graph, documents):
    """A date without a time is UTC midnight."""
    found = graph.slugs(filter={"publishedDateTime": {"gte": "2026-09-01"}})
    start = date("2026-09-01T00:00:00Z")
    expected = slugs_of(documents, lambda a: a.published and a.published_date_time >= start)
    assert found == expected
    assert found


def test_filter_narrows_the_lists_of_topics_and_providers(graph, documents):
    """Within a topic or a provider, a filter selects among their articles only."""
    answer = graph.query(
        f"""{{ topic(by: {{slug: "tides"}}) {{ articles(filter: {{type: {{eq: "video"}}}}) {CARD} }}
        provider(by: {{domain: "labnotes.example"}}) {{
          articles(filter: {{topics: {{some: ["Moon"]}}}}) {CARD} }} }}"""
    )
    expected = slugs_of(documents, lambda a: "Tides" in a.topics and a.type == "video")
    assert [node["slug"] for node in answer["topic"]["articles"]["nodes"]] == expected
    assert [node["slug"] for node in answer["provider"]["articles"]["nodes"]] == [
        "2026-03-04-a-drill-that-weighs-less-than-a-cat"
    ]


def nested(levels: int) -> dict[str, Any]:
    """A filter with this many levels of `not` around it."""
    filter: dict[str, Any] = {"heat": {"gt": 0}}
    for _ in range(levels):
        filter = {"not": filter}
    return filter


def conditions(count: int) -> dict[str, Any]:
    """A filter of this many conditions."""
    return {"or": [{"heat": {"eq": number}} for number in range(count)]}


@pytest.mark.parametrize(
    ("filter", "told"),
    [
        ({}, "filter is empty"),
        ({"title": {}}, "filter.title is empty"),
        ({"title": None}, "filter.title is null"),
        ({"title": {"ignoreAccents": True}}, "filter.title is empty"),
        ({"title": {"eq": "a", "ignoreAccents": None}}, "filter.title.ignoreAccents is null"),
        ({"title": {"eq": None}}, "filter.title.eq is null"),
        ({"hasImages": None}, "filter.hasImages is null"),
        ({"published": None}, "filter.published is null"),
        ({"publishedDateTime": {"gte": None}}, "filter.publishedDateTime.gte is null"),
        ({"slug": {"notIn": None}}, "filter.slug.notIn is null"),
        ({"topics": {"isEmpty": None}}, "filter.topics.isEmpty is null"),
        ({"and": None}, "filter.and is null"),
        ({"not": {}}, "filter.not is empty"),
        ({"or": [{"heat": {"eq": 1}}, {}]}, "filter.or[1] is empty"),
        ({"and": [{"not": {"or": [{"tags": {}}]}}]}, "filter.and[0].not.or[0].tags is empty"),
        ({"slug": {"in": ["x"] * 1001}}, "filter.slug.in lists more than 1000 values"),
        (conditions(101), "more than 100 conditions"),
        (nested(17), "nested more than 16 levels"),
    ],
)
def test_filter_that_says_nothing_or_too_much_is_refused(graph, filter, told):
    """It is never ignored: the client is told where it is, and gets no articles."""
    query = f"query ($filter: ArticleFilter!) {{ articles(filter: $filter) {CARD} }}"
    code, message = graph.error(query, filter=filter)
    assert code == "BAD_FILTER"
    assert told in message


@pytest.mark.parametrize(
    "conditions",
    [
        {"contains": "BIBLIOTHEQUE"},
        {"startsWith": "la bibliothèque flottante"},
        {"startsWith": "La bibliothe\u0300que", "notIn": ["x"]},
    ],
)
def test_accents_are_ignored_on_request(graph, conditions):
    """With ignoreAccents a text is found by its letters, without it only by the same letters."""
    unaccented = graph.slugs(filter={"title": {**conditions, "ignoreAccents": True}})
    exact = graph.slugs(filter={"title": {**conditions, "ignoreAccents": False}})
    assert len(unaccented) == 1
    assert exact == ([] if "contains" in conditions else unaccented)


@pytest.mark.parametrize("filter", [conditions(100), nested(16), {"slug": {"in": ["x"] * 1000}}])
def test_filter_of_the_largest_size_is_taken(graph, filter):
    """The limits themselves are allowed."""
    graph.slugs(filter=filter)


@pytest.mark.parametrize(
    "query",
    [
        "query ($it: String) { articles(filter: {providerDomain: {eq: $it}}) { totalCount } }",
        "query ($by: StringFilter) { articles(filter: {providerDomain: $by}) { totalCount } }",
    ],
)
def test_filter_whose_variable_was_not_sent_is_refused(graph, query):
    """A missing variable leaves a hole in the filter; that must not open it."""
    code, message = graph.error(query)
    assert code == "BAD_FILTER"
    assert "is empty" in message


@pytest.mark.parametrize("member", ["heat: $heat, type: $type", "not: {type: $type}, heat: $heat"])
def test_filter_member_whose_variable_was_not_sent_counts_as_left_out(graph, documents, member):
    """Beside another member, as GraphQL has it; alone it is refused."""
    declared = "query ($type: StringFilter, $heat: IntFilter)"
    query = f"{declared} {{ articles(filter: {{{member}}}, first: 100) {CARD} }}"
    if "not" in member:
        code, _ = graph.error(query, heat={"gt": 100})
        assert code == "BAD_FILTER"
        return
    nodes = graph.query(query, heat={"gt": 100})["articles"]["nodes"]
    expected = slugs_of(documents, lambda a: a.published and a.heat > 100)
    assert [node["slug"] for node in nodes] == expected
    code, _ = graph.error(query)
    assert code == "BAD_FILTER"


@pytest.mark.parametrize(
    ("order", "key"),
    [
        (None, lambda a: (a.published_date_time, a.id)),
        ([], lambda a: (a.published_date_time, a.id)),
        ([{"field": "HEAT"}], lambda a: (a.heat, a.id)),
        ([{"field": "TITLE"}], lambda a: (a.title.casefold(), a.id)),
        (
            [{"field": "QUALITY"}, {"field": "HEAT"}, {"field": "PUBLISHED_DATE_TIME"}],
            lambda a: (a.quality, a.heat, a.published_date_time, a.id),
        ),
    ],
)
def test_order_sorts_as_the_documents_have_it(graph, documents, order, key):
    """Descending where nothing is said; ascending is the reverse; ids tell equals apart."""
    expected = [a.slug for a in sorted(documents, key=key, reverse=True)]
    graph = graph.as_viewer(PREVIEW)
    assert graph.slugs(orderBy=order, first=100) == expected
    if order:
        ascending = [{**step, "direction": "ASC"} for step in order]
        assert graph.slugs(orderBy=ascending, first=100) == expected[::-1]


def test_order_steps_may_go_different_ways(graph, documents):
    """Each step has its own direction; the last one's is that of the ids."""
    by_id = sorted(documents, key=lambda a: a.id)
    expected = sorted(by_id, key=lambda a: (-a.quality, a.title.casefold()))
    order = [{"field": "QUALITY", "direction": "DESC"}, {"field": "TITLE", "direction": "ASC"}]
    found = graph.as_viewer(PREVIEW).slugs(orderBy=order, first=100)
    assert found == [article.slug for article in expected]


def test_order_that_names_a_field_twice_is_refused(graph):
    """The second could have no effect, so it is a mistake."""
    code, message = graph.error(
        f"{{ articles(orderBy: [{{field: HEAT}}, {{field: HEAT, direction: ASC}}]) {CARD} }}"
    )
    assert code == "BAD_FILTER"
    assert "orderBy has a field twice" in message
