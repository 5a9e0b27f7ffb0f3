"""A whole server with keys, asked through its front door."""

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
from tests.support.app_factory import article, stored

OPEN = article("open")
DRAFT = article("draft", published=False)
SEALED = article("sealed", secured="the sealed text")


def app(folder: Path, repository: MemoryRepository | None = None, **settings: Any) -> App:
    """The application over an open, a draft and a sealed article, with the keys of this folder."""
    settings.setdefault("keys", folder / "keys.json")
    return create_app(load_settings(settings), repository or stored(OPEN, DRAFT, SEALED))


def door(folder: Path, address: str = "192.0.2.1", **settings: Any) -> TestClient:
    """A client of that application, from an address."""
    return TestClient(app(folder, **settings), client=(address, 50_000))


def key(folder: Path, *scopes: Permission, name: str = "reader") -> str:
    """A new key with these rights, in the folder's file."""
    return KeyFile(folder / "keys.json").add(name, scopes)[0]


def bearer(credentials: str) -> dict[str, str]:
    """The header that carries a key or token."""
    return {"authorization": f"Bearer {credentials}"}


def ask(client: TestClient, query: str, credentials: str | None = None, **more: Any) -> Any:
    """The response to a query."""
    headers: Mapping[str, str] = bearer(credentials) if credentials else {}
    return client.post("/graphql", json={"query": query, **more}, headers=headers)


def slugs(client: TestClient, credentials: str | None = None) -> set[str]:
    """The articles that the holder of a key sees."""
    found = ask(client, "{ articles { nodes { slug } } }", credentials).json()
    return {node["slug"] for node in found["data"]["articles"]["nodes"]}


def code(response: Any) -> str:
    """The code of a response's only error."""
    [error] = response.json()["errors"]
    found: str = error["extensions"]["code"]
    return found
