"""Small stores, and a client for routes over them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.testclient import TestClient

from store import Batch
from store.engines.memory import MemoryRepository
from store.model import Article, ProviderMention, TopicDefinition
from tests.support.cursors import KEY

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def article(name: str = "tide", **fields: Any) -> Article:
    """An article of one.example, published on a day at noon, with these fields changed."""
    defaults: dict[str, Any] = {
        "slug": f"2026-03-01-{name}",
        "title": f"About {name}",
        "provider": ProviderMention(domain="one.example", name="The One"),
        "published_date_time": NOON,
        "web_url": f"https://one.example/{name}",
    }
    return Article(**{**defaults, **fields})


def stored(*articles: Article, topics: Sequence[TopicDefinition] = ()) -> MemoryRepository:
    """A repository that holds these."""
    repository = MemoryRepository(cursor_key=KEY)
    put(repository, *articles, topics=topics)
    return repository


def put(
    repository: MemoryRepository, *articles: Article, topics: Sequence[TopicDefinition] = ()
) -> None:
    """Write these into a repository."""
    asyncio.run(repository.apply(Batch(puts=articles, topics=tuple(topics) or None)))


def client(*routes: BaseRoute, root_path: str = "") -> TestClient:
    """A client of an application that has these routes and nothing else."""
    return TestClient(Starlette(routes=routes), root_path=root_path)
