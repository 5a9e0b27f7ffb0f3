"""The compiled executor gives the same responses as graphql-core.

Both executors execute each request, and the responses are compared byte for byte
(`differential.ExecutorPair`).
"""

from __future__ import annotations

import asyncio
import gc
from itertools import product

import pytest

from gql.identity.viewer import PREVIEW, PUBLIC, Permission, Viewer
from gql.schema import PageSizes
from store.names import provider_id, topic_id
from tests.support.differential import OTHER, STORY, ExecutorPair, execute, run_session
from tests.support.random_sessions import random_session
from tests.support.repository_contract import make_article
from tests.support.request_coverage import Coverage
from tests.support.sizes import scaled

REQUESTS = scaled(2_100, long=4_000)


# graphql-core lets go of what it need not finish once a field's error has emptied the answer.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
def test_executors_give_equal_responses_in_random_sessions():
    """Requests of all kinds and viewers, between writes; nearly all valid ones run by plans.

    Where a feature is rare in the first sessions, there are up to twice as many.
    """
    coverage, number = Coverage(), 0
    while (total := coverage.requests[Coverage.TOTAL]) < REQUESTS or (
        total < 2 * REQUESTS and coverage.missing(least=5)
    ):
        try:
            coverage.add(asyncio.run(run_session(random_session(number))))
        except Exception as error:
            again = f"python -m tests.stress.fuzz_executor --session {number}"
            raise AssertionError(f"The executors differ. See: {again}") from error
        number += 1
    gc.collect()  # what was let go of is this test's, not the next one's
    assert not coverage.missing(least=5)
    valid, compiled = coverage.valid[Coverage.TOTAL], coverage.compiled[Coverage.TOTAL]
    assert valid >= REQUESTS * 0.6
    assert compiled >= valid * 0.95


def test_date_time_and_enum_arguments_mean_the_same_from_variables_and_literals():
    """Custom scalars and enums are coerced as in the reference executor."""
    query = """query ($from: DateTime, $order: [ArticleOrder!]) {
      a: articles(filter: {publishedDateTime: {gte: $from}}, orderBy: $order) { nodes { slug } }
      b: articles(filter: {publishedDateTime: {gte: "2026-01-01T22:00:00-02:00"}},
                  orderBy: {field: HEAT}) { nodes { slug } } }"""
    asked = execute(
        query, {"from": "2026-01-02", "order": [{"field": "HEAT", "direction": "DESC"}]}
    )
    assert asked.data["a"] == asked.data["b"] == {"nodes": [{"slug": OTHER.slug}]}
    assert (
        execute(query, {"order": [{"field": "heat"}]}).error["extensions"]["code"]
        == "BAD_USER_INPUT"
    )


def test_fields_that_are_selected_twice_are_merged():
    """Selection sets of one response key are merged, in the order of first occurrence."""
    query = """{ article(by: {slug: "2026-01-01-story"}) {
        slug related { title } ...F related { article { slug } } provider { name } ... { slug } }
      article(by: {slug: "2026-01-01-story"}) { provider { __typename domain } } }
      fragment F on Article { related { title quality } provider { domain } }"""
    article = execute(query).data["article"]
    assert list(article) == ["slug", "related", "provider"]
    assert article["related"] == [
        {"title": "Related", "quality": None, "article": {"slug": OTHER.slug}}
    ]
    assert list(article["provider"]) == ["domain", "name", "__typename"]


@pytest.mark.parametrize(
    ("sent", "count"), [({}, 1), ({"first": None}, 2), ({"first": 2}, 2), ({"first": 0}, 0)]
)
def test_variable_absent_null_and_given_differ(sent, count):
    """A variable's default is for one that is not sent; null means the default of the field."""
    query = "query ($first: Int = 1) { articles(first: $first) { nodes { id } } }"
    assert len(execute(query, sent).data["articles"]["nodes"]) == count


