"""Filters, orders and look-ups: small requests that are expensive to execute."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import orjson

from tests.benchmarks.abuse.attacks.attack import Attack, aliases, operation, random_word

_FIELDS = ("excerpt", "title", "slug", "category")


def _contains(rng: Random, count: int) -> list[dict[str, Any]]:
    return [{"excerpt": {"contains": random_word(rng, 5)}} for _ in range(count)]


def _topics(rng: Random, size: int) -> tuple[str, Mapping[str, Any]]:
    start = rng.randrange(10**6)
    lists = (
        f"a{i}: topics(first: 100) {{ nodes {{ articles(first: 0, "
        f"filter: {{not: $f, heat: {{ne: {start + i}}}}}) {{ totalCount }} }} }}"
        for i in range(size)
    )
    return f"query ($f: ArticleFilter!) {{ {' '.join(lists)} }}", {"f": {"or": _contains(rng, 99)}}


def _totals(rng: Random, size: int) -> tuple[str, Mapping[str, Any]]:
    start = rng.randrange(10**6)
    lists = (
        f"a{i}: articles(first: 0, filter: {{and: [$f, {{heat: {{ne: {start + i}}}}}]}})"
        " { totalCount }"
        for i in range(size)
    )
    return f"query ($f: ArticleFilter!) {{ {' '.join(lists)} }}", {"f": {"or": _contains(rng, 20)}}


def _one(rng: Random, size: int) -> tuple[str, Mapping[str, Any]]:
    text = "query ($f: ArticleFilter) { articles(first: 100, filter: $f) { totalCount } }"
    return text, {"f": {"or": _contains(rng, size)}}


def _absent(rng: Random, size: int) -> tuple[str, Mapping[str, Any]]:
    text = "query ($f: ArticleFilter) { articles(first: 1, filter: $f) { nodes { id } } }"
    words = [{rng.choice(_FIELDS): {"contains": "the " + random_word(rng)}} for _ in range(size)]
    return text, {"f": {"or": words}}


def _deep(rng: Random, size: int) -> tuple[str, Mapping[str, Any]]:
    inner = f'{{"excerpt": {{"contains": "{random_word(rng)}"}}}}'
    for i in range(size):
        inner = (
            f'{{"not": {inner}}}' if i % 2 else f'{{"and": [{inner}, {{"heat": {{"gt": {i}}}}}]}}'
        )
    text = "query ($f: ArticleFilter) { articles(first: 100, filter: $f) { totalCount } }"
    return text, {"f": orjson.Fragment(inner)}  # deeper than orjson writes


def _in(rng: Random, size: int) -> tuple[str, Mapping[str, Any]]:
    text = "query ($f: ArticleFilter) { articles(first: 100, filter: $f) { totalCount } }"
    numbers = [rng.randrange(2**31) for _ in range(size)]
    return text, {"f": {"not": {"heat": {"in": numbers}}}}


def _terms(rng: Random, size: int) -> tuple[str, Mapping[str, Any]]:
    text = "query ($f: ArticleFilter) { articles(first: 100, filter: $f) { totalCount } }"
    return text, {"f": {"tags": {"none": [random_word(rng) for _ in range(size)]}}}


def _ordered(rng: Random, size: int) -> str:
    return aliases(
        rng,
        size,
        lambda rng, i: (
            f"articles(first: 1, orderBy: [{{field: {rng.choice(['HEAT', 'TITLE', 'QUALITY'])}}}, "
            f"{{field: TITLE, direction: ASC}}], filter: {{excerpt: {{contains: "
            f'"{random_word(rng, 3)}"}}, heat: {{ne: {i}}}}}) {{ totalCount nodes {{ id }} }}'
        ),
    )


def _providers(rng: Random, size: int) -> str:
    return aliases(
        rng,
        size,
        lambda rng, _: (
            "providers(first: 100) { nodes { articles(last: 1, orderBy: [{field: TITLE}], "
            f'filter: {{title: {{contains: "{random_word(rng, 4)}"}}}}) {{ totalCount }} }} }}'
        ),
    )


def _addresses(rng: Random, size: int) -> str:
    return aliases(
        rng,
        size,
        lambda rng, _: f'article(by: {{url: "https://x.example/{random_word(rng)}"}}) {{ id }}',
    )


def _nodes(rng: Random, size: int) -> tuple[str, Mapping[str, Any]]:
    return "query ($i: [ID!]!) { nodes(ids: $i) { id } }", {
        "i": [random_word(rng, 24) for _ in range(size)]
    }


ATTACKS: tuple[Attack, ...] = (
    operation("topics' totals by a filter of 99 substrings, aliases", _topics, 99),
    operation("totals by a filter of 20 substrings, aliases", _totals, 99),
    operation("a filter of substrings, conditions", _one, 5_000),
    operation("a filter that nothing matches, conditions", _absent, 5_000),
    operation("a filter in filters, levels", _deep, 2_000),
    operation("a filter by numbers, numbers", _in, 80_000),
    operation("a filter by absent tags, tags", _terms, 80_000),
    operation("lists in orders of two steps with a filter, aliases", _ordered, 99),
    operation("providers' last articles by title, aliases", _providers, 99),
    operation("articles by addresses, aliases", _addresses, 99),
    operation("nodes by ids, ids", _nodes, 30_000),
)
"""Searches."""
