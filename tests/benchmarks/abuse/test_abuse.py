"""The benchmark of abuse works, at a small size: a server survives each kind of request."""

from __future__ import annotations

from contextlib import closing
from random import Random

import pytest
from graphql import parse

from tests.benchmarks.abuse.client import Client
from tests.benchmarks.abuse.kinds import KINDS, PLAIN
from tests.benchmarks.abuse.measure import Plan, measure
from tests.benchmarks.abuse.search import search, text
from tests.benchmarks.abuse.server import ROOT, serving, store_of

_ARTICLES, _SIZE = 100, 20


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store of some articles."""
    return store_of(tmp_path_factory.mktemp("data"), _ARTICLES)


@pytest.fixture(scope="module")
def server(store, tmp_path_factory):
    """One server for all kinds of requests."""
    with serving(store, tmp_path_factory.mktemp("abuse")) as server:
        yield server


@pytest.mark.parametrize("group", KINDS)
def test_abuse_of_each_kind_leaves_the_server_at_work(server, group):
    """After one request of each kind, small ones, the same server answers others."""
    rng = Random(1)
    with closing(Client(server.port, server.key)) as client:
        for kind in KINDS[group]:
            outcome = kind.attempt(client, rng, min(kind.size, _SIZE))
            assert outcome.code, kind.name
            client.close()
            assert PLAIN.attempt(client, rng, 1).code == "200", kind.name


def test_abuse_of_a_size_is_measured_where_it_is_accepted_too(store, tmp_path):
    """A kind whose full size is refused has two rows, and the second one is an accepted size."""
    [kind] = [kind for kind in KINDS["filters"] if kind.name.startswith("a filter in filters")]
    plan = Plan(store, tmp_path, ROOT, seconds=0.2, attempts=10, seed=1)
    refused, accepted = measure("filters", kind, plan)
    assert (refused.is_refused, accepted.is_refused) == (True, False)
    assert 0 < accepted.size < refused.size
    assert min(refused.cpu, accepted.cpu, accepted.rss_before, accepted.longest) > 0


def test_abuse_search_finds_what_costs_more(server):
    """What it finds is an operation, and the most expensive of those that it tried."""
    told: list[str] = []
    with closing(Client(server.port, server.key)) as client:
        found = search(server, client, Random(1), 40, told.append)
    assert len(told) > 1
    for each in found:
        parse(text(each.seeds, Random(1)))
    assert any(not each.is_refused for each in found)