def test_variables_that_are_equal_in_python_differ():
    """1, 1.0, true and "1" have different results in one plan."""
    pair = ExecutorPair()
    query = "query ($first: Int) { articles(first: $first) { nodes { id } } }"
    for sent, is_valid in [(1, True), (True, False), (1.0, True), ("1", False), (1, True)]:
        assert ("errors" not in execute(query, {"first": sent}, pair=pair).response) is is_valid
    query = "query ($cached: Boolean) { articles { nodes { images(isCached: $cached) { url } } } }"
    for flag, is_valid in [(0, False), (False, True), (None, True), (True, True), (1.0, False)]:
        assert ("errors" not in execute(query, {"cached": flag}, pair=pair).response) is is_valid


def test_arguments_in_a_document_are_part_of_the_key_of_rows():
    """The images of an article differ by the width in the arguments."""
    pair = ExecutorPair()
    query = "query ($w: Int) { articles(last: 1) { nodes { image(width: $w) { width } } } }"
    for sent, width in [({"w": 150}, 200), ({"w": 50}, 100), ({}, 100), ({"w": 150}, 200)]:
        [node] = execute(query, sent, pair=pair).data["articles"]["nodes"]
        assert node["image"]["width"] == width


@pytest.mark.parametrize("type", ["String", "String!"])
def test_texts_in_arguments_are_those_of_each_request(type):
    """A text in two arguments, or in a filter as well, is right in each of them."""
    pair, cursors = ExecutorPair(), cursors_of(ExecutorPair())
    query = f"""query ($a: {type}, $b: String, $n: Int) {{
      articles(after: $a, before: $a, first: $n) {{ nodes {{ id }} }}
      more: articles(after: $b, filter: {{slug: {{ne: $b}}}}) {{ totalCount }}
      again: articles(after: $b, last: $n) {{ nodes {{ id }} }}
    }}"""
    for a, b in [*product(cursors, repeat=2), (None, cursors[0]), ("x", None), (cursors[1], 5)]:
        for n in (1, None):
            execute(query, {"a": a, "b": b, "n": n}, pair=pair)


def cursors_of(pair: ExecutorPair) -> list[str]:
    """The cursors of all articles."""
    edges = execute("{ articles { edges { cursor } } }", pair=pair).data["articles"]["edges"]
    return [edge["cursor"] for edge in edges]


def test_variables_are_read_in_each_execution():
    """A client in this process that changes a list after sending it gets the new result."""
    pair, slugs = ExecutorPair(), [STORY.slug]
    query = "query ($f: ArticleFilter) { articles(filter: $f) { nodes { slug } } }"
    for count in (1, 2):
        nodes = execute(query, {"f": {"slug": {"in": slugs}}}, pair=pair).data["articles"]["nodes"]
        assert len(nodes) == count
        slugs.append(OTHER.slug)


def test_skip_and_include_apply_to_fields_and_fragments():
    """Each outcome of the directives has a plan of its own."""
    query = """query ($skip: Boolean!, $include: Boolean = true) {
      article(by: {slug: "2026-01-01-story"}) {
        ...F @skip(if: $skip) ... on Node @include(if: $include) { id }
        title @skip(if: $include) @include(if: $skip) } }
      fragment F on Article { slug }"""
    pair = ExecutorPair()
    for skip, include in product([True, False], [True, False, True]):
        expected = {"slug": not skip, "id": include, "title": skip and not include}
        asked = execute(query, {"skip": skip, "include": include}, pair=pair)
        shown = [name for name, is_shown in expected.items() if is_shown]
        assert list(asked.data["article"]) == shown


def test_variable_of_a_skipped_field_is_coerced():
    """The request is invalid although no field reads the variable."""
    query = """query ($skip: Boolean!, $first: Int) {
      __typename articles(first: $first) @skip(if: $skip) { totalCount } }"""
    pair = ExecutorPair()
    for first, is_valid in [(1, True), ("1", False), (1, True)]:
        answer = execute(query, {"skip": True, "first": first}, pair=pair).response
        assert ("errors" not in answer) is is_valid


