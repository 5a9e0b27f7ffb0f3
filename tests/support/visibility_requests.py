"""Requests that try all access paths to hidden articles, and mutations of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from store.names import provider_id, topic_id, topic_slug
from tests.support import store_strategies
from tests.support.random_operations import random_operation
from tests.support.visibility_strategies import (
    HIDDEN_DOMAIN,
    HIDDEN_MARK,
    HIDDEN_TOPIC,
    HIDDEN_URL,
    LAST_ARTICLE,
    Corpus,
)
from tests.system.test_visibility import BROAD, LOOKUPS

EVERYTHING = """... on Article { id slug title excerpt content url webUrl tags featuredContent
  metadata secured provider { name domain } topics { name } images { url } }"""
CHANGES = (
    "{ changes(first: 100) { nodes "
    f"{{ cursor kind articleId deletedId slug article {{ {EVERYTHING} }} }} }} }}"
)
SUBSCRIBE = (
    "subscription ($after: String) { changes(after: $after)"
    f" {{ cursor kind articleId deletedId slug article {{ {EVERYTHING} }} }} }}"
)
_FILTER = f"""filter: {{or: [{{slug: {{eq: "{LAST_ARTICLE.slug}"}}}}, {{published: false}},
    {{title: {{contains: "{HIDDEN_MARK}"}}}}, {{topics: {{some: ["{HIDDEN_TOPIC}"]}}}}]}}"""
FILTERED_SUBSCRIBE = f"""subscription ($after: String) {{ changes(after: $after, {_FILTER}) {{
  cursor kind articleId deletedId slug article {{ {EVERYTHING} }} }} }}"""
CHAIN = 'filter: {locale: {firstOf: ["de", "*"]}}'
CHAIN_SUBSCRIBE = f"""subscription ($after: String) {{ changes(after: $after, {CHAIN}) {{
  cursor kind articleId deletedId slug article {{ {EVERYTHING} }} }} }}"""
BEGINNINGS = {
    SUBSCRIBE: "{ changes(first: 0) { pageInfo { endCursor } } }",
    FILTERED_SUBSCRIBE: f"{{ changes(first: 0, {_FILTER}) {{ pageInfo {{ endCursor }} }} }}",
    CHAIN_SUBSCRIBE: f"{{ changes(first: 0, {CHAIN}) {{ pageInfo {{ endCursor }} }} }}",
}
"""For each subscription, the query of a cursor before the first change."""
_WRITTEN = "userErrors { code message field } cursor"
_ARTICLE = f"article {{ {EVERYTHING} related {{ article {{ {EVERYTHING} }} }} }} {_WRITTEN}"
PUT = f"mutation ($i: PutArticleInput!) {{ putArticle(input: $i) {{ {_ARTICLE} }} }}"
PUBLISH = f"mutation ($i: SetPublishedInput!) {{ setPublished(input: $i) {{ {_ARTICLE} }} }}"
DELETE = (
    f"mutation ($i: DeleteArticleInput!) {{ deleteArticle(input: $i) {{ deletedId {_WRITTEN} }} }}"
)
IMPORT = f"""mutation ($i: ImportDocumentsInput!) {{ importDocuments(input: $i) {{
  articles {{ {EVERYTHING} }} diagnostics {{ path line code message remedy }} {_WRITTEN} }} }}"""
SECURED = "{ articles(first: 100) { nodes { slug secured } } }"
SORTED = [
    f"{{ articles(first: 2, orderBy: [{{field: {field}}}]) {{ totalCount edges {{ cursor }}"
    " pageInfo { hasNextPage endCursor } nodes { slug } } }"
    for field in ("TITLE", "HEAT", "QUALITY", "PUBLISHED_DATE_TIME")
]
FILTERED = [
    f"{{ articles(filter: {{{condition}}}) {{ totalCount nodes {{ slug }} }} }}"
    for condition in (
        "published: false",
        f'title: {{contains: "{HIDDEN_MARK}"}}',
        f'tags: {{some: ["{HIDDEN_MARK}-tag"]}}',
        f'providerDomain: {{eq: "{HIDDEN_DOMAIN}"}}',
        f'topics: {{all: ["{HIDDEN_TOPIC}"]}}',
        f'not: {{excerpt: {{eq: "{HIDDEN_MARK} excerpt"}}}}',
        'locale: {firstOf: ["de", "en", "*"]}',
        'not: {locale: {firstOf: ["en", "de-CH"]}}',
    )
]
TRANSLATED = [
    "{ articles(first: 100) { nodes { slug translations { slug locale title } } } }",
    f"""{{ changes(first: 100, {CHAIN}) {{
      nodes {{ cursor kind articleId article {{ {EVERYTHING} }} }} }} }}""",
    f"""{{ changes(first: 1, {CHAIN}) {{
      nodes {{ kind articleId }} pageInfo {{ endCursor hasNextPage }} }} }}""",
    f"{{ changesCursor({CHAIN}) }}",
    f"{{ articles(first: 2, {CHAIN}) {{ totalCount edges {{ cursor }} nodes {{ slug }} }} }}",
    *(
        f"""{{ article(by: {{slug: "{slug}", locale: "{locale}"}}) {{ {EVERYTHING} }} }}"""
        for slug in store_strategies.SLUGS[:3]
        for locale in ("de", "en", "*")
    ),
]
ENTITIES = f"""query ($keys: [_Any!]!) {{ _entities(representations: $keys) {{ {EVERYTHING}
  ... on Article {{ translations {{ slug locale }} }} }} }}"""
"""A query of federation; an error without it."""
TOPICS = ("tides", "sea-birds", topic_slug(HIDDEN_TOPIC))
FILES = ("feed.xml", "feed.json", "sitemap.xml")
PATHS = [
    "/",
    "/metrics",
    "/schema.graphql",
    "/readyz",
    "/feed.json?locale=de,en",
    "/feed.xml?locale=de-CH,*",
    "/topics/tides/feed.json?locale=en,de",
    "/providers/one.example/feed.xml?locale=*",
    *(f"/{file}" for file in FILES),
    *(f"/topics/{slug}/{file}" for slug in TOPICS for file in FILES),
    *(f"/providers/{domain}/{file}" for domain in ("one.example", HIDDEN_DOMAIN) for file in FILES),
]


def requests(corpus: Corpus, seeds: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """Bodies of requests: all access paths to hidden articles, then random operations."""
    names = {
        "provider": provider_id(HIDDEN_DOMAIN),
        "topic": topic_id(topic_slug(HIDDEN_TOPIC)),
        "url": HIDDEN_URL,
    }
    hidden = (*corpus.hidden, *corpus.withdrawn)
    bodies: list[dict[str, Any]] = [
        {"query": LOOKUPS, "variables": {"id": each.id, "slug": each.slug, **names}}
        for each in hidden
    ]
    keys = [
        *({"__typename": "Article", "id": each.id} for each in (*hidden, *corpus.open)),
        {"__typename": "Provider", "domain": HIDDEN_DOMAIN},
        {"__typename": "Topic", "slug": topic_slug(HIDDEN_TOPIC)},
    ]
    bodies.append({"query": ENTITIES, "variables": {"keys": keys}})
    texts = (BROAD, SECURED, CHANGES, *SORTED, *FILTERED, *TRANSLATED)
    bodies += [{"query": text} for text in texts]
    for operation in (random_operation(*seed) for seed in seeds):
        bodies += [
            {"query": operation.text, "operationName": name, "variables": variables}
            for name in operation.names[:1]
            for variables in operation.variables
        ]
    return bodies


def writes(corpus: Corpus) -> list[dict[str, Any]]:
    """Bodies of mutations of every article, valid and invalid ones.

    The valid ones leave each article as visible as it was.
    """
    each = [
        body
        for article in (*corpus.hidden, *corpus.withdrawn, *corpus.open)
        for body in (
            mutation(PUT, id=article.id, slug="2020-01-01-of-another"),
            mutation(PUT, id=article.id, category="seen"),
            mutation(PUT, slug=article.slug, expectedRevision="0", title="Seen"),
            mutation(PUT, slug=article.slug, webUrl="no address", metadata={"secured": "x"}),
            mutation(PUBLISH, id=article.id, published=article.published),
            mutation(DELETE, id=article.id, expectedRevision="0"),
            mutation(IMPORT, documents=[{"path": f"_news/{article.slug}.md", "text": "heat: 1"}]),
        )
    ]
    return [*each, *(mutation(DELETE, id=article.id) for article in corpus.hidden[:1])]


def mutation(text: str, **input: Any) -> dict[str, Any]:
    """The body of a mutation."""
    return {"query": text, "variables": {"i": input}}
