"""Large answers, in each encoding and by each way to execute them, and the other pages."""

from __future__ import annotations

from random import Random

from tests.benchmarks.abuse.client import Client, Outcome
from tests.benchmarks.abuse.kinds.kind import Kind, aliases, body_of, get, operation, word

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
    """Introspection beside lists: what a compiled plan does not take."""
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
    """Leaf fields under many names, which no alias limit of lists bounds."""
    names = " ".join(f"a{i}: title" for i in range(size))
    return f"#{word(rng)}\n{{ articles(first: 100) {{ nodes {{ {names} }} }} }}"


def _encoded(encoding: str) -> Kind:
    def attempt(client: Client, rng: Random, size: int) -> Outcome:
        return client.post(body_of(_whole(rng, size)), {"accept-encoding": encoding})

    return Kind(f"whole articles, {encoding}, aliases", attempt, 99, is_scaled=True)


KINDS: tuple[Kind, ...] = (
    operation("whole articles, aliases", _whole, 99),
    _encoded("gzip"),
    _encoded("br"),
    _encoded("zstd"),
    operation("edges with cursors, aliases", _edges, 99),
    operation("edges by graphql-core, aliases", _reference, 98),
    operation("back-links of back-links, aliases", _back_links, 99),
    operation("changes, aliases", _changes, 99),
    operation("a field under many names, names", _fields, 99),
    get("feed.xml", lambda rng: f"/feed.xml?{word(rng)}"),
    get("feed.json, br", lambda rng: f"/feed.json?{word(rng)}", accept_encoding="br"),
    get("sitemap.xml", lambda rng: f"/sitemap.xml?{word(rng)}"),
    get("a topic's feed", lambda rng: f"/topics/{word(rng)}/feed.xml"),
    get("a provider's sitemap", lambda rng: f"/providers/{word(rng)}.example/sitemap.xml"),
    get("schema.graphql", lambda rng: f"/schema.graphql?{word(rng)}"),
    get("metrics", lambda rng: f"/metrics?{word(rng)}"),
    get("GraphiQL", lambda rng: f"/graphql?{word(rng)}", accept="text/html"),
    get("the page at /", lambda rng: f"/?{word(rng)}", accept="text/html"),
)
"""Answers."""
