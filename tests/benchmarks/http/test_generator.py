"""The operation generator of the HTTP benchmark, and the tables of its results."""

from __future__ import annotations

import asyncio
from random import Random

import orjson
import pytest

from gql.composition.executors import build_executor
from gql.http import GraphQLRequest
from gql.identity.viewer import PUBLIC
from gql.schema import Context, PageSizes
from gql.settings import Settings
from store import TinyDBRepository
from tests.benchmarks.http import generated
from tests.benchmarks.http.data import make_data
from tests.benchmarks.http.load import LoadRun
from tests.benchmarks.http.measure import BenchmarkPlan
from tests.benchmarks.http.operations import STRATA, GeneratedOperation, generate
from tests.benchmarks.http.operations.conditions import SUBSTRING_OPERATORS, conditions
from tests.benchmarks.http.operations.list_generator import ORDERS, SHAPES, SIZES, order_title
from tests.benchmarks.http.operations.operation import EnumName, Inlining, make_bodies
from tests.benchmarks.http.operations.parts import SelectionPart, template
from tests.benchmarks.http.operations.selections import SCHEMA, STYLES
from tests.benchmarks.http.queries import QUERIES
from tests.benchmarks.http.servers import CEILING, NEWSGRAPH, PEER
from tests.benchmarks.http.variants import ratios

