"""Fixtures that tests share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from gql.app import create_app
from gql.settings import Settings
from store import FolderLoader, MemoryRepository

from .live import serving

SEEDS = Path(__file__).parent.parent / "seeds"

# A busy machine is slow, not wrong.
settings.register_profile("default", deadline=None)
settings.load_profile("default")


@pytest.fixture(scope="session")
def seeded() -> MemoryRepository:
    """A repository that holds the seeds; not to be written to."""
    repository = MemoryRepository()
    asyncio.run(FolderLoader(repository, SEEDS).load())
    return repository


@pytest.fixture(scope="session")
def live_server(seeded: MemoryRepository) -> Iterator[str]:
    """The base URL of a running newsgraph that serves the seeds; GraphQL is at /graphql."""
    with serving(create_app(Settings(), seeded)) as url:
        yield url
