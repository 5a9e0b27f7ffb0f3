"""Connections: page sizes, cursors, and the invariants of pagination."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gql.identity.viewer import PREVIEW
from gql.schema import PageSizes
from store import Batch, MemoryRepository, Visibility
from store.model import Article
from tests.support.factories import NOON, article, memory_repository
from tests.support.graph_client import GraphClient
from tests.support.sizes import scaled

LISTS = {
    "articles": "{ list: articles(%s) { %s } }",
    "providers": "{ list: providers(%s) { %s } }",
    "topics": "{ list: topics(%s) { %s } }",
    "provider.articles": '{ it: provider(by: {domain: "harbourpost.example"})'
    " { list: articles(%s) { %s } } }",
    "topic.articles": '{ it: topic(by: {slug: "tides"}) { list: articles(%s) { %s } } }',
    "referencedBy": '{ it: article(by: {slug: "2026-08-19-port-verrins-lagoon-wall-is-closed-after-'
    'six-years"}) { list: referencedBy(%s) { %s } } }',
}
FORWARD_ONLY = {"diagnostics": "{ list: diagnostics(%s) { %s } }"}
EVERY_LIST = {**LISTS, **FORWARD_ONLY}
PAGE = (
    "totalCount edges { cursor node { __typename } } nodes { __typename } "
    "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
)
SLUG_EDGES = "edges { cursor node { slug } }"
ORDERS = ["PUBLISHED_DATE_TIME", "HEAT", "QUALITY", "TITLE"]


def arguments(**given: Any) -> str:
    """Arguments in GraphQL."""
    pairs = [f"{n}: {json.dumps(value)}" for n, value in given.items() if value is not None]
    return ", ".join(pairs) or "first: 100"


def part(graph: GraphClient, query: str, selection: str = PAGE, **given: Any) -> Any:
    """The connection with these arguments."""
    data = graph.query(query % (arguments(**given), selection))
    return data.get("it", data)["list"]


def cursors(page: Any) -> list[str]:
    """The cursors of a page, which identify its items."""
    return [edge["cursor"] for edge in page["edges"]]


@pytest.fixture
def preview(graph):
    """The graph of the seeds, for a viewer of all lists."""
    return graph.as_viewer(PREVIEW)


@pytest.mark.parametrize("query", EVERY_LIST.values(), ids=EVERY_LIST)
def test_list_whole_names_its_items_three_ways(preview, query):
    """Edges, nodes, total and page info agree, and the whole list has no further pages."""
    whole = part(preview, query)
    assert [edge["node"] for edge in whole["edges"]] == whole["nodes"]
    assert whole["totalCount"] == len(whole["nodes"]) > 1
    assert len(set(cursors(whole))) == len(whole["nodes"])
    assert whole["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": cursors(whole)[0],
        "endCursor": cursors(whole)[-1],
    }


@pytest.mark.parametrize("query", EVERY_LIST.values(), ids=EVERY_LIST)
def test_list_of_size_zero_has_no_items_and_true_flags(preview, query):
    """A page of size 0 has a total and correct flags."""
    page = part(preview, query, first=0)
    assert (page["edges"], page["nodes"]) == ([], [])
    assert page["totalCount"] > 0
    assert page["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": None,
    }


@pytest.mark.parametrize("query", EVERY_LIST.values(), ids=EVERY_LIST)
@settings(max_examples=5)
@given(sizes=st.lists(st.integers(1, 7), min_size=1))
def test_list_paged_forward_is_the_whole_list_once(graph, query, sizes):
    """With any page sizes, each item comes once, in order, with correct flags."""
    graph = graph.as_viewer(PREVIEW)
    whole = cursors(part(graph, query))
    seen: list[str] = []
    while len(seen) < len(whole):
        size = sizes[len(seen) % len(sizes)]
        page = part(graph, query, first=size, after=seen[-1] if seen else None)
        assert page["totalCount"] == len(whole)
        assert page["pageInfo"]["hasPreviousPage"] is bool(seen)
        seen += cursors(page)
        assert page["pageInfo"]["hasNextPage"] is (len(seen) < len(whole))
        assert page["nodes"]
    assert seen == whole


@pytest.mark.parametrize("query", LISTS.values(), ids=LISTS)
@settings(max_examples=5)
@given(sizes=st.lists(st.integers(1, 7), min_size=1))
def test_list_paged_backward_is_the_whole_list_once(graph, query, sizes):
    """The same backwards."""
    whole = cursors(part(graph, query))
    seen: list[str] = []
    while len(seen) < len(whole):
        size = sizes[len(seen) % len(sizes)]
        page = part(graph, query, last=size, before=seen[0] if seen else None)
        assert page["pageInfo"]["hasNextPage"] is bool(seen)
        seen = cursors(page) + seen
        assert page["pageInfo"]["hasPreviousPage"] is (len(seen) < len(whole))
        assert page["nodes"]
    assert seen == whole


@pytest.mark.parametrize("query", LISTS.values(), ids=LISTS)
@settings(max_examples=scaled(6, long=15))
@given(data=st.data())
def test_list_between_two_cursors_is_that_stretch(graph, query, data):
    """`after` and `before` together limit the list on both sides."""
    whole = cursors(part(graph, query))
    start = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(0, len(whole) - 1))
    size = data.draw(st.integers(0, 5))
    between = whole[start + 1 : end]
    bounds = {"after": whole[start], "before": whole[end]}
    assert cursors(part(graph, query, first=size, **bounds)) == between[:size]
    found = cursors(part(graph, query, last=size, **bounds))
    assert found == between[max(0, len(between) - size) :]


@pytest.mark.parametrize(
    ("given", "first", "count"),
    [
        ({}, 0, 20),
        ({"after": 2}, 3, 20),
        ({"before": 30}, 10, 20),
        ({"after": 2, "before": 30}, 3, 20),
        ({"last": 3}, 32, 3),
    ],
)
def test_list_without_a_size_has_the_default_one(graph, given, first, count):
    """The default size is 20, from the start or before a cursor."""
    query = LISTS["articles"]
    whole = cursors(part(graph, query))
    given = {name: whole[n] if name in ("after", "before") else n for name, n in given.items()}
    data = graph.query(query.replace("(%s)", "" if not given else f"({arguments(**given)})") % PAGE)
    assert cursors(data["list"]) == whole[first : first + count]


def test_list_sizes_are_settings(seeded):
    """The default and maximum page sizes are settings."""
    graph = GraphClient(seeded, sizes=PageSizes(default=2, maximum=3))
    assert len(graph.query("{ articles { nodes { id } } }")["articles"]["nodes"]) == 2
    assert len(graph.query("{ articles(first: 3) { nodes { id } } }")["articles"]["nodes"]) == 3
    code, message = graph.error("{ articles(first: 4) { nodes { id } } }")
    assert (code, message) == ("BAD_PAGE_SIZE", "first is 4; the maximum is 3.")


@pytest.mark.parametrize("query", EVERY_LIST.values(), ids=EVERY_LIST)
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("first: -1", "first is -1; it cannot be negative"),
        ("first: 101", "first is 101; the maximum is 100"),
        ("first: 2147483647", "first is 2147483647; the maximum is 100"),
        ("last: -1", "last is -1; it cannot be negative"),
        ("last: 101", "last is 101; the maximum is 100"),
        ("first: 1, last: 1", "either first or last, not both"),
    ],
)
def test_list_of_an_impossible_size_is_refused(seeded, query, given, told):
    """Negative, too large or two sizes are errors that name the limits."""
    if "last" in given and query in FORWARD_ONLY.values():
        return
    graph = GraphClient(seeded, viewer=PREVIEW)
    code, message = graph.error(query % (given, "totalCount"))
    assert code == "BAD_PAGE_SIZE"
    assert told in message


def test_nodes_over_the_cap_are_refused(graph):
    """The number of ids has the limit of page sizes."""
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert len(graph.query(query, ids=["x"] * 100)["nodes"]) == 100
    assert graph.error(query, ids=["x"] * 101)[0] == "BAD_PAGE_SIZE"


@pytest.mark.parametrize("query", EVERY_LIST.values(), ids=EVERY_LIST)
@pytest.mark.parametrize("cursor", ["", "bm9uc2Vuc2U", "💥", "WyJkLSIsMV0"])
@pytest.mark.parametrize("name", ["after", "before"])
def test_cursor_that_is_none_is_refused(preview, query, cursor, name):
    """An invalid cursor is an error."""
    if name == "before" and query in FORWARD_ONLY.values():
        return
    code, message = preview.error(query % (f'first: 1, {name}: "{cursor}"', "totalCount"))
    assert code == "BAD_CURSOR"
    assert "cursor" in message


def test_cursor_of_another_list_is_refused(preview):
    """A cursor belongs to one kind of list and one order."""
    queries = [
        *(f"{{ list: articles(orderBy: [{{field: {o}}}], %s) {{ %s }} }}" for o in ORDERS),
        "{ list: articles(orderBy: [{field: HEAT, direction: ASC}], %s) { %s } }",
        "{ list: articles(orderBy: [{field: HEAT}, {field: TITLE}], %s) { %s } }",
        LISTS["providers"],
        LISTS["topics"],
        FORWARD_ONLY["diagnostics"],
    ]
    found = [cursors(part(preview, query, first=1))[0] for query in queries]
    for mine, query in enumerate(queries):
        for other, cursor in enumerate(found):
            asked = query % (arguments(first=1, after=cursor), PAGE)
            if mine == other:
                preview.query(asked)
            else:
                assert preview.error(asked)[0] == "BAD_CURSOR"


def test_cursor_of_a_list_holds_in_its_other_parts(graph):
    """A cursor is valid for all filters of the same order."""
    after = cursors(part(graph, LISTS["articles"]))[10]
    rest = part(graph, LISTS["articles"], "nodes { slug topics { slug } }", first=100, after=after)
    tides = part(graph, LISTS["topic.articles"], "nodes { slug }", first=100, after=after)
    expected = [n["slug"] for n in rest["nodes"] if {"slug": "tides"} in n["topics"]]
    assert [node["slug"] for node in tides["nodes"]] == expected


numbered = st.integers(0, 30).map(
    lambda n: article(
        f"{n}", heat=n % 4, title=f"T{n % 3}", published_date_time=NOON.replace(day=1 + n % 5)
    )
)
some_articles = st.lists(numbered, max_size=6)


@settings(max_examples=scaled(20, long=40))
@given(
    start=st.lists(numbered, min_size=1, max_size=12),
    changes=st.lists(st.tuples(some_articles, some_articles), max_size=4),
    size=st.integers(1, 3),
    field=st.sampled_from(ORDERS),
)
def test_cursor_stays_right_while_articles_come_and_go(start, changes, size, field):
    """Pages of a changing list have all unchanged items once, in order."""
    repository = memory_repository(*start)
    graph = GraphClient(repository)
    query = f"{{ list: articles(orderBy: [{{field: {field}}}], %s) {{ %s }} }}"
    stayed, pending = everything(repository), list(changes)
    seen: list[str] = []
    after = None
    while edges := part(graph, query, SLUG_EDGES, first=size, after=after)["edges"]:
        seen += [edge["node"]["slug"] for edge in edges]
        after = edges[-1]["cursor"]
        if pending:
            come, gone = pending.pop()
            change(repository, come, gone)
            stayed &= everything(repository)
    whole = graph.slugs(orderBy=[{"field": field}], first=100)
    assert len(set(seen)) == len(seen)
    assert [slug for slug in seen if slug in stayed] == [slug for slug in whole if slug in stayed]


def everything(repository: MemoryRepository) -> set[str]:
    """The slugs of all articles now."""
    return {article.slug for article in repository._snapshot._visible(Visibility.ALL)}


def change(repository: MemoryRepository, come: list[Article], gone: list[Article]) -> None:
    """Put and delete some articles."""
    deletes = tuple(each.id for each in gone)
    asyncio.run(repository.apply(Batch(puts=tuple(come), deletes=deletes)))


def test_cursor_of_an_article_that_is_gone_still_names_its_place():
    """A cursor of a deleted article still names its position."""
    days = [article(f"{day}", published_date_time=NOON.replace(day=day)) for day in (5, 4, 3, 2)]
    repository = memory_repository(*days)
    graph = GraphClient(repository)
    second = cursors(part(graph, LISTS["articles"]))[1]
    change(repository, [], days[1:2])
    rest = part(graph, LISTS["articles"], "nodes { slug }", first=9, after=second)["nodes"]
    assert [node["slug"] for node in rest] == [days[2].slug, days[3].slug]


def test_list_in_equal_places_is_told_apart_by_ids():
    """Articles with equal sort keys are ordered by id."""
    graph = GraphClient(memory_repository(*(article(f"{n}") for n in range(9))))
    whole = part(graph, LISTS["articles"], "nodes { id }")["nodes"]
    assert all(one["id"] > other["id"] for one, other in pairwise(whole))