def test_null_for_a_directive_is_a_field_error():
    """A variable with a default may be null; then the field fails, and not the request."""
    query = """query ($show: Boolean = true) { article(by: {slug: "2026-01-01-story"}) {
      slug @include(if: $show) } }"""
    pair = ExecutorPair()
    assert execute(query, {"show": None}, pair=pair).error["extensions"]["code"] == "BAD_USER_INPUT"
    assert pair.compiled.counts["fault"] == 0


def test_type_conditions_on_interfaces_select_fields():
    """Each node has the fields of its own type; a missing one is null."""
    query = """query ($ids: [ID!]!) { nodes(ids: $ids) { __typename ... on Node { id }
      ... on Article { slug } ...F ... on Topic { name articleCount } } }
      fragment F on Provider { name domain }"""
    ids = [STORY.id, "nothing", topic_id("tides"), provider_id("post.example"), STORY.id]
    nodes = execute(query, {"ids": ids}).data["nodes"]
    assert [node and list(node) for node in nodes] == [
        ["__typename", "id", "slug"],
        None,
        ["__typename", "id", "name", "articleCount"],
        ["__typename", "id", "name", "domain"],
        ["__typename", "id", "slug"],
    ]


def test_errors_keep_paths_and_locations():
    """An error in a list has the item's path and its location; the other items have data."""
    query = """{ ok: articles { totalCount }
      articles { nodes { mentions: referencedBy(after: "zzz") { totalCount } } } }"""
    errors = execute(query).response["errors"]
    assert {tuple(error["path"]) for error in errors} <= {
        ("articles", "nodes", n, "mentions") for n in (0, 1)
    }
    assert errors[0]["locations"] == [{"line": 2, "column": 26}]


def test_operation_name_selects_one_of_several():
    """Each operation of a document has its own plan."""
    pair = ExecutorPair()
    query = "query A { articles { totalCount } } query B { topics { totalCount } }"
    for name, field in [("A", "articles"), ("B", "topics"), ("A", "articles")]:
        assert list(execute(query, pair=pair, operation_name=name).data) == [field]
    for unknown in (None, "", "C"):
        assert "data" not in execute(query, pair=pair, operation_name=unknown).response


def test_response_depends_on_the_permissions():
    """Equal requests of different viewers have different responses, in any order."""
    draft = make_article("draft", published=False, secured="s3cret")
    drafts, secured = Viewer({Permission.READ_DRAFTS}), Viewer({Permission.READ_SECURED})
    pair, query = ExecutorPair(), "{ articles { totalCount nodes { secured } } }"
    expected = {PREVIEW: (True, 2), drafts: (False, 2), secured: (True, 1), PUBLIC: (False, 1)}
    for viewer in [PREVIEW, PUBLIC, drafts, secured, PUBLIC, PREVIEW]:
        asked = execute(query, articles=[draft, OTHER], viewer=viewer, pair=pair)
        may, count = expected[viewer]
        articles = asked.response["data"]["articles"]
        assert (articles["nodes"][-1]["secured"] is not None) is may
        assert articles["totalCount"] == count


def test_long_lists_are_answered():
    """A few thousand documents with links, in one response."""
    articles = [make_article(f"n{n}", topics=(f"T{n % 5}",)) for n in range(3_000)]
    query = "{ articles(first: 3000) { nodes { id topics { name } } } }"
    pair = ExecutorPair(sizes=PageSizes(3, 5_000))
    assert len(execute(query, articles=articles, pair=pair).data["articles"]["nodes"]) == 3_000


@pytest.mark.parametrize("number", [2026000374, 2028002172])
def test_sessions_in_which_the_executors_once_differed(number):
    """Regressions: a linked row cached without its variables; a load shared by two fields."""
    asyncio.run(run_session(random_session(number)))