_ARTICLES = 400
_SIZES = PageSizes(20, 1_000)
_SEEDS = range(1, 4)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A small corpus, generated as in the benchmark."""
    return make_data(tmp_path_factory.mktemp("corpus"), _ARTICLES)


@pytest.fixture(scope="module")
def operations(data):
    """Operations of all strata, with a few bodies each."""
    return generate(data.articles, data.cursors, len(STRATA), seed=7, values=4)


@pytest.fixture(scope="module")
def results(data, operations):
    """The results of all bodies, by name of the operation."""
    execute = build_executor(Settings(max_page_size=_SIZES.maximum), SCHEMA)

    async def answers():
        repository = TinyDBRepository.open(data.store)
        snapshot = await repository.snapshot()
        found = {
            operation.name: [
                await execute(_request(body), Context(snapshot, PUBLIC, _SIZES))
                for body in operation.bodies
            ]
            for operation in operations
        }
        await repository.close()
        return found

    return asyncio.run(answers())


def _request(body):
    decoded = orjson.loads(body)
    return GraphQLRequest(query=decoded["query"], variables=decoded.get("variables"))


def _traits(operations):
    return frozenset().union(*(operation.traits for operation in operations))


@pytest.mark.parametrize("seed", _SEEDS)
def test_a_full_set_covers_every_condition_order_shape_and_style(data, seed):
    """With any seed, one operation for each stratum covers all conditions, orders and styles."""
    covered = _traits(generate(data.articles, data.cursors, len(STRATA), seed=seed, values=1))
    wanted = {
        trait for kind in ("", *SUBSTRING_OPERATORS) for c in conditions(kind) for trait in c.traits
    }
    wanted |= {f"order {order_title(order)}" for order in ORDERS if order}
    wanted |= {*SHAPES, *(f"size {size}" for size in SIZES), "first", "last", "default order"}
    wanted |= {f"{style} fragments" for style in STYLES if style != "plain"}
    wanted |= {"__typename", *(inlining.value for inlining in Inlining)}
    wanted |= {"and", "or", "not", "range", "totalCount", "pageInfo", "content", "aliases"}
    wanted |= {"root", "topic", "provider", "referencedBy", "related", "several lists"}
    wanted |= {"node", "nodes(ids)", "topic tree", "@include @skip", "image sizes"}
    wanted |= {"topics with articles", "providers with articles"}
    wanted |= {f"article by {name}" for name in ("id", "slug", "url")}
    wanted |= {"article by slug and locale", "translations"}
    wanted |= {f"topic by {name}" for name in ("id", "slug", "name")}
    wanted |= {f"provider by {name}" for name in ("id", "domain")}
    assert wanted - covered == set()


def test_a_seed_always_draws_the_same_and_another_seed_something_else(data, operations):
    """Runs with the same seed have the same operations."""
    again = generate(data.articles, data.cursors, len(STRATA), seed=7, values=4)
    assert again == operations
    other = generate(data.articles, data.cursors, len(STRATA), seed=8, values=4)
    assert {one.text for one in other}.isdisjoint(
        one.text for one in operations if one.kind == "filtered list"
    )


def test_bodies_of_an_operation_are_all_different(operations):
    """No two bodies in a rotation are equal."""
    for operation in operations:
        assert len(set(operation.bodies)) == len(operation.bodies) > 0, operation.title


def test_a_long_list_of_values_has_as_many_bodies_as_asked(data):
    """Lists that continue from cursors have the requested number of bodies."""
    drawn = generate(data.articles, data.cursors, len(STRATA), seed=7, values=200)
    rich = [one for one in drawn if len(one.bodies) == 200]
    assert len(rich) >= len(drawn) * 0.6


def test_every_operation_is_answered_without_errors(operations, results, record_property):
    """All bodies are valid, within the limits and without errors; most are compiled."""
    for operation in operations:
        for result in results[operation.name]:
            assert result.has_data, (operation.name, operation.text, result.body[:300])
            assert not result.error_codes, (operation.name, result.body[:300])
    slow = [
        f"{one.name} {one.kind}: {one.title}"
        for one in operations
        if any(result.executor != "compiled" for result in results[one.name])
    ]
    record_property("not compiled", slow)
    print(f"{len(slow)} of {len(operations)} operations are not compiled", *slow, sep="\n  ")


def test_most_answers_hold_something(operations, results):
    """Operands are drawn from matching articles, so that most lists are not empty."""
    listed = [one for one in operations if {"nodes", "edges", "edges+cursor"} & one.traits]
    bodies = [result.body for one in listed for result in results[one.name]]
    full = [body for body in bodies if b'"id":"a_' in body or b'"title":' in body]
    assert len(full) >= len(bodies) * 0.8


def test_literals_ask_the_same_as_variables(data):
    """A literal in the text has the same result as a variable."""
    values = {
        "after": None,
        "filter": {"heat": {"gte": 10}, "not": {"title": {"startsWith": 'The "old'}}},
        "order": [{"field": EnumName("HEAT"), "direction": EnumName("ASC")}],
    }
    types = {"after": "String", "filter": "ArticleFilter!", "order": "[ArticleOrder!]"}
    text = (
        "articles(first: 5, after: $after, filter: $filter, orderBy: $order) "
        "{ edges { cursor node { id heat } } }"
    )
    part = SelectionPart(text, types, lambda _: values, frozenset({"after"}))
    drawn = template("Same", part, "relay", typename=True)
    requests = [_request(make_bodies(drawn, inlining, Random(1), 1)[0]) for inlining in Inlining]
    execute = build_executor(Settings(), SCHEMA)

    async def answers():
        repository = TinyDBRepository.open(data.store)
        snapshot = await repository.snapshot()
        found = [(await execute(each, Context(snapshot, PUBLIC, _SIZES))).body for each in requests]
        await repository.close()
        return found

    first, *others = asyncio.run(answers())
    assert b'"cursor"' in first
    assert others == [first, first]
    assert [bool(request.variables) for request in requests] == [True, True, False]


def _run(per_second, cpu_s=0.5):
    return LoadRun(requests=per_second, duration_s=1, server_cpu_s=cpu_s, load_cpu_s=0.1)


def _operation(name, kind):
    return GeneratedOperation(name, kind, "title", frozenset(), "{ id }", (b"{}",))


def test_summary_judges_substring_filters_by_their_own_goal():
    """Substring filters have a lower goal than other operations."""
    runs = {
        ("G01", NEWSGRAPH): [_run(200)],
        ("G01", CEILING): [_run(1_000)],
        ("G01", PEER): [_run(100)],
        ("G02", NEWSGRAPH): [_run(200)],
        ("G02", CEILING): [_run(1_000)],
    }
    listed = [_operation("G01", "filtered list"), _operation("G02", "contains")]
    one, other = generated.results(listed, runs)
    assert (one.share, one.times_peer, one.misses) == (0.2, 2, ["< 35%"])
    assert (other.share, other.times_peer, other.misses) == (0.2, None, [])
    lines = generated.summary([one, other])
    assert "geometric mean, share of the ceiling: 20.0% (goal 75%)" in lines
    assert any(line.startswith("lowest times Mercurius: 2.00 (goal 1.3), G01") for line in lines)
    assert lines[-1] == "2 operations, 1 of them below a goal"


def test_an_operation_that_failed_is_below_its_goal():
    """An operation without runs of newsgraph misses its goal."""
    [result] = generated.results([_operation("G01", "list")], {("G01", CEILING): [_run(1_000)]})
    assert result.misses == ["failed"]


def test_ratios_compare_each_variant_with_the_plain_server():
    """The ratio of a variant is its median rate by that of the plain server."""
    query = QUERIES["Q1"]
    plan = BenchmarkPlan([query], [NEWSGRAPH, "API key"], rounds=3, seconds=1, connections=1)
    runs = {
        ("Q1", NEWSGRAPH): [_run(n) for n in (100, 200, 900)],
        ("Q1", "API key"): [_run(n) for n in (90, 180, 190)],
    }
    assert ratios(plan, runs) == {"API key": {"Q1": 0.9}}
