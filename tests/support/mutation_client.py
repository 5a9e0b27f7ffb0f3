"""A client that sends mutations to an application with a folder, a store and API keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from gql.access import KeyFile
from gql.composition.app import create_app
from gql.identity.viewer import Permission
from gql.settings import Settings
from store import TinyDBRepository

ERRORS = "userErrors { code message field }"
IMPORT = (
    "mutation ($input: ImportDocumentsInput!) { importDocuments(input: $input)"
    f" {{ articles {{ slug title }} diagnostics {{ path line code }} {ERRORS} cursor }} }}"
)
PUT = (
    "mutation ($input: PutArticleInput!) { putArticle(input: $input)"
    f" {{ article {{ id slug title heat revision }} {ERRORS} cursor }} }}"
)
PUBLISH = (
    "mutation ($input: SetPublishedInput!) { setPublished(input: $input)"
    f" {{ article {{ id published revision }} {ERRORS} cursor }} }}"
)
DELETE = (
    "mutation ($input: DeleteArticleInput!) { deleteArticle(input: $input)"
    f" {{ deletedId {ERRORS} cursor }} }}"
)
FIELDS = {
    "title": "A tide",
    "publishedDateTime": "2026-01-02",
    "provider": {"domain": "p.example", "name": "P"},
}


class MutationClient:
    """Sends operations to an application, with or without an API key.

    Attributes:
        http: The test client of the application.
        folder: The folder of documents.
        keys: An API key for each scope.
    """

    def __init__(self, http: TestClient, folder: Path, keys: dict[Permission, str]) -> None:
        self.http = http
        self.folder = folder
        self.keys = keys

    def post(
        self,
        query: str,
        *,
        scope: Permission | None = Permission.WRITE,
        headers: Any = None,
        **variables: Any,
    ) -> Any:
        """The response of an operation."""
        bearer = {"authorization": f"Bearer {self.keys[scope]}"} if scope else {}
        body = {"query": query, "variables": variables}
        return self.http.post("/graphql", json=body, headers={**bearer, **(headers or {})})

    def execute(self, query: str, **named: Any) -> Any:
        """The data of an operation; fail if it has errors."""
        response = self.post(query, **named).json()
        assert "errors" not in response, response
        return response["data"]

    def mutate(self, mutation: str, **input: Any) -> Any:
        """The payload of a mutation."""
        [payload] = self.execute(mutation, input=input).values()
        return payload

    def user_errors(self, mutation: str, **input: Any) -> list[tuple[str, list[str] | None]]:
        """The codes and fields of the user errors of a mutation; fail if it writes anything."""
        payload = self.mutate(mutation, **input)
        assert payload["cursor"] is None
        assert not any(payload.get(key) for key in ("article", "articles", "deletedId"))
        return [(error["code"], error["field"]) for error in payload["userErrors"]]


@contextmanager
def mutation_client(
    place: Path, keys: dict[Permission, str] | None = None, **options: Any
) -> Iterator[MutationClient]:
    """Run an application with a folder and a store in `place`, until the block ends.

    `keys`: the keys of an earlier run; new ones are made by default.
    """
    folder = place / "folder"
    folder.mkdir(exist_ok=True)
    file, store = place / "keys.json", place / "store.json"
    keys = keys or {scope: KeyFile(file).add(scope, [scope])[0] for scope in Permission}
    settings = Settings(folder=folder, store=store, keys=file, **options)
    with TestClient(create_app(settings, TinyDBRepository.open(store))) as client:
        yield MutationClient(client, folder, keys)
