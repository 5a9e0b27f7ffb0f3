"""The HTTP benchmark's requests, checks of responses and tables."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from store import NEWEST_FIRST, CursorCodec
from store.model import Article, ProviderMention
from tests.benchmarks.http.load import LoadRun
from tests.benchmarks.http.measure import BenchmarkPlan
from tests.benchmarks.http.queries import FRESH_CARDS, QUERIES, Workload
from tests.benchmarks.http.report import cells, rows
from tests.benchmarks.http.response_check import DisagreementError, check_equal
from tests.benchmarks.http.servers import CEILING, NEWSGRAPH, PEER

_NEWEST = datetime(2026, 1, 1, tzinfo=UTC)
_PROVIDER = ProviderMention(domain="post.example", name="Post")
ARTICLES = [
    Article(
        slug=f"article-{number}",
        title=f"Article {number}",
        provider=_PROVIDER,
        published_date_time=_NEWEST - timedelta(hours=number),
        topics=(*(["Ocean"] if number % 3 else []), *(["Trams"] if number % 2 else [])),
    )
    for number in range(2_500)
]

CURSORS = CursorCodec()


def _variables(bodies):
    return [orjson.loads(body)["variables"] for body in bodies]


def _starts(bodies):
    """Where each body's page starts among all articles."""
    places = {CURSORS.article(a, NEWEST_FIRST): place for place, a in enumerate(ARTICLES)}
    return [places[v["after"]] + 1 if v["after"] else 0 for v in _variables(bodies)]


def _run(per_second):
    return LoadRun(requests=per_second, duration_s=1, server_cpu_s=0.5, load_cpu_s=0.1)


@pytest.mark.parametrize("name", QUERIES)
def test_rotating_bodies_are_all_different(name):
    """No two rotating requests are equal."""
    bodies = Workload(QUERIES[name], ARTICLES, CURSORS).rotating()
    assert len(set(bodies)) == len(bodies) >= 1_500


@pytest.mark.parametrize(("name", "size"), [("Q3", 50), ("Q4", 1_000)])
def test_disjoint_pages_share_no_document_and_are_full(name, size):
    """Cold pages share no document, and the last one is full, too."""
    starts = sorted(_starts(Workload(QUERIES[name], ARTICLES, CURSORS).disjoint()))
    assert starts == list(range(0, len(ARTICLES) - size + 1, size))


def test_disjoint_cards_are_nearly_all_new():
    """At most a fifth of the cards of a cold page were on an earlier page."""
    places = range(len(ARTICLES))
    lists = {"ocean": [p for p in places if p % 3], "trams": [p for p in places if p % 2]}
    bodies = Workload(QUERIES["Q2"], ARTICLES, CURSORS).disjoint()
    shown = []
    for variables, start in zip(_variables(bodies), _starts(bodies), strict=True):
        shown += [place for place in lists[variables["slug"]] if place >= start][:20]
    assert len(set(shown)) >= len(shown) * FRESH_CARDS / 20


def test_answers_that_differ_are_refused_with_their_place():
    """The error names the path and both values of the first difference."""
    one = [{"articles": {"nodes": [{"id": "a"}, {"id": "b"}]}}]
    other = [{"articles": {"nodes": [{"id": "a"}, {"id": "c"}]}}]
    check_equal("Q4", one, one)
    with pytest.raises(DisagreementError, match=r"nodes\[1\]\.id is 'b' and 'c'"):
        check_equal("Q4", one, other)


def test_cursors_of_one_position_are_the_same_without_a_code():
    """A peer's cursor equals ours if only the signature differs, and consists of zeros."""
    ours, theirs = ([{"cursor": _cursor(b"one", code)}] for code in (b"8 bytes!", bytes(8)))
    check_equal("Q1", ours, theirs)
    with pytest.raises(DisagreementError, match="cursor"):
        check_equal("Q1", ours, [{"cursor": _cursor(b"two", bytes(8))}])
    with pytest.raises(DisagreementError, match="cursor"):
        check_equal("Q1", ours, [{"cursor": _cursor(b"one", b"another!")}])


def _cursor(position, code):
    return base64.urlsafe_b64encode(position + code).rstrip(b"=").decode()


def test_answers_that_lack_a_null_field_are_refused():
    """A null field differs from an absent one."""
    with pytest.raises(DisagreementError, match="excerpt"):
        check_equal("Q2", [{"title": "A", "excerpt": None}], [{"title": "A"}])


def test_rows_compare_medians_and_judge_the_goals():
    """A rate is the median of its rounds, and a goal is reached from its exact value on."""
    plan = BenchmarkPlan(
        [QUERIES["Q1"]], [CEILING, NEWSGRAPH, PEER], rounds=3, seconds=1, connections=1
    )
    runs = {
        ("Q1", CEILING): [_run(n) for n in (900, 1_000, 5_000)],
        ("Q1", NEWSGRAPH): [_run(n) for n in (800, 10, 2_000)],
        ("Q1", PEER): [_run(n) for n in (600, 600, 600)],
    }
    ours = cells(rows(plan, runs)[1])
    assert ours[2:5] == ("800", "10-2,000", "80%")
    assert ours[-1] == ">= 80% of ceiling: yes, >= 1.4 x mercurius: NO"
