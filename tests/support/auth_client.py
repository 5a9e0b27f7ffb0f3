"""A test client of an application with API keys, articles, a draft and a secured article."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from gql.access import KeyFile
from gql.composition.app import App, create_app
from gql.identity.viewer import Permission
from gql.settings import load_settings
from store import MemoryRepository
from tests.support.factories import article, memory_repository

PUBLIC_ARTICLE = article("open")
DRAFT_ARTICLE = article("draft", published=False)
SECURED_ARTICLE = article("sealed", secured="the sealed text")


def auth_app(folder: Path, repository: MemoryRepository | None = None, **settings: Any) -> App:
    """The application, with the key file of this folder."""
    settings.setdefault("keys", folder / "keys.json")
    return create_app(
        load_settings(settings),
        repository or memory_repository(PUBLIC_ARTICLE, DRAFT_ARTICLE, SECURED_ARTICLE),
    )


def auth_client(folder: Path, address: str = "192.0.2.1", **settings: Any) -> TestClient:
    """A test client of a new application, with a client address."""
    return TestClient(auth_app(folder, **settings), client=(address, 50_000))


def add_key(folder: Path, *scopes: Permission, name: str = "reader") -> str:
    """Make a key with these scopes in the key file of a folder."""
    return KeyFile(folder / "keys.json").add(name, scopes)[0]


def bearer_header(credentials: str) -> dict[str, str]:
    """The Authorization header with a key or token."""
    return {"authorization": f"Bearer {credentials}"}


def post_query(client: TestClient, query: str, credentials: str | None = None, **more: Any) -> Any:
    """Send a query, and return the response."""
    headers: Mapping[str, str] = bearer_header(credentials) if credentials else {}
    return client.post("/graphql", json={"query": query, **more}, headers=headers)


def visible_slugs(client: TestClient, credentials: str | None = None) -> set[str]:
    """The slugs of the articles that are visible with a key, or without one."""
    response = post_query(client, "{ articles { nodes { slug } } }", credentials).json()
    return {node["slug"] for node in response["data"]["articles"]["nodes"]}


def error_code(response: Any) -> str:
    """The code of the only error of a response."""
    [error] = response.json()["errors"]
    code: str = error["extensions"]["code"]
    return code
