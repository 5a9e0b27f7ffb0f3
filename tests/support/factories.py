"""Factories of articles, repositories in memory, and clients of single routes."""

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
    """An article with default values for the required fields, and with these fields."""
    defaults: dict[str, Any] = {
        "slug": f"2026-03-01-{name}",
        "title": f"About {name}",
        "provider": ProviderMention(domain="one.example", name="The One"),
        "published_date_time": NOON,
        "web_url": f"https://one.example/{name}",
    }
    return Article(**{**defaults, **fields})


def memory_repository(
    *articles: Article, topics: Sequence[TopicDefinition] = ()
) -> MemoryRepository:
    """A repository in memory that holds these articles and topics."""
    repository = MemoryRepository(cursor_key=KEY)
    put_articles(repository, *articles, topics=topics)
    return repository


def put_articles(
    repository: MemoryRepository, *articles: Article, topics: Sequence[TopicDefinition] = ()
) -> None:
    """Write articles and topics into a repository."""
    asyncio.run(repository.apply(Batch(puts=articles, topics=tuple(topics) or None)))


def route_client(*routes: BaseRoute, root_path: str = "") -> TestClient:
    """A client of an application that only has these routes."""
    return TestClient(Starlette(routes=routes), root_path=root_path)
