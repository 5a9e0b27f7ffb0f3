"""Large responses, by each encoding and executor, and other pages."""

from __future__ import annotations

from random import Random

from tests.benchmarks.abuse.attack_client import AttackClient, AttackResult
from tests.benchmarks.abuse.attacks.attack import (
    Attack,
    aliases,
    body_of,
    get,
    operation,
    random_word,
)

_EVERY_FIELD = """id slug title excerpt content category type publishedDateTime updatedDateTime
url webUrl originalUrl ampWebUrl cdnAmpWebUrl quality heat published locale tags featuredContent
metadata provider { id domain name } topics { id name }
images { url width height title attribution isCached }
related { title url provider { name } article { id } }"""


def _whole(rng: Random, size: int) -> str:
    quality = rng.randrange(-(10**6), -1)
    return aliases(
        rng,
        size,
        lambda _, i: (
            f"articles(first: 100, filter: {{quality: {{gt: {quality - i}}}}}) "
            f"{{ nodes {{ {_EVERY_FIELD} }} }}"
        ),
    )


def _edges(rng: Random, size: int) -> str:
    quality = rng.randrange(-(10**6), -1)
    return aliases(
        rng,
        size,
        lambda _, i: (
            f"articles(first: 100, filter: {{quality: {{gt: {quality - i}}}}}) "
            "{ edges { cursor node { id } } }"
        ),
    )


def _reference(rng: Random, size: int) -> str:
    """Introspection beside lists, which only graphql-core executes."""
    return "query { __schema { queryType { name } } " + _edges(rng, size)[1:]


def _back_links(rng: Random, size: int) -> str:
    return aliases(
        rng,
        size,
        lambda *_: (
            "articles(first: 100) { nodes { related { article { referencedBy(first: 3) "
            "{ totalCount nodes { id referencedBy(first: 3) { nodes { id } } } } } } } }"
        ),
    )


def _changes(rng: Random, size: int) -> str:
    return aliases(
        rng,
        size,
        lambda *_: "changes(first: 100) { nodes { cursor article { id title provider { id } } } }",
    )


def _fields(rng: Random, size: int) -> str:
    """Leaf fields under many aliases, which no limit of list aliases covers."""
    names = " ".join(f"a{i}: title" for i in range(size))
    return f"#{random_word(rng)}\n{{ articles(first: 100) {{ nodes {{ {names} }} }} }}"


def _rendered(rng: Random, size: int) -> str:
    quality = rng.randrange(-(10**6), -1)
    names = " ".join(f"a{i}: contentHtml b{i}: contentText" for i in range(max(1, size // 20)))
    return (
        f"{{ articles(first: {min(size, 20)}, filter: {{quality: {{gt: {quality}}}}}) "
        f"{{ nodes {{ {names} wordCount }} }} }}"
    )


def _encoded(encoding: str) -> Attack:
    def attempt(client: AttackClient, rng: Random, size: int) -> AttackResult:
        return client.post(body_of(_whole(rng, size)), {"accept-encoding": encoding})

    return Attack(f"whole articles, {encoding}, aliases", attempt, 99, is_scaled=True)


ATTACKS: tuple[Attack, ...] = (
    operation("whole articles, aliases", _whole, 99),
    _encoded("gzip"),
    _encoded("br"),
    _encoded("zstd"),
    operation("edges with cursors, aliases", _edges, 99),
    operation("edges by graphql-core, aliases", _reference, 98),
    operation("back-links of back-links, aliases", _back_links, 99),
    operation("changes, aliases", _changes, 99),
    operation("a field under many names, names", _fields, 99),
    operation("rendered content, fields", _rendered, 100),
    get("feed.xml", lambda rng: f"/feed.xml?{random_word(rng)}"),
    get("feed.json, br", lambda rng: f"/feed.json?{random_word(rng)}", accept_encoding="br"),
    get("sitemap.xml", lambda rng: f"/sitemap.xml?{random_word(rng)}"),
    get("a topic's feed", lambda rng: f"/topics/{random_word(rng)}/feed.xml"),
    get("a provider's sitemap", lambda rng: f"/providers/{random_word(rng)}.example/sitemap.xml"),
    get("schema.graphql", lambda rng: f"/schema.graphql?{random_word(rng)}"),
    get("metrics", lambda rng: f"/metrics?{random_word(rng)}"),
    get("GraphiQL", lambda rng: f"/graphql?{random_word(rng)}", accept="text/html"),
    get("the page at /", lambda rng: f"/?{random_word(rng)}", accept="text/html"),
)
"""Answers."""
