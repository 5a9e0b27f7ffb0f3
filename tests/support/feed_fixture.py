"""Articles and a client for the tests of feeds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.testclient import TestClient

from gql.web.feeds import feed_routes
from store.model import Article, Image, ProviderMention
from tests.support.factories import NOON, article, memory_repository, route_client

FILES = ["feed.xml", "feed.json", "sitemap.xml"]
PREFIXES = ["", "/topics/sea", "/providers/one.example"]
PATHS = [f"{prefix}/{file}" for prefix in PREFIXES for file in FILES]

SEA = article(
    "sea",
    title="The sea & you",
    excerpt="It is wet.",
    topics=("Sea", "Harbour life"),
    locale="en_GB",
    images=(Image(url="https://one.example/sea.jpg?w=480", width=480),),
    updated_date_time=NOON + timedelta(hours=2),
)
BARE = article(
    "bare",
    provider=ProviderMention(domain="two.example", name="Two"),
    published_date_time=NOON - timedelta(days=1),
)


def feed_client(*articles: Article, **more: Any) -> TestClient:
    """A client of the feeds of a repository that holds these articles."""
    return route_client(*feed_routes(memory_repository(*articles, **more)))
