"""The benchmark of expensive requests, at a small size."""

from __future__ import annotations

from contextlib import closing
from random import Random

import pytest
from graphql import parse

from tests.benchmarks.abuse.attack_client import AttackClient
from tests.benchmarks.abuse.attacks import ATTACKS, PLAIN
from tests.benchmarks.abuse.measure import MeasureOptions, measure
from tests.benchmarks.abuse.random_search import operation_text, search
from tests.benchmarks.abuse.server import ROOT, generated_store, run_server

_ARTICLES, _SIZE = 100, 20


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with a few articles."""
    return generated_store(tmp_path_factory.mktemp("data"), _ARTICLES)


@pytest.fixture(scope="module")
def server(store, tmp_path_factory):
    """A server for all attacks."""
    with run_server(store, tmp_path_factory.mktemp("abuse")) as server:
        yield server


@pytest.mark.parametrize("group", ATTACKS)
def test_server_survives_each_attack(server, group):
    """After one small request of each attack, the server still responds."""
    rng = Random(1)
    with closing(AttackClient(server.port, server.key)) as client:
        for attack in ATTACKS[group]:
            outcome = attack.attempt(client, rng, min(attack.size, _SIZE))
            assert outcome.code, attack.name
            client.close()
            assert PLAIN.attempt(client, rng, 1).code == "200", attack.name


def test_refused_attack_is_also_measured_at_an_accepted_size(store, tmp_path):
    """An attack whose full size is refused is also measured at an accepted size."""
    [attack] = [
        attack for attack in ATTACKS["filters"] if attack.name.startswith("a filter in filters")
    ]
    options = MeasureOptions(store, tmp_path, ROOT, seconds=0.2, attempts=10, seed=1)
    refused, accepted = measure("filters", attack, options)
    assert (refused.is_refused, accepted.is_refused) == (True, False)
    assert 0 < accepted.size < refused.size
    assert min(refused.cpu, accepted.cpu, accepted.rss_before, accepted.longest) > 0


def test_search_finds_expensive_operations(server):
    """The search finds a valid operation, and improves on the first ones."""
    told: list[str] = []
    with closing(AttackClient(server.port, server.key)) as client:
        found = search(server, client, Random(1), 40, told.append)
    assert len(told) > 1
    for each in found:
        parse(operation_text(each.seeds, Random(1)))
    assert any(not each.is_refused for each in found)
