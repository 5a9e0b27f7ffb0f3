"""A site that may be written to, and clients of it."""

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


class Site:
    """A running application over a folder, for holders of keys and for the public."""

    def __init__(self, client: TestClient, folder: Path, keys: dict[Permission, str]) -> None:
        self.client = client
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
        """The response to an operation."""
        bearer = {"authorization": f"Bearer {self.keys[scope]}"} if scope else {}
        body = {"query": query, "variables": variables}
        return self.client.post("/graphql", json=body, headers={**bearer, **(headers or {})})

    def ask(self, query: str, **named: Any) -> Any:
        """The data of an operation that must have no errors."""
        answer = self.post(query, **named).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def write(self, mutation: str, **input: Any) -> Any:
        """The payload of a mutation."""
        [payload] = self.ask(mutation, input=input).values()
        return payload

    def errors(self, mutation: str, **input: Any) -> list[tuple[str, list[str] | None]]:
        """The codes and fields of a mutation that must write nothing."""
        payload = self.write(mutation, **input)
        assert payload["cursor"] is None
        assert not any(payload.get(key) for key in ("article", "articles", "deletedId"))
        return [(error["code"], error["field"]) for error in payload["userErrors"]]


@contextmanager
def writing_site(
    place: Path, keys: dict[Permission, str] | None = None, **options: Any
) -> Iterator[Site]:
    """A site whose folder and store are in this place; with its keys, the same site once more."""
    folder = place / "folder"
    folder.mkdir(exist_ok=True)
    file, store = place / "keys.json", place / "store.json"
    keys = keys or {scope: KeyFile(file).add(scope, [scope])[0] for scope in Permission}
    settings = Settings(folder=folder, store=store, keys=file, **options)
    with TestClient(create_app(settings, TinyDBRepository.open(store))) as client:
        yield Site(client, folder, keys)
