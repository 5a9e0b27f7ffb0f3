"""Refused requests leave no reference cycles for the garbage collector."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from gql.composition.app import create_app
from gql.http import GraphQLRequest
from gql.identity.viewer import Permission, Viewer
from gql.settings import Settings
from store import MemoryRepository

LONG = "x" * 100_000
SCOPE = {"type": "http", "headers": [], "state": {"viewer": Viewer({Permission.WRITE}, "editor")}}
IMPORT = """mutation ($v: [DocumentInput!]!) {
  importDocuments(input: {documents: $v}) { userErrors { code } } }"""


@pytest.mark.parametrize("is_compiled", [True, False])
@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("query ($v: Int!) { articles(first: $v) { totalCount } }", {"v": LONG}),
        ("query ($v: URL!) { article(by: {url: $v}) { id } }", {"v": LONG}),
        ("query ($v: ArticleFilter!) { articles(filter: $v) { totalCount } }", {"v": {"a": LONG}}),
        ("query ($v: String!) { articles(after: $v) { totalCount } }", {"v": LONG}),
        ("query ($v: ID!) { node(id: $v) { id } }", {"v": LONG}),
        ("query ($v: Int!) { articles(first: $v) { totalCount } }", {"v": -1}),
        (IMPORT, {"v": [{"path": "_news/a.md", "text": f"---\na: [{LONG}\n---\n"}]}),
    ],
)
def test_request_that_fails_is_freed_at_once(
    *, query: str, variables: dict[str, Any], is_compiled: bool
) -> None:
    """Its exceptions and their frames, which refer to the whole request, are in no cycle."""

    async def run() -> list[object]:
        app = create_app(Settings(compiled=is_compiled), MemoryRepository())
        execute = app.realtime._service.operations.execute

        async def ask() -> None:
            request = GraphQLRequest(query=query, variables=variables)
            await execute(request, await app.context(SCOPE))

        await ask()  # the document is parsed and kept
        gc.collect()
        gc.disable()
        try:
            await ask()
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            return [each for each in gc.garbage if isinstance(each, BaseException)]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()

    assert not asyncio.run(run())
