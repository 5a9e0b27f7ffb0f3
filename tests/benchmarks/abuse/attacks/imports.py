"""Imported documents that are expensive to parse, with a key for writes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import orjson

from tests.benchmarks.abuse.attack_client import AttackClient, AttackResult
from tests.benchmarks.abuse.attacks.attack import Attack, random_word

_IMPORT = (
    "mutation ($input: ImportDocumentsInput!) { importDocuments(input: $input)"
    " { articles { id } userErrors { code } } }"
)
_HEAD = "title: A\npublishedDateTime: 2026-01-02\nprovider: {name: P, domain: p.example}\n"
_PUT = "mutation ($input: PutArticleInput!) { putArticle(input: $input) { userErrors { code } } }"


def _import(name: str, text: Callable[[Random, int], str], size: int, documents: int = 1) -> Attack:
    """Imports of documents with a part of a size."""

    def attempt(client: AttackClient, rng: Random, size: int) -> AttackResult:
        given = [
            {
                "path": f"_news/2026-01-02-{random_word(rng)}.md",
                "text": text(rng, size // documents),
            }
            for _ in range(documents)
        ]
        body = orjson.dumps({"query": _IMPORT, "variables": {"input": {"documents": given}}})
        return client.post(body, {"authorization": f"Bearer {client.key}"})

    return Attack(f"import: {name}", attempt, size)


def _yaml(part: Callable[[Random, int], str]) -> Callable[[Random, int], str]:
    return lambda rng, size: f"---\n{_HEAD}{part(rng, size)}\n---\n{random_word(rng)}"


def _aliases(_: Random, size: int) -> str:
    levels = "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, min(size, 60))
    )
    return f"a0: &a0 [x, x, x]\n{levels}"


def _long(rng: Random, size: int) -> str:
    return f"---\n{_HEAD}---\n" + random_word(rng) + "<" * size


def _put(client: AttackClient, rng: Random, size: int) -> AttackResult:
    given = {
        "title": random_word(rng),
        "publishedDateTime": "2026-01-02",
        "provider": {"name": "P", "domain": "p.example"},
        "tags": [random_word(rng) for _ in range(size)],
    }
    body = orjson.dumps({"query": _PUT, "variables": {"input": given}})
    return client.post(body, {"authorization": f"Bearer {client.key}"})


ATTACKS: tuple[Attack, ...] = (
    _import("one key again and again", _yaml(lambda _, n: "k: 1\n" * n), 100_000),
    _import("many keys", _yaml(lambda _, n: "".join(f"k{i}: 1\n" for i in range(n))), 80_000),
    _import("a list", _yaml(lambda _, n: "k: [" + "1," * n + "]"), 400_000),
    _import("lists in lists", _yaml(lambda _, n: "k: " + "[" * n + "]" * n), 400_000),
    _import("a block list", _yaml(lambda _, n: "k:\n" + "- 1\n" * n), 200_000),
    _import("aliases of aliases", _yaml(_aliases), 60),
    _import(
        "anchors", _yaml(lambda _, n: "k:\n" + "".join(f"- &a{i} 1\n" for i in range(n))), 70_000
    ),
    _import("merge keys", _yaml(lambda _, n: "b: &b {x: 1}\nk:\n" + "- {<<: *b}\n" * n), 80_000),
    _import("a long number", _yaml(lambda _, n: f"heat: {'9' * n}"), 900_000),
    _import("long numbers", _yaml(lambda _, n: "k:\n" + f"- {'9' * 4_000}\n" * n), 200),
    _import("times", _yaml(lambda _, n: "k:\n" + "- 2001-12-14t21:59:43.10-05:00\n" * n), 28_000),
    _import("base 60", _yaml(lambda _, n: f"k: {'1:' * n}1"), 400_000),
    _import("a block scalar", _yaml(lambda _, n: "k: |\n" + "  a\n" * n), 200_000),
    _import("escapes", _yaml(lambda _, n: f'k: "{chr(92)}x41{(chr(92) + "x41") * n}"'), 200_000),
    _import("tags", _yaml(lambda _, n: "k:\n" + "- !!str 1\n" * n), 80_000),
    _import("comments", _yaml(lambda _, n: "#\n" * n), 400_000),
    _import("a long key", _yaml(lambda _, n: f"{'k' * n}: 1"), 900_000),
    _import("complex keys", _yaml(lambda _, n: "? [1]\n: 1\n" * n), 90_000),
    _import("tabs", _yaml(lambda _, n: "k:\n" + "\t\n" * n), 400_000),
    _import("unclosed tags of HTML", _long, 900_000),
    _import("line ends", lambda rng, n: f"---\n{_HEAD}---\n{random_word(rng)}" + "\r" * n, 900_000),
    _import("100 documents of small keys", _yaml(lambda _, n: "k: 1\n" * n), 150_000, 100),
    _import("100 documents of lists", _yaml(lambda _, n: "k: [" + "1," * n + "]"), 400_000, 100),
    Attack("put: many tags", _put, 70_000),
)
"""Imports."""
