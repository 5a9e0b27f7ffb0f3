"""The estimated cost of operations, and the cost limit."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import orjson
import pytest
from graphql import parse
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from gql.adapters.strawberry import graphql_schema
from gql.composition.app import create_app
from gql.http import CostLimitExecutor, CostSettings, GraphQLRequest, ReferenceExecutor
from gql.http.limits.cost import ASSUMED_ITEMS, CONNECTION, OBJECT, BoundOperation
from gql.http.limits.cost_estimator import CostEstimator
from gql.identity.viewer import PUBLIC
from gql.schema import Context
from gql.settings import load_settings
from store import Batch, MemoryRepository
from tests.support import store_strategies
from tests.support.factories import article, memory_repository
from tests.support.graph_client import SCHEMA
from tests.support.random_operations import RandomOperation, random_operation
from tests.support.sizes import scaled

EXECUTOR = ReferenceExecutor(SCHEMA)
LEVELS = 40
N, C, ONE = ASSUMED_ITEMS, CONNECTION, OBJECT
SPREAD_TWICE = """{ a: articles(first: 1) { ...P } b: articles(first: 50) { ...P } }
  fragment P on ArticleConnection { nodes { id } }"""


def limit(maximum: int = 10**9) -> CostLimitExecutor:
    """An executor with this cost limit."""
    return CostLimitExecutor(EXECUTOR, EXECUTOR, CostSettings(maximum=maximum))


def cost(query: str, **variables: Any) -> int:
    """The cost of a query, with pages of 20 and at most 100."""
    return limit().estimate_cost(GraphQLRequest(query=query, variables=variables))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ __typename }", 0),
        ('{ article(by: {slug: "x"}) { title } }', ONE + 1),
        ('{ article(by: {slug: "x"}) { title tags provider { name } } }', ONE + 2 + ONE + 1),
        ("{ articles { totalCount } }", C + 1),
        ("{ changesCursor }", C),
        ("{ articles { nodes { title } } }", C + 1 + 20 * 2),
        ("{ articles(first: 50) { nodes { title } } }", C + 1 + 50 * 2),
        ("{ articles(last: 50) { nodes { title } } }", C + 1 + 50 * 2),
        ("{ articles(first: 50) { edges { cursor node { title } } } }", C + 1 + 50 * (2 + ONE + 1)),
        ("{ articles(first: 0) { nodes { title } } }", C + 1),
        ("{ articles(first: null) { nodes { title } } }", C + 1 + 20 * 2),
        (
            "{ articles(first: 10) { nodes { referencedBy(first: 7) { nodes { id } } } } }",
            C + 1 + 10 * (1 + C + 1 + 7 * 2),
        ),
        ('{ article(by: {slug: "x"}) { images { url } } }', ONE + 1 + N * 2),
        ("{ a: articles(first: 1) { totalCount } b: articles { totalCount } }", 2 * (C + 1)),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', 1 + 3 * 2),
        ('{ node(id: "a") { ... on Article { title } ... on Topic { name } } }', ONE + 2),
        ("{ articles { ...P } } fragment P on ArticleConnection { nodes { id } }", C + 1 + 20 * 2),
        (SPREAD_TWICE, 2 * (C + 1) + (1 + 50) * 2),
        ("{ topics { totalCount @skip(if: true) nodes @include(if: false) { id } } }", C),
    ],
)
def test_cost_is_list_sizes_times_fields(query, expected):
    """Each value and each list item that may be in the response counts 1."""
    assert cost(query) == expected


@pytest.mark.parametrize(
    ("variables", "size"),
    [({}, 30), ({"n": 50}, 50), ({"n": None}, 20), ({"n": 50.0}, 50), ({"n": 0}, 0)],
)
def test_cost_depends_on_variables(variables, size):
    """A value, a default of the operation, or null for the default page."""
    query = "query ($n: Int = 30) { articles(first: $n) { nodes { id } } }"
    assert cost(query, **variables) == C + 1 + size * 2


def test_cost_is_cached_by_variables():
    """Equal documents with other variables are estimated again, in any order."""
    costs = limit()
    query = (
        "query ($n: Int, $ids: [ID!]!, $all: Boolean!)"
        " { articles(first: $n) @include(if: $all) { nodes { id } } nodes(ids: $ids) { id } }"
    )
    for n, ids, is_asked in [(1, 2, True), (2, 1, True), (1, 2, False), (1, 3, True), (1, 2, True)]:
        variables = {"n": n, "ids": ["x"] * ids, "all": is_asked}
        request = GraphQLRequest(query=query, variables=variables)
        assert costs.estimate_cost(request) == (C + 1 + 2 * n) * is_asked + 1 + 2 * ids


@pytest.mark.parametrize("size", [101, 2**31 - 1, 1e300])
def test_cost_of_a_page_that_is_too_large_is_that_of_the_largest(size):
    """A larger page is refused in execution, with an error of its own."""
    query = "query ($n: Int) { articles(first: $n) { nodes { id } } }"
    assert cost(query, n=size) == C + 1 + 100 * 2


def test_cost_of_fragments_that_double_is_counted_in_no_time():
    """Each level spreads the next one twice: the cost is huge, the estimation is fast."""
    levels = "".join(
        f" fragment F{n} on Article"
        f" {{ provider {{ articles {{ nodes {{ ...F{n + 1} ...F{n + 1} }} }} }} }}"
        for n in range(LEVELS)
    )
    query = f"{{ articles {{ nodes {{ ...F0 }} }} }}{levels} fragment F{LEVELS} on Article {{ id }}"
    ast = parse(query)
    asked = BoundOperation(graphql_schema(SCHEMA), ast, ast.definitions[0], {})  # type: ignore[arg-type]
    assert CostEstimator(asked, CostSettings()).total() > 40**LEVELS


SIZED = re.compile(r"(first|last): (\d+)")
BIG = """{ articles(first: 60) { nodes { id referencedBy(last: 30) { nodes { id title } } } }
  topics(first: 90) { nodes { name articles(first: 50) { edges { cursor node { id } } } } } }"""


def clamped(query: str, most: int) -> str:
    """The query with no list asking for more than this."""
    return SIZED.sub(lambda found: f"{found[1]}: {min(int(found[2]), most)}", query)


@given(st.integers(1, cost(BIG) + 10))
def test_refusal_tells_the_largest_lists_that_pass(maximum):
    """Lists of at most `first` items are within the limit; with one more they are not."""
    costs = limit(maximum)
    request = GraphQLRequest(query=BIG)
    found = costs.estimate_cost(request)
    if found <= maximum:
        return
    told = costs.limit_error(request, found)["extensions"]
    assert (told["code"], told["cost"], told["limit"]) == ("QUERY_TOO_EXPENSIVE", found, maximum)
    first = told["first"]
    if first is not None:
        assert cost(clamped(BIG, first)) <= maximum
    assert cost(clamped(BIG, (first or 0) + 1)) > maximum


def values(fields: dict[str, Any]) -> int:
    """The number of values in a response object, as costs are counted."""
    return sum(
        1 if name.startswith("metadata") else _value(value)
        for name, value in fields.items()
        if not name.startswith("__")
    )


def _value(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + values(value)
    if isinstance(value, list):
        return 1 + sum(1 + values(item) for item in value if isinstance(item, dict))
    return 1


@settings(max_examples=scaled(20, long=40))
@given(st.integers(0, 2**24 - 1), st.integers(1, 40), store_strategies.full_batches)
def test_cost_bounds_the_number_of_values(seed, fields, batch):
    """No random operation has more values than its cost."""
    asyncio.run(check_bounds(random_operation(seed, fields), batch))


async def check_bounds(operation: RandomOperation, batch: Batch) -> None:
    """Execute all operations of a document with all variables."""
    costs, repository = limit(), MemoryRepository()
    await repository.apply(batch)
    context = Context(await repository.snapshot(), PUBLIC)
    for name in operation.names:
        for variables in operation.variables:
            request = GraphQLRequest(
                query=operation.text, operation_name=name, variables=dict(variables)
            )
            result = await costs(request, context)
            data = orjson.loads(result.body).get("data")
            assert values(data or {}) <= costs.estimate_cost(request)


FULL = """{ articles(first: 50) { totalCount nodes { id slug title excerpt content category type
  publishedDateTime updatedDateTime url webUrl originalUrl ampWebUrl cdnAmpWebUrl quality heat
  published locale tags featuredContent metadata revision
  provider { id domain name images { url width height } } topics { id slug name parent { name } }
  images { url width height title attribution isCached }
  related { title excerpt type publishedDateTime url webUrl quality provider { name domain }
    images { url width height } article { id title } } } } }"""


def client(**given: Any) -> TestClient:
    """A client of a server with a few articles."""
    held = memory_repository(*(article(f"n{number}") for number in range(5)))
    return TestClient(create_app(load_settings(given), held))


def test_cost_of_fifty_articles_with_everything_is_within_the_default():
    """Usual queries are far below the limit."""
    assert cost(FULL) < load_settings().max_cost / 2
    assert "errors" not in client().post("/graphql", json={"query": FULL}).json()


@pytest.mark.parametrize("compiled", [True, False])
def test_query_above_the_limit_is_refused_by_both_executors(compiled):
    """Status 400 with the numbers, before it is executed, each time; GET and POST."""
    server = client(compiled=compiled, max_cost=C + 10)
    query = "{ articles(first: 6) { nodes { slug } } }"
    accept = {"accept": "application/graphql-response+json"}
    for _ in range(2):
        for response in (
            server.post("/graphql", json={"query": query}, headers=accept),
            server.get("/graphql", params={"query": query}, headers=accept),
        ):
            assert response.status_code == 400
            assert "data" not in response.json()
            [error] = response.json()["errors"]
            assert error["extensions"] == {
                "code": "QUERY_TOO_EXPENSIVE",
                "cost": C + 13,
                "limit": C + 10,
                "first": 4,
            }
            assert "first: 4" in error["message"]
    passing = server.post("/graphql", json={"query": query.replace("6", "4")}).json()
    assert len(passing["data"]["articles"]["nodes"]) == 4


def test_error_says_that_no_list_size_is_within_the_limit():
    """`first` is null then."""
    response = client(max_cost=2).post("/graphql", json={"query": "{ articles { nodes { id } } }"})
    [error] = response.json()["errors"]
    assert error["extensions"]["first"] is None
    assert "Ask for fewer fields" in error["message"]


@pytest.mark.parametrize("compiled", [True, False])
def test_cost_is_in_the_headers_of_every_answer(compiled):
    """Also of a cached one, and of a refused one."""
    server = client(compiled=compiled, max_cost=C + 19)
    for size in (3, 3, 10, 10, 9):
        query = f"{{ articles(first: {size}) {{ nodes {{ id }} }} }}"
        response = server.post("/graphql", json={"query": query})
        assert response.headers["x-newsgraph-cost"] == str(C + 1 + 2 * size)


@pytest.mark.parametrize("compiled", [True, False])
def test_cost_is_in_the_answer_on_request(compiled):
    """`extensions.cost` of the request asks for it; the data are the same, and errors stay."""
    server = client(compiled=compiled)
    body = {"query": "{ articles { nodes { slug } } diagnostics { totalCount } }"}
    plain = server.post("/graphql", json=body).json()
    told = server.post("/graphql", json={**body, "extensions": {"cost": True}}).json()
    found = C + 1 + 2 * 20 + C + 1
    assert told.pop("extensions") == {"cost": {"found": found, "limit": load_settings().max_cost}}
    assert told == plain
    for other in (False, 1, None):
        response = server.post("/graphql", json={**body, "extensions": {"cost": other}})
        assert response.json() == plain


def test_invalid_request_has_no_cost():
    """It is refused by its own error."""
    response = client(max_cost=1).post("/graphql", json={"query": "{ nonsense }"})
    assert response.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert "x-newsgraph-cost" not in response.headers


MANY = """query ($f: ArticleFilter!) {
  topics(first: 100) { nodes {
    a: articles(first: 0, filter: $f) { totalCount }
    b: articles(first: 0, filter: {not: $f, heat: {ne: 1}}) { totalCount }
  } }
}"""
COUNT = "query ($f: ArticleFilter!) { articles(first: 0, filter: $f) { totalCount } }"
NEEDLES = {"and": [{"excerpt": {"contains": f"needle {n}"}} for n in range(99)]}


def told(query: str, **variables: Any) -> tuple[int, Any]:
    """The cost that a server reports for a query, and the code of its error."""
    body = {"query": query, "variables": variables}
    response = client().post("/graphql", json=body)
    [error] = response.json().get("errors", [{"extensions": {"code": None}}])
    return int(response.headers.get("x-newsgraph-cost", 0)), error["extensions"]["code"]


def test_cost_counts_searches():
    """Once for each list with the filter; a list without selected values costs its search, too."""
    assert told("{ articles(first: 0) { totalCount } }")[0] == C + 1
    filtered = 'articles(first: 0, filter: {excerpt: {contains: "x"}}) { totalCount }'
    one = told(f"{{ {filtered} }}")[0]
    assert one > C + 11
    assert told(f"{{ a: {filtered} b: {filtered} }}")[0] == 2 * one
    assert told("{ articles(first: 0, orderBy: [{field: TITLE}]) { totalCount } }")[0] > C + 1


def test_filters_that_cost_too_much_are_refused_before_they_are_executed():
    """A small request may need millions of comparisons, by one variable in many lists."""
    found, code = told(MANY, f=NEEDLES)
    assert code == "QUERY_TOO_EXPENSIVE"
    assert found > load_settings().max_cost
    assert told(MANY, f={"and": NEEDLES["and"][:1]})[1] is None


def test_many_aliased_lists_are_refused_without_selected_values():
    """Each page costs its look-up, with a filter or without."""
    for lists in ("articles(first: {n})", "articles(last: {n}, filter: {{heat: {{ne: {n}}}}})"):
        many = " ".join(f"a{n}: {lists.format(n=n)} {{ totalCount }}" for n in range(99))
        assert (
            told(f"{{ topics(first: 100) {{ nodes {{ {many} }} }} }}")[1] == "QUERY_TOO_EXPENSIVE"
        )


def test_filter_of_a_variable_costs_the_same_under_every_alias():
    """It is estimated once, and counts for each list; also within another filter."""
    lists = "{alias}: articles(first: 0, filter: {{not: $f}}) {{ totalCount }}"
    query = "query ($f: ArticleFilter!) {{ {} }}".format
    one = told(query(lists.format(alias="a")), f={"and": NEEDLES["and"][:2]})[0]
    three = " ".join(lists.format(alias=alias) for alias in "abc")
    assert told(query(three), f={"and": NEEDLES["and"][:2]})[0] == 3 * one


def test_cost_of_a_filter_is_estimated_for_each_value():
    """Values of equal size may have different costs."""
    costs = [told(COUNT, f={"type": {"in": each}})[0] for each in (["a"], ["b"] * 900, ["a"])]
    assert costs[0] == costs[2] < costs[1]


WORDS = ["and", "or", "not", "field", "direction", "title", "heat", "contains", "in", "TITLE"]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
ANYTHING = st.recursive(
    LEAVES | st.sampled_from(WORDS),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(WORDS) | st.text(), inner),
    max_leaves=12,
)
LISTED = """query ($f: ArticleFilter, $o: [ArticleOrder!]) {
  articles(filter: $f, orderBy: $o) { totalCount }
}"""


@given(ANYTHING, ANYTHING)
@example([[]], None)
@example({"and": 1}, None)
@example({"heat": {"x": 1}}, None)
@example(None, [{"field": ["TITLE"]}])
def test_cost_of_an_invalid_filter_is_no_internal_error(filter, order):
    """Variables may be any JSON: coercion refuses invalid values."""
    body = {"query": LISTED, "variables": {"f": filter, "o": order}}
    response = client().post("/graphql", json=body)
    codes = [error["extensions"]["code"] for error in response.json().get("errors", ())]
    assert "INTERNAL_ERROR" not in codes
