"""Fixtures that tests share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from gql.composition.app import create_app
from gql.composition.executors import build_executor
from gql.settings import load_settings
from store import FolderLoader, MemoryRepository, TinyDBRepository
from tests.support.cursors import KEY
from tests.support.graph_client import SCHEMA, GraphClient
from tests.support.live_server import serve

SEEDS = Path(__file__).parent.parent / "seeds"

# A busy machine is slow, not wrong. CI runs `long`: `make test-long`; see `support.sizes`.
settings.register_profile("default", deadline=None, max_examples=50)
settings.register_profile("long", deadline=None, max_examples=100)
settings.load_profile("default")


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """The logging of the tests is as before, after one that configures that of the program."""
    root, server = logging.getLogger(), logging.getLogger("uvicorn.error")
    levels, was_configured = (root.level, server.level), structlog.is_configured()
    yield
    if structlog.is_configured() and not was_configured:
        structlog.reset_defaults()
        root.handlers[:] = [
            each for each in root.handlers if type(each) is not logging.StreamHandler
        ]
        root.setLevel(levels[0])
        server.setLevel(levels[1])


@pytest.fixture(scope="session")
def seeded() -> MemoryRepository:
    """A repository that holds the seeds; not to be written to."""
    repository = MemoryRepository(cursor_key=KEY)
    asyncio.run(FolderLoader(repository, SEEDS).load())
    return repository


@pytest.fixture(scope="session", params=["memory", "tinydb", "compiled"])
def graph(
    request: pytest.FixtureRequest,
    seeded: MemoryRepository,
    tmp_path_factory: pytest.TempPathFactory,
) -> GraphClient:
    """The graph of the seeds: on both engines, executed both ways. Not to be written to."""
    if request.param == "memory":
        return GraphClient(seeded)
    path = tmp_path_factory.mktemp("seeds") / "store.json"
    repository = TinyDBRepository.open(path, cursor_key=KEY)
    asyncio.run(FolderLoader(repository, SEEDS).load())
    compiled = request.param == "compiled"
    return GraphClient(
        repository,
        build_executor(
            load_settings({"max_depth": 40, "max_cost": 10**6, "compiled": compiled}), SCHEMA
        ),
    )


@pytest.fixture(scope="session")
def live_server(seeded: MemoryRepository) -> Iterator[str]:
    """The base URL of a running newsgraph that serves the seeds; GraphQL is at /graphql."""
    with serve(create_app(load_settings(), seeded)) as url:
        yield url
